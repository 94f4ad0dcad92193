"""The pages in a browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from made_reports.cases import PAGES, write

from reports.data import query

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


CLICK = """<script>
for (const turn of [1, 2]) document.querySelector("#progress th:last-child button").click();
document.querySelector("#progress th:nth-child(2) button").click();
</script></body>"""


def browse(page: Path, profile: Path) -> tuple[str, str]:
    """The page's elements after its scripts ran, and what the console said."""
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-background-networking --no-first-run --enable-logging=stderr"
    )
    command = [CHROMIUM, *flags.split(), "--v=0", f"--user-data-dir={profile}", "--dump-dom", page.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return ran.stdout, "\n".join(line for line in ran.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("name", PAGES)
def test_a_browser_has_nothing_to_complain_of(folder, tmp_path, name):
    dom, console = browse(folder / name, tmp_path)
    assert console == ""
    assert "</footer>" in dom


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_tables_sort_by_their_headings(folder, tmp_path):
    page = tmp_path / "sorted.html"
    page.write_text((folder / "index.html").read_text(encoding="utf-8").replace("</body>", CLICK), encoding="utf-8")
    dom, console = browse(page, tmp_path / "profile")
    table = dom.partition('id="progress"')[2].partition("</table>")[0]
    assert console == ""
    assert table.count('aria-sort="ascending"') == 1
    assert 'aria-sort="descending"' not in table
    cells = re.findall(r"<tr>\s*<td[^>]*>\w+</td>\s*<td[^>]*><a[^>]*>(\w+)</a>", table)
    assert cells == sorted(cells)


def test_shapes_are_read_once_a_cell_form_and_framework(studied, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(query, "artifact", lambda uri, address, name: asked.append(name))
    uri, trials = studied
    write(trials, tmp_path, uri)
    assert asked.count("shapes.json") == len({(t.spec.network.cell, t.spec.network.form, t.framework) for t in trials})
    assert asked.count("forecast.csv") == 8
