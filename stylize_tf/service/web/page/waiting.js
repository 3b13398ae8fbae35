// A job that waits: whether there is anybody who will take it.

import { request, told } from "./jobs.js";

const FIRST_MILLISECONDS = 1000, MILLISECONDS = 3000;

// Says that a job waits, and if no worker is ready that too, until `waits` is false.
export async function tellWhether(waits, say) {
  say("Waiting for its turn.");
  for (let pause = FIRST_MILLISECONDS; ; pause = MILLISECONDS) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (!waits()) return;
    const error = await request("readyz").then(() => null, (reason) => reason);
    if (!waits()) return;
    say(error && error.status === 503 ? `Waiting for its turn. ${told(error)}` : "Waiting for its turn.");
  }
}
