"""The traps page: its order, what it shows of each trap, and what is missing."""

from dataclasses import replace

import pytest
from made_reports import toys
from trap_cases import SCORED, measured, outcome, recorded

from experiments.traps.catalogue import NOT_YET, TRAPS
from reports.data import artifacts
from reports.html.blocks import Code, Details, Points
from reports.pages.index import page as index
from reports.pages.traps import page


def gate_order(size=1.0):
    """A trap whose naive ports are off by ``size``."""
    twin = measured([1.0], [1.0 + size], [1.0], ("x = 0", "a = 1\nreturn a", "a = 2\nreturn a"))
    return outcome("gate_order", twin, twin)


def harmless():
    """A trap that bites in PyTorch alone."""
    right = measured([1.0], [1.0], [1.0], ("x = 0", "return 1", "return 1"))
    return outcome("padding_side", right, measured([1.0], [3.0], [1.0]))


def scored():
    """A trap that costs accuracy in TensorFlow 2, and nothing in PyTorch."""
    tf2 = measured([0.5] * 3, [0.50, 0.52, 0.51], [0.70, 0.73, 0.71])
    return outcome(SCORED[0], tf2, measured([0.5] * 3, [0.60, 0.62, 0.61], [0.61, 0.61, 0.61]))


def timed():
    """A trap that costs time in PyTorch: four times, within each of three rounds."""
    slow, fast = [(0.4, 90), (0.2, 90), (0.8, 80)], [(0.1, 0), (0.05, 0), (0.2, 0)]
    once = [(1.5, 0)]
    right = measured(once, once, once, ("x = 0", "return 1", "return 1"))
    return outcome("denormal_numbers", right, measured(slow, slow, fast))


def named(results) -> dict:
    return {section.name: section for section in page.sections(results)}


def flat(blocks) -> list:
    """The blocks, with what they hold in their place."""
    return [inner for each in blocks for inner in ([each, *flat(each.blocks)] if hasattr(each, "blocks") else [each])]


def text(found) -> str:
    return " ".join(
        str(getattr(block, "text", "")) for section in page.sections(found) for block in flat(section.blocks)
    )


def test_the_costliest_trap_comes_first():
    order = [block.summary.partition(":")[0] for block in named(recorded(gate_order(1.0), harmless()))["errors"].blocks]
    assert order == [TRAPS["padding_side"].title, TRAPS["gate_order"].title]


def test_a_trap_shows_both_ports_their_cost_and_its_threads():
    (block,) = named(recorded(gate_order()))["errors"].blocks
    assert isinstance(block, Details) and block.summary.endswith("TensorFlow 2 100%, PyTorch 100%")
    intro, given, first, _ = block.blocks
    assert given.text.startswith("Given: x (8, 20, 6)") and "Compared: the last output." in given.text
    assert [link.text for link in intro.links] == [*TRAPS["gate_order"].threads, "run in MLflow"]
    assert intro.links[0].href == "https://github.com/keras-team/keras/issues/8720"
    codes = [each for each in first.blocks if isinstance(each, Code)]
    assert [(each.title, each.text) for each in codes] == [
        ("The original in PyTorch", "x = 0"),
        ("Naive", "a = 1\nreturn a"),
        ("Right: 1 line to change", "a = 2\nreturn a"),
    ]
    assert "Error: naive 1.0, right 0." in text(recorded(gate_order()))


def test_where_a_trap_does_not_bite_the_reason_is_said():
    said = text(recorded(harmless()))
    assert TRAPS["padding_side"].harmless["tf2"] in said
    assert "Of 2 naive ports of 1 trap, 1 is wrong" in said
    assert "TensorFlow 2 nothing" in named(recorded(harmless()))["errors"].blocks[0].summary


def test_accuracies_stand_apart_with_their_intervals():
    sections = named(recorded(gate_order(), scored()))
    (block,) = sections["accuracy"].blocks
    assert "TensorFlow 2 −20.3 points" in block.summary and "PyTorch nothing" in block.summary
    assert "Naive minus right: −20.33 points (95% interval −21.77 to −18.90, n\u00a0=\u00a03)" in text(
        recorded(scored())
    )


def test_times_stand_apart_as_ratios_with_what_was_counted():
    results = recorded(gate_order(), timed())
    (block,) = named(results)["time"].blocks
    assert block.summary.endswith("TensorFlow 2 nothing, PyTorch 4.0 times as long")
    said = text(results)
    assert "naive 400 ms with 90 denormal numbers, right 100 ms with 0 denormal numbers" in said
    assert "4.00 times as long as right (95% interval 4.00 to 4.00, n\u00a0=\u00a03 rounds of both)" in said
    assert "Of 2 naive ports of 1 trap, 2 are wrong without any error message. Of 2 naive ports of 1 trap that" in said
    assert "that costs time, 1 takes longer than the right one." in said
    assert (
        "A step: 1.50 s with 0 denormal numbers, n\u00a0=\u00a01." in said
        and TRAPS["denormal_numbers"].harmless["tf2"] in said
    )


@pytest.mark.drawn
def test_the_chart_has_a_panel_for_each_unit():
    blocks = named(recorded(gate_order(), scored(), timed()))["costs"].blocks
    (figure,) = (block for block in blocks if hasattr(block, "panels"))
    assert [panel.title for panel in figure.panels] == ["Errors of the output", "Accuracy", "Time"]
    assert "denormal numbers: TensorFlow 2 1.0 times as long, PyTorch 4.0" in figure.panels[2].label
    assert "gate order: TensorFlow 2 1.0, PyTorch 1.0" in figure.panels[0].label


def test_a_right_port_that_is_off_is_said():
    off = outcome("gate_order", measured([1.0], [3.0], [2.0]), measured([1.0], [1.5], [1.0]))
    ((_, reason),) = named(recorded(off))["failed"].blocks[0].rows
    assert "the right port into tf2 is off by 1" in reason.text


def test_what_has_not_run_is_said():
    results = recorded(missing=["gate_order"])
    assert "Of 1 trap, 0 are done, 1 not yet run" in text(results)
    assert set(named(results)) == {"costs", "not-yet"}


def test_what_cannot_run_is_listed_with_its_reason():
    (table,) = named(recorded(gate_order()))["not-yet"].blocks
    assert [row[-1].text for row in table.rows] == [each.reason for each in NOT_YET]


def on_the_front_page(found) -> list:
    study = replace(toys.results([], []), traps=found.traps)
    return [group for group in index.answers(study) if group.title == "Where do ports go wrong?"]


def test_the_front_page_names_the_three_costliest_traps():
    sizes = {"adam_epsilon": 0.1, "layer_norm": 0.02, "gru_reset": 0.5}
    others = [outcome(name, *[measured([1.0], [1 + size], [1.0])] * 2) for name, size in sizes.items()]
    (group,) = on_the_front_page(recorded(harmless(), *others))
    said, _, points, link = group.blocks
    assert said.text.startswith("Of 8 naive ports of 4 traps, 7 are wrong without any error message")
    named = ["padding_side", "gru_reset", "adam_epsilon"]
    assert [item.partition(":")[0] for item in points.items] == [TRAPS[name].title for name in named]
    assert points.items[0].endswith("TensorFlow 2 nothing, PyTorch 200%")
    assert link.links[0].href == "traps.html"


def test_the_front_page_tells_errors_from_points_of_accuracy():
    (group,) = on_the_front_page(recorded(gate_order(), scored()))
    errors, accuracies = (block.items for block in group.blocks if isinstance(block, Points))
    assert len(errors) == len(accuracies) == 1 and "−20.3 points" in accuracies[0]


@pytest.mark.parametrize("found", [recorded(), recorded(missing=["gate_order"])], ids=["none", "not yet"])
def test_the_front_page_is_silent_on_traps_that_have_not_run(found):
    assert on_the_front_page(found) == []


def test_a_study_without_traps_has_no_such_page():
    assert not page.planned(recorded()) and page.planned(recorded(missing=["gate_order"]))


@pytest.mark.parametrize("broken", ["{", "[]", '{"trap": "gate_order"}'])
def test_another_file_is_refused(broken):
    with pytest.raises(ValueError):
        artifacts.trap(broken)
