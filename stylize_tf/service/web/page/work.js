// A job: watched while it is painted, then shown and taken home.

import { made } from "./commands.js";
import { split } from "./compare.js";
import { known } from "./history.js";
import { follow, inWords, pause, request, told } from "./jobs.js";

const get = (id) => document.getElementById(id);
const LOOK = 2000;  // Milliseconds between two looks at the place of a job in the queue.

// Which job is under way, or "" while one is sent; which one is shown; the files of those of this page.
export const work = { job: null, shown: null, asked: {}, changed: () => {} };

export function say(text, failed = false, place = "status") {
  get(place).textContent = text;
  get(place).classList.toggle("failed", failed);
  if (failed && place === "status" && get("token-form").hidden) seen();  // The token comes first.
}

// On a narrow screen the picture, and what is said of it, is far below.
export function seen() {
  const { top } = get("work").getBoundingClientRect();
  if (top > -1 && top < innerHeight / 3) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  get("work").scrollIntoView({ behavior: isStill ? "instant" : "smooth", block: "start" });
}

export async function watch(job) {
  work.job = job;
  work.changed(false);
  for (const id of ["compare", "download", "copy", "files"]) get(id).hidden = true;
  get("progress").hidden = get("cancel").hidden = false;
  get("progress").value = 0;
  say("Waiting for its turn.");
  let [shown, isWaiting] = [0, true];
  const place = tellPlace(job, () => isWaiting);
  try {
    await follow(job, async (name, data) => {
      if (name === "gone") {
        say("The service does not answer. Trying again.");
        return;
      }
      isWaiting = false;
      if (name === "begin") {
        say(data.attempt > 1 ? "Its worker is gone: another one goes on." : "Getting ready ...");
      } else if (name === "warning") {
        say(inWords(data.text));
      } else if (name === "step") {
        get("progress").value = data.evaluation / data.evaluations;
        say(`Step ${data.evaluation} of ${data.evaluations}${left(data.remaining)}.`);
        if (data.preview > shown) {
          shown = data.preview;
          await show(job, `v1/jobs/${job}/preview`).catch(() => {});  // The next one comes soon.
        }
      }
    });
    await finish(job);
  } catch (error) {
    say(told(error), true);
  } finally {
    isWaiting = false;
    get("progress").hidden = get("cancel").hidden = true;
    await place;
    work.job = null;
    work.changed(true);
  }
}

function left(seconds) {
  if (!seconds) return "";  // Nobody knows yet, or nothing is.
  const minutes = Math.round(seconds / 60);
  const whole = Math.ceil(seconds);
  return minutes > 1 ? `, ${minutes} minutes left` : `, ${whole} second${whole > 1 ? "s" : ""} left`;
}

// How many jobs are before one that waits, as long as it does, and soon whether anybody is at work.
async function tellPlace(job, isWaiting) {
  for (let looks = 0; isWaiting(); looks++) {
    const answer = await request(`v1/jobs/${job}`).catch(() => null);
    const { place } = (await answer?.json()) ?? {};
    const nobody = looks ? await whyNobody() : "";
    if (isWaiting() && place !== undefined) {
      const before = place === 1 ? "1 picture is before it" : `${place} pictures are before it`;
      const turn = `Waiting for its turn: ${place ? before : "it is the next one"}.${nobody}`;
      if (get("status").textContent !== turn) say(turn);
    }
    for (let waited = 0; waited < LOOK && isWaiting(); waited += 100) await pause(100);
  }
}

// Why no worker takes jobs, or nothing.
async function whyNobody() {
  try {
    await request("readyz");
    return "";
  } catch (error) {
    return error.status === 503 ? ` ${told(error)}` : "";
  }
}

// Shows a picture that was asked for before; one that is not finished is watched.
export async function look(job) {
  if (work.job !== null) return;
  try {
    const status = await (await request(`v1/jobs/${job}`)).json();
    if (work.job !== null) return;
    await (status.ended ? finish(job) : watch(job));
  } catch (error) {
    say(told(error), true);
  }
}

async function finish(job) {
  const status = await (await request(`v1/jobs/${job}`)).json();
  const { result } = status.links;
  work.shown = job;
  const url = result && (await show(job, result.slice(1)));
  if (work.shown !== job) return;  // Another one was chosen meanwhile.
  const { name, line, isWhole } = known(job);
  const files = work.asked[job];
  const canCopy = Boolean(result && line && (files || isWhole));
  Object.assign(get("download"), { href: url ?? "", download: name ?? `${job}.png`, hidden: !result });
  get("copy").hidden = !canCopy;
  get("copy").onclick = () => copy(line);
  offer(canCopy && files ? made(files) : []);
  const ends = {
    finished: "Done.",
    cancelled: result ? "Ended early: this is the picture so far." : "Ended before it began.",
    failed: inWords(status.error, status.hint),
  };
  say(ends[status.state], status.state === "failed");
}

async function show(job, path) {
  const picture = await (await request(path)).blob();
  const url = URL.createObjectURL(picture);
  const image = get("after");
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = url;
  await image.decode().catch(() => {});
  get("compare").hidden = false;
  const photograph = work.asked[job]?.[0][2];
  get("before").hidden = get("split-field").hidden = !photograph;
  if (photograph && get("before").file !== photograph) {
    Object.assign(get("before"), { file: photograph, src: URL.createObjectURL(photograph) });
  }
  split();
  return url;
}

// Files that the command line names, and that nobody has yet.
function offer(files) {
  const links = files.map(([, name, data]) =>
    Object.assign(document.createElement("a"), { href: URL.createObjectURL(data), download: name, textContent: name }),
  );
  get("files").replaceChildren("The command wants these in one folder with the pictures: ", ...links);
  get("files").hidden = !files.length;
}

async function copy(line) {
  try {
    await navigator.clipboard.writeText(line);
    say("Copied. Run it in a folder that has its pictures.");
  } catch {
    say(line);  // Where the clipboard is not to be had, it can be copied from here.
  }
}
