"""Whether each cell's tuned form is the fastest: the check that is kept, and the README's sentence."""

from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import pytest
from made_reports import timings as toys
from made_reports.speed_page import flat
from typer.testing import CliRunner

from experiments.errors import UserError
from experiments.study.schema import STUDIES
from reports.replication import tuned

LAYERS = {"tf2": {"lstm": 0.4, "gru": 0.4}, "pytorch": {"lstm": 0.2, "gru": 0.101}}


@pytest.fixture
def results():
    """Every tuned form takes 0.1 s but PyTorch's LSTM's, which takes 0.4; the layers as they are in LAYERS."""
    made = []
    for twin, cells in LAYERS.items():
        for cell, seconds in cells.items():
            made.append(flat(twin, seconds, cell=cell))
            made.append(flat(twin, 0.4 if (twin, cell) == ("pytorch", "lstm") else 0.1, "tuned", cell=cell))
    return toys.results(*made, flat("tf2", 0.3, threads=1), flat("tf2", 0.1, "tuned", threads=1))


def test_each_cell_and_framework_has_its_verdict(results):
    checked = tuned.check(results)
    verdicts = {(row.setting, row.cell, row.framework): row.verdict for row in checked.rows}
    assert verdicts == {
        ("imdb, 2 threads", "lstm", "tf2"): "faster",
        ("imdb, 2 threads", "lstm", "pytorch"): "slower",
        ("imdb, 2 threads", "gru", "tf2"): "faster",
        ("imdb, 2 threads", "gru", "pytorch"): "too close to call",
        ("imdb, 1 thread", "lstm", "tf2"): "faster",
    }
    assert {(row.other, row.steps, row.processes) for row in checked.rows} == {("layer", 20, 2)}
    assert checked.made["tf2"] == "tf2 1.0" and checked.made["processor"] == "Toy CPU"
    assert all(row.low < row.ratio < row.high for row in checked.rows)


def test_the_sentence_says_where_it_is_the_fastest_and_which_form_is_where_not(results):
    text = tuned.sentence(tuned.check(results))
    assert all(len(line) <= 120 for line in text.splitlines()) and text.endswith(".\n")
    words = " ".join(text.split())
    assert words.startswith(
        "- Is the `tuned` form the fastest? Beside the fastest other form of its framework (imdb, 2 "
    )
    assert (
        "faster in 2 of 4 pairs of cell and framework (4.0 times), slower in 1 (PyTorch's `layer` for `lstm`, " in words
    )
    assert "2.00 times as fast, " in words and "and too close to call in 1; n = 20 steps × 2 processes each" in words
    assert words.endswith("In all 2 settings of task and threads, 5 pairs: 3, 1 and 1, in this order.")


def test_a_sentence_on_one_setting_names_no_others(results):
    kept = [each for each in results.timings if each.timing.threads == 2]
    assert "settings" not in tuned.sentence(tuned.check(replace(results, timings=tuple(kept))))


def test_without_a_tuned_form_there_is_nothing_to_check():
    with pytest.raises(UserError, match="run the study's speed phase first"):
        tuned.check(toys.results(flat("tf2", 0.1)))


def test_the_command_writes_the_check_and_the_sentence_and_nothing_else_of_the_readme(results, tmp_path, monkeypatch):
    readme, out = tmp_path / "README.md", tmp_path / "tuned.json"
    readme.write_text("before\n" + tuned.MARKS[0] + "an older one\n" + tuned.MARKS[1] + "after\n")
    monkeypatch.setattr(tuned, "gather_timings", lambda plan, uri: results)
    door = SimpleNamespace(lay_out=lambda *arguments: None, exit_codes=nullcontext)
    command = [str(STUDIES / "speed.toml"), "--out", str(out), "--readme", str(readme)]
    said = CliRunner().invoke(tuned.checking, command, obj=door, catch_exceptions=False)
    assert said.exit_code == 0 and "lstm             pytorch  slower: 0.500 (" in said.output
    text, made = readme.read_text(), tuned.sentence(tuned.read(out))
    assert text == "before\n" + tuned.MARKS[0] + made + tuned.MARKS[1] + "after\n" and tuned.between(text) == made


@pytest.mark.parametrize("text", ["", tuned.MARKS[0], "".join(tuned.MARKS) * 2])
def test_a_readme_without_a_place_for_it_is_left_alone(results, tmp_path, text):
    with pytest.raises(UserError, match="no place for the sentence"):
        tuned.put(text, "made\n", tmp_path / "README.md")


def test_what_is_no_check_is_refused_in_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        tuned.read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(UserError, match="not a check of the tuned forms"):
        tuned.read(tmp_path / "bad.json")
