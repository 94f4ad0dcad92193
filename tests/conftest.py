"""One framework a process: tests are grouped, each group has a worker of its own, and a guard holds it."""

import gc
import os
import shutil
import sys
import tempfile
from functools import cache

import pytest
from hypothesis import configuration, settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("TORCHINDUCTOR_VEC_ISA_OK", "1")  # else it compiles programs that try the vector units, for 10 s
os.environ.setdefault("OMP_NUM_THREADS", "1")  # on arrays as small as the tests' threads do nothing but wait

settings.register_profile("clean", database=None, deadline=None)  # nothing is left in the checkout, nothing is timed
settings.load_profile("clean")
_hypothesis_home = tempfile.TemporaryDirectory(prefix="rnn-twins-")
configuration.set_hypothesis_home_dir(_hypothesis_home.name)

MARKS = ("tf2", "pytorch", "study", "cluster")  # what a test needs; the others are neutral
#: Kinds of their own among the tests that load no framework, by folder: one process would end long after the others.
#: Those of processes mostly wait for the processes they start.
FOLDERS = {"tests/whole/": "processes", "tests/experiments/running/": "processes", "tests/reports/pages/": "pages"}
#: The xdist group, and so the process, of each kind of test; the kinds run in this order. PyTorch's few tests follow
#: those that load no framework, in their process.
GROUPS = {
    "study": "study",
    "neutral": "pytorch",
    "pytorch": "pytorch",
    "tf2": "tf2",
    "processes": "processes",
    "pages": "pages",
    "cluster": "cluster",
}


def pytest_configure(config):
    for group in MARKS:
        config.addinivalue_line("markers", f"{group}: runs in the process of this group")
    config.addinivalue_line("markers", "drawn: draws the pages' figures")
    gc.disable()  # until all is imported


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: list(GROUPS).index(kind(item)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(GROUPS[kind(item)]))


def kind(item):
    """The framework that a test needs, or what its folder says."""
    rest = next((name for folder, name in FOLDERS.items() if item.nodeid.startswith(folder)), "neutral")
    return next((name for name in MARKS if item.get_closest_marker(name)), rest)


def pytest_collection_finish():
    gc.freeze()  # all that the tests import lives on: no collection need walk it again
    gc.enable()
    gc.set_threshold(50_000)  # the tests make many objects and few cycles


@pytest.fixture(scope="session")
def for_all_workers(tmp_path_factory):
    """A folder of what is made once for all of xdist's workers."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def packaged(for_all_workers):
    """The packaged reviews, in a cache of the tests' own: to prepare them takes seconds."""
    from experiments import tasks
    from experiments.tasks.imdb import ImdbSpec

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNN_TWINS_CACHE", str(for_all_workers / "reviews"))
        return tasks.locate(ImdbSpec())


@pytest.fixture(scope="session")
def new_database(tmp_path_factory, for_all_workers):
    """Put an empty database into a folder; its URI. Making one takes seconds, copying it none.

    What MLflow's newest schema is it asks all its migrations whenever a database is opened; here, once.
    """
    from mlflow.store.db import utils

    from experiments.tracking import store

    utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)

    template = for_all_workers / "template.db"
    if not template.exists():
        made = tmp_path_factory.mktemp("template") / "mlflow.db"
        store.create(made)
        made.replace(template)

    def new_database(folder):
        shutil.copy(template, folder / "mlflow.db")
        return f"sqlite:///{folder}/mlflow.db"

    return new_database


@pytest.fixture
def tiny_text(tmp_path, monkeypatch):
    """The task of ``sequence_toys`` in the place of every task, and a cache of the test's own."""
    import sequence_toys

    from experiments import tasks

    monkeypatch.setenv("RNN_TWINS_CACHE", str(tmp_path))
    monkeypatch.setattr(tasks, "module_of", lambda spec: sequence_toys.TinyText)
    tasks.load.cache_clear()
    yield
    tasks.load.cache_clear()


@pytest.fixture(scope="session")
def heap_frozen_after():
    """The frameworks after whose import the heap was frozen; to ask ``gc`` takes longer than many a test."""
    return set()


@pytest.fixture(autouse=True)
def one_framework_a_process(heap_frozen_after):
    """Fail the test after which both frameworks are in the process."""
    yield
    both = {"tensorflow", "torch"} & sys.modules.keys()
    assert len(both) < 2, "TensorFlow and PyTorch were imported into one process"
    if both - heap_frozen_after:
        gc.freeze()  # as a worker does after the import
        heap_frozen_after |= both
