"""The accuracy page: the frameworks' difference by epoch, what the conventions do, and what is equal."""

from experiments.tasks import MODULES
from reports.data.cached import cached_by_results
from reports.data.comparable import designed, layers, reviews
from reports.data.results import Results
from reports.html.blocks import Block, Prose, Section
from reports.html.format import shortfall
from reports.pages.accuracy import (
    by_epoch,
    comparison,
    conventions,
    equivalence,
    faithfulness,
    forecasts,
    learning_curves,
    padding,
    reconstruction,
    steps_to_level,
    twin_losses,
)
from reports.pages.accuracy.conventions import table
from reports.pages.accuracy.equivalence import Compared
from reports.pages.accuracy.faithfulness import Faithfulness

TITLE = "Accuracy"
LEAD = "Does the framework make the difference, or do its defaults?"
#: Tasks that sections, or a page, of their own show.
SHOWN = ("imdb", "sine", "chars")


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    imdb = reviews(results)
    return [
        *_on_reviews(imdb),
        twin_losses.section(results),
        *padding.section(imdb),
        forecasts.section(results),
        others(imdb),
        *other_tasks(results),
    ]


@cached_by_results
def _on_reviews(results: Results) -> list[Section]:
    """The sections on the framework × conventions table and its family."""
    twins, own = verdicts(results)
    family = [row.comparison for row in (*twins, *own)]
    tested = sum(each.tested for each in family)
    return [
        by_epoch.section(results),
        steps_to_level.section(results),
        conventions.section(results),
        reconstruction.section(results),
        Section("verdicts", "How verdicts are given", (Prose(comparison.METHOD), Prose(comparison.family(family)))),
        faithfulness.section(results, own, tested),
        equivalence.section(results, twins, tested),
        learning_curves.section(results),
    ]


def verdicts(results: Results) -> tuple[list[Compared], list[Faithfulness]]:
    """Every comparison that the page gives a verdict on, p values adjusted together: they are one family."""
    return _verdicts(reviews(results))


@cached_by_results
def _verdicts(results: Results) -> tuple[list[Compared], list[Faithfulness]]:
    twins, own = equivalence.compared(results), faithfulness.compared(results)
    adjusted = iter(comparison.adjusted([row.comparison for row in (*twins, *own)]))
    return (
        [row._replace(comparison=next(adjusted)) for row in twins],
        [row._replace(comparison=next(adjusted)) for row in own],
    )


@cached_by_results
def others(results: Results) -> Section:
    """Every other IMDB experiment: other forms, other settings."""
    imdb = results.trials[results.trials.task == "imdb"]
    shown = [*layers(results).spec_fingerprint, *padding.trials(results).spec_fingerprint]
    rest = imdb[~imdb.spec_fingerprint.isin(shown) & ~designed(imdb)]
    blocks: list[Block] = list(shortfall(rest, "of another form or setting on IMDB"))
    if (rest.state == "done").any():
        note = (
            "A form never changes the mathematics: within one setting and under imposed conventions, where all start "
            "alike, a cell's forms should end alike but for rounding."
        )
        blocks += [Prose(note), table(rest, results, form=True)]
    return Section("others", "Other forms and settings", tuple(blocks))


def other_tasks(results: Results) -> list[Section]:
    """Every other task, such as digits: its main metric."""
    sections = []
    for task in (task for task in MODULES if task not in SHOWN):
        trials = results.trials[(results.trials.task == task) & ~designed(results.trials)]
        if len(trials):
            metric_table = table(trials, results, form=True, task=task, metric=MODULES[task].SPEC.METRIC)
            sections.append(Section(task, f"Task {task}", (*shortfall(trials, f"on {task}"), metric_table)))
    return sections
