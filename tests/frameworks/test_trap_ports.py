"""Every trap on both twins: the naive port is wrong by a meaningful amount, the right one is not."""

import ast
import ctypes
import inspect
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from cases import fit_without_graphs
from trap_cases import ERRORS, SCORED, run_on_both

import frameworks
from experiments.tasks import Interface, Split, Task
from experiments.traps import child
from experiments.traps.catalogue import TRAPS
from experiments.traps.trap import FUNCTIONS
from experiments.twins import TWINS

FRAMEWORKS = Path(__file__).parents[2] / "frameworks"
WORDS = 50


@cache
def run(name: str):
    """A trap that has run; all of them run in the same two processes, once."""
    return _all()[name]


@cache
def _all():
    return run_on_both(ERRORS)


@pytest.mark.study
@pytest.mark.parametrize("into", TWINS)
@pytest.mark.parametrize("name", ERRORS)
def test_the_right_port_gives_the_originals_numbers(name, into):
    assert not run(name).failure
    assert run(name).costs[into]["right"] <= TRAPS[name].tolerance


@pytest.mark.study
@pytest.mark.parametrize("into", TWINS)
@pytest.mark.parametrize("name", ERRORS)
def test_the_naive_port_is_wrong_where_the_trap_bites(name, into):
    naive, trap = run(name).costs[into]["naive"], TRAPS[name]
    if into in trap.harmless:
        assert naive <= trap.tolerance
    else:
        assert naive > max(0.01, 1.5 * trap.tolerance)


@pytest.mark.study
@pytest.mark.parametrize("into", TWINS)
@pytest.mark.parametrize("name", ERRORS)
def test_a_harmless_direction_changes_no_line(name, into):
    code = run(name).measured[into]["code"]
    assert (code["naive"] == code["right"]) == (into in TRAPS[name].harmless)


class Toys(Task):
    """Forty rows of words, or of numbers, that a network learns in an epoch or two."""

    def __init__(self, tokens: bool):
        rng = np.random.default_rng(0)
        labels = rng.integers(0, 2, 40)
        x = rng.integers(0, WORDS // 2, (40, 6)) + labels[:, None] * (WORDS // 2)
        y = labels[:, None] if tokens else np.eye(2)[labels]
        features, loss = (WORDS, "binary_crossentropy") if tokens else (1, "cross_entropy")
        values = x.astype(np.int32) if tokens else (x[..., None] / WORDS).astype(np.float32)
        self.interface = Interface("tokens" if tokens else "values", 6, features, y.shape[1], loss)
        self.train = self.test = Split(values, y.astype(np.float32))

    def score(self, outputs, y):
        right = (outputs > 0) == (y > 0) if y.shape[1] == 1 else outputs.argmax(1) == y.argmax(1)
        return {"accuracy": float(right.mean())}


def scored(twin: str, name: str, function: str, seed: int = 0) -> float:
    functions = import_module(f"frameworks.{twin}.traps").find(TRAPS[name].path)
    return float(functions[function](data=Toys(name == "embedding_scale"), epochs=8, seed=seed))


BY_TWIN = [pytest.param(twin, marks=getattr(pytest.mark, twin)) for twin in TWINS]


@pytest.mark.parametrize("name", SCORED)
@pytest.mark.parametrize("twin", BY_TWIN)
def test_a_trap_that_scores_trains_and_its_ports_differ(twin, name, monkeypatch):
    frameworks.import_packages(twin)
    fit_without_graphs(twin, monkeypatch)
    naive, right = scored(twin, name, "naive"), scored(twin, name, "right")
    assert name != SCORED[0] or naive == scored(twin, name, "naive")
    assert 0 <= min(naive, right) < max(naive, right) <= 1


@pytest.fixture
def counted():
    """What a timed trap's function counts in the steps of a twin."""

    def run(twin: str, name: str, function: str, steps: int = 1) -> list[float]:
        functions = import_module(f"frameworks.{twin}.traps").find(TRAPS[name].path)
        return [functions[function](**TRAPS[name].case(0))[1] for _ in range(steps)]

    yield run
    child.close()


@pytest.mark.pytorch
def test_pytorch_keeps_denormal_numbers_until_it_is_told_not_to(counted):
    assert counted("pytorch", "denormal_numbers", "right") == [0] < counted("pytorch", "denormal_numbers", "naive")


@pytest.mark.tf2
def test_tensorflow_flushes_denormal_numbers(counted):
    assert counted("tf2", "denormal_numbers", "naive") == [0]


@pytest.mark.pytorch
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc has the setting")
def test_a_step_makes_few_page_faults_where_memory_is_kept(counted):
    kept, usual = (counted("pytorch", "page_faults", port, steps=5) for port in ("right", "naive"))
    assert 20 * min(kept[2:]) < min(usual), "after two steps that warm up; the heap grows in a later one now and then"


@pytest.mark.tf2
def test_keras_refuses_another_batch_size_in_a_stateful_layer():
    import keras

    rnn = keras.layers.LSTM(4, stateful=True)
    rnn(np.zeros((3, 5, 2), np.float32))
    with pytest.raises(ValueError, match="the batch size of the input sequences must be the same"):
        rnn(np.zeros((1, 5, 2), np.float32))


def modules(twin: str) -> list[str]:
    return sorted(str(path.relative_to(FRAMEWORKS / twin)) for path in (FRAMEWORKS / twin / "traps").rglob("*.py"))


def test_the_twins_have_the_same_traps():
    assert modules("tf2") == modules("pytorch")


def signatures(twin: str, path: str) -> dict[str, list[str]]:
    """A trap module's functions and their parameters; of a name given to another, that one's."""
    tree = ast.parse((FRAMEWORKS / twin / "traps" / f"{path.replace('.', '/')}.py").read_text(encoding="utf-8"))
    functions = {
        node.name: [each.arg for each in node.args.args] for node in tree.body if isinstance(node, ast.FunctionDef)
    }
    again = [node for node in tree.body if isinstance(node, ast.Assign)]
    return functions | {node.targets[0].id: functions[node.value.id] for node in again}


@pytest.mark.parametrize("trap", TRAPS.values(), ids=lambda trap: trap.name)
def test_each_module_has_the_same_three_functions(trap):
    functions = [signatures(twin, trap.path) for twin in TWINS]
    assert functions[0] == functions[1]
    assert set(functions[0]) == set(FUNCTIONS)
    assert inspect.signature(trap.case).parameters.keys() == {"seed"}
