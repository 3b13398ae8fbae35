// The tools with which a picture is marked, and what is said of them. Each picture has its own.

const HINTS = {
  alike:
    "Click on a thing: all that is like it is selected, in place of what was selected just before. " +
    "Shift adds, Alt takes away.",
  pen: "The pen is down: arrows draw, Space lifts it.",
};
let made = 0;

export class Tools {
  // `marks` are what they are of: it undoes, inverts and clears, and is told of what `changed`.
  constructor(marks) {
    made += 1;
    Object.assign(this, { kind: "brush", size: 48, erases: false, alike: 0.5, aim: "" });
    this.element = document.getElementById("tools").content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    this.fields = Object.fromEntries(
      ["title", "of-brush", "brush-size", "of-alike", "alike", "value", "erase", "told"].map((name) => [name, find(`.${name}`)]),
    );
    const { erase, alike } = this.fields;
    this.kinds = { brush: find(".tool-brush"), alike: find(".tool-alike") };
    find(".keys").id = `keys-${made}`;
    marks.canvas.setAttribute("aria-describedby", find(".keys").id);
    for (const [kind, radio] of Object.entries(this.kinds)) {
      radio.name = `tool-${made}`;
      radio.addEventListener("change", () => {
        this.kind = kind;
        marks.changed();
      });
    }
    for (const name of ["undo", "invert", "clear"]) find(`.${name}`).addEventListener("click", () => marks[name]());
    erase.addEventListener("change", () => (this.erases = erase.checked));
    this.fields["brush-size"].addEventListener("input", (event) => (this.size = Number(event.target.value)));
    alike.addEventListener("input", () => {
      this.alike = Number(alike.value);
      this.fields.value.textContent = alike.value;
      marks.again();
    });
  }

  // What is marked: the title of the tools, and what the brush is for.
  of(title, aim) {
    if (aim === this.aim) return;
    this.aim = aim;
    this.fields.title.textContent = title;
    this.element.setAttribute("aria-label", title);
    if (this.kind === "brush") this.hint();
  }

  say(text, failed = false) {
    this.fields.told.textContent = text;
    this.fields.told.classList.toggle("failed", failed);
  }

  hint(kind = this.kind) {
    this.say(HINTS[kind] ?? this.aim);
  }

  // As keys may have changed them.
  show() {
    this.fields["brush-size"].value = this.size;
    this.fields.erase.checked = this.erases;
    this.kinds[this.kind].checked = true;
    this.fields["of-brush"].hidden = this.kind !== "brush";
    this.fields["of-alike"].hidden = this.kind !== "alike";
  }
}
