"""Fixtures of the tests of pages."""

import pytest
from made_reports import timings as toys
from made_reports.speed_page import _planned

from reports.data.results import RecordedTiming, Results


@pytest.fixture(scope="module")
def whole() -> Results:
    failed = RecordedTiming(_planned("compiled"), "failed", "f1", "RuntimeError: no C++ compiler")
    missing = RecordedTiming(_planned("eager"))
    absent = (("pytorch", toys.spec("lstm", "unrolled").slug, "nn.LSTM has no unroll option"),)
    return toys.results(*toys.whole(), failed, missing, absent=absent)
