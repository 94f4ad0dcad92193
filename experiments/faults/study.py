"""One study under faults: its command, started again after each death, and what it says."""

import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import tomli_w

from experiments.faults.child import CHECKOUT, CLOCK

START = "from experiments.faults.child import main; main()"


class Study:
    """A study in a folder of its own.

    Args:
        folder: new; its name is the study's.
        template: the study's file.
        arguments: of ``run_all.py``, after the study.
    """

    def __init__(self, folder: Path, template: Path, arguments: Sequence[str]) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.name, self.clock = folder, folder.name, folder / "clock"
        content = tomllib.loads(template.read_text(encoding="utf-8")) | {"name": self.name}
        (folder / "study.toml").write_text(tomli_w.dumps(content), encoding="utf-8")
        self.clock.write_bytes(CLOCK.pack(0.0))
        self.starts = self.lines = 0
        self._command = [sys.executable, "-P", "-c", START, str(self.clock), "study.toml", *arguments]
        self._process: subprocess.Popen | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The id of the process that records."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How the last start ended; None while it runs."""
        return self._process.poll()

    def start(self) -> None:
        """Start the command, for the first time or once more."""
        paths = [str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])]
        (self.folder / "tmp").mkdir(exist_ok=True)  # a killed process leaves its own there
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "TMPDIR": str(self.folder / "tmp")}
        self._process = subprocess.Popen(
            self._command,
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,  # no file: a full disk must be the study's alone
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.starts += 1
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def wait(self) -> int:
        """Wait for the end of a start that nothing disturbs."""
        return self._process.wait()

    def kill(self) -> None:
        """End it, if it runs."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        if self._reader:
            self._reader.join(1.0)

    def note(self, text: str) -> None:
        """Put a line of the campaign's among those that the study says."""
        with (self.folder / "said").open("a", encoding="utf-8") as said:
            said.write(f"{time.strftime('%X')}  {text}\n")

    def _read(self, process: subprocess.Popen) -> None:
        for line in process.stdout:
            self.note(line.decode(errors="replace").rstrip())
            self.lines += 1
        process.stdout.close()
