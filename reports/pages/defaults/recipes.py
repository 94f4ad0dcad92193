"""The lines that give one framework the other's convention, field by field; a test runs each of them.

The names are those of a tutorial's model: ``embedding``, ``rnn`` (one layer), ``head``, with ``inputs`` features into
``hidden`` units. What a line does not reach is said beside it.
"""

from typing import NamedTuple


class Recipe(NamedTuple):
    """Lines of code, and what they leave different."""

    lines: str
    rest: str = ""


#: In PyTorch, to get Keras's behaviour; ``nn``, ``torch`` and ``model`` are there.
IN_PYTORCH: dict[str, Recipe] = {
    "embedding": Recipe("nn.init.uniform_(model.embedding.weight, -0.05, 0.05)"),
    "kernel": Recipe("nn.init.xavier_uniform_(model.rnn.weight_ih_l0)  # (gates·hidden, inputs), as one matrix"),
    "recurrent_kernel": Recipe("nn.init.orthogonal_(model.rnn.weight_hh_l0)"),
    "bias": Recipe(
        "nn.init.zeros_(model.rnn.bias_ih_l0)\n"
        "nn.init.zeros_(model.rnn.bias_hh_l0).requires_grad_(False)  # Keras has one bias\n"
        "model.rnn.bias_ih_l0.data[hidden : 2 * hidden] = 1  # an LSTM's forget gate"
    ),
    "head": Recipe("nn.init.xavier_uniform_(model.head.weight)\nnn.init.zeros_(model.head.bias)"),
    "dropout": Recipe(
        "x = x * nn.functional.dropout(torch.ones_like(x[:, :1]), 0.5, model.training)"
        "  # before each layer: one mask for all steps",
    ),
    "adam": Recipe(
        "optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)",
        "Keras adds its epsilon before the bias correction: the first steps still differ a little.",
    ),
    "repeated_words": Recipe("", "No option: Keras's optimisers square each occurrence of a word by itself."),
}

#: In Keras, to get PyTorch's behaviour; ``keras``, ``inputs`` and ``hidden`` are there.
IN_KERAS: dict[str, Recipe] = {
    "embedding": Recipe(
        "normal = keras.initializers.RandomNormal(stddev=1)\n"
        "embedding = keras.layers.Embedding(10_000, 100, embeddings_initializer=normal)"
    ),
    "kernel": Recipe(
        "uniform = keras.initializers.RandomUniform(-(hidden**-0.5), hidden**-0.5)\n"
        "rnn = keras.layers.LSTM(hidden, kernel_initializer=uniform)"
    ),
    "recurrent_kernel": Recipe(
        "uniform = keras.initializers.RandomUniform(-(hidden**-0.5), hidden**-0.5)\n"
        "rnn = keras.layers.LSTM(hidden, recurrent_initializer=uniform)"
    ),
    "bias": Recipe(
        "uniform = keras.initializers.RandomUniform(-(hidden**-0.5), hidden**-0.5)\n"
        "rnn = keras.layers.LSTM(hidden, bias_initializer=uniform, unit_forget_bias=False)",
        "PyTorch trains two biases, whose sum spreads √2 times as far and moves twice as fast.",
    ),
    "head": Recipe(
        "uniform = keras.initializers.RandomUniform(-(hidden**-0.5), hidden**-0.5)\n"
        "head = keras.layers.Dense(1, kernel_initializer=uniform, bias_initializer=uniform)"
    ),
    "dropout": Recipe(
        "between = keras.layers.Dropout(0.5)  # between two recurrent layers, in place of their dropout= argument"
    ),
    "adam": Recipe(
        "optimiser = keras.optimizers.Adam(1e-3, epsilon=1e-8)",
        "PyTorch adds its epsilon after the bias correction: the first steps still differ a little.",
    ),
    "repeated_words": Recipe("", "No option: it needs a train_step that makes the embedding's gradient dense."),
}


def recipe(table: dict[str, Recipe], fields: list[str]) -> str:
    """The lines for these fields, what they leave different as comments; empty where there are none."""
    parts = []
    for field in fields:
        found = table.get(field)
        if found:
            parts += [f"# {field}" + f": {found.rest}" * bool(found.rest), *([found.lines] if found.lines else [])]
    return "\n".join(parts)
