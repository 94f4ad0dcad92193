"""The bundle: a study's claims, and what they rest on, as one JSON file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from experiments.errors import UserError
from experiments.frozen import Frozen
from experiments.study.explain import explain
from reports.statistics.intervals import Moment
from reports.statistics.replication import Claim, Rule

FORMAT = 1
RULES = (
    "difference: FAIL where the new estimate differs from the frozen one (Welch's t test at 5%, Holm over the bundle); "
    "else PASS where both 95% intervals exclude zero on the same side or neither does; else UNDECIDED. "
    "equal: PASS where the new 90% interval lies within the margin, FAIL where the new 95% interval lies outside it, "
    "else UNDECIDED. all: PASS where every check passes."
)


class FrozenClaim(Frozen):
    """A claim in numbers that JSON holds; ``low`` and ``high`` are for readers."""

    name: str
    rule: Rule
    value: float
    variance: float = Field(ge=0)  # of the value
    freedom: float = Field(ge=0)
    n: int = Field(ge=1)
    margin: float = Field(gt=0)
    low: float | None
    high: float | None

    @property
    def claim(self) -> Claim:
        """As the rules take it."""
        return Claim(self.name, self.rule, Moment(self.value, self.variance, self.freedom), self.n, self.margin)


class Bundle(Frozen):
    """What a replication needs to know of a study."""

    format: Literal[1] = FORMAT
    study: str  # the TOML, whole
    rules: str = RULES
    made: dict[str, str]  # what made it: releases, processor
    data: dict[str, str]  # a task's data -> sha256
    draws: dict[str, str]  # a NumPy draw -> sha256
    losses: dict[str, list[float]]  # an experiment -> the reference's first losses, float64
    claims: list[FrozenClaim] = Field(min_length=1)


def freeze(claims: Sequence[Claim]) -> list[FrozenClaim]:
    """The claims as a bundle holds them; one without a known spread cannot be judged and is left out."""
    return [_frozen(claim) for claim in claims if claim.part.variance >= 0]  # NaN is not


def _frozen(claim: Claim) -> FrozenClaim:
    mean, variance, freedom = map(float, claim.part)
    low, high = (None, None) if claim.rule == "all" else map(float, claim.estimate[1:3])
    fields = {"value": mean, "variance": variance, "freedom": freedom, "low": low, "high": high}
    return FrozenClaim(name=claim.name, rule=claim.rule, n=claim.n, margin=claim.margin, **fields)


def read(path: Path) -> Bundle:
    """Read and check a bundle.

    Raises:
        UserError: it is not one; in one line the file, the field and what is allowed.
    """
    try:
        return Bundle.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UserError(f"{path}: not a bundle: {explain(error, Bundle)}") from error
