"""The file that holds what MLflow has yet to hear."""

import os
import subprocess
import sys

import pytest

from experiments.errors import UserError
from experiments.tracking.recording import journal as module
from experiments.tracking.recording.entries import Entry
from experiments.tracking.recording.journal import Journal

URI = "http://host:5000"


def entry(number):
    return Entry("run", metrics={"train/loss": 1 / number}, step=number)


@pytest.fixture
def abandoned(journals):
    """A journal with two entries, the second with a file, whose process is gone."""
    journal = Journal("toy", URI)
    journal.append(entry(1), {})
    journal.append(entry(2), {"weights.safetensors": b"w", "model/data/model.pth": b"m"})
    journal._file.close()
    return journal


def left(study="toy", uri=URI):
    """What the next start takes over, let go of again."""
    found = list(Journal.left(study, uri))
    for journal in found:
        journal._file.close()
    return found


def test_what_a_dead_process_left_is_found_with_its_files(abandoned):
    (found,) = left()
    assert [(each.step, each.metrics) for each in found.pending] == [(1, {"train/loss": 1.0}), (2, {"train/loss": 0.5})]
    assert all(each.tried for each in found.pending)
    kept = found.files(found.pending[1])
    assert [(kept / name).read_bytes() for name in found.pending[1].files] == [b"m", b"w"]
    assert found.id == abandoned.id
    assert not left("another") and not left(uri="http://host:5001")


def test_numbers_that_are_not_finite_survive(journals):
    journal = Journal("toy", URI)
    journal.append(Entry("run", metrics={"a": float("nan"), "b": float("-inf"), "c": 0.1 + 0.2}), {})
    journal._file.close()
    (found,) = left()
    assert repr(found.pending[0].metrics) == "{'a': nan, 'b': -inf, 'c': 0.30000000000000004}"


@pytest.mark.parametrize("keep", range(0, 40, 13))
def test_a_torn_last_line_is_left_out(abandoned, keep):
    whole = abandoned.path.read_bytes()
    first = whole.index(b"\n") + 1
    abandoned.path.write_bytes(whole[: first + keep])
    assert [each.step for each in left()[0].pending] == [1]


def test_a_broken_line_amid_others_is_one_line(abandoned):
    abandoned.path.write_bytes(b"{\n" + abandoned.path.read_bytes())
    with pytest.raises(UserError, match="line 1 cannot be read; allowed: "):
        left()


def test_nothing_is_left_where_all_is_applied(journals):
    journal = Journal("toy", URI)
    assert not journals.exists()
    journal.append(entry(1), {"a": b"a"})
    journal.append(entry(2), {})
    journal.applied(1)
    assert [path.name for path in journals.iterdir() if path.is_dir()] == [journal.path.stem]
    journal.applied(1)
    assert [(path.name, path.stat().st_size) for path in journals.iterdir()] == [(journal.path.name, 0)]
    journal.append(entry(3), {})
    assert [each.number for each in journal.pending] == [3]
    journal.applied(1)
    journal.close()
    assert not list(journals.iterdir())


def test_times_never_repeat(journals, monkeypatch):
    journal = Journal("toy", URI)
    for now in (5.0, 5.0, 4.0, 6.0):
        monkeypatch.setattr(module.time, "time", lambda now=now: now)
        journal.append(entry(1), {})
    assert [each.time for each in journal.pending] == [5000, 5001, 5002, 6000]
    journal.pending.clear()
    journal.close()


HOLDER = """
from experiments.tracking.recording.entries import Entry
from experiments.tracking.recording.journal import Journal
journal = Journal("toy", "http://host:5000")
journal.append(Entry("run"), {})
print("ready", flush=True)
input()
"""


def test_a_living_process_keeps_its_journal(journals):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLDER], env=os.environ.copy(), **pipes) as process:
        assert process.stdout.readline() == "ready\n"
        assert not left()
        process.kill()
    assert len(left()) == 1


@pytest.mark.parametrize("where", ["file/journals", "/proc/none"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch, where):
    (tmp_path / "file").touch()
    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path / where))
    with pytest.raises(UserError, match="RNN_TWINS_CACHE"):
        Journal("toy", URI).append(entry(1), {})


def test_credentials_are_no_part_of_a_name(journals):
    named = [Journal("toy", uri).path.name for uri in ("http://me:secret@host:5000", URI)]
    assert named[0].rpartition("-")[0] == named[1].rpartition("-")[0]
    assert "secret" not in named[0]
