"""What makes two experiments the same, so that results of earlier versions that still hold resume."""

from typing import TYPE_CHECKING

from experiments.conventions import Owner
from experiments.frozen import digest

if TYPE_CHECKING:
    from experiments.spec.experiment import ExperimentSpec

#: Fields added after version 1 of the fingerprint, and the one that it had: old results keep their fingerprints.
LATER_FIELDS = {
    "task": ("validation_reviews", "padding_side", "padding_treatment"),
    "training": ("pipeline", "moved_ulps"),
    "conventions": ("repeated_words", "padding_side", "masked_output", "masked_loss"),
}
FORMER_CONVENTIONS = {"batches": None}


def of(spec: "ExperimentSpec") -> str:
    """sha256 of the canonical JSON, in which fields that came later count only where they are set."""
    parts = spec.model_dump(mode="json")
    for part, fields in LATER_FIELDS.items():
        defaults = type(getattr(spec, part)).model_fields
        parts[part] = {k: v for k, v in parts[part].items() if k not in fields or v != defaults[k].default}
    parts["conventions"] |= FORMER_CONVENTIONS
    return digest(parts)


def later_mathematics(spec: "ExperimentSpec", home: Owner) -> list[int]:
    """``[2]`` where training by ``home``'s framework follows other mathematics than in version 1, else nothing.

    Version 2: Keras's batches are those of ``fit``, and Keras's optimisers square each occurrence of a word.
    """
    keras = (spec.conventions.base if spec.conventions.imposed else home) == "keras"
    stateful = getattr(spec.task, "stateful", False)
    batches = keras and spec.training.pipeline == "default" and not stateful
    fused = not spec.conventions.imposed and spec.network.form == "tuned" and spec.training.optimiser == "adam"
    squares = spec.squares_occurrences and (
        spec.conventions.owner("repeated_words", home) == "keras" if spec.conventions.imposed else keras and fused
    )
    return [2] if batches or squares else []
