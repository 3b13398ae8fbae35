// Files that are dropped on an element, and those that miss it.

// `take` gets the file; a field within the element shows its name, as if it had been chosen there.
export function takesDrops(element, take) {
  for (const name of ["dragenter", "dragover"]) {
    element.addEventListener(name, (event) => {
      event.preventDefault();
      element.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) {
    element.addEventListener(name, (event) => {
      event.preventDefault();
      element.classList.remove("over");
    });
  }
  element.addEventListener("drop", (event) => {
    const [file] = event.dataTransfer.files;
    if (!file) return;
    const chosen = new DataTransfer();
    chosen.items.add(file);
    element.querySelector("input[type=file]").files = chosen.files;
    take(file);
  });
}

// A file that is dropped elsewhere would be opened by the browser, in place of the page.
export function catchDrops(missed) {
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (name === "drop") missed();
    });
  }
}
