// Regions marked on a picture, with a brush or by what is alike: a mask for each.

import { told } from "./jobs.js";
import { Likeness } from "./likeness.js";

const LONGEST = 1024;
const KEPT = 30;

// What the pointer and the keys do, on all pictures.
export const tools = { kind: "brush", size: 48, erases: false, alike: 0.5, changed: () => {} };

export const HINTS = {
  brush: "Draw where it goes.",
  alike: "Click on a thing: all that is like it is selected. Shift adds, Alt takes away.",
};

export class Marks {
  // `tell` is called with what goes on, and whether it went wrong.
  constructor(canvas, tell) {
    this.canvas = canvas;
    this.tell = tell;
    this.image = null;
    this.layers = [];
    this.chosen = null;
    this.kept = [];
    this.cursor = { x: 0, y: 0 };
    canvas.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.last = null));
    for (const name of ["focus", "blur"]) canvas.addEventListener(name, () => this.draw());
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  show(image) {
    const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
    this.image = image;
    this.likeness = null;
    this.canvas.width = Math.max(1, Math.round(image.width * scale));
    this.canvas.height = Math.max(1, Math.round(image.height * scale));
    this.canvas.style.setProperty("--ratio", this.canvas.width / this.canvas.height);
    for (const layer of this.layers) layer.canvas = this.empty();
    this.kept = [];
    this.cursor = { x: this.canvas.width / 2, y: this.canvas.height / 2 };
    this.choose(this.chosen);
  }

  empty() {
    const canvas = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    canvas.getContext("2d", { willReadFrequently: true });  // Each stroke is kept, to be taken back.
    return canvas;
  }

  // Another region; it is shown in its color.
  add(color) {
    const layer = { color, canvas: this.empty() };
    this.layers.push(layer);
    return layer;
  }

  remove(layer) {
    this.layers = this.layers.filter((other) => other !== layer);
    this.kept = this.kept.filter((kept) => kept.layer !== layer);
    if (this.chosen === layer) this.choose(null);
    this.draw();
  }

  // What is marked from now on; null is nothing.
  choose(layer) {
    this.chosen = layer;
    const marking = layer !== null && this.image !== null;
    this.canvas.classList.toggle("marking", marking);
    this.canvas.tabIndex = marking ? 0 : -1;
    this.canvas.setAttribute("role", marking ? "application" : "img");
    if (marking) this.prepare();
    this.draw();
  }

  // What is alike is known before somebody clicks, where that may come.
  prepare() {
    if (tools.kind !== "alike" || !this.image || !this.chosen || this.likeness) return;
    this.tell("Looking at what is alike ...");
    const likeness = (this.likeness = Likeness.of(this.image));
    likeness.then(
      () => this.tell(HINTS[tools.kind]),
      (error) => {
        if (this.likeness === likeness) this.likeness = null;
        this.tell(told(error), true);
      },
    );
  }

  keep() {
    const canvas = this.empty();
    canvas.getContext("2d").drawImage(this.chosen.canvas, 0, 0);
    this.kept.push({ layer: this.chosen, canvas });
    this.kept = this.kept.slice(-KEPT);
  }

  restore({ layer, canvas }) {
    this.onto(layer, "copy").drawImage(canvas, 0, 0);
  }

  onto(layer, how) {
    const context = layer.canvas.getContext("2d");
    context.globalCompositeOperation = how;
    context.fillStyle = context.strokeStyle = layer.color;
    return context;
  }

  undo() {
    const kept = this.kept.pop();
    if (!kept) return;
    this.restore(kept);
    this.draw();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * this.canvas.width) / box.width,
      y: ((event.clientY - box.top) * this.canvas.height) / box.height,
    };
  }

  begin(event) {
    if (!this.image || !this.chosen || event.button > 0) return;
    this.cursor = this.place(event);
    if (tools.kind === "alike") {
      this.select(this.cursor, event);
      return;
    }
    this.canvas.setPointerCapture(event.pointerId);
    this.keep();
    this.last = this.cursor;
    this.stroke(this.last, this.last);
  }

  move(event) {
    if (!this.last) return;
    const place = this.place(event);
    this.stroke(this.last, place);
    this.last = this.cursor = place;
  }

  stroke(from, to) {
    const context = this.onto(this.chosen, tools.erases ? "destination-out" : "source-over");
    context.lineCap = "round";
    context.lineWidth = tools.size;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    this.draw();
  }

  // Selects all that is like a place: alone, with Shift as well, with Alt (or Erase) not any more.
  async select(place, { shiftKey, altKey }) {
    const [layer, image] = [this.chosen, this.image];
    this.prepare();
    const likeness = await this.likeness?.catch(() => null);
    if (!likeness || this.chosen !== layer || this.image !== image) return;
    this.keep();
    const how = altKey || tools.erases ? "destination-out" : shiftKey ? "source-over" : "copy";
    this.selection = { before: this.kept.at(-1), likeness, place, how };
    this.again();
  }

  // The newest selection, if nothing was done after it, as alike as is asked for now.
  again() {
    const { before, likeness, place, how } = this.selection ?? {};
    if (!before || this.kept.at(-1) !== before) return;
    this.restore(before);
    const { width, height } = this.canvas;
    const { layer } = before;
    const mask = likeness.selected(place.x / width, place.y / height, tools.alike, layer.color);
    this.onto(layer, how).drawImage(mask, 0, 0, width, height);
    this.draw();
  }

  invert() {
    if (!this.image || !this.chosen) return;
    this.keep();
    this.onto(this.chosen, "xor").fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.draw();
  }

  clear() {
    if (!this.image || !this.chosen) return;
    this.keep();
    this.chosen.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.draw();
  }

  key(event) {
    if (!this.image || !this.chosen) return;
    const step = event.shiftKey ? 40 : 8;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const key = event.key.toLowerCase();
    const clamp = (value, limit) => Math.min(limit, Math.max(0, value));
    if (moves[event.key]) {
      const [x, y] = moves[event.key];
      this.cursor = {
        x: clamp(this.cursor.x + x, this.canvas.width),
        y: clamp(this.cursor.y + y, this.canvas.height),
      };
    } else if (key === "z" && (event.ctrlKey || event.metaKey)) {
      this.undo();
    } else if (event.ctrlKey || event.metaKey) {
      return;
    } else if (key === " " || key === "enter") {
      if (tools.kind === "alike") {
        this.select(this.cursor, event);
      } else {
        this.keep();
        this.stroke(this.cursor, this.cursor);
      }
    } else if (key === "[" || key === "]") {
      tools.size = Math.min(200, Math.max(4, tools.size + (key === "]" ? 8 : -8)));
    } else if (key === "b" || key === "l") {
      tools.kind = key === "b" ? "brush" : "alike";
    } else if (key === "e") {
      tools.erases = !tools.erases;
    } else if (key === "i") {
      this.invert();
    } else {
      return;
    }
    event.preventDefault();
    tools.changed();
    this.draw();
  }

  draw() {
    if (!this.image) return;
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.globalAlpha = 1;
    context.drawImage(this.image, 0, 0, width, height);
    for (const layer of this.layers) {
      context.globalAlpha = layer === this.chosen ? 0.55 : 0.3;
      context.drawImage(layer.canvas, 0, 0);
    }
    context.globalAlpha = 1;
    if (this.chosen && document.activeElement === this.canvas) this.point(context);
  }

  // Where the keys are: the brush, or a cross where something is selected.
  point(context) {
    const { x, y } = this.cursor;
    for (const [color, line] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.beginPath();
      if (tools.kind === "brush") {
        context.arc(x, y, tools.size / 2, 0, 2 * Math.PI);
      } else {
        context.moveTo(x - 12, y);
        context.lineTo(x + 12, y);
        context.moveTo(x, y - 12);
        context.lineTo(x, y + 12);
      }
      context.stroke();
    }
  }

  // Whether nothing is marked of a region.
  isEmpty(layer) {
    const { width, height } = this.canvas;
    const { data } = layer.canvas.getContext("2d").getImageData(0, 0, width, height);
    return !data.some((value) => value > 0);
  }

  // Where regions are, in one color. Where soft borders meet, their shares add up.
  filled(layers, color) {
    const context = this.empty().getContext("2d");
    context.globalCompositeOperation = "lighter";
    for (const layer of layers) context.drawImage(layer.canvas, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = color;
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    return context.canvas;
  }

  // A grey PNG: a level from 0 to 1 for each of some regions, and one for where there is none.
  async levels(pairs, elsewhere) {
    const grey = (level) => `rgb(${Array(3).fill(Math.round(255 * level))})`;
    const context = this.empty().getContext("2d");
    context.fillStyle = grey(elsewhere);
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    context.globalCompositeOperation = "destination-out";
    context.drawImage(this.filled(pairs.map(([layer]) => layer), "#000"), 0, 0);
    context.globalCompositeOperation = "lighter";
    for (const [layer, level] of pairs) context.drawImage(this.filled([layer], grey(level)), 0, 0);
    context.globalCompositeOperation = "destination-over";  // What rounding may have left open.
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    return context.canvas.convertToBlob({ type: "image/png" });
  }

  // White where some regions are, black elsewhere, as PNG; of `rest`, where none of them is.
  mask(layers, rest = false) {
    return this.levels(layers.map((layer) => [layer, rest ? 0 : 1]), rest ? 1 : 0);
  }
}
