// The page: pictures and options in, a job watched, the picture out. Nothing is fetched from elsewhere.

import "./tabs.js";
import { Card, strongest } from "./cards.js";
import { commandLine, made, named, pictureName } from "./commands.js";
import { catchDrops, takesDrops } from "./drops.js";
import { list, remember, remembered } from "./history.js";
import { request, told } from "./jobs.js";
import { Marks } from "./marks.js";
import { look, say, seen, watch, work } from "./work.js";

const get = (id) => document.getElementById(id);
const CHOOSE = get("status").textContent;
const OPTIONS = ["size", "strength", "style_scale", "color"];
const state = { content: null, cards: [], chosen: null, cardsMade: 0 };
const marks = new Marks(get("canvas"));

// What is to be done, where nothing is under way.
function next() {
  return state.content && state.cards[0].file ? "Ready." : CHOOSE;
}

// Pictures.

async function takeContent(file) {
  try {
    marks.show(await createImageBitmap(file));
    state.content = file;
    get("stage").hidden = false;
    picked();
  } catch {
    say(`${file.name} is no picture that this browser shows. Take a JPEG, a PNG or a WebP.`, true);
  }
}

// A picture was chosen: what was said of those before is not true any more.
function picked() {
  if (work.job === null) say(next());
  refresh();
}

function addCard() {
  state.cardsMade += 1;
  const card = new Card(state.cardsMade, { marks, say, changed: picked, chosen, removed });
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
  picked();
  get("add-region").focus();
}

function refresh() {
  const ready = state.content && state.cards[0].file;
  const { cards } = state;
  get("paint").disabled = !ready || work.job !== null;
  get("work").classList.toggle("working", work.job !== null);
  cards.forEach((card, index) => card.show(index + 1, cards.length));
  const name = `painting ${cards.indexOf(state.chosen) + 1}`;
  marks.tools.of(`On the photograph, mark where ${name} goes`, `Draw where ${name} goes.`);
  marks.choose(state.chosen.layer);
  get("invitation").hidden = marks.chosen !== null;
  get("strength-name").textContent = cards.length > 1 ? "Strength elsewhere" : "Strength";
}

// A job.

// Names of files and what is in them, by roles.
async function pictures() {
  const cards = state.cards.filter((card) => card.file);  // Where another one is, the first painting goes.
  const found = [["content", state.content.name, state.content]];
  for (const { file } of cards) found.push(["style", file.name, file]);
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
  work.job = "";
  refresh();
  say("Sending ...");
  seen();
  try {
    const files = named(await pictures());
    const options = OPTIONS.map((name) => [name, name === "strength" ? strongest(state.cards) : get(name).value]);
    const form = new FormData();
    for (const [role, , data] of files) form.append(role, data, role);
    for (const [name, value] of options) form.append(name, value);
    const job = await (await request("v1/jobs", { method: "POST", body: form })).json();
    work.asked[job.id] = files;
    // After a reload the masks are gone, and with them what the command would name.
    const line = commandLine(files, options);
    remember(job.id, { name: pictureName(files), line, isWhole: !made(files).length });
    past();
    await watch(job.id);
  } catch (error) {
    say(told(error), true);
  }
  work.job = null;
  refresh();
}

function past() {
  return list(look);
}

// Reloaded in the middle of a job, the page goes on watching it; else the newest picture is shown.
async function open() {
  try {
    await request("v1/styles");  // Where a token is wanted, it is asked for now.
  } catch (error) {
    say(told(error), true);
    return;
  }
  past();
  for (const job of remembered()) {
    const answer = await request(`v1/jobs/${job}`).catch(() => null);
    const status = await answer?.json();
    if (status && (!status.ended || status.links.result)) {
      await look(job);
      return;
    }
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
document.addEventListener("token", () => {
  if (work.job === null) say(next());
  open();
});
catchDrops(() => {
  const isLive = get("picture").hidden;
  const box = isLive ? "its box" : "the box of the photograph or of a painting";
  say(`Drop the file on ${box}.`, true, isLive ? "live-status" : "status");
});
get("cancel").addEventListener("click", () =>
  request(`v1/jobs/${work.job}`, { method: "DELETE" }).catch((error) => say(told(error), true)),
);
for (const name of OPTIONS) {
  const value = get(`${name}-value`);
  if (value) get(name).addEventListener("input", () => (value.textContent = get(name).value));
}
get("brushes").append(marks.tools.element);
work.changed = (isOver) => {
  refresh();
  if (isOver) past();
};
addCard();
open();
