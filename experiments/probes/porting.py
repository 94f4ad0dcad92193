"""The lines of code that give one framework the other's convention, field by field.

They are shown on the defaults page and run by a probe (``recipes.py``), both from the tables here. The names are those
of a tutorial's model: ``embedding``, ``rnn`` (an ``nn.LSTM`` of one layer or more), ``head``; ``hidden`` units.
"""

from collections.abc import Iterable
from typing import NamedTuple


class Lines(NamedTuple):
    """Lines to run after ``model`` is made, and what they leave different."""

    lines: str
    rest: str = ""


class Arguments(NamedTuple):
    """Arguments to add to a Keras call, and what they leave different; ``call`` is empty where none would help."""

    call: str
    arguments: str
    rest: str = ""


#: In PyTorch, to get Keras's behaviour; ``nn``, ``torch`` and ``model`` are there. Dropout comes first, since it
#: replaces the layers.
IN_PYTORCH: dict[str, Lines] = {
    "dropout": Lines(
        '''class SharedDropout(nn.Module):
    """Drops the input of every layer, with one mask for all time steps."""

    def __init__(self, rnn):
        super().__init__()
        sizes = [rnn.input_size] + [rnn.hidden_size] * (rnn.num_layers - 1)
        self.layers = nn.ModuleList(type(rnn)(size, rnn.hidden_size, batch_first=True) for size in sizes)
        self.rate = rnn.dropout

    def forward(self, x):
        for layer in self.layers:
            x = x * nn.functional.dropout(torch.ones_like(x[:, :1]), self.rate, self.training)
            x, last = layer(x)
        return x, last

model.rnn = SharedDropout(model.rnn)'''
    ),
    "embedding": Lines("nn.init.uniform_(model.embedding.weight, -0.05, 0.05)"),
    "kernel": Lines(
        "for name, weight in model.rnn.named_parameters():\n"
        '    if "weight_ih" in name:\n'
        "        nn.init.xavier_uniform_(weight)  # (gates·hidden, inputs), as one matrix"
    ),
    "recurrent_kernel": Lines(
        "for name, weight in model.rnn.named_parameters():\n"
        '    if "weight_hh" in name:\n'
        "        nn.init.orthogonal_(weight)"
    ),
    "bias": Lines(
        "for name, bias in model.rnn.named_parameters():\n"
        '    if "bias" in name:\n'
        "        nn.init.zeros_(bias)\n"
        '    if "bias_hh" in name:\n'
        "        bias.requires_grad_(False)  # Keras has one bias\n"
        '    if "bias_ih" in name and len(bias) == 4 * hidden:\n'
        "        bias.data[hidden : 2 * hidden] = 1  # an LSTM's forget gate"
    ),
    "head": Lines("nn.init.xavier_uniform_(model.head.weight)\nnn.init.zeros_(model.head.bias)"),
    "adam": Lines(
        "optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)",
        "Keras adds its epsilon before the bias correction: the first steps still differ a little.",
    ),
    "repeated_words": Lines("", "No option: Keras's optimisers square each occurrence of a word by itself."),
    "padding_side": Lines(
        'x = nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_side="left")', "where batches are made"
    ),
}

#: What the arguments in ``IN_KERAS`` call.
KERAS_NAMES = """def uniform():  # a new one for each weight: one initializer draws the same numbers each time
    return keras.initializers.RandomUniform(-(hidden**-0.5), hidden**-0.5)
"""

#: In Keras, to get PyTorch's behaviour; ``keras`` and ``hidden`` are there.
IN_KERAS: dict[str, Arguments] = {
    "embedding": Arguments(
        "keras.layers.Embedding", "embeddings_initializer=keras.initializers.RandomNormal(stddev=1)"
    ),
    "kernel": Arguments("keras.layers.LSTM", "kernel_initializer=uniform()"),
    "recurrent_kernel": Arguments("keras.layers.LSTM", "recurrent_initializer=uniform()"),
    "bias": Arguments(
        "keras.layers.LSTM",
        "bias_initializer=uniform(), unit_forget_bias=False",
        "PyTorch trains two biases, whose sum spreads √2 times as far and moves twice as fast.",
    ),
    "head": Arguments("keras.layers.Dense", "kernel_initializer=uniform(), bias_initializer=uniform()"),
    "dropout": Arguments(
        "keras.layers.LSTM",
        "dropout=0.0",
        "Between two recurrent layers put keras.layers.Dropout(0.5): PyTorch drops there alone, anew at every step.",
    ),
    "adam": Arguments(
        "keras.optimizers.Adam",
        "epsilon=1e-8",
        "PyTorch adds its epsilon after the bias correction: the first steps still differ a little.",
    ),
    "repeated_words": Arguments("", "", "No option: it needs a train_step that makes the embedding's gradient dense."),
    "padding_side": Arguments("keras.utils.pad_sequences", 'padding="post"'),
}


#: The fields whose lines change a model or its optimiser; a script that is given padded reviews has no other place.
OF_A_MODEL = tuple(field for field, recipe in IN_PYTORCH.items() if recipe.lines and field != "padding_side")


def in_pytorch(fields: Iterable[str]) -> str:
    """The lines for these fields, to run after the model is made; what they leave different as comments."""
    wanted = set(fields)
    parts = []
    for field, (lines, rest) in IN_PYTORCH.items():
        if field in wanted:
            parts += [f"# {field}" + f": {rest}" * bool(rest), *([lines] if lines else [])]
    return "\n".join(parts)


#: The layer that takes the arguments, by cell.
LAYERS = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}


def keras_arguments(fields: Iterable[str], cell: str = "lstm") -> dict[str, str]:
    """Each Keras call's further arguments for these fields, as text."""
    wanted, calls = set(fields), {}
    for field, (call, arguments, _) in IN_KERAS.items():
        if field in wanted and call:
            if cell != "lstm":  # no other cell has a forget gate
                arguments = arguments.removesuffix(", unit_forget_bias=False")
            calls.setdefault(call.replace("LSTM", LAYERS[cell]), []).append(arguments)
    return {call: ", ".join(arguments) for call, arguments in calls.items()}


def in_keras(fields: Iterable[str], cell: str = "lstm") -> str:
    """The calls with these fields' arguments, ``...`` for the user's own; what they leave different as comments."""
    wanted, calls = set(fields), keras_arguments(fields, cell)
    said = [f"# {field}: {recipe.rest}" for field, recipe in IN_KERAS.items() if field in wanted and recipe.rest]
    names = [KERAS_NAMES] * any("uniform()" in text for text in calls.values())
    return "\n".join([*said, *names, *(f"{call}(..., {text})" for call, text in calls.items())])
