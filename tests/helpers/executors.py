"""The executors that are held to the contract of ``study.phase.Executor``.

Each is made by a function of three arguments, ``workers``, ``threads`` and ``patience`` (seconds), runs toys, and is a
context that ends it.
"""

from functools import partial

import toys

from experiments.running.executor import LocalExecutor

EXECUTORS = {"local": partial(LocalExecutor, toys.load)}
