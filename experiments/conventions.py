"""The choices a framework makes for you, as data.

Under ``stock`` each framework follows its own defaults with its own random numbers. Under ``keras`` and ``pytorch`` one
framework's defaults are imposed on both, and everything random (weights, batch order, dropout masks) is drawn once, in
NumPy (``draws.py``). A single field may be overridden: ``{base = "pytorch", embedding = "keras"}`` is an ablation.
"""

from typing import Literal, Self

from pydantic import model_validator

from experiments.frozen import Frozen

Owner = Literal["keras", "pytorch"]

#: What each field means under each owner; docs/conventions.md shows the same table, and a test
#: holds the two together.
TABLE: dict[str, dict[Owner, str]] = {
    "embedding": {"keras": "U(−0.05, 0.05)", "pytorch": "N(0, 1)"},
    "kernel": {"keras": "Glorot uniform over (inputs, gates·hidden)", "pytorch": "U(±1/√hidden)"},
    "recurrent_kernel": {"keras": "orthogonal over (hidden, gates·hidden)", "pytorch": "U(±1/√hidden)"},
    "bias": {
        "keras": "zeros, forget gate 1; one bias (two for reset-after GRU)",
        "pytorch": "U(±1/√hidden); always two, both trained",
    },
    "head": {"keras": "Glorot uniform, zero bias", "pytorch": "U(±1/√inputs), both"},
    "dropout": {
        "keras": "on the input of every recurrent layer, one mask shared by all time steps",
        "pytorch": "between stacked layers, a fresh mask every step",
    },
    "adam": {"keras": "ε=1e-7 added to the uncorrected √v", "pytorch": "ε=1e-8 added to the corrected √v̂"},
    "rmsprop": {"keras": "ρ=0.9, ε=1e-7 inside the root", "pytorch": "α=0.99, ε=1e-8 outside the root"},
    "adagrad": {
        "keras": "accumulator from 0.1, ε=1e-7 inside the root",
        "pytorch": "accumulator from 0, ε=1e-10 outside the root",
    },
    "clipping": {"keras": "per variable unless told global", "pytorch": "global, denominator + 1e-6"},
    "repeated_words": {
        "keras": "each occurrence's gradient squared by itself (Adam, RMSprop, Adagrad, clip norms)",
        "pytorch": "a word's gradients summed first",
    },
    "padding_side": {"keras": "left (pad_sequences)", "pytorch": "right (pad_sequence)"},
    "masked_output": {
        "keras": "a masked step repeats the last output; 0 in both directions",
        "pytorch": "0, as pad_packed_sequence fills in",
    },
    "masked_loss": {
        "keras": "the mean over valid steps",
        "pytorch": "the mean over every step, padded ones included",
    },
}

#: What both frameworks do alike, and a study may still change (``TrainingSpec.pipeline``).
ALIKE = {
    "shuffle": "full permutation (Keras's fit on arrays; DataLoader(shuffle=True))",
    "last_batch": "the last partial batch is kept",
}

ADAGRAD_START: dict[Owner, float] = {"keras": 0.1, "pytorch": 0.0}  # of the accumulator


class Conventions(Frozen):
    """Whose defaults an experiment follows, field by field (see ``TABLE``)."""

    base: Literal["stock", "keras", "pytorch"] = "stock"
    embedding: Owner | None = None
    kernel: Owner | None = None
    recurrent_kernel: Owner | None = None
    bias: Owner | None = None
    head: Owner | None = None
    dropout: Owner | None = None
    adam: Owner | None = None
    rmsprop: Owner | None = None
    adagrad: Owner | None = None
    clipping: Owner | None = None
    repeated_words: Owner | None = None
    padding_side: Owner | None = None
    masked_output: Owner | None = None
    masked_loss: Owner | None = None

    @model_validator(mode="after")
    def _overrides_need_an_imposed_base(self) -> Self:
        if self.base == "stock" and self.overrides:
            raise ValueError(
                "under base 'stock' each framework draws its own random numbers, so single fields "
                "cannot be overridden; allowed: base = 'keras' or 'pytorch' with overrides"
            )
        return self

    @property
    def imposed(self) -> bool:
        """Whether both twins follow the same written conventions and the same draws."""
        return self.base != "stock"

    @property
    def overrides(self) -> dict[str, Owner]:
        """The fields that differ from the base; a field set to the base's own value does not count."""
        return {name: owner for name in TABLE if (owner := getattr(self, name)) not in (None, self.base)}

    @property
    def label(self) -> str:
        """Short text for names and tables, such as ``pytorch+embedding=keras``."""
        return "+".join([self.base, *(f"{name}={owner}" for name, owner in self.overrides.items())])

    def owner(self, field: str, home: Owner) -> Owner:
        """The framework whose default holds for ``field``; under ``stock`` it is ``home``, the one that runs."""
        return getattr(self, field) or (self.base if self.imposed else home)
