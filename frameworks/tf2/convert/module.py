"""Write the Keras model that canonical weights and an outline are, as plain tutorial code."""

from collections.abc import Iterator

import keras

from experiments.canonical import Weights
from frameworks.convert import outline as neutral
from frameworks.convert.outline import Outline, Recurrent, Step, has_bias, sizes
from frameworks.tf2.support import OPTIONS, STOCK

_CODE = """\
\"\"\"The model that the converted weights belong to.\"\"\"

import keras
from keras import layers


def build_model() -> keras.Model:
    \"\"\"Build the model: {shapes}.\"\"\"
    return keras.Sequential(
        [
{layers}
        ]
    )
"""


def source(weights: Weights, described: Outline, stack: bool = True) -> str:
    """Return the code of a module with a function ``build_model``; ``stack`` is PyTorch's alone."""
    kind = "float64" if any(value.dtype.name == "float64" for value in weights.values()) else None
    calls = [_input(weights, described, kind)]
    counts = {"recurrent": 0, "dense": 0}
    for step in described.steps:
        index = counts.get(step.kind, 0)
        calls += [_typed(call, kind) for call in _calls(weights, described, step, index)]
        counts[step.kind] = index + 1
    sequence = ", time" * described.recurrent[-1].sequences
    return _CODE.format(
        layers="\n".join(f"{' ' * 12}{call}," for call in calls),
        shapes=f"{_taken(weights)} -> (batch{sequence}, outputs)",
    )


def build(code: str) -> keras.Model:
    """Run the code that ``source`` wrote, and return its model."""
    names: dict = {"__name__": "written"}
    exec(compile(code, "module", "exec"), names)
    return names["build_model"]()


def _taken(weights: Weights) -> str:
    return "tokens (batch, time)" if "embedding/table" in weights else "values (batch, time, features)"


def _typed(call: str, kind: str | None) -> str:
    """Name the layers' precision where it is not Keras's default."""
    return call if kind is None else f'{call[:-1]}, dtype="{kind}")'


def _input(weights: Weights, described: Outline, kind: str | None) -> str:
    batch = f", batch_size={described.batch}" if described.batch else ""
    if "embedding/table" in weights:
        return f'keras.Input(({described.time},){batch}, dtype="int32")'
    return _typed(f"keras.Input(({described.time}, {sizes(weights, 0)[0]}){batch})", kind)


def _calls(weights: Weights, described: Outline, step: Step, index: int) -> Iterator[str]:
    """Yield the layer's call; what acts in training alone and is not carried over has none."""
    if isinstance(step, neutral.Embedding):
        rows, width = weights["embedding/table"].shape
        yield f"layers.Embedding({rows}, {width}{', mask_zero=True' * step.skips_padding})"
    elif isinstance(step, neutral.Masking):
        yield f"layers.Masking({float(step.value)!r})"
    elif isinstance(step, Recurrent):
        yield _recurrent(weights, described, step, index)
    elif isinstance(step, neutral.Dense):
        options = "" if has_bias(weights, f"head/{index}") else ", use_bias=False"
        options += "" if step.activation == "linear" else f', activation="{step.activation}"'
        yield f"layers.Dense({weights[f'head/{index}/kernel'].shape[1]}{options})"
    elif isinstance(step, neutral.Activation):
        yield f'layers.Activation("{step.function}")'
    elif isinstance(step, neutral.Dropout):
        yield f"layers.{'SpatialDropout1D' if step.shared_in_time else 'Dropout'}({step.rate!r})"


def _recurrent(weights: Weights, described: Outline, step: Recurrent, index: int) -> str:
    last = index + 1 == len(described.recurrent)
    zeroes = step.at_padding == "zeros" and step.sequences and last and described.padding and not step.both_ways
    options = {
        "activation": f'"{step.activation}"' if step.activation != "tanh" else None,
        "use_bias": None if has_bias(weights, f"rnn/{index}") else False,
        "return_sequences": step.sequences or None,
        "go_backwards": step.backwards or None,
        "dropout": step.dropout or None,
        "recurrent_dropout": step.recurrent_dropout or None,
        "zero_output_for_mask": bool(zeroes) or None,
    }
    if step.cell == "gru_reset_before":
        options |= OPTIONS[step.cell]
    given = "".join(f", {name}={value}" for name, value in options.items() if value is not None)
    call = f"layers.{STOCK[step.cell]}({sizes(weights, index)[1]}{given})"
    if not step.both_ways:
        return call
    merge = "" if step.merge == "concat" else f', merge_mode="{step.merge}"'
    return f"layers.Bidirectional({call}{merge})"
