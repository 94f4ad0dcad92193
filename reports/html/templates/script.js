"use strict";
// Sorting: a heading's button sorts its table's rows; a second click reverses them.
for (const table of document.querySelectorAll("table")) {
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, place) => heading.firstElementChild.addEventListener("click", () => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    headings.forEach((other) => other.setAttribute("aria-sort", "none"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[place].dataset.sort ?? row.cells[place].firstChild.textContent.trim();
    const order = new Intl.Collator("en", { numeric: true }).compare;
    const compare = (a, b) => (isNaN(a) || isNaN(b) || a === "" || b === "" ? order(a, b) : a - b);
    const empty = (text) => text === "–" || text === "nan";
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    // Cells without a value stay at the end whichever way the others run.
    rows.sort(([a], [b]) => empty(a) - empty(b) || (down ? compare(b, a) : compare(a, b)));
    table.tBodies[0].append(...rows.map(([, row]) => row));
  }));
}
// Filtering: rows stay that hold every word of the box.
for (const figure of document.querySelectorAll("figure:has(.filter)")) {
  const [box, said] = figure.querySelector(".filter").children, rows = [...figure.querySelector("tbody").rows];
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/);
    rows.forEach((row) => { row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word)); });
    said.value = box.value.trim() ? `${rows.filter((row) => !row.hidden).length} of ${rows.length}` : "";
  });
}
// Copying: a button in each cell that has something to copy.
for (const cell of document.querySelectorAll("[data-copied]")) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "copy" });
  button.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(cell.dataset.copied); button.textContent = "copied"; }
    catch { getSelection().selectAllChildren(cell.querySelector("pre")); button.textContent = "selected"; }
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
  cell.prepend(button);
}
// A printed page shows what is folded on the screen.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
