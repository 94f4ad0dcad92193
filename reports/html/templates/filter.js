// The filter: a choice for each facet of which the page has several values. What it shows is kept in the address, after
// the anchor's place: #conventions?cell=lstm&find-1=mask.
const bar = document.querySelector(".facets"), TITLES = JSON.parse(bar.dataset.titles);
const FACETS = ["task", "cell", "form", "conventions", "framework"];
const faceted = [...document.querySelectorAll(FACETS.map((name) => `main [data-${name}]`).join())];
const finders = [...document.querySelectorAll(".tools input")];
const tables = [...document.querySelectorAll("figure.table")].map((figure) => ({
  rows: [...figure.querySelector("tbody").rows], headings: [...figure.querySelector("thead").rows[0].cells],
  said: figure.querySelector("output"), finder: figure.querySelector(".tools input"),
}));
for (const name of FACETS) {
  const values = [...new Set(faceted.flatMap((each) => each.dataset[name]?.split(" ") ?? []))];
  if (values.length < 2) continue;
  const select = Object.assign(document.createElement("select"), { name });
  select.append(new Option("all", ""), ...values.map((value) => new Option(TITLES[value] ?? value, value)));
  const label = document.createElement("label");
  label.append(name, select);
  bar.append(label);
}
bar.append(button("show all"));
finders.forEach((finder, place) => { finder.name = `find-${place + 1}`; });
const fields = [...bar.querySelectorAll("select"), ...finders];
const chosen = () => fields.filter((field) => field.value.trim()).map((field) => [field.name, field.value.trim()]);
const fits = (each, wanted) => wanted.every(([name, value]) => each.dataset[name]?.split(" ").includes(value) ?? true);
const filter = () => {
  const wanted = chosen().filter(([name]) => FACETS.includes(name));
  bar.classList.toggle("on", wanted.length > 0);
  for (const each of faceted) {
    if (each.matches(".mark")) each.classList.toggle("dim", !fits(each, wanted));
    else each.hidden = !fits(each, wanted);
  }
  for (const { rows, headings, said, finder } of tables) {
    const words = (finder?.value ?? "").toLowerCase().split(/\s+/);
    for (const row of rows) {
      row.hidden = !fits(row, wanted) || !words.every((word) => row.textContent.toLowerCase().includes(word));
      headings.forEach((heading, place) => { row.cells[place].hidden = heading.hidden; });
    }
    const shown = rows.filter((row) => !row.hidden).length;
    said.value = shown < rows.length || finder?.value.trim() ? `${shown} of ${rows.length} rows` : "";
  }
};
const address = () => {
  const query = new URLSearchParams(chosen()).toString(), anchor = location.hash.slice(1).split("?")[0];
  history.replaceState(history.state, "", query || anchor ? `#${anchor}${query && `?${query}`}` : location.pathname);
};
const read = () => {  // what the address says; a link to an anchor of the page leaves the filter as it is
  const [anchor, query] = location.hash.slice(1).split("?");
  if (query !== undefined || !anchor) {
    const wanted = new URLSearchParams(query);
    for (const field of fields) field.value = wanted.get(field.name) ?? "";
    for (const field of fields) if (field.selectedIndex === -1) field.value = "";
    filter();
    if (anchor) document.getElementById(anchor)?.scrollIntoView();
  } else { address(); }
};
for (const field of fields) field.addEventListener("input", () => { filter(); address(); });
bar.addEventListener("submit", (event) => event.preventDefault());
bar.lastChild.addEventListener("click", () => { fields.forEach((field) => { field.value = ""; }); filter(); address(); });
bar.hidden = bar.children.length < 2;
addEventListener("hashchange", read);
read();
