// Pointing at a figure: the nearest mark says what it is, with a link to its run; arrow keys go from mark to mark.
for (const svg of document.querySelectorAll(".panel svg:has(.mark title)")) {
  const marks = [...svg.querySelectorAll(".mark:has(title)")].map((mark) => {
    const title = mark.querySelector("title"), text = title.textContent;
    title.remove();  // else the browser shows it too
    return { mark, text };
  });
  const tip = Object.assign(document.createElement("p"), { className: "tip", hidden: true });
  let place = -1, leaving;
  const middle = ({ mark }) => {
    const box = mark.getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  };
  const show = (next) => {
    clearTimeout(leaving);
    marks[place]?.mark.classList.remove("at");
    tip.hidden = next < 0;
    if ((place = next) < 0) return;
    const { mark, text } = marks[place], [x, y] = middle(marks[place]), panel = svg.parentElement.getBoundingClientRect();
    mark.classList.add("at");
    tip.textContent = text;
    if (mark.dataset.href) tip.append(" ", Object.assign(document.createElement("a"), { href: mark.dataset.href, textContent: "run in MLflow" }));
    tip.style.left = `${Math.max(0, Math.min(x - panel.left, panel.width - tip.offsetWidth))}px`;
    tip.style.top = `${y - panel.top + 12}px`;
  };
  const near = (event) => {
    const far = marks.map((each) => Math.hypot(...middle(each).map((at, axis) => at - [event.clientX, event.clientY][axis])));
    const shown = far.map((each, at) => (marks[at].mark.matches(".dim") ? Infinity : each));
    const least = Math.min(...shown);
    show(least < 18 ? shown.indexOf(least) : -1);
  };
  const leave = () => { leaving = setTimeout(() => show(-1), 400); };
  svg.tabIndex = 0;
  svg.addEventListener("pointermove", near);
  svg.addEventListener("click", near);
  svg.addEventListener("pointerleave", leave);
  tip.addEventListener("pointerenter", () => clearTimeout(leaving));
  tip.addEventListener("pointerleave", leave);
  svg.parentElement.addEventListener("focusout", (event) => svg.parentElement.contains(event.relatedTarget) || show(-1));
  svg.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") show(-1);
    if (!step) return;
    event.preventDefault();
    show((Math.max(place, step < 0 ? 0 : -1) + step + marks.length) % marks.length);
  });
  tip.setAttribute("aria-live", "polite");
  svg.after(tip);
}
