// What was painted before, as this browser remembers it: small pictures to choose from.

import { request } from "./jobs.js";

const get = (id) => document.getElementById(id);
const KEY = "stylize_tf jobs";
const KEPT = 20;
const pictures = new Map();  // Of a job that has one: an address of it.

export function remembered() {
  try {
    return JSON.parse(localStorage.getItem(KEY) || "[]");
  } catch {
    return [];
  }
}

export function remember(job) {
  keep([job, ...remembered()].slice(0, KEPT));
}

function keep(jobs) {
  localStorage.setItem(KEY, JSON.stringify(jobs));
}

// Shows them; `choose` is called with the one that is chosen.
export async function list(choose) {
  show(choose);
  for (const job of remembered().filter((job) => !pictures.has(job))) {
    try {
      const status = await (await request(`v1/jobs/${job}`)).json();
      if (!status.links.result) continue;
      const picture = await (await request(`v1/jobs/${job}/preview`)).blob();
      pictures.set(job, URL.createObjectURL(picture));
    } catch (error) {
      if (error.status !== 404) return;  // The service is gone, or wants a token.
      keep(remembered().filter((other) => other !== job));  // Results are kept for a time.
    }
    show(choose);
  }
}

function show(choose) {
  const jobs = remembered();
  get("past").hidden = !jobs.length;
  const focused = document.activeElement?.dataset.job;
  get("history").replaceChildren(
    ...jobs.map((job, number) => {
      const item = document.createElement("li");
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.dataset.job = job;
      button.append(number ? `Picture ${number + 1}` : "The newest");
      if (pictures.has(job)) button.prepend(Object.assign(new Image(), { src: pictures.get(job), alt: "" }));
      button.addEventListener("click", () => choose(job));
      item.append(button);
      return item;
    }),
  );
  if (focused) get("history").querySelector(`[data-job="${focused}"]`)?.focus();
}
