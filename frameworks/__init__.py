"""The twins, one folder each with the same files in each, and the NumPy reference that both are checked against."""

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib import import_module
from types import ModuleType

from experiments.protocol import Framework, Support
from experiments.spec import ExperimentSpec
from experiments.speed.engines import ENGINES
from experiments.twins import FRAMEWORKS, REFERENCE, release


def load(name: str) -> Framework:
    """Import a framework, or an engine, into this process: the only lazy import. A process imports one of them.

    Raises:
        KeyError: the name is neither in ``FRAMEWORKS`` nor in ``ENGINES``.
    """
    if name in ENGINES:
        if host := ENGINES[name].host:
            import_packages(host)
        return import_module("frameworks.engines").load(name)
    if name not in FRAMEWORKS:
        raise KeyError(f"framework {name!r}; allowed: {', '.join(FRAMEWORKS)}")
    import_packages(name)
    network, runtime = (import_module(f"frameworks.{name}.{file}") for file in ("network", "runtime"))
    framework = Framework(name, FRAMEWORKS[name].owner, runtime.configure, network.build, runtime.environment)
    if name == REFERENCE:  # no source shows NumPy calls, and nothing is timed against NumPy
        return framework
    files = (
        "probes.source_calls",
        "probes.call_conventions",
        "profiling",
        "probes.tutorial_baseline",
        "tracing",
        "traps",
    )
    source_calls, call_conventions, profiling, tutorial_baseline, tracing, traps = (
        import_module(f"frameworks.{name}.{file}") for file in files
    )
    models = import_module("frameworks.models")
    return replace(
        framework,
        printed=source_calls.answers,
        calls=call_conventions.answers,
        floor=profiling.floor,
        profile=profiling.profile,
        trap=traps.find,
        bare=tutorial_baseline.train,
        reuse=tracing.reuse,
        model_files=partial(models.files, name),
    )


def import_packages(name: str) -> None:
    """Import a framework's packages without the optional ones that they load merely because those are installed.

    It saves a third of the time that TensorFlow takes to start; to collect no garbage meanwhile saves a sixth of the
    rest.
    """
    with _absent(FRAMEWORKS[name].optional), _uncollected():
        for package in FRAMEWORKS[name].packages:
            import_module(package)


@contextmanager
def _absent(packages: Sequence[str]) -> Iterator[None]:
    """Let packages that have not been imported yet count as not installed."""
    hidden = [package for package in packages if package not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for package in hidden:
            del sys.modules[package]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Collect no garbage: what an import makes lives on."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def facts(name: str) -> ModuleType:
    """Return a twin's ``support`` module: what is known without importing its framework."""
    return import_module(f"frameworks.{name}.support")


def supports(name: str, spec: ExperimentSpec) -> Support:
    """Tell whether the framework has the spec's form, we wrote it, or it is absent, and why; an engine: its network."""
    if name in ENGINES:
        return import_module("frameworks.engines.support").supports(name, spec)
    return facts(name).supports(spec)


def versions(name: str) -> str:
    """Return the installed releases that a result depends on, such as ``tensorflow 2.21.0, keras 3.15.1``."""
    packages = (ENGINES if name in ENGINES else FRAMEWORKS)[name].packages
    return ", ".join(f"{package} {release(package)}" for package in packages)
