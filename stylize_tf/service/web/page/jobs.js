// Requests to the service, and the events of a job.

import { askForToken, authorization } from "./token.js";

// What the service calls by the names of its options, as the page does.
const WORDS = {
  content: "the photograph",
  style: "the painting",
  content_mask: "what is marked on the photograph",
  style_mask: "what is marked on the painting",
  strength_mask: "the strength of the regions",
  size: "the size",
  strength: "the strength",
  style_scale: "the size of the strokes",
};

export async function request(path, options = {}) {
  const headers = { ...options.headers, ...authorization() };
  let answer;
  try {
    answer = await fetch(path, { ...options, headers });
  } catch {
    throw Object.assign(new Error("The service does not answer."), { status: 0, hint: "Try again." });
  }
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({ error: `The service answered ${answer.status}.` }));
    throw Object.assign(new Error(told.error), { status: answer.status, hint: told.hint });
  }
  return answer;
}

// What went wrong, and what may be done, for who reads the page. A token that is wanted is asked for.
export function told(error) {
  if (error.status === 401) {
    askForToken();
    return "This service wants its token first.";
  }
  if (error.status === 429) {  // Of who sends pictures, and of who asks a network for one at once.
    return `${error.message.replace("jobs", "pictures")} Try again when some of them are painted.`;
  }
  return inWords(error.message, error.hint);
}

// Sentences of the service, with the words of the page.
export function inWords(...sentences) {
  const text = sentences.filter(Boolean).join(" ");
  const said = text.replace(/(a \w+ )?`(\w+)`/g, (all, article, name) => {
    const words = WORDS[name] ?? name;
    return article ? article + words.replace("the ", "") : words;
  });
  return said.replace(/(^|[.!?] )(\p{Ll})/gu, (all, end, letter) => end + letter.toUpperCase());
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Calls `act` with the name and the data of each event, until the last one. A connection that is
// lost is made again, after the events that came already.
export async function follow(job, act) {
  let last = 0;
  for (let wait = 250; ; wait = Math.min(2 * wait, 5000)) {
    try {
      const answer = await request(`v1/jobs/${job}/events`, { headers: { "Last-Event-ID": String(last) } });
      if (answer.status === 204) return;
      for await (const batch of batches(answer.body)) {
        wait = 250;
        for (const [number, { id, name, data }] of batch.entries()) {
          last = id;
          // Of steps that come at once, as after a connection was lost, the newest tells enough.
          if (name === "step" && batch[number + 1]?.name === "step") continue;
          await act(name, data);
          if (name === "end") return;
        }
      }
    } catch (error) {
      if (error.status && error.status < 500) throw error;
      await act("gone", {});
    }
    await pause(wait);
  }
}

// Events, those together that came together.
async function* batches(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value;
      const blocks = text.split("\n\n");
      text = blocks.pop();
      yield blocks.map(event).filter(({ name }) => name);
    }
  } finally {
    reader.cancel().catch(() => {});  // Nobody reads on: what it still has is old when it comes.
  }
}

function event(block) {
  const fields = {};
  for (const line of block.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  return { id: Number(fields.id), name: fields.event, data: fields.event && JSON.parse(fields.data) };
}
