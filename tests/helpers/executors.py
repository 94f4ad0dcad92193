"""The executors that are held to the contract of ``study.phase.Executor``.

Each is made by a function of three arguments, ``workers``, ``threads`` and ``patience`` (seconds), runs toys, and is a
context that ends it.
"""

import os
import time
from contextlib import suppress
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest
import toys
from run_all_cases import GUARD_S

from experiments.running.executors.local_executor import LocalExecutor

HELPERS = Path(__file__).parent
NEEDS_RAY = [pytest.mark.cluster, pytest.mark.skipif(not find_spec("ray"), reason="Ray, an extra, is not installed")]


def new_cluster(*cpus: int):
    """Start Ray's processes for a cluster of nodes with so many CPUs each, the first of them the head's."""
    from ray.cluster_utils import Cluster

    made = Cluster()
    for count in cpus:
        new_node(made, count)
    return made


def new_node(cluster, cpus: int):
    """Add a node, which can import the toys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(HELPERS.parents[1]), str(HELPERS)]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        return cluster.add_node(num_cpus=cpus, **({} if cluster.head_node else {"include_dashboard": False}))


@cache
def shared_cluster():
    """Two nodes of two CPUs, for all tests of this process, which is connected to them until it ends."""
    from experiments.running.executors import ray_cluster

    cluster = new_cluster(2, 2)
    ray_cluster.connect(cluster.address)
    return cluster


def on_ray(workers: int, threads: int, patience: float):
    """A Ray executor on the shared cluster, with the deeds of the test."""
    from experiments.running.executors.ray_executor import RayExecutor

    load = partial(toys.load_elsewhere, os.environ["TOY_DEEDS"])
    return RayExecutor(load, workers, threads, patience, address=shared_cluster().address)


def gone(pid: int) -> bool:
    """Wait until a process has ended."""
    until = time.monotonic() + GUARD_S
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
            time.sleep(0.05)
    return time.monotonic() < until


EXECUTORS = {
    "local": pytest.param(partial(LocalExecutor, toys.load), id="local"),
    "ray": pytest.param(on_ray, id="ray", marks=NEEDS_RAY),
}
