"""The walks of docs/walks.md: their scripts and commands, as a class would run them."""

import re
from pathlib import Path

import pytest
from conversions.processes import run

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "walks.md").read_text(encoding="utf-8")
SCRIPTS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
COMMANDS = [
    line.split()[1:]
    for block in re.findall(r"^```console\n(.*?)^```$", TEXT, re.M | re.S)
    for line in block.splitlines()
]
#: Runs scripts as ``python SCRIPT ARGUMENT`` would, one after the other: to import a framework takes seconds. PyTorch
#: takes the number of threads for operations side by side once a process, and the scripts all name the same.
RUNNER = """
import runpy
import sys

for line in sys.argv[1:]:
    print("::", line)
    sys.argv = line.split()
    runpy.run_path(sys.argv[0], run_name="__main__")
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_interop_threads = lambda threads: None
"""
pytestmark = pytest.mark.study


def is_keras(command: list[str]) -> bool:
    return "tf2" in command or "import keras" in SCRIPTS[command[0]]


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each command of the page printed: TensorFlow's scripts in one process, the conversion, PyTorch's scripts."""
    folder, outputs = tmp_path_factory.mktemp("walks"), {}
    for name, code in SCRIPTS.items():
        (folder / name).write_text(code, encoding="utf-8")

    def ran(*command):
        done = run(*command, folder=folder)
        assert done.returncode == 0, done.stderr[-2000:]
        return done

    def together(commands):
        texts = ran("-c", RUNNER, *map(" ".join, commands)).stdout.split(":: ")[1:]
        outputs.update(text.split("\n", 1) for text in texts)

    scripts, modules = ([each for each in COMMANDS if (each[0] == "-m") is module] for module in (False, True))
    together([each for each in scripts if is_keras(each)])
    for each in modules:
        done = ran(*each)
        assert done.stderr == ""
        outputs[" ".join(each)] = done.stdout
    together([each for each in scripts if not is_keras(each)])
    return outputs


def losses(text: str) -> dict[str, tuple[str, ...]]:
    """By the conventions, the first and the last loss."""
    return {name: values for name, *values in re.findall(r"^(\w+) +first loss (\S+), last (\S+)$", text, re.M)}


def test_the_results_differ_by_the_defaults_alone(said):
    tf2, pytorch = (losses(said[f"differ.py {name}"]) for name in ("tf2", "pytorch"))
    assert tf2.keys() == pytorch.keys() == {"stock", "keras", "pytorch"}
    assert tf2["stock"] != pytorch["stock"] and tf2["keras"] != tf2["pytorch"]
    for conventions in ("keras", "pytorch"):
        ours, theirs = (list(map(float, twin[conventions])) for twin in (tf2, pytorch))
        assert ours == pytest.approx(theirs, abs=1.5e-4)


def test_the_naive_port_is_wrong_and_the_conversion_right(said):
    errors = dict(re.findall(r"^(\w+) +largest error (\S+)$", said["port.py"], re.M))
    assert float(errors["naive"]) > 1e-2 and float(errors["ported"]) < 1e-5


def test_the_command_line_goes_straight_from_keras_to_pytorch(said):
    wrote, code, checked = said["-m frameworks.convert model.keras state.pt --module model.py"].splitlines()
    assert (wrote, code) == ("wrote state.pt", "wrote model.py")
    assert re.match(r"checked: predictions of \d+ sequences differ by at most ", checked)


@pytest.mark.parametrize("framework", ["tf2", "pytorch"])
def test_each_form_is_timed(said, framework):
    assert re.findall(r"^(\w+) +first step", said[f"time_forms.py {framework}"], re.M) == [
        "cell_loop",
        "layer",
        "tuned",
    ]
