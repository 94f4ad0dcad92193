"""Large blocks that are freed go back to the system, and each step takes them anew."""

from experiments.traps import child


def naive(batch: int, steps: int, units: int) -> list[float]:
    """Start Python as usual."""
    environment = {}
    return child.step("frameworks.tf2.traps.steps", "train", environment, batch=batch, steps=steps, units=units)


#: TensorFlow's process keeps most of its blocks by itself.
right = naive
original = naive
