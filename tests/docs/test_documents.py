"""README, CONTRIBUTING and docs/ against the code: tables, links, paths, commands and TOML."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

import run_all
from experiments import sample
from experiments import study as studies
from experiments.cells import CELLS
from experiments.conventions import TABLE
from experiments.cost import command as cost
from experiments.faults import __main__ as faults
from experiments.parity.grid import FORMS
from experiments.study.schema import Study
from experiments.tasks import MODULES
from experiments.traps.catalogue import TRAPS
from frameworks.convert import command as convert
from reports.replication import command as replication
from reports.replication import tuned

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {str(file.relative_to(ROOT)): file.read_text(encoding="utf-8") for file in FILES}

RUN_ALL = {
    "sample": sample.app,
    "cost": cost.app,
    "freeze": replication.freezing,
    "replicate": replication.replicating,
    "tuned": tuned.checking,
}
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
OWN_PATH = re.compile(
    r"`((?:experiments|frameworks|reports|tests|docs)/[^`\sA-Z]*(?<!\.html))`"
)  # capitals: a name to choose
COMMAND = re.compile(r"python (run_all\.py|-m [\w.]+)((?: [^`#\n]+)?)")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEAD = 'name = "x"\ndescription = "x"\n'  # of a study that a page shows a part of


def found(pattern: re.Pattern[str]) -> list[Any]:
    """What a pattern finds in every document, each with the document's name, as test parameters."""
    hits = [(name, match) for name, text in TEXTS.items() for match in pattern.findall(text)]
    return [pytest.param(name, match, id=f"{name}: {match}"[:80]) for name, match in dict.fromkeys(hits)]


def blocks(language: str) -> list[Any]:
    """The code blocks of one language, as test parameters."""
    hits = [(name, code) for name, text in TEXTS.items() for kind, code in BLOCK.findall(text) if kind == language]
    return [pytest.param(code, id=f"{name} {number}") for number, (name, code) in enumerate(hits)]


#: What a line of a console block may begin with, after settings of the environment.
PROGRAMS = ("python", "make", "pip", "ray", "mlflow", "docker", "export")


@pytest.mark.parametrize("code", blocks("console"))
def test_each_line_of_a_console_block_is_a_command(code):
    first = [re.sub(r"^(\w+=\S+ )+", "", line).split()[0] for line in code.splitlines()]
    assert set(first) <= set(PROGRAMS), first


def anchors(text: str) -> set[str]:
    """The names that a rendered page's headings can be linked by."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


@pytest.mark.parametrize("name, link", [each for each in found(LINK) if "://" not in each.values[1]])
def test_each_relative_link_leads_to_a_file_and_its_heading(name, link):
    path, _, anchor = link.partition("#")
    target = (ROOT / name).parent / path if path else ROOT / name
    assert target.is_file()
    assert not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [name for name in TEXTS if name.startswith("docs/")])
def test_the_readme_leads_to_every_page(page):
    assert f"]({page})" in TEXTS["README.md"]


@pytest.mark.parametrize("name, path", found(OWN_PATH))
def test_each_path_exists(name, path):
    assert list(ROOT.glob(path.rstrip("/")))


@pytest.mark.parametrize("name, command", found(COMMAND))
def test_each_command_names_what_there_is(name, command):
    program, words = command[0], command[1].split()
    app = {"-m frameworks.convert": convert.app, "-m experiments.faults": faults.app}.get(program, run_all.app)
    if program == "-m reports.simulate":
        assert not words
        return
    if program == "run_all.py" and words and not words[0].startswith("-"):
        assert words[0] in {*RUN_ALL, *studies.names(), "mine.toml", "NAME"}
        app = RUN_ALL.get(words[0], run_all.app)
    options = {option for each in get_command(app).params for option in (*each.opts, *each.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= options | {"--help"}


@pytest.mark.parametrize("name, target", found(re.compile(r"(?:`|^)make (\w+)", re.MULTILINE)))
def test_each_make_target_exists(name, target):
    assert f"\n{target}:" in (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("trap", sorted({trap for text in TEXTS.values() for trap in re.findall(r"trap=(\w+)", text)}))
def test_each_trap_of_a_command_exists(trap):
    assert trap in TRAPS


@pytest.mark.parametrize("code", blocks("toml"))
def test_each_toml_is_a_study(code):
    study = Study.model_validate(tomllib.loads(code if code.startswith("name") else HEAD + code))
    grids = [*study.grid, *study.defaults, *study.speed]
    specs = [spec for grid in grids for spec in grid.specs(Path("x"), "x")] + (
        study.ladder.specs() if study.ladder else []
    )
    assert not [spec.inexpressible for spec in specs if spec.inexpressible]


def test_the_readme_s_sentence_on_the_tuned_form_is_made_from_the_check_that_is_kept():
    kept = ROOT / tuned.FILE
    assert tuned.between(TEXTS["README.md"]) == (tuned.sentence(tuned.read(kept)) if kept.exists() else "")


@pytest.mark.parametrize("field", TABLE)
def test_the_table_of_conventions_is_the_codes(field):
    row = f"| `{field}` | {TABLE[field]['keras']} | {TABLE[field]['pytorch']} |"
    assert row in TEXTS["docs/conventions.md"].splitlines()


def test_the_compose_file_has_the_study_s_own_mlflow():
    pinned = re.compile(r"\bmlflow==[\d.]+")
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in ("docs/compose.yaml", "pyproject.toml")]
    assert pinned.findall(texts[0]) == pinned.findall(texts[1])
    services = yaml.safe_load(texts[0])["services"]
    assert "--artifacts-destination" in services["mlflow"]["command"]


NAMED = {"docs/networks.md": (*MODULES, *CELLS, *FORMS), "docs/studies.md": tuple(studies.names())}
ROWS = [(page, name) for page, names in NAMED.items() for name in names]


@pytest.mark.parametrize("page, name", ROWS)
def test_each_task_cell_form_and_study_has_its_row(page, name):
    assert re.search(rf"^\| `{name}` \|", TEXTS[page], re.MULTILINE)
