"""The table of frameworks: names, colours, whose conventions they follow by default, and their packages."""

from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from experiments.conventions import Owner


class FrameworkFacts(NamedTuple):
    """What is known of a framework without importing it."""

    title: str
    colour: str  # of its runs, lines and points
    owner: Owner  # whose conventions it follows under ``stock``
    packages: tuple[str, ...]  # distributions whose releases its results depend on
    optional: tuple[str, ...] = ()  # what it imports where it is installed, and no twin needs


REFERENCE = "reference"
FRAMEWORKS: dict[str, FrameworkFacts] = {
    "tf2": FrameworkFacts(
        "TensorFlow 2", "#d9730d", "keras", ("tensorflow", "keras"), ("matplotlib", "pandas", "scipy", "sklearn")
    ),
    "pytorch": FrameworkFacts("PyTorch", "#3a6fd8", "pytorch", ("torch",)),
    REFERENCE: FrameworkFacts("NumPy reference", "#5f6b76", "keras", ("numpy",)),
}
TWINS = tuple(name for name in FRAMEWORKS if name != REFERENCE)  # differences are the first minus the second
COLOURS = {name: facts.colour for name, facts in FRAMEWORKS.items()}
TITLES = {name: facts.title for name, facts in FRAMEWORKS.items()}


def release(package: str) -> str:
    """The installed release of a package, or ``missing``: the framework's jobs will fail and say so."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"
