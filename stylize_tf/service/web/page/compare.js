// How much of the photograph lies over the picture: by a slider, and by dragging on the picture.

const get = (id) => document.getElementById(id);
const layers = get("layers");
let before = null;  // Where it was when somebody began to drag.

export function split() {
  get("before").style.clipPath = `inset(0 ${100 - get("split").value}% 0 0)`;
}

function to(value) {
  get("split").value = value;
  split();
}

function drag(event) {
  const box = layers.getBoundingClientRect();
  to((100 * (event.clientX - box.left)) / box.width);
}

get("split").addEventListener("input", split);
layers.addEventListener("dragstart", (event) => event.preventDefault());
layers.addEventListener("pointerdown", (event) => {
  if (get("split-field").hidden || event.button > 0) return;
  before = get("split").value;
  layers.setPointerCapture(event.pointerId);
  drag(event);
});
layers.addEventListener("pointermove", (event) => layers.hasPointerCapture(event.pointerId) && drag(event));
layers.addEventListener("pointercancel", () => to(before));  // The page was scrolled instead.
