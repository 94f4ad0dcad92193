"""One framework a process: tests are grouped, each group has a worker of its own, and a guard holds it."""

import gc
import os
import sys
import tempfile

import pytest
from hypothesis import configuration, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

settings.register_profile("clean", database=None, deadline=None)  # nothing is left in the checkout, nothing is timed
settings.load_profile("clean")
_hypothesis_home = tempfile.TemporaryDirectory(prefix="rnn-twins-")
configuration.set_hypothesis_home_dir(_hypothesis_home.name)

MARKS = ("tf2", "pytorch", "study", "cluster")  # what a test needs; the others are neutral


def pytest_configure(config):
    for group in MARKS:
        config.addinivalue_line("markers", f"{group}: runs in the process of this group")
    config.addinivalue_line("markers", "drawn: draws the pages' figures")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        group = next((name for name in MARKS if item.get_closest_marker(name)), "neutral")
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def one_framework_a_process():
    """Fail the test after which both frameworks are in the process."""
    yield
    both = {"tensorflow", "torch"} & set(sys.modules)
    assert len(both) < 2, "TensorFlow and PyTorch were imported into one process"
    if both and not gc.get_freeze_count():
        gc.freeze()  # as a worker does after the import: Keras walks the whole heap at every build
