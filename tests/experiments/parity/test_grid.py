"""What a [ladder] table asks for, and what makes two checks the same."""

from collections import Counter
from pathlib import Path

import pytest
from ladder.cases import make_check
from ladder.toys import versions

import frameworks
from experiments.errors import UserError
from experiments.parity import check as parity_check
from experiments.parity.grid import LadderGrid, checks_of
from experiments.parity.measure import ALL, STEPS
from experiments.protocol import Absent, Native
from experiments.study import plan, schema
from experiments.study.grid import Grid
from experiments.study.phase import Answers
from experiments.twins import REFERENCE

CELLS = ["simple_rnn", "lstm", {"cell": "gru", "bidirectional": True, "form": "layer"}]


def test_the_grid_is_the_whole_product():
    specs = LadderGrid(cells=CELLS[:2]).specs()
    combinations = {(s.network.cell, s.network.form, s.conventions.base, s.training.dtype) for s in specs}
    assert len(specs) == len(combinations) == 2 * 6 * 2 * 2


def test_alternating_takes_every_cell_and_form_once_and_each_conventions_in_each_dtype():
    specs = LadderGrid(cells=CELLS[:2], alternate=True).specs()
    assert len({(s.network.cell, s.network.form) for s in specs}) == len(specs) == 2 * 6
    met = Counter((s.network.cell, s.training.dtype, s.conventions.base) for s in specs)
    assert len(met) == 2 * 2 * 2 and set(met.values()) == {1, 2}


def test_each_check_steps_the_next_optimisers_until_all_had_their_turn():
    grid = LadderGrid(cells=["lstm"], forms=["layer", "scratch"], optimisers=3)
    answers = Answers(Path(), lambda *_: Native(), versions, None)
    work = checks_of(grid, ("tf2", "pytorch"), answers)
    chosen = [check.optimisers for check in work.jobs]
    assert {len(names) for names in chosen} == {3}
    assert set(Counter(name for names in chosen for name in names).values()) == {3} and len(chosen) == 8
    jobs = [check.jobs() for check in work.jobs]
    assert [job["tf2"].optimisers for job in jobs] == chosen
    assert {job[REFERENCE].optimisers for job in jobs} == {ALL}
    whole = checks_of(grid.model_copy(update={"optimisers": 8}), ("tf2", "pytorch"), answers).jobs
    assert len({check.fingerprint for check in (*work.jobs, *whole)}) == 16


def test_a_study_may_compare_fewer_losses_which_is_another_check():
    answers = Answers(Path(), lambda *_: Native(), versions, None)
    grid = LadderGrid(cells=["lstm"], forms=["layer"], dtypes=["float64"], conventions=["keras"])
    (whole,), (short,) = (
        checks_of(grid.model_copy(update={"steps": steps}), ("tf2", "pytorch"), answers).jobs for steps in (STEPS, 80)
    )
    assert whole.fingerprint != short.fingerprint and whole.slug == short.slug
    for name, job in short.jobs().items():
        assert job.steps == 80 and job.fingerprint != whole.jobs()[name].fingerprint
    losses = list(short.jobs()[REFERENCE].run(frameworks.load(REFERENCE)))[4].values["loss"]
    assert len(losses) == 80


def test_a_ladder_may_take_a_gpu_and_its_reference_stays_the_same():
    plain, moved = (LadderGrid(cells=["lstm"], forms=["layer"], device=device).specs() for device in ("cpu", "auto"))
    assert {spec.training.device for spec in moved} == {"auto"} and len(plain) == len(moved) == 4
    checks = [parity_check.ParityCheck(spec, (("pytorch", "1"), ("reference", "1"))) for spec in (plain[0], moved[0])]
    assert checks[0].fingerprint != checks[1].fingerprint and checks[1].slug == f"{checks[0].slug}-auto"
    one, other = (check.jobs() for check in checks)
    assert one["reference"].fingerprint == other["reference"].fingerprint
    assert one["pytorch"].fingerprint != other["pytorch"].fingerprint


def test_a_cell_may_name_its_only_form():
    specs = LadderGrid(cells=CELLS[2:], conventions=["keras"], dtypes=["float32"]).specs()
    assert [spec.variant for spec in specs] == ["gru+bidirectional"]


@pytest.mark.parametrize("cell", ["lsmt", {"cell": "lstm", "unit": 3}, "lstm_projection"])
def test_a_wrong_cell_is_one_line(tmp_path, cell):
    made = schema.Study(name="toy", description="", grid=[Grid(task="sine")], ladder=LadderGrid(cells=[cell]))
    made = made.model_copy(update={"grid": ()})  # the ladder alone
    with pytest.raises(UserError, match=r"toy\.toml: ladder: .*allow"):
        plan.lay_out(made, Path("toy.toml"), lambda *_: Native(), versions, None)


def test_what_one_twin_lacks_the_other_climbs_with_the_reference():
    def supports(name, spec):
        lacks = {"tf2": ("layer", "unrolled"), "pytorch": ("unrolled",)}.get(name, ())
        return Absent(f"{name} has none") if spec.network.form in lacks else Native()

    grid = LadderGrid(cells=["lstm"], conventions=["keras"], dtypes=["float64"])
    work = checks_of(grid, ("tf2", "pytorch"), Answers(Path(), supports, versions, None))
    pairs = {check.spec.network.form: check.pairs for check in work.jobs}
    assert pairs["layer"] == (("pytorch", "reference"),)
    assert pairs["scratch"] == (("tf2", "reference"), ("pytorch", "reference"), ("tf2", "pytorch"))
    assert "unrolled" not in pairs
    assert [(each.framework, each.job.spec.network.form) for each in work.absent] == [
        ("tf2", "layer"),
        ("tf2", "unrolled"),
        ("pytorch", "unrolled"),
    ]


def test_the_forms_share_the_references_measurement():
    jobs = [make_check(form=form).jobs()["reference"] for form in ("layer", "scratch")]
    assert jobs[0].fingerprint == jobs[1].fingerprint and jobs[0].spec.network.form == "scratch"


@pytest.mark.parametrize("change", ["spec", "version", "ladder"])
def test_the_fingerprint_covers_spec_versions_and_the_ladder(monkeypatch, change):
    check = other = make_check()
    before = check.fingerprint
    if change == "spec":
        other = make_check(dtype="float32")
    elif change == "version":
        other = parity_check.ParityCheck(check.spec, (("tf2", "2.0"), *check.versions[1:]))
    else:
        monkeypatch.setattr(parity_check, "VERSION", 99)
        other = make_check()
    assert other.fingerprint != before
