"""Shared by the tests of tasks."""

from pathlib import Path

from experiments.tasks.chars import CharsSpec

TEXT = "the quick brown fox jumps over the lazy dog\n" * 40


def spec(text: Path | str, **fields) -> CharsSpec:
    return CharsSpec(text=str(text), **({"window": 8} | fields))
