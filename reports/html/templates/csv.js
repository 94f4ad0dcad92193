// A table as CSV (RFC 4180), as it is shown: without hidden rows and columns, notes in columns of their own.
const quoted = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const words = (cell, part) => {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll(cell.tagName === "TH" ? "small" : "small, button").forEach((each) => each.remove());
  return (part ? cell.querySelector("small")?.textContent ?? "" : copy.textContent).replaceAll("\u00a0", " ").trim();
};
const csv = (table) => {
  const rows = [...table.rows].filter((row) => !row.hidden), [head, ...body] = rows;
  const columns = [...head.cells].flatMap((cell, place) => (cell.hidden ? [] : [[place, false], [place, true]]))
    .filter(([place, note]) => !note || body.some((row) => words(row.cells[place], true)));
  const text = (row) => ([place, note]) => quoted(row === head
    ? words(head.cells[place]) + (note ? ", note" : "") : words(row.cells[place], note));
  return rows.map((row) => `${columns.map(text(row)).join()}\r\n`).join("");
};
for (const tools of document.querySelectorAll(".tools")) {
  const copy = button("Copy as CSV"), table = tools.parentElement.querySelector("table");
  copy.addEventListener("click", async () => {
    const text = csv(table);
    tools.parentElement.querySelector("textarea")?.remove();
    try { await navigator.clipboard.writeText(text); say(copy, "Copied"); } catch {
      // No clipboard here: the text stands selected, to be copied by hand.
      const area = Object.assign(document.createElement("textarea"), { readOnly: true, textContent: text, rows: 6 });
      area.setAttribute("aria-label", "The table as CSV");
      tools.after(area);
      area.select();
    }
  });
  tools.querySelector("output").before(copy);
}
