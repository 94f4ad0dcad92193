"""Steps for the tests of traps that run in a process of their own."""

import os
from collections.abc import Iterator


def counted(start: int) -> Iterator[list]:
    """A variable of the environment, and a number that grows."""
    while True:
        yield [os.environ["MADE_UP"], start]
        start += 1


def ending() -> Iterator[list]:
    os._exit(3)
    yield []
