"""What a step's cost depends on besides its cell and form."""

from typing import Any

from experiments.spec import ExperimentSpec


def length(spec: ExperimentSpec) -> tuple[str, int] | None:
    """The task's name for the sequence's length, and its value; None if the task fixes the length."""
    field = spec.task.LENGTH
    return (field, getattr(spec.task, field)) if field else None


def traits(spec: ExperimentSpec) -> dict[str, Any]:
    """What a step's cost depends on besides its cell and form; not the numbers of samples and epochs."""
    network, training, task = spec.network, spec.training, spec.task.model_dump()
    return {
        "task": task["name"],
        "length": length(spec),
        "words": task.get("words"),
        "units": network.units,
        "batch": training.batch_size,
        "embedding": network.embedding_size,
        "dropout": network.dropout,
        "padding": ", ".join(spec.task.padding_in_words),
        "optimiser": training.optimiser,
        "clip": training.clip_norm,
        "dtype": training.dtype,
        "device": training.device,
        "conventions": spec.conventions.label,
    }


def in_words(spec: ExperimentSpec) -> str:
    """The traits in words."""
    values, known = traits(spec), length(spec)
    lengths = {"tokens": "sequences of {} tokens", "window": "windows of {}"}
    parts = [lengths.get(known[0], f"{known[0]} {{}}").format(known[1])] if known else []
    parts += [f"{values['words']:,} words"] if values["words"] else []
    parts += [f"embedding {values['embedding']}"] if values["embedding"] else []
    parts += [f"units {'×'.join(map(str, values['units']))}", f"batches of {values['batch']}"]
    parts += [f"dropout {values['dropout']:g}", *[values["padding"]] * bool(values["padding"]), values["optimiser"]]
    parts += [f"gradients clipped at {values['clip']:g}"] if values["clip"] is not None else []
    return ", ".join([*parts, values["dtype"], f"{values['conventions']} conventions"])
