"""A store that is away: the study goes on, and what is recorded in the end is what no outage would have left."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
import toys
import typer
from fake_mlflow import Store
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from tracking_cases import STARTED, TRIAL, TWINS, epoch, whole

import run_all
from experiments.errors import NotWritten, UserError
from experiments.events import Failed, Progressed, Retried
from experiments.tracking import outage, runs
from experiments.tracking.recording import tracker
from experiments.tracking.recording.tracker import Tracker

URI = "http://me:secret@server:5000"
AWAY = MlflowException("API request to http://me:secret@server:5000/x failed: [Errno 111] Connection refused'))")
FORBIDDEN = MlflowException("API request to endpoint /x failed with error code 403 != 200. Response body: 'no'")
FAILING = toys.trial(training={"epochs": 1})
EVENTS = [
    *(pair for pairs in zip(whole(TWINS[0], 0.5), whole(TWINS[2], 0.25), strict=True) for pair in pairs),
    (FAILING, STARTED),
    (TWINS[1], STARTED),
    (TWINS[1], Retried("the worker died")),
    *whole(TWINS[1], 1.0),
    (FAILING, Failed("the loss is nan", "Traceback …")),
    *whole(TWINS[3], 0.75),
]
RECORD = SimpleNamespace(
    spec=toys.spec(), title="a climb", tags={"kind": "climb"}, metrics={"error": 0.5}, files={"ladder.json": b"{}"},
    failure="", began=1.0,
)  # fmt: skip
TRIALS = list(dict.fromkeys(trial for trial, _ in EVENTS))


class Crash(BaseException):
    """The process ends here."""


@pytest.fixture
def server(journals, monkeypatch):
    """A store in memory in a server's place, asked again at once."""
    store = Store()
    monkeypatch.setattr(tracker, "open_store", lambda uri: None)
    monkeypatch.setattr(tracker, "MlflowClient", lambda uri: store.client())
    monkeypatch.setattr(runs, "MlflowClient", lambda uri: store.client())
    monkeypatch.setattr(outage, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(outage, "LONGEST_PAUSE_S", 0.0)
    yield store
    assert "secret" not in repr(store.record())
    assert not [path for path in journals.rglob("*") if path.is_file() and b"secret" in path.read_bytes()]


def start(said=None):
    study = Tracker(URI, "toy", "What it is.", TRIALS)
    study.say = [].append if said is None else said.append
    return study


def go(study, events=EVENTS):
    study.expect(TRIALS)
    for trial, event in events:
        study.record(trial, event)
    study.keep(RECORD, "parity")


def undisturbed_record():
    """What a study without an outage leaves; in a store of its own."""
    store = Store()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracker, "open_store", lambda uri: None)
        patch.setattr(tracker, "MlflowClient", lambda uri: store.client())
        with start() as study:
            go(study)
    return store.record()


def failing(*numbers, done=False, error=AWAY):
    """A fault at these calls, before they are done or after."""

    def fault(number, after):
        if number in numbers and after == done:
            raise error

    return fault


@pytest.fixture
def wanted(journals):
    return undisturbed_record()


EACH = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
CALLS = st.integers(8, 120)  # the first ones are the start's


@EACH
@given(faults=st.dictionaries(CALLS, st.booleans(), max_size=12))
def test_an_outage_at_any_call_leaves_the_same_record(server, wanted, journals, faults):
    server.__init__(lambda number, done: _fail(faults.get(number) is done))
    with start() as study:
        go(study)
    assert server.record() == wanted
    assert not list(journals.iterdir())


def _fail(wanted, error=AWAY):
    if wanted:
        raise error


@EACH
@given(away=CALLS, crashes=st.lists(st.tuples(st.integers(9, 140), st.booleans()), max_size=3))
def test_kills_amid_the_replay_leave_the_same_record(server, wanted, journals, away, crashes):
    server.__init__(lambda number, done: _fail(number >= away))
    with pytest.MonkeyPatch.context() as patch, suppress(NotWritten):
        patch.setattr(tracker, "END_PATIENCE_S", 0.0)
        with start() as study:
            go(study)
            server.fault = lambda number, done: _fail(True)  # the last of them may have been written
    for crash, after in crashes:
        server.calls, server.fault = 0, failing(crash, done=after, error=Crash())
        study = start()
        try:
            study.reap()
        except Crash:
            study._journal.close()
    server.fault = failing()
    start().reap()
    assert server.record() == wanted
    assert not list(journals.iterdir())


@pytest.mark.parametrize("linger, calls", [(10**6, 2), (0, 16)])
def test_epochs_that_come_together_take_one_call_for_each_run(server, monkeypatch, linger, calls):
    monkeypatch.setattr(tracker, "LINGER_MS", linger)
    pair = TWINS[0], TWINS[2]
    with start() as study:
        study.expect(TRIALS)
        for trial in pair:
            study.record(trial, STARTED)
        before = server.calls
        for number in range(1, 9):
            for trial in pair:
                study.record(trial, epoch(number))
        study.record(pair[0], Progressed(9, 9, 1, 2, 0.5))
        assert server.calls == before + calls
        histories = [
            sorted((step, value) for key, value, _, step in run.metrics if key == "train/loss")
            for run in trials(server)
        ]
    assert histories == [[(number, 1 / number) for number in range(1, 9)]] * 2


def trials(server):
    return [run for run in server.runs.values() if run.tags["kind"] == "trial"]


def test_the_display_says_once_that_the_server_is_away_and_once_that_it_is_back(server):
    said = []
    with start(said) as study:
        server.fault = lambda number, done: _fail(True)
        for event in (STARTED, epoch(1), epoch(2), Progressed(2, 2, 0, 1, 0.5)):
            study.record(TRIAL, event)
        assert said == [
            "the tracking server does not answer: Connection refused; 1 event waits on disk; the study goes on"
        ]
        server.fault = failing()
        study.record(TRIAL, Progressed(2, 2, 0, 1, 0.5))
    assert said[1:] == ["the tracking server answers again: 3 events written"]


def test_attempts_become_rarer(server, monkeypatch):
    monkeypatch.setattr(outage, "FIRST_PAUSE_S", 1.0)
    monkeypatch.setattr(outage, "LONGEST_PAUSE_S", 30.0)
    monkeypatch.setattr(tracker, "LINGER_MS", 0)
    now, tried = [0.0], []
    monkeypatch.setattr(outage.time, "monotonic", lambda: now[0])
    study = start()
    server.fault = lambda number, done: tried.append(now[0]) or _fail(True)
    for now[0] in range(100):
        study.record(TRIAL, epoch(1))
    assert tried == [0, 1, 3, 7, 15, 31, 61, 91]
    server.fault = failing()
    now[0] = 1000
    study.close()


def test_reads_wait_and_see_what_was_recorded_before(server, monkeypatch):
    said = []
    monkeypatch.setattr(outage.time, "sleep", lambda seconds: setattr(server, "fault", failing()))
    with start(said) as study:
        server.fault = lambda number, done: _fail(True)
        go(study)
        assert set(study.finished()) == {trial.fingerprint for trial in TWINS}
        server.fault = lambda number, done: _fail(True)
        assert set(study.results()) == {trial.fingerprint for trial in TWINS}
    assert [line.partition(":")[0].partition(";")[0] for line in said] == [
        "the tracking server does not answer",
        "waiting for the tracking server",
        "the tracking server answers again",
        "the tracking server does not answer",
        "waiting for the tracking server, at most 5 minutes",
        "the tracking server answers again",
    ]


def test_a_server_that_stays_away_is_one_line_that_names_the_journal(server, journals, monkeypatch):
    monkeypatch.setattr(tracker, "END_PATIENCE_S", 0.0)
    with pytest.raises(NotWritten) as found, start() as study:
        server.fault = lambda number, done: _fail(True)
        go(study)
    (path,) = journals.glob("*.jsonl")
    said = f"http://server:5000: Connection refused; {len(EVENTS) + 1} events wait on disk in {path}"
    assert str(found.value) == f"{said}; the same command writes them"
    assert found.value.code == 1


def test_what_the_server_never_accepts_ends_the_study_and_waits_for_the_next_start(server, wanted, journals):
    said = []
    with (
        pytest.raises(UserError, match=r"^http://server:5000: API request .* error code 403") as found,
        start() as study,
    ):
        server.fault = lambda number, done: _fail(True, FORBIDDEN)
        study.record(*EVENTS[0])
    assert not isinstance(found.value, NotWritten)
    with pytest.raises(UserError, match=r"403 .*; 1 event waits on disk in .*jsonl"):
        server.fault = failing()
        study = start()
        server.fault = lambda number, done: _fail(True, FORBIDDEN)
        study.reap()
    server.fault = failing()
    with start(said) as study:
        study.reap()
    assert said == ["1 event of an earlier start written to http://server:5000"]
    assert [run.tags.get("fingerprint") for run in server.runs.values()] == [None, EVENTS[0][0].fingerprint]


def test_an_interruption_during_an_outage_does_not_wait(server, journals):
    with pytest.raises(KeyboardInterrupt), start() as study:
        server.fault = lambda number, done: _fail(True)
        study.record(TRIAL, STARTED)
        raise KeyboardInterrupt
    server.fault = failing()
    start().reap()
    assert [run.status for run in server.runs.values()] == ["KILLED", "KILLED"]


def test_events_of_a_run_that_was_deleted_are_left_out(server):
    with pytest.raises(KeyboardInterrupt), start() as study:
        study.record(TRIAL, STARTED)
        server.fault = lambda number, done: _fail(True)
        study.record(TRIAL, epoch(1))
        raise KeyboardInterrupt
    server.runs.clear()
    server.fault = failing()
    start().reap()
    assert not server.runs


def test_what_waits_at_the_end_gives_exit_code_1(capsys):
    with pytest.raises(typer.Exit) as found, run_all._exit_codes():
        raise NotWritten("3 events wait on disk")
    assert found.value.exit_code == 1
    assert capsys.readouterr().err == "error: 3 events wait on disk\n"
