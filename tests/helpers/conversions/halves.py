"""Each framework's half of all conversion tests in one process: ``python halves.py HALF FOLDER``.

A process costs the import of a framework, and so does the one in which it checks its conversions.
"""

import gc
import sys
from collections.abc import Callable
from pathlib import Path

from conversions import stages, zoo
from conversions.stages import Stage

from frameworks import import_packages
from frameworks.convert import inputs

#: By half, in the order in which they run; by the folder of what belongs together.
HALVES: dict[str, dict[str, Callable[[Stage], None]]] = {
    "keras_first": {"plain": stages.keras_first, "zoo": zoo.keras_first, "refusals": zoo.keras_refusals},
    "torch": {"plain": stages.torch_stage, "zoo": zoo.torch_stage},
    "keras_again": {"plain": stages.keras_again, "zoo": zoo.keras_again},
}


if __name__ == "__main__":
    _, half, where = sys.argv
    import_packages("pytorch" if half == "torch" else "tf2")
    gc.freeze()  # as a worker does after the import: Keras walks the whole heap whenever it clears its session
    inputs.LENGTHS = (1, 5)  # each padding that there is, on few steps; the command line of other tests takes all
    for part, fill in HALVES[half].items():
        own = Stage(Path(where) / part)
        own.folder.mkdir(exist_ok=True)
        fill(own)
        own.write(half)
