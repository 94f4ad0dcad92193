"""Tasks: arrays in, metrics out. The parent locates and checks a task's data; workers load it.

Adding a task: a module like ``digits.py`` with ``SPEC``, ``locate``, ``interface`` and ``load``, and ``usual_lengths``
if its padding can be masked; its import and entry in ``MODULES``.
"""

from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Union

import numpy as np
from pydantic import Field

from experiments.errors import UserError
from experiments.tasks import chars, digits, imdb, sine
from experiments.tasks.task import BaseTaskSpec, DataSource, Interface, Split, Task

MODULES: dict[str, ModuleType] = {"imdb": imdb, "sine": sine, "digits": digits, "chars": chars}
TaskSpec = Annotated[Union[tuple(module.SPEC for module in MODULES.values())], Field(discriminator="name")]  # noqa: UP007

ELSE = "--imdb packaged or keras"

__all__ = ["MODULES", "DataSource", "Interface", "Split", "Task", "TaskSpec"]
__all__ += ["interface", "load", "locate", "on_this_machine"]


def module_of(spec: BaseTaskSpec) -> ModuleType:
    """The module of a spec's task."""
    return MODULES[spec.name]


def locate(spec: BaseTaskSpec, imdb: str = "packaged") -> DataSource:
    """Find and check a task's data without loading it into this process.

    Args:
        spec: the task.
        imdb: where the reviews come from: ``packaged``, ``keras`` or a path to an ``imdb.npz``.

    Raises:
        UserError: the data is missing, broken or does not match its digest.
    """
    return module_of(spec).locate(spec, imdb)


def on_this_machine(spec: BaseTaskSpec, source: DataSource) -> DataSource:
    """Find data on this machine that was located on another one; prepare it if need be.

    Raises:
        UserError: it is missing here, or its digest is another one.
    """
    if source.path is None:
        return source
    if spec.name == "imdb" and source.name not in imdb.KNOWN:
        if not Path(source.path).is_file():
            raise UserError(f"{source.path}: not on this machine; allowed: a folder that all machines share, or {ELSE}")
        return source
    here = locate(spec, imdb.KNOWN.get(source.name, "packaged"))
    if here.digest != source.digest:
        raise UserError(f"{here.path}: its sha256 is {here.digest}, not {source.digest}; allowed: the same data")
    return here


def interface(spec: BaseTaskSpec) -> Interface:
    """What a task asks of a network, without its data."""
    return module_of(spec).interface(spec)


def usual_lengths(spec: BaseTaskSpec, count: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths as the task's sequences have them, ``(count,)`` int32, without its data."""
    return module_of(spec).usual_lengths(spec, count, rng)


@lru_cache(maxsize=2)
def load(spec: BaseTaskSpec, source: DataSource, dtype: str) -> Task:
    """The task's arrays, floats in ``dtype``; kept between the trials of a worker."""
    return module_of(spec).load(spec, source, dtype)
