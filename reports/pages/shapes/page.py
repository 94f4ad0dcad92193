"""The shapes page: what each call takes and returns, and how each weight is named, laid out and ordered."""

import pandas as pd

from reports.data.cached import cached_by_results
from reports.data.results import Results, shape_runs
from reports.html.blocks import Block, Section
from reports.pages.shapes import at_a_glance, calls, live_models, parameters, support
from reports.pages.shapes.pictures import kernels, networks

TITLE = "Shapes"
LEAD = "What does each call take and return, and how is each weight named, laid out and ordered?"


@cached_by_results
def shown_runs(results: Results) -> pd.DataFrame:
    """The runs with recorded shapes, and a column with these shapes."""
    runs = shape_runs(results.trials)
    runs = runs[runs.run_id.isin(results.shapes)]
    return runs.assign(shapes=[results.shapes[run_id] for run_id in runs.run_id])


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    runs = shown_runs(results)
    of_calls = (networks.section(results.calls), kernels.section(runs, results), calls.section(results.calls))
    return [
        at_a_glance.section(results.calls),
        *(section for section in of_calls if section),
        parameters.section(runs, results),
        support.section(results),
        *live_models.sections(runs, results),
    ]


def answer(results: Results) -> tuple[Block, ...]:
    """The front page's answer: what bites most, then the numbers of parameters."""
    return (*at_a_glance.answer(results), *parameters.answer(shown_runs(results)))
