"""A study: TOML → experiments → what is to be run."""

from pathlib import Path

STUDIES = Path(__file__).parent / "studies"


def names() -> list[str]:
    """The project's own studies."""
    return sorted(file.stem for file in STUDIES.glob("*.toml"))
