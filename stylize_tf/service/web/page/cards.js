// The paintings: a card for each, with where it goes on the photograph and which part of it counts.

import { takesDrops } from "./drops.js";
import { Marks } from "./marks.js";

const COLORS = ["#e4572e", "#2e86ab", "#8ac926", "#9b5de5", "#ffca3a"];
const MOST = 1.99;  // No share can be had of 2, which is the style alone.
const everywhere = document.getElementById("strength");

// The largest strength of all: each place has a share of it.
export function strongest(cards) {
  const most = Math.max(...cards.map((card) => card.strength));
  return cards.every((card) => card.strength === most) ? most : Math.min(most, MOST);
}

export class Card {
  // `page` has `marks` of the photograph, says things, and is told of what `changed`, is `chosen`, `removed`.
  constructor(number, page) {
    this.file = null;
    this.page = page;
    this.color = COLORS[(number - 1) % COLORS.length];
    this.layer = null;  // Where it goes; of the first it is where no other one goes.
    if (number > 1) this.layer = page.marks.add(this.color);
    this.element = document.getElementById("region").content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    [this.name, this.choose, this.counts] = [".name", ".choose", ".counts"].map(find);
    this.radio = this.choose.querySelector("input");
    this.partly = this.counts.querySelector("input");
    this.strong = find(".strength");
    this.canvas = find("canvas");
    this.marks = new Marks(this.canvas);
    this.part = this.marks.add(this.color);
    this.canvas.after(this.marks.tools.element);
    find(".swatch").style.setProperty("--color", this.color);
    find(".remove").hidden = number === 1;
    find(".remove").addEventListener("click", () => page.removed(this));
    const input = (this.input = find("input[type=file]"));
    input.id = number === 1 ? "style" : `style-${number}`;
    input.addEventListener("change", () => input.files[0] && this.take(input.files[0]));
    takesDrops(find(".drop"), (file) => this.take(file));
    const slider = this.strong.querySelector("input");
    const tell = () => (this.strong.querySelector(".value").textContent = slider.value);
    slider.value = everywhere.value;
    tell();
    slider.addEventListener("input", tell);
    this.radio.addEventListener("change", () => page.chosen(this));
    this.partly.addEventListener("change", () => page.changed());
  }

  async take(file) {
    try {
      this.marks.show(await createImageBitmap(file));
    } catch {
      this.page.say(`${file.name} is no picture that this browser shows. Take a JPEG, a PNG or a WebP.`, true);
      return;
    }
    this.file = file;
    this.canvas.hidden = this.counts.hidden = false;
    this.page.changed();
  }

  // How strong the picture is where it goes; at 0 the photograph is left as it is.
  get strength() {
    return Number((this.layer ? this.strong.querySelector("input") : everywhere).value);
  }

  // Its place among all, of `count`.
  show(number, count) {
    this.name.textContent = count > 1 ? `Painting ${number}` : "Painting";
    this.element.classList.toggle("several", count > 1);
    this.canvas.setAttribute("aria-label", `Painting ${number}, with the part of it that counts`);
    this.choose.hidden = count === 1;
    this.strong.hidden = !this.layer;
    this.choose.querySelector("span").textContent = this.layer ? "Mark where it goes" : "Everywhere else";
    const name = count > 1 ? `painting ${number}` : "the painting";
    this.marks.tools.of(`On ${name}, mark the part that counts`, `Draw over the part of ${name} that counts.`);
    this.marks.choose(this.partly.checked ? this.part : null);
    this.element.classList.toggle("partly", this.partly.checked);
  }
}
