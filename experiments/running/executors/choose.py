"""Which executor runs a study, by the name that ``--executor`` takes."""

import re
from contextlib import AbstractContextManager
from typing import Protocol

from experiments.errors import UserError
from experiments.running.executors.local_executor import LocalExecutor
from experiments.running.executors.worker import Load
from experiments.study.phase import Executor

NAME = re.compile(r"local|ray(?:://(?P<head>[\w.-]+(?::\d{1,5})?))?(?:\?gpus=(?P<gpus>\d{1,2}(?:\.\d{1,4})?))?")
ALLOWED = "local, ray (started here for the study), or ray://HOST:PORT of a head; ?gpus=N behind Ray's: for each worker"


class StudyExecutor(Executor, AbstractContextManager, Protocol):
    """An executor that is ended by a ``with``."""

    workers: int


def check(name: str) -> re.Match[str]:
    """A name's parts.

    Raises:
        UserError: there is no such executor.
    """
    if not (parts := NAME.fullmatch(name)):
        raise UserError(f"--executor {name}; allowed: {ALLOWED}")
    return parts


def make(name: str, load: Load, workers: int | None = None, threads: int | None = None) -> StudyExecutor:
    """The executor of this name, which keeps its workers between runs.

    Args:
        name: ``local``, ``ray`` or ``ray://HOST:PORT``, Ray's with ``?gpus=N`` for each worker.
        load: imports a framework by its name.
        workers: how many at a time.
        threads: for each.

    Raises:
        UserError: there is none of this name, Ray is not installed, or its cluster does not answer.
    """
    parts = check(name)
    if name == "local":
        return LocalExecutor(load, workers, threads, keep=True)
    from experiments.running.executors.ray_executor import RayExecutor

    return RayExecutor(load, workers, threads, keep=True, address=parts["head"], gpus=float(parts["gpus"] or 0))
