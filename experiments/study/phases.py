"""The phases of a study in the order they run. Adding one: a folder with its ``phase.py``, and its line here."""

from experiments.parity.phase import PHASE as PARITY
from experiments.probes.phase import PHASE as PROBES
from experiments.speed.phase import PHASE as SPEED
from experiments.study.phase import Phase
from experiments.training.phase import PHASE as TRAINING
from experiments.traps.phase import PHASE as TRAPS

PHASES: tuple[Phase, ...] = (TRAINING, PARITY, PROBES, TRAPS, SPEED)
