"use strict";
const button = (text) => Object.assign(document.createElement("button"), { type: "button", textContent: text });
const say = (element, text) => {
  const before = element.textContent;
  element.textContent = text;
  setTimeout(() => { element.textContent = before; }, 1500);
};
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
// Copying: a button in each cell that has something to copy.
for (const cell of document.querySelectorAll("[data-copied]")) {
  const copy = button("copy");
  copy.addEventListener("click", async () => {
    try { await navigator.clipboard.writeText(cell.dataset.copied); say(copy, "copied"); }
    catch { getSelection().selectAllChildren(cell.querySelector("pre")); say(copy, "selected"); }
  });
  cell.prepend(copy);
}
// A printed page shows what is folded on the screen, which is folded again afterwards.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open])")];
  unfolded.forEach((each) => { each.open = true; });
});
addEventListener("afterprint", () => unfolded.forEach((each) => { each.open = false; }));
