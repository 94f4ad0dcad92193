"""What a process keeps of the memory that it frees, by its page faults."""

import ctypes
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from experiments.hardware import keep_freed_memory
if "keep" in sys.argv:
    keep_freed_memory()
def use():
    return len(bytes([1]) * (20_000_000 + len(sys.argv)))  # not known beforehand: else the compiler makes it once
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*words: str) -> int:
    """Page faults of a process that takes and frees 20 MB ten times."""
    command = [sys.executable, "-c", FAULTS, *words]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc has the setting")
def test_kept_memory_costs_no_page_faults():
    assert faults("keep") < faults() / 10
