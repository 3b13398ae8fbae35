// Regions marked on a photograph with a brush: a mask for each, of which the first is what is left.

const COLORS = ["", "#e4572e", "#2e86ab", "#8ac926", "#9b5de5", "#ffca3a"];
const LONGEST = 1024;
const KEPT = 30;

export class Marks {
  constructor(canvas) {
    this.canvas = canvas;
    this.image = null;
    this.layers = [];
    this.chosen = 0;
    this.size = 48;
    this.erases = false;
    this.changed = () => {};
    this.cursor = null;
    this.undone = [];
    canvas.getContext("2d", { willReadFrequently: true });
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (this.last = null));
    canvas.addEventListener("keydown", (event) => this.key(event));
  }

  show(image) {
    const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
    this.image = image;
    this.canvas.width = Math.max(1, Math.round(image.width * scale));
    this.canvas.height = Math.max(1, Math.round(image.height * scale));
    this.layers = this.layers.map(() => this.empty());
    this.undone = [];
    this.cursor = { x: this.canvas.width / 2, y: this.canvas.height / 2 };
    this.draw();
  }

  empty() {
    const canvas = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    canvas.getContext("2d", { willReadFrequently: true });  // Each stroke is kept, to be taken back.
    return canvas;
  }

  add() {
    this.layers.push(this.empty());
  }

  choose(number) {
    this.chosen = number;
    this.draw();
  }

  context() {
    return this.layers[this.chosen].getContext("2d");
  }

  keep() {
    const { width, height } = this.canvas;
    this.undone.push([this.chosen, this.context().getImageData(0, 0, width, height)]);
    this.undone = this.undone.slice(-KEPT);
  }

  undo() {
    const kept = this.undone.pop();
    if (!kept) return;
    this.layers[kept[0]].getContext("2d").putImageData(kept[1], 0, 0);
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
    if (!this.image || this.chosen === 0 || event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.keep();
    this.last = this.cursor = this.place(event);
    this.stroke(this.last, this.last);
  }

  move(event) {
    if (!this.last) return;
    const place = this.place(event);
    this.stroke(this.last, place);
    this.last = this.cursor = place;
  }

  stroke(from, to) {
    const context = this.context();
    context.globalCompositeOperation = this.erases ? "destination-out" : "source-over";
    context.lineCap = "round";
    context.lineWidth = this.size;
    context.strokeStyle = "#fff";
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x + 0.01, to.y);
    context.stroke();
    this.draw();
  }

  invert() {
    if (!this.image || this.chosen === 0) return;
    this.keep();
    const context = this.context();
    context.globalCompositeOperation = "xor";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.draw();
  }

  clear() {
    if (!this.image || this.chosen === 0) return;
    this.keep();
    this.context().clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.draw();
  }

  key(event) {
    if (!this.image) return;
    const step = Math.max(2, this.size / 4);
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      const [x, y] = moves[event.key];
      const clamp = (value, end) => Math.min(Math.max(value, 0), end);
      this.cursor = { x: clamp(this.cursor.x + x, this.canvas.width), y: clamp(this.cursor.y + y, this.canvas.height) };
    } else if (event.key === " " && this.chosen > 0) {
      this.keep();
      this.stroke(this.cursor, this.cursor);
    } else if (event.key === "[" || event.key === "]") {
      this.size = Math.min(200, Math.max(4, this.size + (event.key === "]" ? 8 : -8)));
    } else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) {
      this.undo();
    } else if (event.key.toLowerCase() === "e") {
      this.erases = !this.erases;
    } else if (event.key.toLowerCase() === "i") {
      this.invert();
    } else {
      return;
    }
    event.preventDefault();
    this.changed();
    this.draw();
  }

  draw() {
    if (!this.image) return;
    const context = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    context.drawImage(this.image, 0, 0, width, height);
    this.layers.forEach((layer, number) => {
      if (number === 0) return;
      const colored = this.empty().getContext("2d");
      colored.drawImage(layer, 0, 0);
      colored.globalCompositeOperation = "source-in";
      colored.fillStyle = COLORS[1 + ((number - 1) % (COLORS.length - 1))];
      colored.fillRect(0, 0, width, height);
      context.globalAlpha = number === this.chosen ? 0.55 : 0.3;
      context.drawImage(colored.canvas, 0, 0);
      context.globalAlpha = 1;
    });
    if (this.chosen > 0 && document.activeElement === this.canvas) {
      context.strokeStyle = "#fff";
      context.lineWidth = 2;
      context.beginPath();
      context.arc(this.cursor.x, this.cursor.y, this.size / 2, 0, 2 * Math.PI);
      context.stroke();
    }
  }

  // Whether nothing is marked of a region.
  isEmpty(number) {
    const { width, height } = this.canvas;
    const { data } = this.layers[number].getContext("2d").getImageData(0, 0, width, height);
    return !data.some((value) => value > 0);
  }

  // White where each region is, as PNG; the first is everything that no other one has.
  async masks() {
    const { width, height } = this.canvas;
    const others = this.empty().getContext("2d");
    for (const layer of this.layers.slice(1)) others.drawImage(layer, 0, 0);
    const first = this.empty().getContext("2d");
    first.fillStyle = "#fff";
    first.fillRect(0, 0, width, height);
    first.globalCompositeOperation = "destination-out";
    first.drawImage(others.canvas, 0, 0);
    return Promise.all(
      [first.canvas, ...this.layers.slice(1)].map((layer) => {
        const context = this.empty().getContext("2d");
        context.fillStyle = "#000";
        context.fillRect(0, 0, width, height);
        context.drawImage(layer, 0, 0);
        return context.canvas.convertToBlob({ type: "image/png" });
      }),
    );
  }
}
