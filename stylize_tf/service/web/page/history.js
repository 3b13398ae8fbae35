// What was painted before, as this browser remembers it: small pictures to choose from.

import { request } from "./jobs.js";

const get = (id) => document.getElementById(id);
const KEY = "stylize_tf jobs";
const ABOUT = "stylize_tf about jobs";
const KEPT = 20;
const painted = new Map();  // Jobs that have a picture: an address of it, and when it was painted.

function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remembered() {
  return read(KEY, []);
}

// `about` is what the page knows of a job and the service does not.
export function remember(job, about) {
  localStorage.setItem(ABOUT, JSON.stringify({ ...read(ABOUT, {}), [job]: about }));
  keep([job, ...remembered()].slice(0, KEPT));
}

export function known(job) {
  return read(ABOUT, {})[job] ?? {};
}

function keep(jobs) {
  localStorage.setItem(KEY, JSON.stringify(jobs));
  const about = Object.entries(read(ABOUT, {})).filter(([job]) => jobs.includes(job));
  localStorage.setItem(ABOUT, JSON.stringify(Object.fromEntries(about)));
}

// Shows them; `choose` is called with the one that is chosen.
export async function list(choose) {
  show(choose);
  for (const job of remembered().filter((job) => !painted.has(job))) {
    try {
      const status = await (await request(`v1/jobs/${job}`)).json();
      if (!status.links.result) continue;
      const picture = await (await request(`v1/jobs/${job}/preview`)).blob();
      painted.set(job, { url: URL.createObjectURL(picture), ended: new Date(1000 * status.ended) });
    } catch (error) {
      if (error.status !== 404) return;  // The service is gone, or wants a token.
      keep(remembered().filter((other) => other !== job));  // Results are kept for a time.
    }
    show(choose);
  }
}

function show(choose) {
  const jobs = remembered().filter((job) => painted.has(job));
  get("past").hidden = !jobs.length;
  const focused = document.activeElement?.dataset.job;
  get("history").replaceChildren(
    ...jobs.map((job) => {
      const { url, ended } = painted.get(job);
      const item = document.createElement("li");
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.dataset.job = job;
      const image = Object.assign(new Image(), { src: url, alt: known(job).name?.replace(/\.png$/, "") ?? "" });
      const when = document.createElement("time");
      Object.assign(when, { dateTime: ended.toISOString(), textContent: clock(ended) });
      button.append(image, when);
      button.addEventListener("click", () => choose(job));
      item.append(button);
      return item;
    }),
  );
  if (focused) get("history").querySelector(`[data-job="${focused}"]`)?.focus();
}

// 12:31, and of another day which.
function clock(when) {
  const day = when.toDateString() === new Date().toDateString() ? {} : { day: "numeric", month: "short" };
  return when.toLocaleString([], { ...day, hour: "numeric", minute: "2-digit" });
}
