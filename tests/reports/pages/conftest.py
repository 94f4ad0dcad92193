"""Fixtures of the tests of pages."""

import pytest
from made_reports import timings as toys
from made_reports.html_elements import leave_out_drawing
from made_reports.speed_page import _planned

from reports.data.results import RecordedTiming, Results


@pytest.fixture(autouse=True)
def undrawn(request, monkeypatch):
    """Leaves the drawing out where a test is not marked ``drawn``."""
    if not request.node.get_closest_marker("drawn"):
        leave_out_drawing(monkeypatch)


@pytest.fixture(scope="module")
def whole() -> Results:
    failed = RecordedTiming(_planned("compiled"), "failed", "f1", "RuntimeError: no C++ compiler")
    missing = RecordedTiming(_planned("eager"))
    absent = (("pytorch", toys.spec("lstm", "unrolled").slug, "nn.LSTM has no unroll option"),)
    return toys.results(*toys.whole(), failed, missing, absent=absent)
