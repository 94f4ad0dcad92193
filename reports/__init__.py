"""MLflow → rows → sections → HTML pages: what a study found, and what it did not."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from experiments.study.plan import Plan

__all__ = ["write"]


def write(plan: "Plan", tracking_uri: str, folder: Path, running: str = "") -> Path:
    """Write every page of a study: ``render.write``, whose imports take seconds and are left until they are needed."""
    from reports import render

    return render.write(plan, tracking_uri, folder, running)
