"""The twins, one folder each with the same files in each, and the NumPy reference they are held to."""

from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

from experiments.protocol import Framework, Support
from experiments.spec import ExperimentSpec
from experiments.twins import FRAMEWORKS, REFERENCE

NAMES = tuple(FRAMEWORKS)


def load(name: str) -> Framework:
    """Import a framework into this process: the only lazy import. One framework a process.

    Raises:
        KeyError: the name is none of ``NAMES``.
    """
    if name not in NAMES:
        raise KeyError(f"framework {name!r}; allowed: {', '.join(NAMES)}")
    network, runtime = (import_module(f"frameworks.{name}.{file}") for file in ("network", "runtime"))
    loaded = Framework(name, FRAMEWORKS[name].owner, runtime.configure, network.build, runtime.environment)
    if name == REFERENCE:  # no source shows NumPy calls, and nothing is timed against it
        return loaded
    printed, speed, bare = (
        import_module(f"frameworks.{name}.{room}") for room in ("source_calls", "profiling", "tutorial_baseline")
    )
    return replace(loaded, printed=printed.answers, floor=speed.floor, profile=speed.profile, bare=bare.train)


def facts(name: str) -> ModuleType:
    """What is known of a twin without importing its framework: ``HOME``, ``supports``."""
    return import_module(f"frameworks.{name}.support")


def supports(name: str, spec: ExperimentSpec) -> Support:
    """Whether the twin has the spec's form natively, has it written by us, or not at all and why."""
    return facts(name).supports(spec)


def versions(name: str) -> str:
    """The releases a trial's results depend on, such as ``tensorflow 2.21.0, keras 3.15.1``."""
    return ", ".join(f"{package} {version(package)}" for package in FRAMEWORKS[name].packages)
