"""What a study shows where the output is no terminal, and the time left."""

import io
import math
import time

import pytest
import toys
from rich.console import Console

from experiments.events import EpochEnded, Failed, Finished, Progressed
from experiments.running import display
from experiments.running.display import Display
from experiments.running.outlook import Outlook, Stage, spoken


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def outlook_of(*stages: Stage) -> tuple[Outlook, Clock]:
    clock = Clock()
    return Outlook(stages, clock), clock


def test_the_time_left_is_as_expected_at_first_and_follows_the_pace():
    outlook, clock = outlook_of(Stage("training", "trial", 10, 2, 800.0), Stage("traps", "trap", 4, 0, 200.0))
    assert outlook.left_s == 1000
    for _ in range(6):
        outlook.count("training")
    assert (outlook.behind_s, outlook.stages["training"].seconds) == pytest.approx((600, 200))
    clock.now = 1260.0  # (1260 + 60) / (600 + 60): twice what was expected
    assert outlook.left_s == pytest.approx(2 * 400)
    assert outlook.in_words() == "trials: 8 of 10 done; traps: 0 of 4 done; about 13 minutes left"


def test_jobs_that_results_ask_for_come_on_top():
    outlook, _ = outlook_of(Stage("speed", "timing", 4, 2, 20.0))
    for _ in range(2):
        outlook.count("speed")
    outlook.add(Stage("speed", "timing", 3, 0, 30.0))
    outlook.add(Stage("traps", "trap", 1, 0, 5.0))
    assert outlook.in_words() == "timings: 4 of 7 done; traps: 0 of 1 done; under a minute left"
    assert (outlook.expected_s, outlook.behind_s, outlook.left_s) == pytest.approx((55, 20, 35 * 60 / 80))


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "under a minute"), (60, "about 1 minute"), (540, "about 9 minutes"), (9000, "about 2.5 hours")],
)
def test_a_duration_in_words(seconds, text):
    assert spoken(seconds) == text


def shown(events) -> list[str]:
    """The lines of a study of two trials."""
    stream = io.StringIO()
    outlook, _ = outlook_of(Stage("training", "trial", 2, 0, 120.0))
    study = Display(Console(file=stream, width=140), outlook)
    with study, study.phase("training", 2, 0) as phase:
        for trial, event in events:
            phase.update(0, trial, event)
    return stream.getvalue().splitlines()


def test_a_line_when_a_trial_starts_and_one_when_it_ends():
    one, other = toys.trial(), toys.trial("pytorch")
    name = "sine-lstm-layer-2-stock"
    start = Progressed(0, 2, 0, 0, math.nan)
    ended = EpochEnded(2, {"train/loss": 1.0, "test/accuracy": 0.75})
    events = [(one, start), (one, Progressed(1, 2, 3, 4, 0.5)), (one, ended), (one, Finished())]
    assert shown([*events, (other, start), (other, Failed("no good"))]) == [
        f"[0/2] training  {name}  tf2 · seed 0  starts",
        f"[1/2] training  {name}  tf2 · seed 0  test/accuracy 0.75",
        f"[1/2] training  {name}  pytorch · seed 0  starts",
        f"[2/2] training  {name}  pytorch · seed 0  failed: no good",
    ]


def test_a_line_now_and_then_with_what_is_done_and_left(monkeypatch):
    monkeypatch.setattr(display, "SPOKEN_EVERY_S", 0.01)
    stream = io.StringIO()
    study = Display(Console(file=stream, width=140), outlook_of(Stage("training", "trial", 2, 1, 120.0))[0])
    with study, study.phase("training", 2, 1):
        while "left" not in stream.getvalue():
            time.sleep(0.01)
    assert stream.getvalue().splitlines()[0] == "[1/2] training  about 2 minutes left"


def test_a_terminal_shows_one_bar_and_each_workers_trial():
    stream, trial = io.StringIO(), toys.trial()
    console = Console(file=stream, width=160, height=20, force_terminal=True, color_system=None)
    stages = Stage("training", "trial", 2, 0, 120.0), Stage("traps", "trap", 4, 0, 60.0)
    study = Display(console, outlook_of(*stages)[0])
    with study, study.phase("training", 2, 0) as phase:
        phase.update(0, trial, Progressed(0, 2, 0, 0, math.nan))
        phase.update(0, trial, Progressed(1, 2, 10, 40, 0.5, 0.75))
        phase.update(0, trial, Progressed(1, 2, 20, 40, 0.25, 0.875))
        study._live.refresh()
    text = stream.getvalue()
    assert "0/2" in text and "about 3 minutes left" in text
    assert "sine-lstm-layer-2-stock  tf2 · seed 0" in text
    assert "epoch 1/2  loss 0.2500  accuracy 0.875" in text and "steps/s" in text
    assert "starts" not in text
