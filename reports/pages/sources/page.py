"""The page of the sources' experiments: what each source printed, beside the results of both twins."""

import pandas as pd

from experiments.probes.published import EXPERIMENTS, PUBLISHED
from experiments.tasks.imdb_store import OFFICIAL_SHA256
from reports import statistics
from reports.data.results import Results
from reports.html.blocks import Block, Prose, Section, Table
from reports.html.format import number
from reports.pages.sources import calls, experiments

TITLE = "The sources' experiments"
LEAD = "Do the experiments that this project started from give, in both frameworks, what their sources printed?"
PRINTED = (
    "A printed figure is of one run on the official split of IMDB, 25,000 reviews to train on and 25,000 to test on; "
    "how much it varies between seeds is unknown. Next to it is the mean over seeds of each twin, with its 95% "
    "interval, after the last epoch. The number of epochs was fixed in advance."
)
PIPELINE = (
    "The notebook reads reviews through tf.data: shuffled in a buffer of 1,000, the last partial batch dropped. The "
    "trials on reviews do the same; only stock PyTorch, which has no such buffer, shuffles all reviews. The sine's "
    "script calls fit, which shuffles all windows and keeps the last batch."
)
TYPICAL_ACCURACY = 0.8177  # a printed one: for the spread that the size of the test set leaves


def planned(results: Results) -> bool:
    """Whether the study plans every experiment of the sources, and so has this page."""
    return all(len(experiments.trials_of(results, item)) for item in EXPERIMENTS if item.slug)


def sections(results: Results) -> list[Section]:
    """The page's sections in order."""
    of_experiments = [experiments.section(results, group) for group in experiments.groups()]
    return [reviews(results), *of_experiments, calls.section(results.printed), other_figures()]


def reviews(results: Results) -> Section:
    """Whether the printed figures and those of this study are of the same reviews."""
    splits = results.trials[results.trials.task == "imdb"].drop_duplicates("planned_digest")
    blocks: list[Block] = [Prose(PRINTED), *(Prose(_split(row)) for row in splits.itertuples())]
    return Section("reviews", "The reviews", (*blocks, Prose(PIPELINE, "note")))


def _split(row) -> str:
    """Which reviews a study uses, and how far its figures may differ for that reason."""
    sizes = "" if pd.isna(row.train_n) else f": {int(row.train_n):,} to train on, {int(row.test_n):,} to test on"
    if row.planned_digest == OFFICIAL_SHA256:
        return f"This study uses the official reviews ({row.data_name}{sizes}), so the figures compare directly."
    if row.data_name != "imdb-packaged":
        return f"This study uses the reviews of another file ({row.data_name}{sizes}), so its figures may differ."
    half = number(statistics.binomial_half(TYPICAL_ACCURACY, int(row.test_n)), 1)
    return (
        f"This study uses the packaged reviews ({row.data_name}{sizes}). All of them come from the official training "
        "split: the training set is a fifth smaller, and the test set holds other reviews than that of the printed "
        "figures. So the figures may differ, by less training and by chance: "
        f"{int(row.test_n):,} test reviews alone leave ±{half} points. With --imdb keras, or the path of imdb.npz, the "
        "figures compare directly."
    )


def other_figures() -> Section:
    """Figures of other settings."""
    table = Table.of(
        "Published figures of other settings, for orientation: none of them is a target.",
        ["Source", "Settings", "Figure"],
        [list(figure) for figure in PUBLISHED],
    )
    return Section("published", "Other published figures", (table,))
