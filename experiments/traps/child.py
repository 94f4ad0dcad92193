"""Steps in a process of its own, for what is set when Python starts: each request runs one more of them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

_children: dict[str, subprocess.Popen] = {}
_SERVE = "from experiments.traps.child import serve; serve()"


def step(module: str, function: str, environment: Mapping[str, str], **case: Any) -> list[float]:
    """One step's measurements, of a generator that runs in a process with these variables set beside this one's.

    Args:
        module: where the generator is.
        function: its name.
        environment: variables; a process is kept for each until ``close``.
        case: the generator's arguments, plain data.
    """
    told = json.dumps([module, function, dict(environment), case])
    if told not in _children:
        paths = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        variables = os.environ | paths | dict(environment)
        _children[told] = subprocess.Popen([sys.executable, "-c", _SERVE, told], env=variables, **pipes)
    child = _children[told]
    print(file=child.stdin, flush=True)
    answer = child.stdout.readline()
    if not answer:
        raise RuntimeError(f"the process that runs {module}.{function} ended with {child.wait()}")
    return json.loads(answer)


def close() -> None:
    """End the processes."""
    for child in _children.values():
        child.kill()
        child.communicate()
    _children.clear()


def serve() -> None:
    """Run a step for each line that comes in; the child's program, which ends with its parent."""
    module, function, _, case = json.loads(sys.argv[1])
    steps = getattr(import_module(module), function)(**case)
    for _ in sys.stdin:
        print(json.dumps(next(steps)), flush=True)
