"""Does the difference of the written conventions give the difference of the stock frameworks?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from reports.statistics.intervals import Estimate, Moment, combine, interval, moment, welch


class Reconstruction(NamedTuple):
    """Three differences, each with its interval and its number of seeds."""

    stock: Estimate
    reconstructed: Estimate
    residual: Estimate


def merge_twins(accuracies: ArrayLike) -> np.ndarray:
    """One value a seed from those of the twins that ran it, ``(..., twins, seeds) -> (..., seeds)``; NaN is not run.

    Under imposed conventions twins repeat one computation: they are one sample, and counting both would double n.
    """
    values = np.asarray(accuracies, float)
    ran = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(ran, values, 0).sum(axis=-2) / ran.sum(axis=-2)


def merge_cells(accuracies: ArrayLike) -> np.ndarray:
    """One value a seed, the mean over cells, ``(..., cells, seeds) -> (..., seeds)``; NaN where a cell has none.

    Cells share a seed's draws, so seeds are the independent units (blocks), and cells are not.
    """
    return np.mean(accuracies, axis=-2)


def reconstruct(left: ArrayLike, right: ArrayLike, imposed: ArrayLike) -> Reconstruction:
    """The stock difference, its reconstruction, and the residual: the first minus the second.

    Seeds of two stock frameworks share nothing, so the stock difference is Welch's. The imposed runs are others than
    the stock runs, so the residual is a contrast of independent means (Satterthwaite 1946).

    Args:
        left: the first framework's stock accuracies ``(..., seeds)``.
        right: the second framework's.
        imposed: the accuracy under the first framework's conventions minus that under the second's, seed by seed.
    """
    stock, reconstructed, residual = differences(left, right, imposed)
    pairs, seeds = np.shape(imposed)[-1], min(np.shape(left)[-1], np.shape(right)[-1])
    return Reconstruction(interval(stock, seeds), interval(reconstructed, pairs), interval(residual, min(seeds, pairs)))


def differences(left: ArrayLike, right: ArrayLike, imposed: ArrayLike) -> tuple[Moment, Moment, Moment]:
    """The moments of what ``reconstruct`` estimates: stock, reconstructed, residual."""
    stock, reconstructed = welch(moment(left), moment(right)), moment(imposed)
    return stock, reconstructed, combine([stock, reconstructed], [1, -1])
