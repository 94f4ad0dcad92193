"""The twins have the same files, with the same public names in the same order and the same parameters."""

import ast
import re
from pathlib import Path

import pytest

FRAMEWORKS = Path(__file__).parents[2] / "frameworks"


def files(framework: str) -> set[str]:
    """Return a framework's files, such as ``convert/files.py``."""
    folder = FRAMEWORKS / framework
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")}


#: The files that only one twin has, each with the framework's fact behind it.
FILES_ALONE = {
    ("tf2", "convert/graph.py"): "only Keras's files hold a model, whose graph is walked",
    ("tf2", "convert/outline.py"): "only Keras's files hold a model, whose layers say what they compute",
    ("pytorch", "convert/forward.py"): "a module's forward is written line by line; a Sequential has none",
}
#: Two ports of a trap have their three functions alike, and differ in all else: ``test_trap_ports.py`` holds them.
FILES = sorted(file for file in files("tf2") & files("pytorch") if not file.startswith("traps/"))

#: The names that only one twin has, each with the framework's fact behind it.
ALONE = {
    ("tf2", "weights.py", "Binding.copies"): "Keras keeps one bias where PyTorch trains two",
    ("tf2", "weights.py", "SummedBias"): "Keras keeps one bias where PyTorch trains two",
    ("tf2", "support.py", "OPTIONS"): "Keras's GRU has both resets, chosen by an option",
    ("pytorch", "weights.py", "transposed"): "nn.Linear stores (outputs, inputs); Dense the canonical layout",
    ("pytorch", "weights.py", "NATIVE_GATES"): "PyTorch orders the GRU's gates r, z, n; Keras's order is canonical",
    ("pytorch", "weights.py", "NATIVE_NAMES"): "PyTorch names weights weight_ih, …; Keras's names are canonical",
    ("pytorch", "stack.py", "StackedLayer"): "only nn layers stack themselves",
    ("pytorch", "forms.py", "layer_options"): "nn.LSTM has an option for projections",
    ("pytorch", "forms.py", "Fused"): "only nn.LSTM is one kernel on a CPU",
    ("pytorch", "stack.py", "QuickDropout"): "PyTorch's own dropout draws slowly on a CPU",
    (
        "pytorch",
        "training.py",
        "dense",
    ): "TensorFlow converts a sparse gradient by itself; PyTorch's way sorts it first",
    ("pytorch", "training.py", "squares_each_occurrence"): "nn.Embedding's gradient is sparse only by an option",
    ("pytorch", "support.py", "has_fused_layer"): "oneDNN has only the LSTM",
    ("pytorch", "probes/tutorial_baseline.py", "Classifier"): "fit takes a Sequential; the usual loop, a module",
    ("tf2", "training.py", "FusedAdam"): "PyTorch's optimisers have an option to fuse",
    ("tf2", "profiling.py", "OPERATOR"): "TensorFlow's profiler mixes operators with the runtime's own events",
    ("pytorch", "padding.py", "run_packed"): "nn layers take packed sequences, Keras's a mask",
    ("pytorch", "padding.py", "Padding.lengths"): "packing needs the lengths, a mask does not",
    ("tf2", "padding.py", "masked_call"): "Keras's layers take a mask, nn layers packed sequences",
    ("tf2", "convert/files.py", "load_model"): "a Keras file holds a model",
    ("pytorch", "convert/files.py", "load_state"): "PyTorch's file holds a state dict",
    ("tf2", "convert/layers.py", "KINDS"): "Keras's files number a layer's variables and do not name them",
    ("tf2", "convert/layers.py", "saved_layers"): "a Keras model's layers have classes; a state dict's only names",
    ("pytorch", "convert/layers.py", "hidden_sizes"): "a state dict's layers have no units but their shapes'",
    ("tf2", "convert/stored.py", "read_layers"): "Keras's weights are read group by group from HDF5",
    ("pytorch", "convert/stored.py", "stored_layers"): "a state dict is loaded whole",
    ("pytorch", "convert/module.py", "stacks"): "only nn layers stack themselves",
    ("pytorch", "tuned/run.py", "ThroughTime"): "PyTorch's hand-written gradients are classes, TensorFlow's functions",
    ("pytorch", "tuned/run.py", "steps"): "a slice is a view in PyTorch: a step works in buffers of all steps",
    ("pytorch", "tuned/run.py", "make_tape"): "a slice is a view in PyTorch: a step works in buffers of all steps",
    ("pytorch", "tuned/run.py", "gate_buffers"): "a tensor's slice is a view in PyTorch, columns included",
    ("pytorch", "tuned/run.py", "units_of"): "a tensor's slice is a view in PyTorch, columns included",
    ("pytorch", "tuned/cells.py", "minus_one"): "PyTorch's tanh is slower than its sigmoid",
    ("pytorch", "tuned/cells.py", "tanh_of_half"): "PyTorch's tanh is slower than its sigmoid",
    ("pytorch", "tuned/cells.py", "double"): "PyTorch's tanh is slower than its sigmoid",
    ("pytorch", "tuned/cells.py", "Cell.candidate"): "PyTorch's tanh is slower than its sigmoid",
    ("pytorch", "tuned/cells.py", "NZRM"): "a step of PyTorch's GRU reads the columns of one buffer",
    ("tf2", "tuned/run.py", "TOGETHER"): "a graph's loop holds the steps that are traced",
    ("tf2", "tuned/run.py", "Kept"): "a graph's loop hands tensors on by a list",
    ("tf2", "tuned/run.py", "loop"): "a graph's loop is an operation",
    ("tf2", "tuned/run.py", "apart"): "a graph's loop takes a few steps at a time",
    ("tf2", "tuned/run.py", "steps_at"): "a graph's loop takes a few steps at a time",
    ("tf2", "tuned/run.py", "together"): "a graph's loop takes a few steps at a time",
    ("tf2", "tuned/run.py", "Joined"): "a graph's loop takes a few steps at a time",
    ("tf2", "tuned/run.py", "differentiable_once"): "an autograd.Function sees that its gradient is differentiated",
    ("tf2", "tuned/run.py", "split_columns"): "columns are copied where they are split: W is split instead",
    ("tf2", "tuned/run.py", "split_recurrent"): "columns are copied where they are split: U is split instead",
    ("tf2", "tuned/cells.py", "LSTM_KEPT"): "a graph's loop hands tensors on by a list",
    ("pytorch", "forms.py", "Unrolled."): "nn layers have no option to unroll, so its methods are written",
}
OF_THOSE_CELLS = ["minimal", "minimal_derivatives", "minimal_backward", "simple_gradients", "MINIMAL"]
OF_THOSE_CELLS += ["simple_rnn", "simple_rnn_derivatives", "simple_rnn_backward", "SIMPLE", "ONE", "RESET"]
OF_THOSE_CELLS += [f"gru_reset_before{end}" for end in ("", "_derivatives", "_backward", "_gradients")]
ALONE |= {
    ("pytorch", "tuned/cells.py", name): "TensorFlow differentiates their loop as fast" for name in OF_THOSE_CELLS
}
#: Methods that the frameworks name differently.
SAME = {"call": "forward", "__call__": "forward"}


def public(twin: str, file: str) -> dict[str, list[str]]:
    """Return a file's public names in order, methods and fields included, with their parameters."""
    tree = ast.parse((FRAMEWORKS / twin / file).read_text(encoding="utf-8"))
    names: dict[str, list[str]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            names[node.name] = parameters(node)
        elif isinstance(node, ast.ClassDef):
            names[node.name] = []
            for child in node.body:
                if isinstance(child, ast.FunctionDef):
                    names[f"{node.name}.{SAME.get(child.name, child.name)}"] = parameters(child)
                elif isinstance(child, ast.AnnAssign):
                    names[f"{node.name}.{child.target.id}"] = []
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            names[target.id] = []
    private = {name for name in names if any(re.match("_(?!_)", part) for part in name.split("."))}
    return {name: value for name, value in names.items() if name not in private}


def parameters(node: ast.FunctionDef) -> list[str]:
    """Return the parameters' names except ``training``: an argument in Keras, a module's state in PyTorch."""
    return [argument.arg for argument in node.args.args if argument.arg != "training"]


def covers(listed: str, name: str) -> bool:
    """Tell whether an entry of ``ALONE`` means the name: ``Class`` and its members, ``Class.`` the members alone."""
    return name == listed or name.startswith(f"{listed.rstrip('.')}.")


def shared(twin: str, file: str) -> dict[str, list[str]]:
    """Return the file's public names without those that the twin has alone."""
    alone = [listed for owner, where, listed in ALONE if (owner, where) == (twin, file)]
    return {k: v for k, v in public(twin, file).items() if not any(covers(listed, k) for listed in alone)}


def test_the_twins_have_the_same_files():
    alone = {twin: {file for owner, file in FILES_ALONE if owner == twin} for twin in ("tf2", "pytorch")}
    assert files("tf2") - files("pytorch") == alone["tf2"]
    assert files("pytorch") - files("tf2") == alone["pytorch"]
    assert set(FILES) >= files("reference")


@pytest.mark.parametrize("file", FILES)
def test_the_same_public_names_in_the_same_order(file):
    tf2, pytorch = shared("tf2", file), shared("pytorch", file)
    assert list(tf2) == list(pytorch)
    assert tf2 == pytorch


@pytest.mark.parametrize("twin, file, listed", ALONE, ids=str)
def test_a_listed_name_is_in_its_twin_alone(twin, file, listed):
    other = {"tf2": "pytorch", "pytorch": "tf2"}[twin]
    assert any(covers(listed, name) for name in public(twin, file)), f"{twin} has it no longer"
    assert not any(covers(listed, name) for name in public(other, file)), f"{other} has it too"
