// Files that are dropped on an element.

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
    if (file) take(file);
  });
}
