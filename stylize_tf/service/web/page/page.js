// The page: pictures and options in, a job watched, the picture out. Nothing is fetched from elsewhere.

import "./tabs.js";
import { Card, strongest } from "./cards.js";
import { takesDrops } from "./drops.js";
import { list, remember, remembered } from "./history.js";
import { follow, request, told } from "./jobs.js";
import { Marks } from "./marks.js";
import { tellWhether } from "./waiting.js";

const get = (id) => document.getElementById(id);
const CHOOSE = get("status").textContent;
const OPTIONS = ["size", "strength", "style_scale", "color"];
const state = { content: null, cards: [], chosen: null, job: null, asked: {}, cardsMade: 0 };
const marks = new Marks(get("canvas"));

function say(text, failed = false) {
  get("status").textContent = text;
  get("status").classList.toggle("failed", failed);
}

// Pictures.

async function takeContent(file) {
  try {
    marks.show(await createImageBitmap(file));
    state.content = file;
    get("stage").hidden = false;
    refresh();
  } catch {
    say(`${file.name} is no picture that this browser shows. Take a JPEG, a PNG or a WebP.`, true);
  }
}

function addCard() {
  state.cardsMade += 1;
  const card = new Card(state.cardsMade, { marks, say, changed: refresh, chosen, removed });
  state.cards.push(card);
  get("regions").append(card.element);
  card.radio.checked = true;
  chosen(card);
  return card;
}

// Its place on the photograph is marked from now on.
function chosen(card) {
  state.chosen = card;
  refresh();
}

function removed(card) {
  if (card.layer) marks.remove(card.layer);
  card.element.remove();
  state.cards = state.cards.filter((other) => other !== card);
  state.cards[0].radio.checked = true;
  chosen(state.cards[0]);
  get("add-region").focus();
}

function refresh() {
  const ready = state.content && state.cards[0].file;
  const { cards } = state;
  get("paint").disabled = !ready || state.job !== null;
  cards.forEach((card, index) => card.show(index + 1, cards.length));
  const name = `painting ${cards.indexOf(state.chosen) + 1}`;
  marks.tools.of(`On the photograph, mark where ${name} goes`, `Draw where ${name} goes.`);
  marks.choose(state.chosen.layer);
  get("invitation").hidden = marks.chosen !== null;
  get("strength-name").textContent = cards.length > 1 ? "Strength elsewhere" : "Strength";
  if (ready && get("status").textContent === CHOOSE) say("Ready.");
}

// A job.

// Names of files and what is in them, by roles.
async function pictures() {
  const cards = state.cards.filter((card) => card.file);  // Where another one is, the first painting goes.
  const found = [["content", "photo.jpg", state.content]];
  cards.forEach((card, index) => found.push(["style", `painting${index ? index + 1 : ""}.jpg`, card.file]));
  if (cards.length > 1) {
    for (const [index, { layer }] of cards.entries()) {
      const others = cards.slice(1).map((card) => card.layer);
      const mask = await (layer ? marks.mask([layer]) : marks.mask(others, true));
      found.push(["content_mask", `mask${index + 1}.png`, mask]);
    }
  }
  if (cards.some((card) => card.partly.checked)) {
    for (const [index, card] of cards.entries()) {
      const mask = await (card.partly.checked ? card.marks.mask([card.part]) : card.marks.mask([], true));
      found.push(["style_mask", `part${index + 1}.png`, mask]);
    }
  }
  const most = strongest(state.cards);
  if (state.cards.some((card) => card.strength < most)) {
    const [elsewhere, ...pairs] = state.cards.map((card) => [card.layer, Math.min(1, card.strength / most)]);
    found.push(["strength_mask", "strength.png", await marks.levels(pairs, elsewhere[1])]);
  }
  return found;
}

// What is missing before it can be painted; empty if nothing is.
function missing() {
  for (const [index, card] of state.cards.entries()) {
    if (card.layer && marks.isEmpty(card.layer)) return `Mark on the photograph where painting ${index + 1} goes.`;
    if (!card.file && card.strength === state.cards[0].strength) {
      return `Give region ${index + 1} a painting, or another strength than elsewhere.`;
    }
    if (card.partly.checked && card.marks.isEmpty(card.part)) return `Mark which part of painting ${index + 1} counts.`;
  }
  return "";
}

async function paint(event) {
  event.preventDefault();
  const lacks = missing();
  if (lacks) {
    say(lacks, true);
    return;
  }
  state.job = "";
  refresh();
  say("Sending ...");
  try {
    const files = await pictures();
    const options = OPTIONS.map((name) => [name, name === "strength" ? strongest(state.cards) : get(name).value]);
    const form = new FormData();
    for (const [role, name, data] of files) form.append(role, data, name);
    for (const [name, value] of options) form.append(name, value);
    const job = await (await request("v1/jobs", { method: "POST", body: form })).json();
    state.asked[job.id] = { files, options };
    remember(job.id);
    past();
    await watch(job.id);
  } catch (error) {
    say(told(error), true);
  }
  state.job = null;
  refresh();
}

async function watch(job) {
  state.job = job;
  refresh();
  get("progress").hidden = get("cancel").hidden = false;
  get("progress").value = 0;
  get("download").hidden = get("copy").hidden = get("files").hidden = true;
  let waits = true;
  tellWhether(() => waits, say);
  let shown = 0;
  try {
    await follow(job, async (name, data) => {
      waits = false;
      if (name === "step") {
        get("progress").value = data.evaluation / data.evaluations;
        say(`Step ${data.evaluation} of ${data.evaluations}, ${Math.ceil(data.remaining)} seconds left.`);
        if (data.preview > shown) {
          shown = data.preview;
          await show(job, `v1/jobs/${job}/preview`);
        }
      } else if (name === "warning") {
        say(data.text);
      } else if (name === "begin" && data.attempt > 1) {
        say("Its worker is gone: another one goes on.");
      } else if (name === "gone") {
        say("The service does not answer. Trying again.");
      }
    });
    await finish(job);
  } catch (error) {
    say(told(error), true);
  } finally {
    waits = false;
    get("progress").hidden = get("cancel").hidden = true;
    state.job = null;
    refresh();
    past();
  }
}

async function finish(job) {
  const status = await (await request(`v1/jobs/${job}`)).json();
  if (status.links.result) {
    const url = await show(job, status.links.result.slice(1));
    Object.assign(get("download"), { href: url, download: `${job}.png`, hidden: false });
    get("copy").hidden = !state.asked[job];
    get("copy").onclick = () => copy(state.asked[job]);
  }
  const failed = status.state === "failed";
  const ends = { finished: "Done.", cancelled: "Ended early: this is the picture so far." };
  say(failed ? [status.error, status.hint].filter(Boolean).join(" ") : ends[status.state], failed);
}

async function show(job, path) {
  const picture = await (await request(path)).blob();
  const url = URL.createObjectURL(picture);
  const image = get("after");
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = url;
  await image.decode().catch(() => {});
  get("compare").hidden = false;
  const photograph = state.asked[job]?.files[0][2];
  get("before").hidden = get("split-field").hidden = !photograph;
  if (photograph && get("before").file !== photograph) {
    Object.assign(get("before"), { file: photograph, src: URL.createObjectURL(photograph) });
  }
  split();
  return url;
}

function split() {
  get("before").style.clipPath = `inset(0 ${100 - get("split").value}% 0 0)`;
}

// The command line that paints the same, and the masks that it names.
async function copy({ files, options }) {
  const words = ["python main.py"];
  for (const [role, name] of files) words.push(`--${role} ${name}`);
  for (const [name, value] of options) words.push(`--${name} ${value}`);
  const made = files.filter(([role]) => role.endsWith("_mask"));
  get("files").replaceChildren(
    "Its masks: ",
    ...made.map(([, name, data]) =>
      Object.assign(document.createElement("a"), { href: URL.createObjectURL(data), download: name, textContent: name }),
    ),
  );
  get("files").hidden = !made.length;
  try {
    await navigator.clipboard.writeText(words.join(" "));
    say("Copied.");
  } catch {
    say(words.join(" "));  // Where the clipboard is not to be had, it can be copied from here.
  }
}

function past() {
  return list((job) => state.job === null && watch(job));
}

async function open() {
  // Reloaded in the middle of a job, the page goes on watching it.
  const [newest] = remembered();
  if (!newest) return;
  try {
    const status = await (await request(`v1/jobs/${newest}`)).json();
    if (!status.ended) await watch(newest);
  } catch (error) {
    if (error.status === 401) say(told(error), true);
  }
}

get("content").addEventListener("change", (event) => event.target.files[0] && takeContent(event.target.files[0]));
takesDrops(get("content-drop"), takeContent);
get("add-region").addEventListener("click", () => addCard().input.focus());
get("mark-part").addEventListener("click", () => {
  addCard();
  get("canvas").focus();
});
get("form").addEventListener("submit", paint);
get("token-form").addEventListener("submit", (event) => event.preventDefault());
get("cancel").addEventListener("click", () =>
  request(`v1/jobs/${state.job}`, { method: "DELETE" }).catch((error) => say(told(error), true)),
);
get("split").addEventListener("input", split);
for (const name of OPTIONS) {
  const value = get(`${name}-value`);
  if (value) get(name).addEventListener("input", () => (value.textContent = get(name).value));
}
get("brushes").append(marks.tools.element);
addCard();
past();
open();
