"""The effects: of each field over the whole design, and alone, in from either corner."""

from typing import NamedTuple

import numpy as np

from experiments.conventions import TABLE
from reports.pages.defaults.arms import Switches
from reports.statistics.factorial import Effect, family, main_effects, pair_effects

KERAS, PYTORCH = -1, 1


class Effects(NamedTuple):
    """What switching a field from Keras's convention to PyTorch's does, at one epoch; empty where not planned."""

    epoch: int
    over_design: list[Effect]  # by field
    from_keras: list[Effect]  # alone, all others Keras's
    from_pytorch: list[Effect]  # alone, all others PyTorch's
    pairs: list[Effect]
    corners: np.ndarray  # PyTorch's corner minus Keras's, (seeds,)

    @property
    def main(self) -> list[Effect]:
        """The effects that the page leads with: over the design, or else in from Keras's corner."""
        return self.over_design or self.from_keras or self.from_pytorch


def measured(switches: Switches, epoch: int) -> Effects:
    """Every effect that has two seeds at least."""
    design = switches.design
    outcomes = switches.outcomes(design, epoch) if design is not None else np.empty((0, 0))
    whole = main_effects(design, outcomes, switches.margin) if len(outcomes) > 1 else []
    pairs = pair_effects(design, outcomes) if len(outcomes) > 1 else []
    ends = switches.outcomes(np.array([[KERAS] * len(switches.fields), [PYTORCH] * len(switches.fields)]), epoch)
    corners = ends[:, 1] - ends[:, 0] if ends.size else np.empty(0)
    return Effects(epoch, whole, _alone(switches, KERAS, epoch), _alone(switches, PYTORCH, epoch), pairs, corners)


def _alone(switches: Switches, corner: int, epoch: int) -> list[Effect]:
    """Each field's switch from Keras's to PyTorch's convention, the others at ``corner``."""
    levels = switches.start(corner)
    outcomes = switches.outcomes(levels, epoch) if levels is not None else np.empty((0, 0))
    if len(outcomes) < 2:
        return []
    changes = -corner * (outcomes[:, 1:] - outcomes[:, :1])
    return family(list(changes.T), switches.margin)


def ranked(effects: list[Effect]) -> list[int]:
    """The fields' places, the largest effect first."""
    return sorted(range(len(effects)), key=lambda place: -abs(effects[place].estimate.value))


def convention(field: str, owner: str) -> str:
    """What a field means under an owner, such as ``N(0, 1)``."""
    return TABLE[field][owner]
