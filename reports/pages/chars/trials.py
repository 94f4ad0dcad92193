"""The trials of the writing page, and how it names an experiment."""

import pandas as pd

from reports.data.results import Results
from reports.html.format import Settings

ENTROPIES = {"unigram": "baseline/unigram", "bigram": "baseline/bigram"}  # of the test text; name → metric


def on_characters(results: Results) -> pd.DataFrame:
    """The planned trials on characters."""
    return results.trials[results.trials.task == "chars"]


def title(trials: pd.DataFrame, settings: Settings) -> str:
    """An experiment's cell, form and conventions, and its setting's letter if there are several settings."""
    first = trials.iloc[0]
    letters = [f"setting {cell.text}" for cell in settings.cell(first)]
    return ", ".join([first.cell, first.form, first.conventions, *letters])


def entropy(trials: pd.DataFrame, metric: str) -> float:
    """An entropy of the test text; NaN if no trial is done."""
    return float(trials[metric].astype(float).mean()) if metric in trials else float("nan")
