"""The connection to a Ray cluster, or to a local Ray started for the study: its nodes, its actors, its faults."""

import os
import pickle
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Any, NamedTuple

from experiments.errors import UserError
from experiments.events import first_line
from experiments.hardware import usable_cores
from experiments.running.executors.ray_node import Node, Order
from experiments.running.processes import STOPPING

PORT = 6379  # of a head, unless told
PROBE_S = 2.0  # between two looks whether the head answers, while nothing else is heard
PROBES = 2  # in vain, and the head is gone
END_S = 5.0  # for the actors to end their workers
STORE_BYTES = 200 * 2**20  # a local Ray's shared memory: Ray would take a third of the machine's
#: Ray reports its use, warns, and gives its workers a low priority, unless told.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_IMPORT_WARNING": "1",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # of a local Ray's workers; 15 unless told, behind the writing of the pages
}


class Place(NamedTuple):
    """One node of the cluster that is alive."""

    node: str
    host: str
    cpus: int
    gpus: float


@dataclass
class Cluster:
    """A connection.

    Args:
        ray: the package.
        address: of the head: host and port.
        own: whether this study has made the connection, and so closes it.
    """

    ray: ModuleType
    address: tuple[str, int]
    own: bool
    unfit: set[str] = field(default_factory=set)  # nodes that are no choice for a worker that takes a whole one
    _probed: float = field(default=0.0, init=False)
    _in_vain: int = field(default=0, init=False)

    @cached_property
    def _node(self) -> Any:
        return self.ray.remote(Node)

    @property
    def places(self) -> list[Place]:
        """The nodes that are alive and have CPUs."""
        with self.faults():
            alive = [node for node in self.ray.nodes() if node["Alive"]]
        each = [(node, node["Resources"]) for node in alive]
        return [
            Place(node["NodeID"], node["NodeManagerHostname"], int(has.get("CPU", 0)), has.get("GPU", 0.0))
            for node, has in each
            if has.get("CPU", 0) >= 1
        ]

    def actor(self, order: Order, cpus: float, node: str | None = None) -> Any:
        """Ask for an actor with so many CPUs, on this node if told, else spread over the cluster."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        where = NodeAffinitySchedulingStrategy(node, soft=False) if node else "SPREAD"
        asked = {"num_cpus": cpus, "num_gpus": order.gpus, "scheduling_strategy": where}
        with self.faults():
            return self._node.options(**asked, max_concurrency=4).remote(order)

    def wait(self, answers: Sequence[Any], seconds: float) -> list[Any]:
        """Those of the awaited answers that are there, at least one if one comes within so many seconds."""
        with self.faults():
            ready, rest = self.ray.wait(list(answers), num_returns=1, timeout=seconds)
            return ready + (self.ray.wait(rest, num_returns=len(rest), timeout=0)[0] if ready and rest else [])

    def end(self, actors: Sequence[Any]) -> None:
        """Let actors end their workers, in whatever state they are, within seconds."""
        if actors:
            with suppress(Exception):  # a dead one, or a dead Ray
                answers = [actor.end.remote() for actor in actors]
                self.ray.wait(answers, num_returns=len(answers), timeout=END_S)

    def kill(self, actor: Any) -> None:
        """Kill an actor's process, if there is one; a stopped one is killed by its node after five seconds."""
        with suppress(Exception):
            self.ray.kill(actor)

    def look(self) -> None:
        """See, now and then, whether the head is there: Ray would wait for it a minute, then abort this process.

        Raises:
            UserError: it is gone.
        """
        if time.monotonic() - self._probed < PROBE_S:
            return
        self._probed, host, port = time.monotonic(), *self.address
        try:
            socket.create_connection(self.address, timeout=PROBE_S).close()
            self._in_vain = 0
        except OSError:
            self._in_vain += 1
        if self._in_vain >= PROBES:
            raise UserError(f"Ray's head at {host}:{port} is gone; start one again, and the same command continues")

    def close(self) -> None:
        """Disconnect; a local Ray ends."""
        if self.own:
            with suppress(Exception), handlers_kept():
                self.ray.shutdown()

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn what Ray raises into one line."""
        try:
            yield
        except (UserError, pickle.PicklingError):
            raise
        except Exception as error:
            raise UserError(f"Ray failed: {first_line(error)}; the same command continues") from error


def connect(address: str | None) -> Cluster:
    """Connect to the cluster whose head has this address, or start a local Ray.

    Args:
        address: ``HOST:PORT`` or ``HOST``; None for a local Ray.

    Raises:
        UserError: Ray is not installed, or there is no such cluster.
    """
    os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
    try:
        import ray
        import ray._private.worker as worker
    except ImportError as error:
        raise UserError(
            f"--executor ray: Ray is not installed ({error}); allowed: pip install 'rnn-twins[ray]', or local"
        ) from error
    # What Ray's processes report would disturb the display; what it means for a job is said of the job.
    worker.print_to_stdstream = lambda *_, **__: None
    where = address and ":".join(map(str, _answering(address)))
    own = not ray.is_initialized()
    if own:
        _start(ray, where)
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    return Cluster(ray, (host, int(port)), own)


def _start(ray: ModuleType, where: str | None) -> None:
    local = {"num_cpus": usable_cores(), "include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        with handlers_kept():
            ray.init(where or "local", log_to_driver=False, logging_level="ERROR", **({} if where else local))
    except Exception as error:
        name = f"ray://{where}" if where else "ray"
        raise UserError(
            f"--executor {name}: {first_line(error)}; allowed: the address of a Ray head, on a machine of its cluster"
        ) from error


def _answering(address: str) -> tuple[str, int]:
    """An address as host and port, where something answers: Ray would try for a minute."""
    host, _, port = address.partition(":")
    allowed = f"ray://HOST:PORT of a Ray head ({PORT} unless told), or ray, which starts a local one"
    if not host or not (port or str(PORT)).isdecimal():
        raise UserError(f"--executor ray://{address}; allowed: {allowed}")
    endpoint = host, int(port or PORT)
    try:
        socket.create_connection(endpoint, timeout=PROBE_S * PROBES).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"--executor ray://{address}: nothing answers there ({error}); allowed: {allowed}") from error
    return endpoint


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Keep this process's signal handlers, which Ray replaces."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    try:
        yield
    finally:
        for number, handler in before.items():
            with suppress(ValueError):  # not in the main thread
                signal.signal(number, handler)
