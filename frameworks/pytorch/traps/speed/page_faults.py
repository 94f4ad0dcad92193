"""Large blocks that are freed go back to the system, and each step takes them anew."""

from experiments.traps import child


def naive(batch: int, steps: int, units: int) -> list[float]:
    """Start Python as usual."""
    environment = {}
    return child.step("frameworks.pytorch.traps.steps", "train", environment, batch=batch, steps=steps, units=units)


def right(batch: int, steps: int, units: int) -> list[float]:
    """Start Python with glibc told to keep what is freed."""
    environment = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TOP_PAD_": "67108864", "MALLOC_TRIM_THRESHOLD_": "2147483647"}
    return child.step("frameworks.pytorch.traps.steps", "train", environment, batch=batch, steps=steps, units=units)


original = naive
