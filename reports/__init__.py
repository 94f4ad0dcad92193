"""MLflow → rows → sections → HTML pages: what a study found, and what it did not."""

from reports.render import write

__all__ = ["write"]
