"""Verdicts on a bundle: on what must be the same everywhere, and on its claims."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from reports.replication.bundle import Bundle
from reports.replication.digests import may_differ
from reports.statistics.replication import Claim, Verdict, judge

RTOL = 1e-10  # of the reference's losses: sums are taken in another order on another processor


class Line(NamedTuple):
    """One verdict as it is printed."""

    what: str
    frozen: str
    new: str
    verdict: Verdict


def data(bundle: Bundle, new_digests: Mapping[str, str]) -> list[Line]:
    """Whether each task's data is the same."""
    return [
        Line(
            f"data {name}",
            digest[:12],
            new_digests.get(name, "none")[:12],
            "PASS" if new_digests.get(name) == digest else "FAIL",
        )
        for name, digest in bundle.data.items()
    ]


def draws(bundle: Bundle, new_digests: Mapping[str, str]) -> list[Line]:
    """Whether NumPy draws the same; the orthogonal draws apart, since LAPACK's last bits belong to a processor."""
    lines = []
    for what, orthogonal in (("NumPy's draws", False), ("orthogonal draws (LAPACK)", True)):
        wanted = {name: digest for name, digest in bundle.draws.items() if may_differ(name) == orthogonal}
        same = sum(new_digests.get(name) == digest for name, digest in wanted.items())
        verdict: Verdict = "PASS" if same == len(wanted) else "UNDECIDED" if orthogonal else "FAIL"
        if wanted:
            lines.append(Line(f"{what}, sha256", f"{len(wanted)}", f"{same} the same", verdict))
    return lines


def losses(bundle: Bundle, new_losses: Mapping[str, Sequence[float]]) -> Line:
    """Whether the reference computes the same."""
    errors = [_error(values, new_losses.get(name, ())) for name, values in bundle.losses.items()]
    largest = max(errors, default=0.0)
    verdict: Verdict = "PASS" if largest <= RTOL else "FAIL"
    return Line("the reference's losses, float64", f"{len(errors)} experiments", f"off by {largest:.0e}", verdict)


def _error(wanted: Sequence[float], computed: Sequence[float]) -> float:
    """The largest relative error."""
    if len(wanted) != len(computed):
        return float("inf")
    return float(np.max(np.abs(np.asarray(computed) / np.asarray(wanted) - 1), initial=0))


def claims(bundle: Bundle, new_claims: Sequence[Claim]) -> list[Line]:
    """A verdict on each claim; what has no new value is UNDECIDED."""
    known = {claim.name: claim for claim in new_claims if claim.part.variance >= 0}
    pairs = [(frozen.claim, known[frozen.name]) for frozen in bundle.claims if frozen.name in known]
    verdicts = judge([old for old, _ in pairs], [new for _, new in pairs])
    lines = {
        old.name: Line(old.name, _in_words(old), _in_words(new), verdict)
        for (old, new), verdict in zip(pairs, verdicts, strict=True)
    }
    missing = {
        frozen.name: Line(frozen.name, _in_words(frozen.claim), "not run", "UNDECIDED") for frozen in bundle.claims
    }
    return [lines.get(name, line) for name, line in missing.items()]


def _in_words(claim: Claim) -> str:
    if claim.rule == "all":
        return f"{claim.part.mean:.0%}, n = {claim.n}"
    estimate = claim.estimate
    margin = f", margin ±{claim.margin:g}" * (claim.rule == "equal")
    return f"{estimate.value:+.2f} ({estimate.low:+.2f} to {estimate.high:+.2f}), n = {claim.n}{margin}"
