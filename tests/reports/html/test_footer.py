"""What the footer counts, and whose versions it states where no trial is planned."""

from datetime import datetime

import pytest
from trap_cases import VERSIONS

from experiments.parity.phase import PHASE as PARITY
from experiments.speed.phase import PHASE as SPEED
from experiments.training.phase import PHASE as TRAINING
from experiments.traps.outcome import TrapRun
from experiments.traps.phase import PHASE as TRAPS
from reports.data.links import Links
from reports.data.query import Records
from reports.data.results import PhaseCount, Recorded, Results, join, planned_frame
from reports.html.footer import foot


def terms(**fields) -> dict[str, str]:
    trials, history = join(planned_frame([]), Records())
    return dict(foot(Results("mine", trials, history, Links(), **fields), datetime(2025, 1, 1)))


@pytest.mark.parametrize(
    "progress, said",
    [
        ((), "mine"),
        ((PhaseCount(TRAINING, 0, 0), PhaseCount(PARITY, 1, 1)), "mine: 1 of 1 parity check done"),
        ((PhaseCount(TRAPS, 1, 2), PhaseCount(SPEED, 0, 3)), "mine: 1 of 2 traps and 0 of 3 timings done"),
    ],
)
def test_each_phase_is_counted_by_its_own_noun(progress, said):
    assert terms(progress=progress)["Study"] == said


def test_a_study_of_traps_alone_has_the_frameworks_versions():
    assert terms(traps=(Recorded(TrapRun("gate_order", VERSIONS)),))["Versions"] == (
        "TensorFlow 2: tf2 1.0; PyTorch: pytorch 1.0"
    )
