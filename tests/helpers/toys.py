"""Toy twins for the tests of running and recording: a few lines of NumPy, and misdeeds on demand.

``TOY_DEEDS`` is JSON, ``{"tf2:0": "raise"}``: what the trial of this framework and seed does in its first step.
"""

import json
import os
import re
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from experiments import tasks
from experiments.protocol import Absent, Batch, Forward, Framework, Native, NativeShapes, Step, Support
from experiments.running.processes import STOPPING
from experiments.spec import ExperimentSpec
from experiments.tasks import DataSource, Interface, Split, Task
from experiments.tasks.task import Conclusion
from experiments.training.trial import Trial

if TYPE_CHECKING:  # each worker of toys imports this
    from experiments.study.plan import Plan

COMPILE_S = 2.5  # of processor time
DATA = DataSource("toy", "0123456789abcdef" * 4, None, "Random numbers.")


class ToyTask(Task):
    """Eight windows of random numbers."""

    interface = Interface("values", 4, 1, 1, "mse")
    train = Split(np.random.default_rng(0).random((8, 4, 1)), np.ones((8, 1)))
    test = train

    def score(self, outputs, y):
        return {"accuracy": 0.5}

    def evaluate(self, model):
        return {"test/loss": float(np.mean(model.predict(self.test.x))), "test/accuracy": 0.75}

    def conclude(self, model):
        return Conclusion({}, {"forecast.json": b"[]"})


class ToyRoom:
    """The module that a task comes from."""

    @staticmethod
    def interface(spec):
        return ToyTask.interface

    @staticmethod
    def load(spec, source, dtype):
        return ToyTask()

    @staticmethod
    def locate(spec, imdb):
        return DATA


class ToyModel:
    """Its loss halves with every step."""

    device = "cpu"

    def __init__(self, deed: str) -> None:
        self._deed, self._loss = deed, 1.0

    def train_step(self, batch: Batch) -> Step:
        misbehave(self._deed)
        self._loss = float("nan") if self._deed == "nan" else self._loss / 2
        return Step(self._loss, np.ones_like(batch.y))

    def predict(self, x, lengths=None):
        return np.full((len(x), 1), self._loss)

    def forward(self, x, states=None, lengths=None) -> Forward:
        raise NotImplementedError

    def gradients(self, batch):
        raise NotImplementedError

    def set_learning_rate(self, rate):
        pass

    def weights(self):
        return {"head/0/kernel": np.ones((2, 1), np.float32)}

    def batches(self, x, y, lengths=None):
        for start in range(0, len(y), 4):
            yield Batch(x[start : start + 4], y[start : start + 4])

    def native_shapes(self) -> NativeShapes:
        return NativeShapes((("input", (2, 4, 1)),), (), 2, 2)

    def synchronise(self) -> None:
        pass


def predicting(predict) -> SimpleNamespace:
    """A model as far as a task scores one: it answers as the function does."""
    return SimpleNamespace(predict=lambda x, lengths=None: predict(x))


def misbehave(deed: str) -> None:
    """Do what the test asked for; ``hang-once`` is done by the first who comes to it, ``kill-then-sleep`` by two.

    ``until:NAME`` waits for a file of this name.
    """
    if deed.startswith("until:"):
        name = deed.removeprefix("until:")
        Path(f"at:{name}").touch()
        while not Path(name).exists():
            time.sleep(0.05)
    deed, _, then = deed.partition("-then-")
    deed, _, once = deed.partition("-")
    if then and Path(deed).exists():
        return misbehave(then)
    if once and Path(deed).exists():
        return
    if then or once:
        Path(deed).touch()
    match deed:
        case "raise":
            raise ValueError("no good\nand a second line")
        case "kill":
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "hang":
            lock = threading.Lock()
            lock.acquire()
            lock.acquire()
        case "spin":
            re.match("(a+)+$", "a" * 60 + "b")  # for ages, and no other thread of the process runs
        case "compile":
            until = time.process_time() + COMPILE_S
            while time.process_time() < until:
                pass
        case "halve":
            Connection._send = send_half
        case "wait_for_pages":
            while not Path("reports").exists():
                time.sleep(0.05)
            time.sleep(1)  # until the study has heard of it
        case "sleep":
            Path("asleep").write_text(str(os.getpid()))
            time.sleep(120)


def send_half(connection: Connection, data: bytes) -> None:
    """Send the first bytes of a message and stop."""
    os.write(connection.fileno(), data[:2])
    os.kill(os.getpid(), signal.SIGSTOP)


def deeds() -> dict[str, str]:
    return json.loads(os.environ.get("TOY_DEEDS", "{}"))


def build(spec: ExperimentSpec, interface: Interface, weights, seed: int, name: str = "") -> ToyModel:
    return ToyModel(deeds().get(f"{name}:{seed}", ""))


def load_elsewhere(orders: str, name: str) -> Framework:
    """The same in a process that does not inherit the test's environment."""
    os.environ["TOY_DEEDS"] = orders
    return load(name)


def load(name: str) -> Framework:
    """A toy twin; its task comes along, since a worker has no other place to get it from."""
    if deeds().get(name) == "import":
        raise ImportError("no such wheel")
    if deeds().get(name) == "exit":
        os._exit(3)
    misbehave(deeds().get(name, ""))
    tasks.module_of = lambda spec: ToyRoom
    return Framework(
        name,
        "keras",
        lambda threads: None,
        lambda *arguments: build(*arguments, name=name),
        lambda: {"pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"], "toy": version(name)},
        floor=lambda products, dtype, device: lambda: sum(product.flop for product in products),
        profile=lambda call: {"toy": 1.0} if call() is None else {},
    )


def load_briefly(name: str) -> Framework:
    """A real twin, for a worker whose texts are short: thousands of characters take longer than all training.

    The product that shows the processor's peak is small too: the clock repeats it up to a hundred times.
    """
    import frameworks
    from experiments.probes import same_text
    from experiments.protocol import Product
    from experiments.speed import matmul_floor
    from experiments.tasks import chars

    chars.GROWING, chars.WRITTEN, same_text.LENGTH = 12, 8, 12
    matmul_floor.LARGE = Product(64, 64, 64)
    return frameworks.load(name)


class ToyVersion(str):
    """A version with a type of its own, as torch's is."""


def version(name: str) -> str:
    return ToyVersion("1.0") if deeds().get(name) == "version" else "1.0"


def supports(name: str, spec: ExperimentSpec) -> Support:
    if (name, spec.network.form) == ("pytorch", "unrolled"):
        return Absent("the toy has none")
    return Native()


#: What stands in the twins' places.
TWINS = {"load": load, "supports": supports, "versions": lambda name: "toy 1.0"}


def spec(**fields) -> ExperimentSpec:
    """A small experiment; ``fields`` replace its parts."""
    parts = {
        "task": {"name": "sine", "points": 20, "window": 4},
        "network": {"cell": "lstm", "form": "layer", "units": [2]},
        "training": {"epochs": 2, "batch_size": 4},
    }
    return ExperimentSpec.model_validate(parts | fields)


def trial(framework: str = "tf2", seed: int = 0, **fields) -> Trial:
    return Trial(spec(**fields), framework, "toy 1.0", seed, DATA)


STUDY = """
name = "toy"
description = "A study of toys."
seeds = 2

[[grid]]
task = { name = "sine", points = 20, window = 4 }
network = { cell = "lstm", units = [2] }
training = { epochs = 2, batch_size = 4 }
[grid.vary]
"network.form" = ["layer", "unrolled"]
"""


def write_reports(plan: "Plan", tracking_uri: str, folder: Path, running: str = "") -> Path:
    from experiments.running.pages import MARKS, put

    folder.mkdir(exist_ok=True)
    if running and deeds().get("reports") == "raise":
        raise ValueError("no page")
    index = folder / "index.html"
    put(index, f"{MARKS[0]}{running}{MARKS[1]}{plan.study.name}" if running else plan.study.name)
    return index


def replace_pages() -> None:
    """Write one page of a few words in the place of all: drawing them takes longer than the studies of the tests."""
    import reports

    reports.write = write_reports


def main() -> None:
    """``run_all`` with toys in the twins' places: for a process of its own."""
    import frameworks
    import run_all

    for number in STOPPING:
        signal.signal(number, signal.SIG_DFL)  # a test run in a shell's background inherits some of them ignored
    for function, toy in TWINS.items():
        setattr(frameworks, function, toy)
    tasks.module_of = lambda spec: ToyRoom
    replace_pages()
    run_all.start()
