"""The pages of a running study: when they are written, and what becomes of a writer that fails."""

import errno
import time
from functools import partial

import page_cases
import pytest

from experiments.errors import UserError
from experiments.running import pages
from experiments.running.outlook import Outlook, Stage
from experiments.running.pages import MARKS, Pages, settle

GUARD_S = 240


@pytest.fixture
def outlook():
    return Outlook([Stage("training", "trial", 3, 0, 30.0), Stage("speed", "timing", 1, 0, 2.0)])


def until(condition) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + GUARD_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def written(folder) -> list[str]:
    log = folder / "log"
    return log.read_text().splitlines() if log.exists() else []


def keep_up(live: Pages, count: int, folder) -> None:
    """Let the study have events until so many writings are done."""
    until(lambda: live.keep_up() or len(written(folder)) >= count)


def test_pages_are_written_at_once_and_after_jobs_have_ended_and_end_without_marks(tmp_path, outlook, monkeypatch):
    monkeypatch.setattr(pages, "EVERY_S", 0.0)
    with Pages(partial(page_cases.write, tmp_path), tmp_path, outlook, print) as live:
        keep_up(live, 1, tmp_path)
        outlook.count("training")
        keep_up(live, 2, tmp_path)
        assert MARKS[0] in (tmp_path / "index.html").read_text()
    first, second = written(tmp_path)
    assert first.startswith("trials: 0 of 3 done; timings: 0 of 1 done; ")
    assert second.startswith("trials: 1 of 3 done; timings: 0 of 1 done; ")
    assert int(second.rpartition(" ")[2]) >= int(first.rpartition(" ")[2]) + pages.NICENESS or second.endswith(" 19")
    assert (tmp_path / "index.html").read_text() == "before\nafter\n"


def test_within_the_minute_only_a_new_phase_is_written(tmp_path, outlook):
    with Pages(partial(page_cases.write, tmp_path), tmp_path, outlook, print) as live:
        live.between(alone=False)
        keep_up(live, 1, tmp_path)
        live._finish()
        outlook.count("training")
        live.keep_up()
        assert not live._busy
        live.between(alone=False)
        keep_up(live, 2, tmp_path)


def test_nothing_is_written_while_a_phase_must_have_the_machine_alone(tmp_path, outlook, monkeypatch):
    monkeypatch.setattr(pages, "EVERY_S", 0.0)
    with Pages(partial(page_cases.write, tmp_path), tmp_path, outlook, print) as live:
        outlook.count("training")
        live.between(alone=True)
        assert [line.startswith("trials: 1") for line in written(tmp_path)] == [False, True]
        assert "not rewritten while speed is measured" in written(tmp_path)[1]
        outlook.count("speed")
        live.keep_up()
        assert not live._busy


@pytest.mark.parametrize(
    "writer, reason", [(page_cases.fail, "ValueError: no page"), (page_cases.die, "the writer died")]
)
def test_a_writer_that_fails_is_said_once(tmp_path, outlook, monkeypatch, writer, reason):
    monkeypatch.setattr(pages, "EVERY_S", 0.0)
    said = []
    with Pages(partial(writer, tmp_path), tmp_path, outlook, said.append) as live:
        until(lambda: live.keep_up() or said)
        outlook.count("training")
        live.between(alone=True)
        live.keep_up()
    assert len(said) == 1 and reason in said[0]
    assert (tmp_path / "index.html").read_text() == "before\nafter\n"


@pytest.mark.parametrize("alone", [False, True])
def test_the_last_pages_are_the_writers_and_say_nothing_of_a_run(tmp_path, outlook, alone):
    def here(**_):
        raise AssertionError("written in this process")

    with Pages(partial(page_cases.write, tmp_path), tmp_path, outlook, print) as live:
        live._write = here
        live.between(alone)
        live.conclude()
        assert written(tmp_path)[-1].startswith(", ")
        assert MARKS[0] + "\n\n" + MARKS[1] in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize("writer", [page_cases.fail, page_cases.die])
def test_what_the_writer_could_not_write_at_the_end_is_tried_here_and_may_end_the_study(tmp_path, outlook, writer):
    def here(*, running):
        assert running == ""
        raise UserError("no room")

    said = []
    with (
        pytest.raises(UserError, match="no room"),
        Pages(partial(writer, tmp_path), tmp_path, outlook, said.append) as live,
    ):
        live._write = here
        live.conclude()
    assert len(said) == 1


def test_what_was_left_half_written_goes(tmp_path):
    (tmp_path / "index.html.part").write_text("half")
    (tmp_path / "other.html").write_text("whole")
    settle(tmp_path)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("other.html", "whole")]


def test_a_full_disk_at_the_end_hides_no_reason_to_end(tmp_path, outlook, monkeypatch):
    def full(_folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pages, "settle", full)
    with pytest.raises(UserError, match="first"), Pages(partial(page_cases.fail, tmp_path), tmp_path, outlook, print):
        raise UserError("first")
