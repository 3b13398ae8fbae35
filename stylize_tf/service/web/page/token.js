// The token of a service that wants one: asked for where it is missed, and tried at once.

const KEY = "stylize_tf token";
const get = (id) => document.getElementById(id);

// Headers of a request.
export function authorization(token = sessionStorage.getItem(KEY)) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

// Shows the field, and goes there if it was not to be seen.
export function askForToken() {
  if (!get("token-form").hidden) return;
  get("token-form").hidden = false;
  tell(sessionStorage.getItem(KEY) ? "The token of before is not right any more." : "");
  get("token-form").scrollIntoView({ block: "center" });
  get("token").focus();
}

function tell(text, failed = false) {
  get("token-status").textContent = text;
  get("token-status").classList.toggle("failed", failed);
}

// Where it is right, the document gets an event "token": what was refused can be asked for now.
async function use(event) {
  event.preventDefault();
  const token = get("token").value.trim();
  if (!token) {
    tell("Type the token first.", true);
    return;
  }
  tell("Trying it ...");
  let answer;
  try {
    answer = await fetch("v1/styles", { headers: new Headers(authorization(token)) });
  } catch {
    tell("It could not be tried: the service does not answer, or no token has such letters.", true);
    return;
  }
  if (answer.status === 401) {
    tell("This is not the token of this service.", true);
    get("token").select();
    return;
  }
  sessionStorage.setItem(KEY, token);
  get("token").value = "";
  get("token-form").hidden = true;
  document.querySelector("[role=tab][aria-selected=true]").focus();
  document.dispatchEvent(new Event("token"));
}

get("token-form").addEventListener("submit", use);
