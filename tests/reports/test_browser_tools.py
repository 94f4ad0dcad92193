"""What a page's script offers in a browser: its filter, tables as CSV, what points say, print."""

import csv
import io
import json
from dataclasses import replace
from datetime import datetime

import pytest
from made_reports import switches, toys
from made_reports.browser import CHROMIUM, Act, acted
from made_reports.calls import answers
from made_reports.html_elements import page_of

from reports.html.blocks import Cell, Column, Section, Table
from reports.render import _environment

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

TABLE = Table.of(
    "Toys.",
    ["Cell", "Conventions", Column("TensorFlow 2", True, "tf2"), Column("PyTorch", True, "pytorch")],
    [
        [Cell("lstm"), Cell("stock"), Cell("1", note="one, alone"), Cell('"2"')],
        [Cell("lstm, gru"), Cell("keras"), Cell("3"), Cell("4\n5")],
        [Cell("gru"), Cell("keras"), Cell("6"), Cell("7")],
    ],
    filter="Find",
)
SHOWN = (
    'const shown = () => [...document.querySelectorAll("tbody tr:not([hidden])")].map((r) => r.cells[0].textContent);'
)
CHOOSE = """
const choose = (name, value) => {
  const field = document.querySelector(`[name="${name}"]`);
  field.value = value;
  field.dispatchEvent(new Event("input"));
};
"""
COPY = """
%s
document.querySelector(".tools button").click();
setTimeout(() => {
  const area = document.querySelector(".tools + textarea");
  say(JSON.stringify([window.copied ?? null, area?.value ?? null, area === document.activeElement]));
}, 100);
"""
COLUMNS = SHOWN + 'say(shown().join("|"));'
FACETS = 'say([...document.querySelectorAll(".facets label")].map((each) => each.textContent).join("|"));'
#: Addresses that open the filtered page, and the rows that are shown.
ADDRESSES = {
    "toys?cell=gru&conventions=keras": "lstm, gru|gru",
    "?find-1=alone": "lstm",
    "toys": "lstm|lstm, gru|gru",
    "?cell=unknown": "lstm|lstm, gru|gru",
}
CHOSEN = """
choose("cell", "gru");
choose("find-1", " 6 ");
say(`${shown()} at ${location.hash}, ${document.body.textContent.includes("1 of 3 rows")}`);
"""
WITHIN = """
location.hash = "toys";
setTimeout(() => {
  const kept = `${shown()} ${location.hash}`;
  document.querySelector(".facets button").click();
  say(`${kept}, then ${shown().length} ${location.hash}`);
}, 100);
"""
DIM = """
const panels = [...document.querySelectorAll("#conventions .panel")].filter((each) => each.checkVisibility());
const dim = (name) => panels[0].querySelectorAll(`.mark.dim[data-framework=${name}]`).length;
const marks = panels[0].querySelectorAll(".mark").length;
const titles = panels.map((each) => each.querySelector(".title").textContent);
say([...titles, dim("tf2") * 2 === marks, dim("pytorch")].join());
"""
POINT = """
const svg = document.querySelector("%s"), panel = svg.closest(".panel");
const marks = [...svg.querySelectorAll(".mark[data-href]")], box = marks[%d].getBoundingClientRect();
const at = { clientX: box.left + box.width / 2, clientY: box.top + box.height / 2 };
svg.dispatchEvent(new PointerEvent("%s", at));
const tip = panel.querySelector(".tip"), first = tip.textContent + tip.querySelector("a").href;
svg.dispatchEvent(new PointerEvent("click", { clientX: -99, clientY: -99 }));
say(`${first} ${tip.hidden}`);
"""
KEYS = """
const svg = document.querySelector("#conventions svg"), tip = svg.parentElement.querySelector(".tip");
const press = (key) => svg.dispatchEvent(new KeyboardEvent("keydown", { key }));
svg.focus();
const said = ["ArrowRight", "ArrowRight", "ArrowLeft"].map((key) => { press(key); return tip.firstChild.data; });
press("Escape");
say(`${said.map((text) => /seed (.)/.exec(text)[1])} ${document.activeElement === svg} ${tip.hidden}`);
"""
PRINT = """
const printed = [...document.styleSheets[0].cssRules].filter((rule) => rule.media?.mediaText === "print");
for (const rule of printed) rule.media.mediaText = "all";
document.documentElement.style.width = "680px";
dispatchEvent(new Event("beforeprint"));
const folded = () => document.querySelectorAll("details:not([open])").length, during = folded();
const tools = [...document.querySelectorAll("button:not(th *), input, select, nav, .skip")];
const seen = tools.filter((each) => each.checkVisibility());
const cut = [...document.querySelectorAll(".scroll")].filter((each) => getComputedStyle(each).overflow !== "visible");
const colours = getComputedStyle(document.body);
dispatchEvent(new Event("afterprint"));
say(JSON.stringify([during, folded() > 0, seen.length, cut.length, colours.color, colours.backgroundColor]));
"""
CALLS = """
choose("find-1", "Both LAYERS");
const left = (kind) => document.querySelectorAll(`.${kind} tbody tr[hidden]`).length;
say(`${left("calls") > 0} ${left("glance")} ${location.hash}`);
"""


@pytest.fixture(scope="module")
def table():
    """A page of one table."""
    page = {"here": "", "title": "T", "lead": "", "headline": "", "study": "toy", "description": "", "nav": []}
    page |= {"foot": [], "running": "", "now": datetime.now(), "marks": (), "titles": {"tf2": "TensorFlow 2"}}
    return _environment().get_template("page.html").render(page, sections=[Section("toys", "Toys", (TABLE,))])


@pytest.fixture(scope="module")
def defaults():
    trials = switches.planned(switches.table(seeds=4))
    return page_of(switches.results(trials), "defaults.html")["defaults.html"]


def copying(html: str, works: bool, before: str = "") -> Act:
    """Copy the table where the clipboard works or is refused; ``before`` is a script that runs first."""
    write = "window.copied = text" if works else 'throw new Error("refused")'
    given = f"{{ value: {{ writeText: async (text) => {{ {write}; }} }} }}"
    return Act(html, COPY % f'Object.defineProperty(navigator, "clipboard", {given});{before}')


@pytest.fixture(scope="module")
def said(table, defaults, pages, tmp_path_factory):
    """What every script of this file said."""
    accuracy = pages["accuracy.html"]
    shapes = page_of(replace(toys.results([], []), calls=answers()), "shapes.html")["shapes.html"]
    acts = {
        "copied": copying(table, True),
        "refused": copying(table, False),
        "copied filtered": copying(table, True, CHOOSE + 'choose("cell", "gru"); choose("framework", "pytorch");'),
        "chosen": Act(table, CHOOSE + SHOWN + CHOSEN),
        "within": Act(table, SHOWN + WITHIN, "?conventions=stock"),
        "facets": Act(table, FACETS),
        "dim": Act(accuracy, DIM, "?cell=lstm&framework=pytorch"),
        "pointermove": Act(accuracy, POINT % ("#conventions svg", 0, "pointermove")),
        "click": Act(accuracy, POINT % ("#conventions svg", 0, "click")),
        "defaults": Act(defaults, POINT % (".wide svg", 0, "pointermove")),
        "keys": Act(accuracy, KEYS),
        "print": Act(accuracy, PRINT),
        "calls": Act(shapes, CHOOSE + CALLS),
    }
    acts |= {at: Act(table, COLUMNS, at) for at in ADDRESSES}
    return acted(acts, tmp_path_factory.mktemp("acted"))


def read(said: str, works: bool) -> tuple[list[list[str]], str]:
    """The copied table, and as it was written."""
    copied, offered, selected = json.loads(said)
    assert (offered is None, selected) == (works, not works)
    text = copied or offered
    return list(csv.reader(io.StringIO(text, newline=""), strict=True)), text


@pytest.mark.parametrize("works", [True, False])
def test_a_table_is_copied_as_it_is_shown(said, works):
    rows, text = read(said["copied" if works else "refused"], works)
    assert rows == [
        ["Cell", "Conventions", "TensorFlow 2", "TensorFlow 2, note", "PyTorch"],
        ["lstm", "stock", "1", "one, alone", '"2"'],
        ["lstm, gru", "keras", "3", "", "4\n5"],
        ["gru", "keras", "6", "", "7"],
    ]
    if works:  # a textarea's lines end as the browser has them
        assert text.count("\r\n") == 4 and text.endswith("gru,keras,6,,7\r\n")


def test_what_the_filter_hides_is_not_copied(said):
    rows, _ = read(said["copied filtered"], True)
    assert rows == [["Cell", "Conventions", "PyTorch"], ["lstm, gru", "keras", "4\n5"], ["gru", "keras", "7"]]


def test_a_choice_filters_rows_and_stands_in_the_address(said):
    assert said["chosen"] == "gru at #?cell=gru&find-1=6, true"


@pytest.mark.parametrize(("at", "shown"), ADDRESSES.items())
def test_an_address_opens_the_filtered_page(said, at, shown):
    assert said[at] == shown


def test_a_link_within_the_page_keeps_the_filter_and_a_button_ends_it(said):
    assert said["within"] == "lstm #toys?conventions=stock, then 3 #toys"


def test_only_facets_with_a_choice_are_offered(said):
    assert said["facets"] == "cellalllstmgru|conventionsallstockkeras|frameworkallTensorFlow 2pytorch"


def test_the_accuracy_page_shows_one_cell_and_dims_the_other_framework(said):
    assert said["dim"] == "lstm,true,0"


@pytest.mark.parametrize("event", ["pointermove", "click"])
def test_a_point_says_its_seed_value_and_run(said, event):
    words, _, address = said[event].partition(" run in MLflow")
    assert words.startswith("TensorFlow 2, stock, seed 0: 8") and words.endswith("%")
    assert "/runs/" in address and address.endswith(" true")


def test_a_point_of_the_defaults_says_its_effect(said):
    assert said["defaults"].startswith("embedding, from Keras's corner: −")
    assert "n\xa0=\xa04 seeds" in said["defaults"]


def test_arrow_keys_go_from_point_to_point(said):
    assert said["keys"] == "0,1,0 true true"


def test_print_unfolds_and_leaves_the_buttons_out(said):
    assert json.loads(said["print"]) == [0, True, 0, 0, "rgb(0, 0, 0)", "rgb(255, 255, 255)"]


def test_calls_are_found_in_their_own_table_alone(said):
    assert said["calls"] == "true 0 #?find-1=Both+LAYERS"
