// The command line that paints the same, and the files that it names.

const PLAIN = /^[\p{L}\p{N}_@%+=:,./-]+$/u;

// A word as shells take it; double quotes, where they suffice, are those of Windows as well.
export function quoted(word) {
  if (PLAIN.test(word)) return word;
  return /["$`\\!]/.test(word) ? `'${word.replaceAll("'", `'\\''`)}'` : `"${word}"`;
}

// Roles, names and data, each file with a name that no other one has: they go into one folder.
export function named(files) {
  const taken = new Map();
  return files.map(([role, name, data]) => {
    let own = name;
    const isTaken = () => taken.has(asDisksSeeIt(own)) && !isSame(taken.get(asDisksSeeIt(own)), data);
    for (let number = 2; isTaken(); number++) own = name.replace(/(\.[^.]*)?$/, `-${number}$1`);
    taken.set(asDisksSeeIt(own), data);
    return [role, own, data];
  });
}

function asDisksSeeIt(name) {
  return name.normalize().toLowerCase();
}

// Whether it is one file, chosen twice.
function isSame(one, other) {
  return one === other || ["name", "size", "lastModified"].every((key) => one[key] === other[key]);
}

// Those that who asks does not have, or has under another name.
export function made(files) {
  return files.filter(([, name, data]) => data.name !== name);
}

export function commandLine(files, options) {
  const words = ["stylize-tf"];
  for (const [role, name] of files) words.push(`--${role}`, quoted(name.startsWith("-") ? `./${name}` : name));
  for (const [name, value] of options) words.push(`--${name}`, value);
  return words.join(" ");
}

// What folder runs would call the picture: horse_harvesters.png.
export function pictureName(files) {
  const pictures = files.filter(([role]) => role === "content" || role === "style");
  const stems = pictures.map(([, , { name }]) => name.replace(/(.)\.[^.]*$/, "$1"));
  return `${stems.join("_").slice(0, 100)}.png`;
}
