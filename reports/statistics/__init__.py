"""The statistics of the pages, each defined once with its source; ``python -m reports.simulate`` measures their errors.

Accuracies and margins are in percentage points. Functions of samples take ``(..., n)``: one sample, or one for each of
many studies.
"""

from reports.statistics.equivalence import LEVEL, MARGIN, adjust, equivalence, holm, power, seeds_needed, significance
from reports.statistics.fits import LackOfFit, lack_of_fit
from reports.statistics.intervals import (
    CONFIDENCE,
    Estimate,
    Moment,
    binomial_half,
    combine,
    difference,
    interval,
    mean,
    moment,
    welch,
)
from reports.statistics.ratios import decided, moderated, rounds
from reports.statistics.reconstruction import Reconstruction, differences, merge_cells, merge_twins, reconstruct
from reports.statistics.times import first_time, median_time

#: Under imposed conventions the twins' mean training losses may differ by this share in any epoch.
LOSS_BOUND = 0.005

__all__ = [
    "CONFIDENCE",
    "LEVEL",
    "LOSS_BOUND",
    "MARGIN",
    "Estimate",
    "LackOfFit",
    "Moment",
    "Reconstruction",
    "adjust",
    "binomial_half",
    "combine",
    "decided",
    "difference",
    "differences",
    "equivalence",
    "first_time",
    "holm",
    "interval",
    "lack_of_fit",
    "mean",
    "median_time",
    "merge_cells",
    "merge_twins",
    "moderated",
    "moment",
    "power",
    "reconstruct",
    "rounds",
    "seeds_needed",
    "significance",
    "welch",
]
