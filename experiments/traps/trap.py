"""What a trap is: the neutral half of it. Its code stands in a module of the same name in each twin."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: What every trap's module has in both twins. Each takes the trap's case and returns what is compared.
#: ``original``: the network as this framework's users write it; ``naive``: the other framework's network ported as it
#: is done at first; ``right``: the port that gives the other framework's numbers.
FUNCTIONS = ("original", "naive", "right")

#: A naive port with a smaller error than this is not wrong: there is no trap.
MEANINGFUL = 1e-3


@dataclass(frozen=True)
class Trap:
    """One trap. ``theme`` and ``name`` are the folder and the module of its code in each twin.

    ``case`` makes the arguments of its functions from a seed; its docstring says what they are. A trap that ``scores``
    has functions that train and return a test accuracy. One that costs time names what is ``counted`` beside it: its
    functions return seconds and that number, for one step, and are run in turn, ``measure.ROUNDS`` times each after
    ``warm_up`` times; the ratio of naive to right counts. The others return arrays, and the largest error counts, as a
    share of the largest value. A right port's error is at most ``tolerance``. ``harmless`` maps a twin into which even
    the naive port is right to the reason.
    """

    theme: str
    name: str
    title: str
    happens: str
    compared: str
    case: Callable[[int], dict[str, Any]]
    threads: tuple[str, ...]
    tolerance: float = 1e-4
    scores: bool = False
    counted: str = ""
    warm_up: int = 1
    harmless: Mapping[str, str] = field(default_factory=dict)

    @property
    def meaningful(self) -> float:
        """A naive port with no larger error than this is not wrong."""
        return max(MEANINGFUL, self.tolerance)

    @property
    def errs(self) -> bool:
        """Whether its cost is an error: it neither trains nor is timed."""
        return not (self.scores or self.counted)

    @property
    def path(self) -> str:
        """The module in each twin's ``traps`` package."""
        return f"{self.theme}.{self.name}"


@dataclass(frozen=True)
class NotYet:
    """A trap that this program cannot run, and why."""

    name: str
    title: str
    happens: str
    threads: tuple[str, ...]
    reason: str
