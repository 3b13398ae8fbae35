// Regions marked on a picture, with a brush or by what is alike: a mask for each.

import { told } from "./jobs.js";
import { Likeness } from "./likeness.js";
import { Tools } from "./tools.js";

const LONGEST = 1024;
const KEPT = 48;  // Pictures of regions as they were, all steps that can be taken back together.
const STRIPES = 48;  // Along the long side.
const DARK = "#1a1a1a";

export class Marks {
  constructor(canvas) {
    this.canvas = canvas;
    this.tools = new Tools(this);
    this.shown = this.tools.kind;
    this.image = null;
    this.layers = [];
    this.chosen = null;
    this.kept = [];
    this.pen = null;  // Of the keys, while it is down: whether its key is still held, and it has drawn.
    this.cursor = { x: 0, y: 0 };
    canvas.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.last = null));
    canvas.addEventListener("focus", () => this.draw());
    canvas.addEventListener("blur", () => {
      this.lift();
      this.draw();
    });
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("keyup", (event) => this.released(event));
  }

  show(image) {
    const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
    this.image = image;
    this.likeness = null;
    this.canvas.width = Math.max(1, Math.round(image.width * scale));
    this.canvas.height = Math.max(1, Math.round(image.height * scale));
    this.canvas.style.setProperty("--ratio", this.canvas.width / this.canvas.height);
    for (const layer of this.layers) this.begun(layer);
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
    const layer = this.begun({ color });
    this.layers.push(layer);
    return layer;
  }

  // A region with nothing in it. Dark stripes are seen on all that is as bright as its color.
  begun(layer) {
    const side = Math.max(6, Math.round(Math.max(this.canvas.width, this.canvas.height) / STRIPES));
    const tile = new OffscreenCanvas(side, side);
    const context = tile.getContext("2d");
    context.fillStyle = layer.color;
    context.fillRect(0, 0, side, side);
    context.strokeStyle = DARK;
    context.lineWidth = side / 5;
    for (const shift of [-side, 0, side]) {
      context.moveTo(shift - side, 2 * side);
      context.lineTo(shift + 2 * side, -side);
    }
    context.stroke();
    layer.canvas = this.empty();
    layer.stripes = context.createPattern(tile, "repeat");
    return layer;
  }

  remove(layer) {
    this.layers = this.layers.filter((other) => other !== layer);
    this.kept = this.kept.filter((step) => step.layer !== layer);
    const rest = (canvases) => canvases.filter(([other]) => other !== layer);
    for (const step of this.kept) Object.assign(step, { before: rest(step.before), base: step.base && rest(step.base) });
    if (this.chosen === layer) this.choose(null);
    this.draw();
  }

  // What is marked from now on; null is nothing.
  choose(layer) {
    if (layer !== this.chosen) this.lift();
    this.chosen = layer;
    const marking = layer !== null && this.image !== null;
    this.canvas.classList.toggle("marking", marking);
    this.canvas.tabIndex = marking ? 0 : -1;
    this.canvas.setAttribute("role", marking ? "application" : "img");
    this.tools.element.hidden = !marking;
    if (marking) this.prepare();
    this.draw();
  }

  // What is alike is known before somebody clicks, where that may come.
  prepare() {
    if (this.tools.kind !== "alike" || !this.image || !this.chosen || this.likeness) return;
    this.tools.say("Looking at what is alike ...");
    const likeness = (this.likeness = Likeness.of(this.image));
    likeness.then(
      () => this.tools.hint(),
      (error) => {
        if (this.likeness === likeness) this.likeness = null;
        this.tools.say(told(error), true);
      },
    );
  }

  // Another tool may be taken, or the same one in another way.
  changed() {
    if (this.shown !== this.tools.kind) {
      this.shown = this.tools.kind;
      this.lift();
      this.tools.hint();
      this.prepare();
    }
    this.tools.show();
    this.draw();
  }

  // All regions as they are, before one is changed: where that is added, others are no more.
  keep() {
    const before = this.layers.map((layer) => {
      const canvas = this.empty();
      canvas.getContext("2d").drawImage(layer.canvas, 0, 0);
      return [layer, canvas];
    });
    const step = { layer: this.chosen, before };
    this.kept = [...this.kept, step].slice(-Math.ceil(KEPT / this.layers.length));
    return step;
  }

  restore(canvases) {
    for (const [layer, canvas] of canvases) this.onto(layer, "copy").drawImage(canvas, 0, 0);
  }

  onto(layer, how) {
    const context = layer.canvas.getContext("2d");
    context.globalCompositeOperation = how;
    context.fillStyle = context.strokeStyle = layer.stripes;
    return context;
  }

  // Adds to a region, or takes away from it. The later mark wins: what is added leaves the others.
  mark(layer, how, act) {
    act(this.onto(layer, how));
    if (how !== "destination-out") {
      for (const other of this.layers) if (other !== layer) act(this.onto(other, "destination-out"));
    }
    this.draw();
  }

  undo() {
    this.lift();
    const step = this.kept.pop();
    if (!step) return;
    this.restore(step.before);
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
    this.lift();
    this.cursor = this.place(event);
    if (this.tools.kind === "alike") {
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
    this.mark(this.chosen, this.tools.erases ? "destination-out" : "source-over", (context) => {
      context.lineCap = "round";
      context.lineWidth = this.tools.size;
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x + 0.01, to.y);
      context.stroke();
    });
  }

  // Selects all that is like a place, beside what was brushed: in place of what was selected just
  // before, with Shift as well, with Alt (or Erase) not any more.
  async select(place, { shiftKey, altKey }) {
    const [layer, image] = [this.chosen, this.image];
    this.prepare();
    const likeness = await this.likeness?.catch(() => null);
    if (!likeness || this.chosen !== layer || this.image !== image) return;
    const last = this.kept.at(-1);
    const step = this.keep();
    step.base = (last?.layer === layer && last.base) || step.before;  // What was there before all selections.
    const takes = altKey || this.tools.erases;
    const from = takes || shiftKey ? step.before : step.base;
    this.selection = { step, from, likeness, place, how: takes ? "destination-out" : "source-over" };
    this.again();
  }

  // The newest selection, if nothing was done after it, as alike as is asked for now.
  again() {
    const { step, from, likeness, place, how } = this.selection ?? {};
    if (!step || this.kept.at(-1) !== step) return;
    this.restore(step.before);
    this.restore(from);
    const { width, height } = this.canvas;
    const mask = likeness.selected(place.x / width, place.y / height, this.tools.alike);
    this.mark(step.layer, how, (context) => context.drawImage(mask, 0, 0, width, height));
    this.onto(step.layer, "source-atop").fillRect(0, 0, width, height);
    this.draw();
  }

  invert() {
    if (!this.image || !this.chosen) return;
    this.lift();
    this.keep();
    this.onto(this.chosen, "xor").fillRect(0, 0, this.canvas.width, this.canvas.height);
    const { canvas } = this.chosen;
    for (const layer of this.layers) if (layer !== this.chosen) this.onto(layer, "destination-out").drawImage(canvas, 0, 0);
    this.draw();
  }

  clear() {
    if (!this.image || !this.chosen) return;
    this.lift();
    this.keep();
    this.chosen.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.draw();
  }

  key(event) {
    if (!this.image || !this.chosen) return;
    const { tools } = this;
    const step = event.shiftKey ? 40 : 8;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const key = event.key.toLowerCase();
    const clamp = (value, limit) => Math.min(limit, Math.max(0, value));
    if (moves[event.key]) {
      const [x, y] = moves[event.key];
      const from = this.cursor;
      this.cursor = { x: clamp(from.x + x, this.canvas.width), y: clamp(from.y + y, this.canvas.height) };
      if (this.pen) {
        this.pen.drew = true;
        this.stroke(from, this.cursor);
      }
    } else if (key === "z" && (event.ctrlKey || event.metaKey)) {
      this.undo();
    } else if (event.ctrlKey || event.metaKey) {
      return;
    } else if (key === " " || key === "enter") {
      if (!event.repeat) this.press(event);
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
    this.changed();
  }

  // Selects at the cross; or puts the pen down, and lifts it the next time.
  press(event) {
    if (this.tools.kind === "alike") {
      this.select(this.cursor, event);
    } else if (this.pen) {
      this.lift();
    } else {
      this.keep();
      this.pen = { held: event.key, drew: false };
      this.stroke(this.cursor, this.cursor);
      this.tools.hint("pen");
    }
  }

  // Who draws with the key held down has drawn when it is let go.
  released(event) {
    if (this.pen?.held !== event.key) return;
    if (this.pen.drew) this.lift();
    else this.pen.held = null;
  }

  lift() {
    if (!this.pen) return;
    this.pen = null;
    this.tools.hint();
    this.draw();
  }

  draw() {
    if (!this.image) return;
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.globalAlpha = 1;
    context.drawImage(this.image, 0, 0, width, height);
    for (const layer of this.layers) {
      context.globalAlpha = layer === this.chosen ? 0.6 : 0.4;
      context.drawImage(layer.canvas, 0, 0);
    }
    context.globalAlpha = 1;
    if (this.chosen && document.activeElement === this.canvas) this.point(context);
  }

  // Where the keys are: the brush, dashed until it draws, or a cross where something is selected.
  point(context) {
    const { x, y } = this.cursor;
    for (const [color, line] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = color;
      context.lineWidth = line;
      context.beginPath();
      context.setLineDash(this.tools.kind === "brush" && !this.pen ? [8, 5] : []);
      if (this.tools.kind === "brush") {
        context.arc(x, y, this.tools.size / 2, 0, 2 * Math.PI);
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
