"""Freezing a recorded study and judging it with other seeds, planning and running handed in."""

from contextlib import nullcontext

import pytest
from made_reports import toys
from typer.testing import CliRunner

import frameworks
from experiments.tracking.recording.tracker import Tracker
from reports.replication import bundle as bundles
from reports.replication.command import FIRST_SEED, Door, freezing, replicating

TOML = """
name = "toy"
description = "A toy."
[[grid]]
task = "sine"
network = { cell = "lstm", form = "layer" }
"""


def door(uri: str, ran: list, gap: float = 3.0) -> Door:
    """Plans the made study, whatever the TOML says, and records made runs in place of training."""

    def run(plan, jobs, uri, folder):
        ran.extend(jobs["training"])
        with Tracker(uri, plan.study.name, "A toy.", jobs["training"]) as tracker:
            tracker.expect(jobs["training"])
            for trial in jobs["training"]:
                toys.record(tracker, toys.run_of(trial, gap))
        return []

    return Door(
        lambda study, *_: toys.plan(toys.planned(cells=("lstm",)), study=study), run, frameworks.load, nullcontext
    )


@pytest.fixture(scope="module")
def frozen(studied, tmp_path_factory):
    folder = tmp_path_factory.mktemp("frozen")
    (folder / "toy.toml").write_text(TOML)
    arguments = [str(folder / "toy.toml"), "--out", str(folder / "b.json"), "--tracking-uri", studied[0]]
    outcome = CliRunner().invoke(freezing, arguments, obj=door(studied[0], []), catch_exceptions=False)
    assert outcome.exit_code == 0 and "claims" in outcome.output
    return folder / "b.json"


def test_a_bundle_holds_claims_draws_losses_and_what_made_it(frozen):
    bundle = bundles.read(frozen)
    assert bundle.study == TOML and bundle.data == {toys.REVIEWS.name: toys.REVIEWS.digest}
    assert len(bundle.claims) == 5 and len(bundle.losses) == 2 and len(bundle.draws) > 30
    assert bundle.made["tf2"] == "tf2 1.0" and "processor" in bundle.made


@pytest.mark.parametrize(("gap", "status"), [(3.0, 0), (9.0, 1)])
def test_other_seeds_hold_the_claims_unless_the_effect_is_another(frozen, tmp_path, gap, status, new_database):
    uri, ran = new_database(tmp_path), []
    arguments = [str(frozen), "--tracking-uri", uri]
    outcome = CliRunner().invoke(replicating, arguments, obj=door(uri, ran, gap), catch_exceptions=False)
    assert outcome.exit_code == status, outcome.output
    assert {trial.seed for trial in ran} == {FIRST_SEED, FIRST_SEED + 1, FIRST_SEED + 2}
    assert {trial.spec.task.name for trial in ran} == {"imdb"}
    assert ("0 FAIL" in outcome.output) == (status == 0)
