"""Further rounds: of which variants, how many, and after a stop no round twice and none lost."""

from dataclasses import replace
from pathlib import Path

import pytest
from made_reports import timings as toys
from plans import native

from experiments.speed.outcome import TimingOutcome
from experiments.speed.phase import PHASE
from experiments.study import plan as plans
from experiments.study.phases import PHASES
from experiments.study.schema import Study
from experiments.tracking import listing
from experiments.tracking.recording.tracker import Tracker
from reports.data.load import gather_timings
from reports.pages.speed import further, page
from reports.pages.speed.timed.benchmarks import benchmarks, timed_variants

TABLE = {"task": "imdb", "network": {"cell": "lstm"}, "processes": 2, "threads": [1], "looks": 3}
FORMS = ("layer", "scratch", "tuned")


def laid(**told) -> plans.Plan:
    """The LSTM in three forms; ``told`` changes the table."""
    table = TABLE | {"vary": {"network.form": list(FORMS)}} | told
    study = Study.model_validate({"name": "toy", "description": "d", "speed": [table]})
    return plans.lay_out(study, Path("toy.toml"), native, lambda name: "1.0", lambda task: None)


class Machine:
    """Times what it is asked to, as ``seconds`` says of each form and framework, and records it."""

    def __init__(self, plan: plans.Plan, folder: Path, new_database, took: float = 1.0, **seconds: float) -> None:
        self.plan, self.uri = plan, new_database(folder)
        self.took, self.seconds, self.clock, self.done = took, seconds, 0.0, []

    def time(self, timings, failure: str = "") -> None:
        with Tracker(self.uri, "toy") as tracker:
            for each in timings:
                self.clock += 1.0
                self.done.append(each)
                tracker.keep(TimingOutcome(each, tuple(self._processes(each, failure)), self.clock), "speed")

    def _processes(self, timing, failure):
        step = self.seconds.get(f"{timing.framework}_{timing.spec.network.form}", 1.0)
        for number in timing.rounds:
            record = toys.record(number, [step * (1 + 0.01 * ((number + len(timing.framework)) % 3))] * 8)
            yield record | {"process_s": self.took, **({"failure": failure} if failure else {})}

    def ask(self, *only, tried=()):
        chosen = [each for each in self.plan.jobs("speed") if not only or each.spec.network.form in only]
        return further.ask(self.plan, self.uri, chosen, {each.fingerprint for each in tried})

    def rounds(self):
        """Of each variant, every round that was timed, in order."""
        numbers = {}
        for each in self.done:
            numbers.setdefault((each.framework, each.spec.network.form, each.copy), []).extend(each.rounds)
        return numbers


@pytest.fixture
def machine(tmp_path, new_database):
    def made(took: float = 1.0, table=(), **seconds: float) -> Machine:
        timer = Machine(laid(**dict(table)), tmp_path, new_database, took, **seconds)
        timer.time(timer.plan.jobs("speed"))
        return timer

    return made


def test_of_equal_variants_all_are_timed_further(machine):
    asked = {(each.framework, each.spec.network.form) for each in machine().ask()}
    assert asked == {(twin, form) for twin in toys.TWINS for form in FORMS}


def test_what_the_page_can_tell_apart_is_not_timed_further(machine):
    """PyTorch's forms are slower by far, each at its own pace; of TensorFlow's, two are asked about and equal."""
    timer = machine(pytorch_layer=9.0, pytorch_scratch=99.0, pytorch_tuned=999.0)
    assert {(each.framework, each.spec.network.form) for each in timer.ask()} == {
        ("tf2", form) for form in ("layer", "tuned")
    }


def test_a_round_holds_the_next_process_of_each_variant(machine):
    timer = machine()
    (number,) = {each.first for each in timer.ask()}
    assert number == 2 and {(each.processes, each.depth) for each in timer.ask()} == {(1, "step")}


def test_what_is_decided_is_left_alone(machine, monkeypatch):
    timer = machine()
    pairs = [each for each in timer.plan.jobs("speed") if each.spec.network.form == "tuned"]
    monkeypatch.setattr(further, "undecided", lambda results: [further.Open(tuple(pairs), True)])
    assert [(each.framework, each.spec.network.form) for each in timer.ask()] == [(t, "tuned") for t in toys.TWINS]
    monkeypatch.setattr(further, "undecided", lambda results: [])
    assert timer.ask() == []


def test_a_table_may_go_on_with_the_fastest_forms_alone(machine):
    """PyTorch's tuned form is the fastest of its own, and as fast as TensorFlow's layer: that is left to ask."""
    slower = {"pytorch_layer": 9.0, "tf2_tuned": 99.0, "tf2_scratch": 999.0, "pytorch_scratch": 999.0}
    every = machine(**slower)
    assert {each.spec.network.form for each in every.ask()} == {"layer", "tuned", "scratch"}
    fastest = [{"speed": (grid.model_copy(update={"further": "fastest"}),)} for grid in every.plan.study.speed]
    every.plan = replace(every.plan, study=every.plan.study.model_copy(update=fastest[0]))
    asked = {(each.framework, each.spec.network.form) for each in every.ask()}
    assert asked == {("tf2", "layer"), ("pytorch", "tuned")}


def test_a_pair_of_two_tables_is_timed_further_where_both_have_a_look_left(machine, monkeypatch):
    timer = machine()
    one, other = (each for each in timer.plan.jobs("speed") if each.spec.network.form == "tuned")
    monkeypatch.setattr(further, "undecided", lambda results: [further.Open((one, replace(other, group=1)), True)])
    assert timer.ask() == []


def test_looks_end_and_no_round_is_timed_twice_or_left_out_though_the_study_is_stopped_amid_each(machine):
    timer = machine()
    while jobs := timer.ask():
        timer.time(jobs[: max(1, len(jobs) // 2)])  # killed: a new start asks for what is missing
    assert all(sorted(numbers) == list(range(6)) for numbers in timer.rounds().values()) and len(timer.rounds()) == 6
    stored = gather_timings(timer.plan, timer.uri)
    assert {tuple(process["round"] for process in each.processes) for each in stored.timings} == {tuple(range(6))}
    assert stored.looks == 3


def test_what_a_look_wants_does_not_change_while_it_is_timed(machine, monkeypatch):
    """The pairs are judged by the rounds before the look: half of a look is none."""
    timer, seen = machine(), []
    real = further.undecided

    def watched(results):
        seen.append({len(each.processes) for each in results.timings})
        return real(results)

    monkeypatch.setattr(further, "undecided", watched)
    while jobs := timer.ask():
        timer.time(jobs[:2])
    assert all(len(counts) == 1 and counts <= {2, 4} for counts in seen)


def test_no_round_begins_after_the_minutes(machine):
    """Of six variants a round takes 60 s of processes: the second begins after one minute, the third no more."""
    timer = machine(took=10.0, table={"minutes": 1.5}.items())
    while jobs := timer.ask():
        timer.time(jobs)
    assert {tuple(numbers) for numbers in timer.rounds().values()} == {(0, 1, 2, 3)}


def test_with_one_look_nothing_is_asked(machine):
    timer = machine(table={"looks": 1}.items())
    assert timer.ask() == [] and not PHASE.more(timer.plan.study, timer.plan.jobs("speed")).jobs
    assert gather_timings(timer.plan, timer.uri).looks == 1


def test_of_a_pair_both_must_be_chosen(machine):
    timer = machine()
    assert {each.spec.network.form for each in timer.ask("tuned")} == {"tuned"}
    (alone,) = (each for each in timer.plan.jobs("speed") if each.framework == "tf2" and each.track == "tuned")
    assert further.ask(timer.plan, timer.uri, [alone], ()) == []


def test_what_failed_is_not_asked_for_again_until_the_next_start(machine):
    timer = machine()
    jobs = timer.ask()
    timer.time(jobs[:1], failure="no good")
    timer.time(jobs[1:])
    assert {each.first for each in timer.ask(tried=jobs)} == {3}
    assert [each.fingerprint for each in timer.ask()] == [jobs[0].fingerprint]


def test_a_variant_timed_against_itself_goes_along_and_calls_for_nothing(machine, monkeypatch):
    timer = machine(table={"against_itself": True}.items())
    again = [(each.framework, each.first) for each in timer.ask() if each.copy]
    assert again == [(twin, 2) for twin in toys.TWINS]
    monkeypatch.setattr(page, "asked", lambda known, rows: [])
    monkeypatch.setattr(page, "fastest", lambda known: [])
    assert timer.ask() == []


def test_further_rounds_belong_to_the_planned_ones_that_they_follow(machine):
    """Timed afresh, a variant begins again with its planned rounds."""
    timer = machine()
    timer.time(timer.ask())
    first = timer.plan.jobs("speed")[:1]
    timer.time(first)
    counts = {each.timing.fingerprint: len(each.processes) for each in gather_timings(timer.plan, timer.uri).timings}
    assert counts.pop(first[0].fingerprint) == 2 and set(counts.values()) == {3}


def test_figures_of_the_floor_are_of_the_planned_rounds():
    whole = toys.timed(toys.spec(), "tf2", [0.02] * 8, [0.02] * 8, floor=0.01)
    more = toys.steps_only(toys.timed(toys.spec(), "tf2", [0.04] * 8, [0.04] * 8, [0.04] * 8)).processes
    (row,) = timed_variants(toys.results(replace(whole, processes=(*whole.processes, *more))))
    assert row.has_floor and row.step == pytest.approx(0.04) and row.figures["floor/step_s"] == pytest.approx(0.01)
    (benchmark,) = benchmarks([row])
    assert benchmark.multiple(row) == pytest.approx(4.0)


def test_a_further_round_is_another_timing_of_the_same_variant():
    base = toys.timing(toys.spec(), "tf2")
    more = base.further(2)
    assert more.fingerprint != base.fingerprint and more.variant == base.variant
    assert more.name == f"{base.name} · process 3" and list(more.rounds) == [2]
    assert len({base.further(number).fingerprint for number in range(2, 9)}) == 7


def test_a_study_says_how_many_further_rounds_there_may_be():
    plan = laid(minutes=7)
    further_rounds = PHASE.more(plan.study, plan.jobs("speed"))
    assert len(further_rounds.jobs) == 6 * 2 * 2 and further_rounds.minutes == 7
    assert {number for each in further_rounds.jobs for number in each.rounds} == {2, 3, 4, 5}


def test_a_listing_says_so_too(machine):
    timer = machine(table={"minutes": 7}.items())
    chosen = {phase.name: timer.plan.jobs(phase.name) for phase in PHASES}
    *_, last = listing.lines(timer.plan, chosen, [], timer.uri, 1)
    assert last == "6 timings: 6 done, 0 to run; at most 24 more where the results ask for them, begun within 7 minutes"
