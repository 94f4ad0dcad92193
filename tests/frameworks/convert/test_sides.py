"""In which process a side of a conversion runs."""

import os
from contextlib import nullcontext

import pytest

from frameworks.convert import sides


@pytest.mark.parametrize("origin, goal", [("tf2", None), (None, "pytorch"), ("tf2", "tf2"), (None, None)])
def test_one_framework_runs_in_this_process(origin, goal):
    with sides.opened(origin, goal) as (reader, writer):
        assert reader(os.getpid) == writer(os.getpid) == os.getpid()


def test_two_frameworks_have_a_process_each(monkeypatch):
    made = iter(["the reader", "the writer"])
    monkeypatch.setattr(sides, "_child", lambda: nullcontext(next(made)))
    with sides.opened("tf2", "pytorch") as pair:
        assert pair == ("the reader", "the writer")
