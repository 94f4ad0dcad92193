"""The effects: of each field over the whole design, and alone, in from either corner."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.conventions import TABLE
from reports.data.cached import cached_by_results
from reports.data.results import Results
from reports.pages.defaults.arms import Switches, settings
from reports.statistics.factorial import Effect, adjusted, family, main_effects, pair_effects

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

    def with_main(self, main: list[Effect]) -> "Effects":
        """The same with the leading effects replaced."""
        name = next(name for name in ("over_design", "from_keras", "from_pytorch") if getattr(self, name))
        return self._replace(**{name: main})


class Judged(NamedTuple):
    """One setting with its effects at each epoch read; the verdicts are those of the last epoch."""

    switches: Switches
    epochs: list[Effects]  # without those that lack two seeds
    family: int  # how many fields are judged together

    @property
    def last(self) -> Effects:
        """The effects after the last epoch."""
        return self.epochs[-1]


@cached_by_results
def judged(results: Results) -> list[Judged]:
    """Every setting; the verdicts after the last epochs are one family, over all settings (Holm within the page)."""
    effects = [(switches, _known(switches)) for switches in settings(results)]
    shown = [(switches, epochs[-1]) for switches, epochs in effects if epochs]
    verdicts = iter(adjusted([last.main for _, last in shown], [switches.margin for switches, _ in shown]))
    size = sum(len(last.main) for _, last in shown)
    return [
        Judged(switches, [*epochs[:-1], *(last.with_main(next(verdicts)) for last in epochs[-1:])], size)
        for switches, epochs in effects
    ]


def _known(switches: Switches) -> list[Effects]:
    return [effects for epoch in switches.epochs if (effects := measured(switches, epoch)).main]


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


def ranked(effects: Sequence[Effect]) -> list[int]:
    """The fields' places, the largest effect first."""
    return sorted(range(len(effects)), key=lambda place: -abs(effects[place].estimate.value))


def moving(effects: Effects) -> list[int]:
    """The places of the fields that are shown to move the result, the largest effect first."""
    return [place for place in ranked(effects.main) if effects.main[place].verdict == "moves"]


def levels(switches: Switches, place: int, epoch: int) -> np.ndarray:
    """The mean outcome with one field at Keras's level and at PyTorch's, ``(seeds, 2)``: over the design's arms.

    Without a design the field is switched alone, all others Keras's (or PyTorch's where that is all there is).
    """
    arms = next(arms for arms in (switches.design, switches.start(KERAS), switches.start(PYTORCH)) if arms is not None)
    if switches.design is None:
        arms = arms[[0, place + 1]]
    outcomes = switches.outcomes(arms, epoch)
    return np.column_stack([outcomes[:, arms[:, place] == level].mean(axis=1) for level in (KERAS, PYTORCH)])


def convention(field: str, owner: str) -> str:
    """What a field means under an owner, such as ``N(0, 1)``."""
    return TABLE[field][owner]
