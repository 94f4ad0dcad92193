"""The defaults page on made results whose effects are known."""

import numpy as np
import pytest
from made_reports import toys

from experiments.study.defaults import LEVELS, Defaults
from experiments.training.trial import Trial
from reports.html.blocks import Code, Details, Figure, Points, Table
from reports.pages.defaults import arms, page
from reports.pages.defaults.effects import measured

EFFECTS = {"embedding": -4.0, "dropout": 2.0, "adam": 0.0}
TOGETHER = 1.0  # of embedding and dropout
SETTING = {"task": "imdb", "network": {"cell": "lstm", "form": "layer"}, "training": {"epochs": 2}}
SEEDS = 8


def table(**fields) -> Defaults:
    return Defaults.model_validate(SETTING | {"fields": list(EFFECTS), "seeds": SEEDS, "both": 0.2} | fields)


def planned(*tables: Defaults) -> list[Trial]:
    made = [
        Trial(spec, name, f"{name} 1.0", seed, toys.REVIEWS)
        for each in tables
        for spec in each.specs(None, "")
        for name, seed in each.trials(spec)
    ]
    return list({trial.fingerprint: trial for trial in made}.values())


def run(trial: Trial) -> toys.Run:
    """Its last accuracy is the sum of the effects, a seed's own level and noise that both twins share."""
    signs = {owner: level for level, owner in LEVELS.items()}
    x = {name: signs[trial.spec.conventions.owner(name, "keras")] for name in EFFECTS}
    noise = np.random.default_rng([trial.seed, *(level + 1 for level in x.values())]).normal(0, 0.1)
    points = 75 + trial.seed + sum(effect * x[name] / 2 for name, effect in EFFECTS.items())
    points += TOGETHER * x["embedding"] * x["dropout"] / 2 + noise
    made = toys.run_of(trial)
    made.epochs[-1]["test/accuracy"] = points / 100
    return made


def results(trials):
    return toys.results(trials, [run(trial) for trial in trials])


@pytest.fixture(scope="module")
def whole():
    return results(planned(table(), table(design="corners")))


def test_effects_are_found_within_their_intervals(whole):
    (switches,) = arms.settings(whole)
    assert switches.fields == tuple(EFFECTS) and switches.framework == "pytorch"
    found = measured(switches, 2)
    for effect, truth in zip(found.over_design, EFFECTS.values(), strict=True):
        assert abs(effect.estimate.value - truth) < 0.2 and effect.estimate.n == SEEDS
    assert [effect.verdict for effect in found.over_design] == ["moves", "moves", "does not"]
    pair = max(found.pairs, key=lambda each: abs(each.estimate.value))
    assert pair.fields == (0, 1) and abs(pair.estimate.value - TOGETHER) < 0.2
    alone = [found.from_keras[0].estimate.value, found.from_pytorch[0].estimate.value]
    assert alone == pytest.approx([-4 - TOGETHER, -4 + TOGETHER], abs=0.3), "the pair acts at the corners"
    assert found.corners.mean() == pytest.approx(sum(EFFECTS.values()), abs=0.3)


def test_the_page_answers_largest_first(whole):
    first, *_ = page.sections(whole)
    points, figure, *_ = first.blocks
    assert isinstance(points, Points) and isinstance(figure, Figure)
    assert points.items[0].startswith("embedding: PyTorch's (N(0, 1)) in place of Keras's (U(−0.05, 0.05)) −4")
    assert points.items[1].startswith("dropout") and "n = 8 seeds" in points.items[1]
    assert points.items[2] == "Shown to change nothing beyond ±0.5 points: adam."
    assert len(figure.panels) == 2, "after the first epoch and the second"
    folded = [type(block) for part in first.blocks if isinstance(part, Details) for block in part.blocks]
    assert folded == [Code, Code, Table, Figure, Table]


@pytest.mark.drawn
def test_the_charts_are_drawn(whole):
    blocks = page.sections(whole)[0].blocks
    folded = [block for part in blocks if isinstance(part, Details) for block in part.blocks]
    figures = [block for block in (*blocks, *folded) if isinstance(block, Figure)]
    assert len(figures) == 2
    for panel in (panel for figure in figures for panel in figure.panels):
        assert "<path" in panel.svg and "embedding" in panel.label


def test_both_frameworks_are_compared(whole):
    section = next(each for each in page.sections(whole) if each.name == "agreement")
    assert "lstm on imdb" in section.blocks[0].text and "mean gap" in section.blocks[0].text


def test_corners_alone_have_effects_and_no_design():
    made = results(planned(table(design="corners", start=["keras"])))
    (switches,) = arms.settings(made)
    found = measured(switches, 2)
    assert found.over_design == [] and found.from_pytorch == [] and len(found.main) == 3
    assert "no design" in page.sections(made)[-1].blocks[1].text


def test_seeds_that_lack_an_arm_are_left_out():
    trials = planned(table(both=0.0))
    part = toys.results(trials, [run(trial) for trial in trials if trial.seed or trial.spec.conventions.overrides])
    (switches,) = arms.settings(part)
    assert {effect.estimate.n for effect in measured(switches, 2).main} == {SEEDS - 1}


def test_nothing_run_yet_has_no_page():
    assert not page.planned(toys.results(planned(table()), []))


def test_other_studies_have_no_such_page():
    trials = toys.planned()
    assert not page.planned(toys.results(trials, [toys.run_of(trial) for trial in trials]))
