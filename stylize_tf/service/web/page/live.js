// A trained network on the camera or on a clip: frame after frame, each when the last one is back.

import { request, told } from "./jobs.js";
import { takesDrops } from "./drops.js";

const get = (id) => document.getElementById(id);
const COUNTED = 10;  // Frames of which the rate is told.
const video = get("source");
let stylesOf = new Map();  // Of networks, by their names.
let session = null;  // What is painted now; another one where the camera or a clip is begun anew.

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function say(text, failed = false) {
  get("live-status").textContent = text;
  get("live-status").classList.toggle("failed", failed);
}

async function list() {
  try {
    const networks = await (await request("v1/styles")).json();
    stylesOf = new Map(networks.map(({ network, styles }) => [network, styles]));
    get("live-network-field").hidden = stylesOf.size < 2;
    offer("live-network", [...stylesOf.keys()]);
    offerStyles();
  } catch (error) {
    say(told(error), true);
  }
}

// What was chosen among them stays, if it is still there.
function offer(id, names) {
  const chosen = get(id).value;
  get(id).replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(chosen)) get(id).value = chosen;
}

function offerStyles() {
  offer("live-style", stylesOf.get(get("live-network").value));
}

function stop() {
  session = null;
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
  if (video.src) URL.revokeObjectURL(video.src);
  video.srcObject = null;
  video.removeAttribute("src");
  video.hidden = get("stop").hidden = get("rate").hidden = true;
}

// The camera, or why there is none, in words.
async function camera() {
  if (!navigator.mediaDevices) {
    throw new Error("The camera can be used from this machine's own address (127.0.0.1), or over https.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
  } catch (error) {
    const why = {
      NotAllowedError: "The camera was refused. Allow it in the browser, or choose a clip.",
      NotFoundError: "There is no camera here. Choose a clip.",
      NotReadableError: "Another program uses the camera. End that one, or choose a clip.",
    };
    throw new Error(why[error.name] ?? `The camera cannot be used: ${error.message}`);
  }
}

async function begin(open) {
  stop();
  const own = (session = {});
  if (!get("live-style").value) await list();
  try {
    await open();
    if (session !== own) return;
    await video.play();
  } catch (error) {
    if (session !== own) return;
    stop();
    const isClip = error.name === "NotSupportedError";
    say(isClip ? "This is no clip that this browser plays. Take an MP4 or a WebM." : error.message, true);
    return;
  }
  video.hidden = get("stop").hidden = false;
  say("The first frame is painted ...");
  await paint(own);
}

async function paint(own) {
  let times = [];
  while (session === own) {
    try {
      const answer = await request("v1/stylize", { method: "POST", body: await frame() });
      const picture = await createImageBitmap(await answer.blob());
      if (session !== own) return;
      show(picture);
      times = [...times, performance.now()].slice(-COUNTED);
      tell(times);
    } catch (error) {
      if (session !== own) return;
      const passes = !error.status || error.status === 429 || error.status >= 500;
      if (!passes) stop();
      say(passes ? `${error.message} Trying again.` : told(error), true);
      times = [];
      await pause(1000);
    }
  }
}

async function frame() {
  const size = Number(get("live-size").value);
  const scale = size / Math.max(video.videoWidth, video.videoHeight);
  const sides = [video.videoWidth, video.videoHeight].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = new OffscreenCanvas(...sides);
  canvas.getContext("2d").drawImage(video, 0, 0, ...sides);
  const form = new FormData();
  form.append("content", await canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 }), "content");
  const asked = { network: get("live-network").value, network_style: get("live-style").value, size, output_format: "jpg" };
  for (const [name, value] of Object.entries(asked)) form.append(name, value);
  return form;
}

function show(picture) {
  const canvas = get("live-picture");
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
  canvas.hidden = get("snapshot").hidden = false;
}

function tell(times) {
  if (times.length === 1) say("Painting.");
  if (times.length < 2) return;
  const rate = ((times.length - 1) * 1000) / (times.at(-1) - times[0]);
  get("rate").hidden = false;
  get("rate").textContent = `${rate.toFixed(1)} frames a second`;
}

function takeClip(file) {
  begin(() => {
    video.src = URL.createObjectURL(file);
  });
}

function snapshot() {
  get("live-picture").toBlob((blob) => {
    const url = URL.createObjectURL(blob);
    Object.assign(document.createElement("a"), { href: url, download: "painted.png" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  });
}

function end() {
  if (session === null) return;
  stop();
  say("Stopped.");
}

get("camera").addEventListener("click", () => begin(async () => (video.srcObject = await camera())));
get("clip").addEventListener("change", (event) => event.target.files[0] && takeClip(event.target.files[0]));
takesDrops(get("clip-drop"), takeClip);
get("stop").addEventListener("click", end);
get("snapshot").addEventListener("click", snapshot);
get("live-network").addEventListener("change", offerStyles);
get("live-size").addEventListener("input", () => (get("live-size-value").textContent = get("live-size").value));
get("live-tab").addEventListener("chosen", list);
document.addEventListener("token", () => get("live").hidden || list());
get("picture-tab").addEventListener("chosen", end);
