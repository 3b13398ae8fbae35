// Requests to the service, and the events of a job.

export async function request(path, options = {}) {
  const token = document.getElementById("token").value || sessionStorage.getItem("stylize_tf token");
  const headers = { ...options.headers };
  if (token) {
    headers.Authorization = `Bearer ${token}`;
    sessionStorage.setItem("stylize_tf token", token);
  }
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

// What went wrong, and what may be done. Where a token is wanted, there is a place for it now.
export function told(error) {
  if (error.status === 401) document.getElementById("token-form").hidden = false;
  return [error.message, error.hint].filter(Boolean).join(" ");
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// Calls `act` with the name and the data of each event, until the last one. A connection that is
// lost is made again, after the events that came already.
export async function follow(job, act) {
  let last = 0;
  for (let wait = 250; ; wait = Math.min(2 * wait, 5000)) {
    try {
      const answer = await request(`v1/jobs/${job}/events`, { headers: { "Last-Event-ID": String(last) } });
      if (answer.status === 204) return;
      for await (const event of events(answer.body)) {
        wait = 250;
        last = event.id;
        await act(event.name, event.data);
        if (event.name === "end") return;
      }
    } catch (error) {
      if (error.status && error.status < 500) throw error;
      await act("gone", {});
    }
    await pause(wait);
  }
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    for (let end; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
      const fields = {};
      for (const line of text.slice(0, end).split("\n")) {
        const colon = line.indexOf(": ");
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
      }
      if (fields.event) yield { id: Number(fields.id), name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}
