// The page: pictures and options in, a job watched, the picture out. Nothing is fetched from elsewhere.

import { Marks } from "./marks.js";
import { follow, request } from "./jobs.js";

const get = (id) => document.getElementById(id);
const CHOOSE = get("status").textContent;
const OPTIONS = ["size", "strength", "style_scale", "color"];
const state = { content: null, regions: [], chosen: 0, job: null, ends: null };
const marks = new Marks(get("canvas"), () => undo());

function say(text, failed = false) {
  get("status").textContent = text;
  get("status").classList.toggle("failed", failed);
}

// Pictures.

function takesDrops(element, take) {
  for (const name of ["dragenter", "dragover"]) {
    element.addEventListener(name, (event) => {
      event.preventDefault();
      element.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    element.addEventListener(name, (event) => {
      event.preventDefault();
      element.classList.remove("over");
    });
  }
  element.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}

async function takeContent(file) {
  try {
    const image = await createImageBitmap(file);
    state.content = file;
    marks.show(image, state.regions.length);
    get("stage").hidden = false;
    get("before").src = URL.createObjectURL(file);
    refresh();
  } catch {
    say(`${file.name} is no picture that this browser shows. Take a JPEG, a PNG or a WebP.`, true);
  }
}

function addRegion() {
  const region = { file: null };
  state.regions.push(region);
  marks.add();
  const number = state.regions.length;
  const item = document.createElement("li");
  const label = document.createElement("label");
  label.className = "drop";
  label.append(Object.assign(document.createElement("span"), { textContent: "Drop a painting here, or choose one" }));
  const input = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" });
  input.id = number === 1 ? "style" : `style-${number}`;
  label.append(input);
  const shown = Object.assign(document.createElement("img"), { hidden: true, alt: `Painting ${number}` });
  const take = (file) => {
    region.file = file;
    shown.src = URL.createObjectURL(file);
    shown.hidden = false;
    refresh();
  };
  input.addEventListener("change", () => input.files[0] && take(input.files[0]));
  takesDrops(label, take);
  const choose = document.createElement("label");
  const radio = Object.assign(document.createElement("input"), { type: "radio", name: "region", value: number - 1 });
  radio.addEventListener("change", () => choose_(number - 1));
  choose.append(radio, number === 1 ? " where nothing else is marked" : " mark where this one goes");
  choose.className = "choose";
  item.append(label, shown, choose);
  get("regions").append(item);
  radio.checked = true;
  choose_(number - 1);
  refresh();
}

function choose_(number) {
  state.chosen = number;
  marks.choose(number);
  refresh();
}

function undo() {
  marks.undo();
}

function refresh() {
  const ready = state.content && state.regions.every((region) => region.file);
  get("paint").disabled = !ready || state.job !== null;
  const several = state.regions.length > 1;
  for (const choose of document.querySelectorAll(".choose")) choose.hidden = !several;
  const drawing = several && state.chosen > 0 && state.content !== null;
  get("brushes").hidden = get("canvas-help").hidden = !drawing;
  if (ready && get("status").textContent === CHOOSE) say("Ready.");
}

// A job.

async function body() {
  const form = new FormData();
  form.append("content", state.content, "content");
  for (const region of state.regions) form.append("style", region.file, "style");
  if (state.regions.length > 1) {
    for (const mask of await marks.masks()) form.append("content_mask", mask, "mask.png");
  }
  for (const name of OPTIONS) form.append(name, get(name).value);
  return form;
}

async function paint(event) {
  event.preventDefault();
  const empty = state.regions.findIndex((_, number) => number > 0 && marks.isEmpty(number));
  if (empty > 0) {
    say(`Mark on the photograph where painting ${empty + 1} goes.`, true);
    return;
  }
  state.job = "";
  refresh();
  say("Sending ...");
  try {
    const answer = await request("v1/jobs", { method: "POST", body: await body() });
    const job = await answer.json();
    remember(job.id);
    await watch(job.id);
  } catch (error) {
    tell(error);
  }
  state.job = null;
  refresh();
}

function tell(error) {
  if (error.status === 401) get("token-field").hidden = false;
  say([error.message, error.hint].filter(Boolean).join(" "), true);
}

async function watch(job) {
  state.job = job;
  refresh();
  get("progress").hidden = get("cancel").hidden = false;
  get("progress").value = 0;
  get("download").hidden = get("copy").hidden = true;
  say("Waiting for its turn.");
  let shown = 0;
  try {
    await follow(job, async (name, data) => {
      if (name === "step") {
        get("progress").value = data.evaluation / data.evaluations;
        say(`Step ${data.evaluation} of ${data.evaluations}, ${Math.ceil(data.remaining)} seconds left.`);
        if (data.preview > shown) {
          shown = data.preview;
          await show(`v1/jobs/${job}/preview`);
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
    tell(error);
  } finally {
    get("progress").hidden = get("cancel").hidden = true;
    state.job = null;
    refresh();
  }
}

async function finish(job) {
  const status = await (await request(`v1/jobs/${job}`)).json();
  if (status.links.result) {
    const url = await show(status.links.result.slice(1));
    Object.assign(get("download"), { href: url, download: `${job}.png`, hidden: false });
    get("copy").hidden = false;
  }
  const failed = status.state === "failed";
  const told = { finished: "Done.", cancelled: "Ended early: this is the picture so far." };
  say(failed ? [status.error, status.hint].filter(Boolean).join(" ") : told[status.state], failed);
}

async function show(path) {
  const picture = await (await request(path)).blob();
  const url = URL.createObjectURL(picture);
  const image = get("after");
  if (image.src) URL.revokeObjectURL(image.src);
  image.src = url;
  await image.decode().catch(() => {});
  get("compare").hidden = false;
  get("before").hidden = !state.content;
  split();
  return url;
}

function split() {
  get("before").style.clipPath = `inset(0 ${100 - get("split").value}% 0 0)`;
}

function commandLine() {
  const words = ["python main.py", "--content photo.jpg"];
  state.regions.forEach((_, number) => words.push(`--style painting${number ? number + 1 : ""}.jpg`));
  if (state.regions.length > 1) {
    state.regions.forEach((_, number) => words.push(`--content_mask mask${number + 1}.png`));
  }
  for (const name of OPTIONS) words.push(`--${name} ${get(name).value}`);
  return words.join(" ");
}

// What was painted before.

function remembered() {
  try {
    return JSON.parse(localStorage.getItem("stylize_tf jobs") || "[]");
  } catch {
    return [];
  }
}

function remember(job) {
  localStorage.setItem("stylize_tf jobs", JSON.stringify([job, ...remembered()].slice(0, 20)));
  list();
}

function list() {
  get("history").replaceChildren(
    ...remembered().map((job, number) => {
      const item = document.createElement("li");
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.textContent = number ? `Picture ${number + 1}` : "The newest";
      button.addEventListener("click", () => state.job === null && watch(job));
      item.append(button);
      return item;
    }),
  );
}

async function open() {
  // Reloaded in the middle of a job, the page goes on watching it.
  const [newest] = remembered();
  if (!newest) return;
  try {
    const status = await (await request(`v1/jobs/${newest}`)).json();
    if (!status.ended) await watch(newest);
  } catch (error) {
    if (error.status === 401) tell(error);
  }
}

get("content").addEventListener("change", (event) => event.target.files[0] && takeContent(event.target.files[0]));
takesDrops(get("content-drop"), takeContent);
get("add-region").addEventListener("click", addRegion);
get("form").addEventListener("submit", paint);
get("cancel").addEventListener("click", () => request(`v1/jobs/${state.job}`, { method: "DELETE" }).catch(tell));
get("copy").addEventListener("click", () => navigator.clipboard.writeText(commandLine()).then(() => say("Copied.")));
get("split").addEventListener("input", split);
get("undo").addEventListener("click", undo);
get("invert").addEventListener("click", () => marks.invert());
get("clear").addEventListener("click", () => marks.clear());
get("erase").addEventListener("change", (event) => (marks.erases = event.target.checked));
get("brush-size").addEventListener("input", (event) => (marks.size = Number(event.target.value)));
marks.changed = () => {
  get("brush-size").value = marks.size;
  get("erase").checked = marks.erases;
};
for (const name of OPTIONS) {
  const value = get(`${name}-value`);
  if (value) get(name).addEventListener("input", () => (value.textContent = get(name).value));
}
addRegion();
list();
open();
