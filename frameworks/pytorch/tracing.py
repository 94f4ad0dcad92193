"""PyTorch traces nothing before it runs: no trial needs what another has traced."""

from frameworks.pytorch.network import Network


def reuse(new: Network) -> Network:
    """Return the new network itself; TensorFlow's twin returns an equal one that is already traced."""
    return new
