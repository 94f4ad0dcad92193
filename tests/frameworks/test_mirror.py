"""The twins' files show the same names: same files, same public names, same signatures."""

import ast
from pathlib import Path

import pytest

FRAMEWORKS = Path(__file__).parents[2] / "frameworks"
FILES = sorted(path.name for path in (FRAMEWORKS / "tf2").glob("*.py"))

#: What one twin has alone, each a framework's fact.
ALONE = {
    ("tf2", "weights.py", "SummedBias"): "Keras keeps one bias where PyTorch trains two",
    ("tf2", "support.py", "OPTIONS"): "Keras's GRU has both resets, told apart by an option",
    ("pytorch", "weights.py", "transposed"): "nn.Linear keeps (outputs, inputs); Dense keeps the canonical layout",
    ("pytorch", "weights.py", "NATIVE_GATES"): "PyTorch orders the GRU's gates r, z, n; Keras's order is canonical",
    ("pytorch", "weights.py", "NATIVE_NAMES"): "PyTorch names weights weight_ih, …; Keras's names are canonical",
    ("pytorch", "stack.py", "StackedLayer"): "only nn layers stack themselves",
    ("pytorch", "stack.py", "stock_dropout"): "Keras's dropout is the layer's own, so its forms need the rate",
    ("tf2", "forms.py", "stock_dropout"): "Keras's dropout is the layer's own, so its forms need the rate",
    ("pytorch", "forms.py", "layer_options"): "what nn.LSTM takes besides its sizes",
    ("pytorch", "forms.py", "Fused"): "only nn.LSTM is one kernel on a CPU",
    ("pytorch", "stack.py", "QuickDropout"): "PyTorch's own dropout draws slowly on a CPU",
    ("pytorch", "forms.py", "tuned"): "what is fastest depends on the cell, since oneDNN has the LSTM alone",
    ("tf2", "support.py", "fuses_adam"): "TensorFlow has a kernel for Adam alone",
    ("pytorch", "support.py", "fuses_update"): "PyTorch fuses all its updates but RMSprop's",
    ("pytorch", "training.py", "squares_each_occurrence"): "an embedding's gradient is sparse only when told",
    ("pytorch", "support.py", "fused"): "oneDNN has the LSTM alone",
    ("pytorch", "bare.py", "Classifier"): "fit takes a Sequential; the usual loop, a module",
    ("tf2", "training.py", "FusedAdam"): "PyTorch's optimisers fuse themselves when told",
    ("tf2", "speed.py", "OPERATOR"): "TensorFlow's profiler mixes operators with the runtime's own events",
    ("pytorch", "forms.py", "Unrolled."): "nn layers cannot be told to unroll, so its methods are written",
}
#: Methods that carry a framework's own protocol.
SAME = {"call": "forward", "__call__": "forward"}


def public(twin: str, file: str) -> dict[str, list[str]]:
    """Public names of a file, in order, with their parameters; a class shows those of its methods."""
    tree = ast.parse((FRAMEWORKS / twin / file).read_text(encoding="utf-8"))
    found: dict[str, list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = parameters(node)
        elif isinstance(node, ast.ClassDef):
            found[node.name] = []
            methods = [child for child in node.body if isinstance(child, ast.FunctionDef)]
            for method in methods:
                found[f"{node.name}.{SAME.get(method.name, method.name)}"] = parameters(method)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found[target.id] = []
    return {
        name: value
        for name, value in found.items()
        if not any(part.startswith("_") and not part.startswith("__") for part in name.split("."))
        and not alone(twin, file, name)
    }


def alone(twin: str, file: str, name: str) -> bool:
    """Whether the name, or the class it belongs to, is listed; ``Class.`` lists the methods and not the class."""
    owner, dot, _ = name.partition(".")
    return any((twin, file, listed) in ALONE for listed in (owner, owner + dot))


def parameters(node: ast.FunctionDef) -> list[str]:
    """Parameter names; whether a call trains is PyTorch's module state and Keras's argument."""
    return [argument.arg for argument in node.args.args if argument.arg != "training"]


def test_the_same_files_stand_in_each_twin():
    assert sorted(path.name for path in (FRAMEWORKS / "pytorch").glob("*.py")) == FILES
    assert set(FILES) >= {path.name for path in (FRAMEWORKS / "reference").glob("*.py")}


@pytest.mark.parametrize("file", FILES)
def test_the_same_public_names_in_the_same_order(file):
    tf2, pytorch = public("tf2", file), public("pytorch", file)
    assert list(tf2) == list(pytorch)
    assert tf2 == pytorch


@pytest.mark.parametrize("twin, file, name", ALONE, ids="/".join)
def test_a_name_that_stands_alone_still_does(twin, file, name):
    other = {"tf2": "pytorch", "pytorch": "tf2"}[twin]
    assert (name in public(other, file)) is False, f"{other} has it too"
    assert name.rstrip(".") in (FRAMEWORKS / twin / file).read_text(encoding="utf-8")
