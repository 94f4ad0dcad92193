"""Every trap, by theme: a folder of each twin's ``traps`` is a module here."""

from experiments.traps.catalogue import layers, optimisers, padding
from experiments.traps.trap import NotYet, Trap

TRAPS: dict[str, Trap] = {each.name: each for theme in (padding, layers, optimisers) for each in theme.TRAPS}
NOT_YET: tuple[NotYet, ...] = ()
