"""What was traced for one trial serves the next: another seed of the same experiment has the same graph.

Tracing and optimising a training step's graph takes TensorFlow seconds, longer than the training of a small task.
"""

from collections import OrderedDict

from experiments.spec import ExperimentSpec
from experiments.tasks import Interface
from frameworks.tf2.network import Network

_KEPT = 8  # networks: the graph of a stack unrolled over 80 steps takes 80 MB
_traced: OrderedDict[tuple[ExperimentSpec, Interface], Network] = OrderedDict()


def reuse(new: Network) -> Network:
    """Return a network equal to this new one, whose functions are already traced if its like was asked for before.

    The earlier network takes the new one's state, as from a checkpoint: variables, optimiser, dropout's seeds,
    batches. So it must no longer be in use.
    """
    key = (new.spec, new.interface)
    earlier = _traced.pop(key, new)
    if earlier is not new:
        earlier.batches = new.batches
        earlier.restore(new.checkpoint())
    _traced[key] = earlier
    if len(_traced) > _KEPT:
        _traced.popitem(last=False)
    return earlier
