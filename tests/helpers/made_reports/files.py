"""Made-up artifacts of a finished trial, for the tests of the reports."""

import json

import numpy as np

from experiments.training.trial import Trial

GATES = {"simple_rnn": 1, "lstm": 4, "gru": 3}
TEXTS = "=== temperature 0 ===\nOnce the the\n\n=== temperature 0.8 ===\nOnce <b>upon</b>\n\na time\n"


def forecast(rng: np.random.Generator) -> str:
    """A ``forecast.csv``: 950 observed points and 50 forecast ones."""
    x = np.linspace(-100, 100, 1000)
    truth = np.sin(x)
    ahead = truth[950:] * np.linspace(1, 0.6 + 0.3 * rng.random(), 50)
    rows = [f"observed,{each},{sine}," for each, sine in zip(x[:950], truth[:950], strict=True)]
    rows += [f"forecast,{each},{sine},{guess}" for each, sine, guess in zip(x[950:], truth[950:], ahead, strict=True)]
    return "\n".join(("part,x,truth,forecast", *rows, ""))


def samples(epochs: int) -> str:
    """A ``samples.json``: a text for each epoch."""
    texts = [f"<i>{'e ' * epoch}</i>" for epoch in range(1, epochs + 1)]
    return json.dumps(
        [{"epoch": epoch, "prompt": "Once ", "temperature": 0.8, "text": text} for epoch, text in enumerate(texts, 1)]
    )


def shapes(trial: Trial) -> dict:
    """A ``shapes.json``: the calls and weights of a live model."""
    network, torch = trial.spec.network, trial.framework == "pytorch"
    gates, calls, weights = GATES.get(network.cell, 1), [["input", [2, 80]]], []
    order = {1: ["h"], 3: ["r", "z", "n"] if torch else ["z", "r", "n"]}.get(
        gates, ["i", "f", "g" if torch else "c", "o"]
    )
    inputs = network.embedding_size or 1

    def axes(rows: str) -> str:
        return f"(G·H, {rows})" if torch else f"({rows}, G·H)"

    if network.embedding_size:
        weights.append(weight("embedding", (10_000, inputs), "embedding/table", (10_000, inputs), "as canonical"))
    for layer, units in enumerate(network.units):
        prefix, width = f"rnn/{layer}/forward/", gates * units
        calls += [[f"layer {layer} input", [2, 80, inputs]], [f"layer {layer} state h", [2, units]]]
        kernel = (width, inputs) if torch else (inputs, width)
        weights.append(weight(f"l{layer} kernel", kernel, prefix + "kernel", (inputs, gates, units), axes("I"), order))
        recurrent, held = (units, gates, units), (width, units) if torch else (units, width)
        weights.append(weight(f"l{layer} recurrent", held, prefix + "recurrent_kernel", recurrent, axes("H"), order))
        weights.append(weight(f"l{layer} bias", (width,), prefix + "bias", (gates, units), "(G·H,)", order))
        if torch:
            name = prefix + "recurrent_bias"
            weights.append(weight(f"l{layer} bias_hh", (width,), name, (gates, units), "(G·H,)", order))
        inputs = units
    weights.append(weight("head", (1, inputs) if torch else (inputs, 1), "head/0/kernel", (inputs, 1), "(O, I)"))
    total = int(sum(np.prod(each["shape"]) for each in weights))
    return {"calls": calls, "weights": weights, "parameters": total, "trained_parameters": total}


def weight(name, shape, canonical, canonical_shape, layout, gates=(), trained=True, note="") -> dict:
    """One native weight in ``shapes.json``."""
    return {
        "name": name,
        "shape": list(shape),
        "canonical": [canonical] if canonical else [],
        "canonical_shape": list(canonical_shape),
        "layout": layout,
        "gates": list(gates),
        "trained": trained,
        "note": note,
    }
