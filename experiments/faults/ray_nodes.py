"""A Ray cluster of two nodes on this machine, by ``ray start``, whose head and second node can be killed."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psutil

from experiments.faults.servers import GUARD_S

CPUS = 2  # of each node: the study can go on with one of them
STORE_BYTES = 100 * 2**20


def installed() -> bool:
    """Whether Ray, an extra, is there."""
    return find_spec("ray") is not None


class RayNodes:
    """The cluster; a context that ends it. What runs on the nodes has the environment of this process."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        self._folder = tempfile.mkdtemp(prefix="ray-")  # short: names of sockets have at most 107 characters
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
        self._environment = os.environ | quiet | {"TMPDIR": self._folder}
        self.head: subprocess.Popen | None = None
        self.second: subprocess.Popen | None = None

    @property
    def address(self) -> str:
        """Of the head; the same after its death."""
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start both nodes; the second joins when it is ready."""
        if self.head:
            return
        head = ["--head", f"--port={self._port}", f"--temp-dir={self._folder}", "--include-dashboard=false"]
        self.head = self._node("--node-ip-address=127.0.0.1", *head)
        until = time.monotonic() + GUARD_S
        while not _listens(self._port):
            if self.head.poll() is not None or time.monotonic() > until:
                raise RuntimeError("Ray's head does not answer")
            time.sleep(0.2)
        self.add_second()

    def add_second(self) -> None:
        """Start the second node, for the first time or once more, unless there is no head."""
        if self.head and not self.second:
            self.second = self._node(f"--address={self.address}", "--node-ip-address=127.0.0.1")

    def kill_second(self) -> None:
        """Kill the second node with all that runs on it."""
        _kill_tree(self.second)
        self.second = None

    def kill(self) -> None:
        """Kill the head and then the rest."""
        _kill_tree(self.head)
        self.head = None
        self.kill_second()

    def actors(self) -> list[psutil.Process]:
        """The processes that hold workers."""
        return [each for each in self._family() if "ray::Node" in " ".join(_command(each))]

    def workers(self) -> list[psutil.Process]:
        """The worker processes of the actors."""
        return [each for each in self._family() if "spawn_main" in " ".join(_command(each))]

    def _family(self) -> list[psutil.Process]:
        return [each for node in (self.head, self.second) if node for each in family(node.pid)]

    def _node(self, *arguments: str) -> subprocess.Popen:
        ray = str(Path(sys.executable).with_name("ray"))
        options = [f"--num-cpus={CPUS}", f"--object-store-memory={STORE_BYTES}", "--block", "--disable-usage-stats"]
        with (Path(self._folder) / "log").open("ab") as log:
            return subprocess.Popen(
                [ray, "start", *arguments, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )


def family(pid: int) -> list[psutil.Process]:
    """The descendants of a process, the oldest first; none if it is gone."""
    with suppress(psutil.Error):
        return sorted(psutil.Process(pid).children(recursive=True), key=lambda each: (each.create_time(), each.pid))
    return []


def _command(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def _kill_tree(node: subprocess.Popen | None) -> None:
    if node is None:
        return
    for each in [*family(node.pid), node]:
        with suppress(psutil.Error, ProcessLookupError):
            each.send_signal(signal.SIGKILL)
    node.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
