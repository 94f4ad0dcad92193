"""Every page at three widths, and in the dark at one, of a finished study and of one midway: two runs of a browser."""

import json
import re

import pytest
from made_reports import everything
from made_reports.browser import CHROMIUM, browse
from made_reports.html_elements import leave_out_drawing

from reports.render import PAGES

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")

#: A scheme's number in the browser, and the widths that are looked at in it: no colour changes a size.
SCHEMES = {"light": (1, (390, 1280, 1920)), "dark": (0, (390,))}
STATES = {"finished": False, "midway": True}

#: Shows one page after the other in a frame of each width, unfolds it, uses its filter, and notes what is wrong.
LOOK = """<body style="margin: 0"><script>
const pages = %s, widths = %s, wrong = [], seen = [];
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
const light = (colour) => { const [r, g, b] = colour.match(/\\d+/g).map(Number); return (r + g + b) / 765; };
function look(inside, width, note) {
  const root = inside.documentElement;
  for (const fold of inside.querySelectorAll("details")) fold.open = true;
  if (root.scrollWidth > root.clientWidth) {
    const far = [...inside.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > width + 1);
    note(`${root.scrollWidth - root.clientWidth} px too wide: ${far.at(-1)?.outerHTML.slice(0, 90)}`);
  }
  for (const svg of inside.querySelectorAll("svg, pre, table, p.running")) {
    const box = svg.getBoundingClientRect(), room = (svg.closest(".scroll, pre") ?? root).getBoundingClientRect();
    if (box.width && box.left < room.left - 1) note(`cut off at the left: ${svg.outerHTML.slice(0, 60)}`);
  }
  const colours = inside.defaultView.getComputedStyle(inside.body);
  const dark = inside.defaultView.matchMedia("(prefers-color-scheme: dark)").matches;
  if ((light(colours.backgroundColor) < light(colours.color)) !== dark) note("the colours are not of its theme");
  seen.push(dark ? "dark" : "light");
  for (const link of inside.querySelectorAll('a[href^="#"]')) {
    if (!inside.getElementById(decodeURIComponent(link.hash.slice(1).split("?")[0]))) note(`no ${link.hash}`);
  }
}
async function choose(inside, note) {
  const changed = () => inside.querySelectorAll("main [hidden], main .dim").length, before = changed();
  for (const field of inside.querySelectorAll(".facets select")) {
    for (const value of [field.options[1]?.value, ""]) {
      field.value = value;
      field.dispatchEvent(new inside.defaultView.Event("input"));
      await wait(1);
      const root = inside.documentElement;
      if (root.scrollWidth > root.clientWidth) note(`too wide, ${field.name} ${value}`);
      if ((changed() === before) === Boolean(value)) note(`the filter, ${field.name} ${value}`);
    }
  }
}
addEventListener("load", async () => {
  for (const page of pages) for (const width of widths) {
    const frame = document.createElement("iframe");
    Object.assign(frame.style, { width: `${width}px`, height: "900px", border: 0 });
    frame.src = page;
    document.body.append(frame);
    await new Promise((done) => { frame.onload = done; });
    const note = (text) => wrong.push(`${page} at ${width}: ${text}`);
    look(frame.contentDocument, width, note);
    await choose(frame.contentDocument, note);
    frame.remove();
  }
  document.title = JSON.stringify({ seen, wrong: wrong.slice(0, 20) });
});
</script></body>"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of all pages, and their names in it; midway figures are empty, since to draw them takes longest."""
    folder, made = tmp_path_factory.mktemp("pages"), {}
    for state, midway in STATES.items():
        with pytest.MonkeyPatch.context() as patch:
            if midway:
                leave_out_drawing(patch, "0 0 5 3")
            made |= {f"{state}/{name}": text for name, text in everything.pages(midway).items()}
    for name, text in made.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder, list(made)


def test_the_made_study_has_every_page_in_both_states(written):
    folder, names = written
    assert sorted(names) == sorted(f"{state}/{page}" for state in STATES for page in PAGES)
    assert ["This study is running." in (folder / name).read_text(encoding="utf-8") for name in names] == [
        name.startswith("midway") for name in names
    ]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_fits_its_screen_and_its_filter_works(written, tmp_path, scheme):
    (folder, names), (number, widths) = written, SCHEMES[scheme]
    frame = folder / f"{scheme}.html"
    frame.write_text(LOOK % (json.dumps(names), json.dumps(widths)), encoding="utf-8")
    flags = ("--allow-file-access-from-files", "--window-size=2000,1000", "--virtual-time-budget=60000")
    theme = f"--blink-settings=preferredColorScheme={number}"
    dom, console = browse(frame, tmp_path / "profile", *flags, theme)
    assert console == ""
    report = json.loads(re.search("<title>(.*?)</title>", dom, re.S)[1].replace("&amp;", "&").replace("&lt;", "<"))
    assert report == {"seen": [scheme] * len(names) * len(widths), "wrong": []}


def test_every_link_between_pages_leads_somewhere(written):
    folder, names = written
    ids = {name: set(re.findall(r'\bid="([^"]+)"', (folder / name).read_text(encoding="utf-8"))) for name in names}
    lost = []
    for name in names:
        state = name.partition("/")[0]
        for page, anchor in re.findall(r'href="(\w+\.html)(?:#([\w-]+))?', (folder / name).read_text(encoding="utf-8")):
            target = f"{state}/{page}"
            if target not in ids or (anchor and anchor not in ids[target]):
                lost.append(f"{name}: {page}#{anchor}")
    assert not lost
