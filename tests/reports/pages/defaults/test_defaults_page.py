"""The defaults page on made results whose effects are known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_reports import toys
from made_reports.switches import EFFECTS, SEEDS, TOGETHER, planned, results, run, table

from experiments.training.trial import Trial
from reports.html.blocks import Code, Details, Figure, Points, Table
from reports.pages.defaults import arms, page, tables
from reports.pages.defaults.effects import judged, measured


@pytest.fixture(scope="module")
def whole():
    return results(planned(table(), table(design="corners")))


def test_effects_are_found_within_their_intervals(whole):
    (switches,) = arms.settings(whole)
    assert switches.fields == tuple(EFFECTS) and switches.framework == "pytorch"
    effects = measured(switches, 2)
    for effect, truth in zip(effects.over_design, EFFECTS.values(), strict=True):
        assert abs(effect.estimate.value - truth) < 0.2 and effect.estimate.n == SEEDS
    assert [effect.verdict for effect in effects.over_design] == ["moves", "moves", "does not"]
    pair = max(effects.pairs, key=lambda each: abs(each.estimate.value))
    assert pair.fields == (0, 1) and abs(pair.estimate.value - TOGETHER) < 0.2
    alone = [effects.from_keras[0].estimate.value, effects.from_pytorch[0].estimate.value]
    assert alone == pytest.approx([-4 - TOGETHER, -4 + TOGETHER], abs=0.3), "the pair acts at the corners"
    assert effects.corners.mean() == pytest.approx(sum(EFFECTS.values()), abs=0.3)


def test_a_title_says_where_padding_is_one_of_the_switches(whole):
    (plain,) = arms.settings(whole)
    padded = replace(plain, fields=("padding_side", *plain.fields[1:]))
    assert plain.title.endswith(" on IMDB, 2 epochs") and padded.title.endswith(" on IMDB with padding, 2 epochs")


def test_the_page_answers_largest_first(whole):
    first, *_ = page.sections(whole)
    points, figure, *_ = first.blocks
    assert isinstance(points, Points) and isinstance(figure, Figure)
    assert points.items[0].startswith("PyTorch's N(0,\xa01) embedding costs ")
    assert points.items[1].startswith("Keras's time-shared dropout on every input costs ")
    assert all(" points (95% interval " in item and "n\xa0=\xa08)" in item for item in points.items[:2])
    assert points.items[2] == "Shown to change nothing beyond ±0.5 points: adam."
    assert [panel.title for panel in figure.panels] == [f"after epoch {n}, n\xa0=\xa08 seeds" for n in (1, 2)]
    folded = [type(block) for part in first.blocks if isinstance(part, Details) for block in part.blocks]
    assert folded == [Code, Code, Table, Figure, Table]


@pytest.mark.drawn
def test_the_charts_are_drawn(whole):
    blocks = page.sections(whole)[0].blocks
    folded = [block for part in blocks if isinstance(part, Details) for block in part.blocks]
    figures = [block for block in (*blocks, *folded) if isinstance(block, Figure)]
    assert len(figures) == 3, "dumbbells, curves and pairs"
    for panel in (panel for figure in figures for panel in figure.panels):
        assert "<path" in panel.svg and ("embedding" in panel.label or "dropout" in panel.label)


@pytest.mark.drawn
def test_both_directions_of_change_are_marked_and_names_are_whole(whole):
    _, dumbbells, *_ = page.sections(whole)[0].blocks
    assert {key.text for key in dumbbells.keys} >= {"in from Keras's corner", "out from PyTorch's corner"}
    for panel in dumbbells.panels:
        assert "Keras's better" in panel.svg and "PyTorch's better" in panel.svg
    (pairs,) = (
        block
        for part in page.sections(whole)[0].blocks
        if isinstance(part, Details)
        for block in part.blocks
        if isinstance(block, Figure)
    )
    assert pairs.panels[0].svg.count(">embedding<") == 2, "beside its row and above its column"


def test_verdicts_are_one_family_over_the_page(whole):
    both = results(planned(table(), table(network={"cell": "gru", "form": "layer"})))
    settings = judged(both)
    assert [each.family for each in settings] == [6, 6] and [each.switches.cell for each in settings] == ["lstm", "gru"]
    (alone,) = judged(whole)
    for wide, narrow in zip(settings[0].last.main, alone.last.main, strict=True):
        assert wide.together == narrow.together, "a panel's intervals are its own fields'"
        assert wide.equal >= narrow.equal and wide.differs >= narrow.differs


def test_both_frameworks_are_compared(whole):
    section = next(each for each in page.sections(whole) if each.name == "agreement")
    assert "an LSTM on IMDB, 2 epochs" in section.blocks[0].text and "mean gap" in section.blocks[0].text


def test_corners_alone_have_effects_and_no_design():
    made = results(planned(table(design="corners", start=["keras"])))
    (switches,) = arms.settings(made)
    effects = measured(switches, 2)
    assert effects.over_design == [] and effects.from_pytorch == [] and len(effects.main) == 3
    assert "no design" in page.sections(made)[-1].blocks[1].text
    assert [key.text for key in page.sections(made)[0].blocks[1].keys][-1] == "the interval includes zero", "no rings"


def test_seeds_that_lack_an_arm_are_left_out():
    trials = planned(table(both=0.0))
    part = toys.results(trials, [run(trial) for trial in trials if trial.seed or trial.spec.conventions.overrides])
    (switches,) = arms.settings(part)
    assert {effect.estimate.n for effect in measured(switches, 2).main} == {SEEDS - 1}


@pytest.mark.parametrize("design", ["corners", "factorial"])
def test_with_the_corners_alone_done_the_page_says_what_could_be_shown(design):
    trials = planned(table(design=design, seeds=3))
    ends = [trial for trial in trials if trial.spec.conventions.label in ("keras", "pytorch")]
    part = toys.results(trials, [run(trial) for trial in ends])
    text = str(page.sections(part))
    assert "No effect yet" in text and "an effect is shown with 80% power if it is at least" in text


def test_the_lines_to_add_fit_the_page(whole):
    (folded,) = (
        each for each in page.sections(whole)[0].blocks if isinstance(each, Details) and "lines" in each.summary
    )
    lines = [line for code in folded.blocks if isinstance(code, Code) for line in code.text.split("\n")]
    comments = [line for line in lines if line.startswith("#")]
    assert any("Dropout(0.5)" in line for line in comments) and max(map(len, comments)) <= tables.WIDTH
    assert all(line.startswith("# ") for line in comments)


def test_curves_are_drawn_once_two_seeds_have_run_the_design():
    corners = table(design="corners", start=["keras"], both=0.0)
    trials, begun = planned(corners, table(both=0.0)), {trial.fingerprint for trial in planned(corners)}
    part = toys.results(trials, [run(trial) for trial in trials if trial.seed == 0 or trial.fingerprint in begun])
    first = page.sections(part)[0].blocks
    assert [len(each.panels) for each in first if isinstance(each, Figure)] == [2], "the dumbbells of both epochs"


def test_nothing_run_yet_has_no_page():
    assert not page.planned(toys.results(planned(table()), []))


def test_other_studies_have_no_such_page():
    trials = toys.planned()
    assert not page.planned(toys.results(trials, [toys.run_of(trial) for trial in trials]))


@pytest.fixture(scope="module")
def sine():
    """A SimpleRNN on the sine, its errors known from the runs alone, as the query reads them."""
    setting = {"task": "sine", "network": {"cell": "simple_rnn", "form": "layer"}, "training": {"epochs": 3}}
    trials = [
        Trial(trial.spec, trial.framework, trial.version, trial.seed, toys.SINE)
        for trial in planned(table(**setting, fields=["kernel", "bias"], both=0.0))
    ]
    runs = [toys.run_of(trial) for trial in trials]
    for made in runs:
        owner = made.trial.spec.conventions.owner("kernel", "keras")
        noise = np.random.default_rng([made.trial.seed, len(made.trial.spec.slug)]).normal(0, 0.01)
        made.epochs[-1]["test/rollout_mse"] = 0.01 * 10 ** (noise + 0.3 * (owner == "pytorch"))
    complete = toys.results(trials, runs)
    return replace(complete, history=complete.history.drop(columns="test/rollout_mse"))


def test_of_an_error_the_factor_is_told(sine):
    section = page.sections(sine)[0]
    assert section.title == "A SimpleRNN on the sine, 3 epochs"
    assert section.blocks[0].items[0].startswith("PyTorch's U(±1/√hidden) kernel makes the rollout MSE 2.0")
    assert section.blocks[0].items[1] == "Shown to change nothing beyond a factor of 1.26: bias."
    assert "times as large (95% interval " in page.opening(sine)


def test_a_setting_that_has_not_begun_leaves_the_others_their_sections(whole, sine):
    begun = whole.trials.assign(state="missing")
    trials = pd.concat([whole.trials, sine.trials.assign(state="missing", **{"test/rollout_mse": np.nan})])
    first, *_ = page.sections(replace(whole, trials=trials))
    assert first.name == "imdb-lstm-2-3-fields"
    assert not page.planned(replace(whole, trials=begun, history=whole.history.iloc[:0]))
