"""The rules of replication, what a bundle holds, and the verdicts on it."""

import json
import math
import tomllib

import pytest
from made_reports import toys

import frameworks
from experiments.errors import UserError
from experiments.study import STUDIES
from experiments.study.schema import Study
from reports.replication import bundle as bundles
from reports.replication import claims, digests, judge
from reports.replication.bundle import Bundle
from reports.statistics.intervals import Moment
from reports.statistics.replication import Claim
from reports.statistics.replication import judge as verdicts


def difference(value, error=0.5, freedom=4.0) -> Claim:
    return Claim("stock", "difference", Moment(value, error**2, freedom), 3)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        (5.0, 5.5, "PASS"),
        (5.0, 1.0, "FAIL"),  # four points lower, and its error is half a point
        (5.0, -5.0, "FAIL"),
        (0.1, 0.3, "PASS"),  # nothing then, nothing now
        (1.6, 1.0, "UNDECIDED"),  # the second holds zero, the first does not
    ],
)
def test_a_difference_is_held_to_the_first(first, second, verdict):
    assert verdicts([difference(first)], [difference(second)]) == [verdict]


def test_many_differences_are_judged_as_one_family():
    """Alone the change has p of about 0.03; among four it may be chance."""
    old, new = difference(5.0), difference(7.0)
    assert verdicts([old], [new]) == ["FAIL"]
    assert verdicts([old] * 4, [new, old, old, old]) == ["PASS"] * 4


@pytest.mark.parametrize(
    ("value", "error", "verdict"),
    [(0.1, 0.1, "PASS"), (0.0, 0.0, "PASS"), (3.0, 0.1, "FAIL"), (3.0, 0.0, "FAIL"), (0.5, 1.0, "UNDECIDED")],
)
def test_equality_is_shown_refuted_or_open(value, error, verdict):
    claim = Claim("equal", "equal", Moment(value, error**2, 4.0), 3)
    assert verdicts([claim], [claim]) == [verdict]


@pytest.mark.parametrize(("share", "verdict"), [(1.0, "PASS"), (0.99, "FAIL")])
def test_all_means_all(share, verdict):
    claim = Claim("checks", "all", Moment(share, 0.0, 0.0), 100)
    assert verdicts([claim], [claim]) == [verdict]


@pytest.fixture(scope="module")
def planned():
    return toys.planned()


@pytest.fixture(scope="module")
def found(planned) -> list[Claim]:
    return claims.claims(toys.results(planned, [toys.run_of(trial) for trial in planned]))


def test_each_cell_has_its_claims(found):
    lstm = [claim for claim in found if claim.name.startswith("lstm, epoch 4")]
    assert [claim.rule for claim in lstm] == ["difference"] * 3 + ["equal"] * 2
    stock = lstm[0].estimate
    assert 1 < stock.value < 5 and stock.low < 3 < stock.high, "made with 3 points between the conventions"


def made(found, **fields) -> Bundle:
    parts = {"study": "", "made": {}, "data": {"imdb": "d" * 64}, "draws": {}, "losses": {}}
    return Bundle(**parts | fields, claims=bundles.freeze(found))


def test_a_bundle_comes_back_from_its_file(found, tmp_path):
    bundle = made(found)
    (tmp_path / "b.json").write_text(bundle.model_dump_json())
    again = bundles.read(tmp_path / "b.json")
    assert again == bundle
    assert [frozen.claim.part for frozen in again.claims] == [claim.part for claim in found]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "not a bundle"),
        ("{}", "missing"),
        (json.dumps({"format": 2}), "format"),
    ],
)
def test_another_file_is_refused_in_one_line(text, said, tmp_path):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(UserError, match=said):
        bundles.read(tmp_path / "b.json")
    with pytest.raises(UserError, match="cannot be read"):
        bundles.read(tmp_path / "none.json")


def test_the_same_study_passes_and_what_did_not_run_is_undecided(found):
    lines = judge.claims(made(found), found)
    assert {line.verdict for line in lines} == {"PASS"}
    lines = judge.claims(made(found), found[1:])
    assert (lines[0].new, lines[0].verdict) == ("not run", "UNDECIDED")
    assert len(lines) == len(found)


def test_a_claim_without_a_spread_is_not_frozen(found):
    unknown = Claim("one seed", "difference", Moment(1.0, math.nan, 0.0), 1)
    assert [frozen.name for frozen in bundles.freeze([*found, unknown])] == [claim.name for claim in found]


@pytest.fixture(scope="module")
def specs(planned):
    small = {trial.spec.fingerprint: trial.spec for trial in planned if trial.spec.conventions.imposed}
    return [spec for spec in small.values() if spec.task.name == "imdb"][:2]


def test_draws_are_the_same_again_and_a_changed_one_is_found(specs, found):
    drawn = digests.draws(specs)
    assert drawn == digests.draws(specs) and len(drawn) > 20
    bundle = made(found, draws=drawn)
    assert {line.verdict for line in judge.draws(bundle, drawn)} == {"PASS"}
    orthogonal = next(name for name in drawn if digests.may_differ(name))
    plain = next(name for name in drawn if name.endswith("batch 1"))
    assert {line.verdict for line in judge.draws(bundle, drawn | {orthogonal: "0"})} == {"PASS", "UNDECIDED"}
    assert "FAIL" in {line.verdict for line in judge.draws(bundle, drawn | {plain: "0"})}


def test_the_references_losses_are_computed_again(specs, found):
    reference = frameworks.load("reference")
    losses = digests.reference_losses(specs, reference)
    bundle = made(found, losses=losses)
    assert judge.losses(bundle, losses).verdict == "PASS"
    name, values = next(iter(losses.items()))
    assert len(set(values)) == digests.STEPS, "it does not train"
    assert judge.losses(bundle, losses | {name: [value * (1 + 1e-9) for value in values]}).verdict == "FAIL"
    assert judge.losses(bundle, {}).verdict == "FAIL"


@pytest.mark.parametrize(("digest", "verdict"), [("d" * 64, "PASS"), ("e" * 64, "FAIL")])
def test_other_data_is_found(found, digest, verdict):
    (line,) = judge.data(made(found), {"imdb": digest})
    assert line.verdict == verdict


@pytest.mark.parametrize("file", sorted(STUDIES.with_name("bundles").glob("*.json")), ids=lambda file: file.stem)
def test_a_bundle_of_the_project_holds_a_study_with_claims_of_every_rule(file):
    bundle = bundles.read(file)
    assert Study.model_validate(tomllib.loads(bundle.study)).name == file.stem
    assert {claim.rule for claim in bundle.claims} == {"difference", "equal", "all"}
    assert bundle.draws and bundle.losses and all(claim.claim.part.variance >= 0 for claim in bundle.claims)
