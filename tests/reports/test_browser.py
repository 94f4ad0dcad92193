"""The pages in a browser."""

import re
from dataclasses import replace

import pytest
from made_reports import toys
from made_reports.browser import CHROMIUM, browse
from made_reports.calls import answers
from made_reports.cases import write
from made_reports.html_elements import page_of

from experiments.training.trial import Trial
from reports.data import query
from reports.data.results import Results

CLICK = """<script>
for (const turn of [1, 2]) document.querySelector("#progress th:last-child button").click();
document.querySelector("#progress th:nth-child(2) button").click();
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_tables_sort_by_their_headings(folder, tmp_path):
    page = tmp_path / "sorted.html"
    page.write_text((folder / "index.html").read_text(encoding="utf-8").replace("</body>", CLICK), encoding="utf-8")
    dom, console = browse(page, tmp_path / "profile")
    table = dom.partition('id="progress"')[2].partition("</table>")[0]
    assert console == ""
    assert table.count('aria-sort="ascending"') == 1
    assert 'aria-sort="descending"' not in table
    cells = re.findall(r"<tr[^>]*>\s*<td[^>]*>\w+</td>\s*<td[^>]*><a[^>]*>(\w+)</a>", table)
    assert cells == sorted(cells)


FILTER = """<script>
const box = document.querySelector(".tools input");
box.value = "Both LAYERS";
box.dispatchEvent(new Event("input"));
</script></body>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_calls_are_found_by_every_word_of_the_box(tmp_path):
    page = tmp_path / "filtered.html"
    html = page_of(replace(toys.results([], []), calls=answers()), "shapes.html")["shapes.html"]
    page.write_text(html.replace("</body>", FILTER), encoding="utf-8")
    dom, console = browse(page, tmp_path / "profile")
    table = dom.partition('type="search"')[2].partition("</table>")[0]
    rows = [(attributes, text.lower()) for attributes, text in re.findall(r"<tr([^>]*)>(.*?)</tr>", table, re.S)[1:]]
    shown = [text for attributes, text in rows if "hidden" not in attributes]
    assert console == ""
    assert 0 < len(shown) < len(rows)
    assert all("both" in text and "layers" in text for text in shown)
    assert f"{len(shown)} of {len(rows)}" in dom
    assert table.count(">copy</button>") == table.count("data-copied=")


ONCE = """<head><script>
const timer = setInterval;
setInterval = (call) => { if (history.state === null) timer(call, 50); };
addEventListener("load", () => {
  const fold = document.querySelector("details");
  document.title = `${history.state === null ? "new" : "again"}, ${fold.open ? "open" : "closed"}`;
  fold.open = true;
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_running_studys_page_reloads_itself_as_it_was(tmp_path):
    results = toys.results(toys.planned(cells=("lstm",)), [])
    html = page_of(results, "index.html", running="trials: 0 of 9 done")["index.html"]
    page = tmp_path / "running.html"
    page.write_text(html.replace("<head>", ONCE), encoding="utf-8")
    dom, console = browse(page, tmp_path / "profile", "--virtual-time-budget=5000")
    assert console == ""
    assert re.search("<title>(.*)</title>", dom)[1] == "again, open"


def test_shapes_are_read_once_a_cell_form_and_framework(studied, unread, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(query, "artifact", lambda uri, address, name: asked.append(name))
    uri, trials = studied
    write(trials, tmp_path, uri)
    assert asked.count("shapes.json") == len({(t.spec.network.cell, t.spec.network.form, t.framework) for t in trials})
    assert asked.count("forecast.csv") == 8


#: Opens every fold of each page in a frame of each width, and lists what does not fit.
WIDTHS = """<body style="margin: 0">
<iframe src="index.html" style="border: 0; width: 390px; height: 900px"></iframe>
<iframe src="index.html" style="border: 0; width: 1280px; height: 900px"></iframe>
<iframe src="accuracy.html" style="border: 0; width: 390px; height: 900px"></iframe>
<iframe src="accuracy.html" style="border: 0; width: 1280px; height: 900px"></iframe>
<script>
addEventListener("load", () => {
  document.title = [...document.querySelectorAll("iframe")].map((frame) => {
    const inside = frame.contentDocument;
    for (const fold of inside.querySelectorAll("details")) fold.open = true;
    const tables = [...inside.querySelectorAll(".scroll")];
    const wide = tables.filter((each) => each.scrollWidth > each.clientWidth + 1);
    const named = wide.map((each) => each.closest("section").id);
    if (inside.documentElement.scrollWidth > frame.clientWidth) named.push("the page");
    return `${tables.length} tables, too wide: ${named.join(", ")}.`;
  }).join(" ");
});
</script></body>"""


def widest() -> Results:
    """A study whose rows differ in all that a column may say: forms, settings, epochs, seeds and verdicts."""
    trials = [*toys.planned(sine=False), *map(_other, toys.planned(("simple_rnn",), seeds=2, sine=False))]
    runs = [toys.run_of(trial) for trial in trials]
    for run in runs:
        for epoch in run.epochs if run.trial.spec.conventions.base == "stock" else ():
            epoch["test/accuracy"] -= 0.1 * (run.trial.framework == "tf2") * (1 + run.trial.seed)
    return toys.results(trials, runs)


def _other(trial: Trial) -> Trial:
    """The same cell in another form, trained otherwise."""
    changed = {
        "network": trial.spec.network.model_copy(update={"form": "cell_loop"}),
        "training": trial.spec.training.model_copy(update={"epochs": 2, "learning_rate": 0.0005}),
    }
    return replace(trial, spec=trial.spec.model_copy(update=changed))


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_no_table_is_wider_than_its_screen(tmp_path):
    for name, html in page_of(widest(), "index.html", "accuracy.html").items():
        (tmp_path / name).write_text(html, encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(WIDTHS, encoding="utf-8")
    dom, _ = browse(frame, tmp_path / "profile", "--allow-file-access-from-files", "--window-size=1400,900")
    said = re.search("<title>(.*?)</title>", dom)[1]
    assert re.fullmatch(r"([1-9]\d* tables, too wide: \.( |$)){4}", said), said
