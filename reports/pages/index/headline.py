"""The headline: the stock difference, what the written conventions make of it, and what is left."""

from collections.abc import Sequence

from reports.data.comparable import layers, reviews
from reports.data.results import Results
from reports.html.blocks import Block, Prose
from reports.html.format import bracketed, listed, shortfall
from reports.pages.accuracy import reconstruction
from reports.pages.accuracy.reconstruction import METHOD, Evidence, after
from reports.statistics import Estimate

NONE_YET = (
    "No answer yet: it needs both twins trained with one cell in form layer under stock, keras and pytorch conventions."
)
QUESTION = (
    "The question: does each framework's own default behaviour, written out as conventions, give the difference that "
    "is seen when each runs with its own defaults? The reconstructed difference is TensorFlow 2 under keras minus "
    "PyTorch under pytorch conventions; its runs are others than the stock runs."
)
ENOUGH = (
    "The interval excludes zero: a part of the stock difference is not in the written conventions. This is the only "
    "test of accuracy on this page, so its level of 5% is not adjusted."
)
OPEN = (
    "The interval includes zero: no further cause was shown, which is no proof that there is none. This is the only "
    "test of accuracy on this page, so its level of 5% is not adjusted."
)


def sentences(cells: Sequence[Evidence]) -> tuple[str, ...]:
    """The headline and what qualifies it."""
    whole = reconstruction.whole(cells)
    if whole is None:
        return (NONE_YET,)
    if whole.missing:
        return (f"No answer yet over {listed(whole.cells)}: no seed has run in all of them.",)
    stock, reconstructed, residual = whole.reconstruction
    pooled = [cell for cell in cells if not cell.missing]
    when = after(pooled)
    first = (
        f"{when[0].upper()}{when[1:]}, TensorFlow 2 minus PyTorch in test accuracy, each with its own defaults, is "
        f"{bracketed(stock)}{_over(whole)}; the written conventions reconstruct {bracketed(reconstructed)}; what is "
        f"left is {bracketed(residual)}."
    )
    return (first, QUESTION, f"{_verdict(residual)} {_early(when)}", METHOD, *reconstruction.left_out(cells))


def _over(whole: Evidence) -> str:
    if len(whole.cells) == 1:
        return f" with {whole.cells[0]}"
    return f", averaged over {listed(whole.cells)}"


def _verdict(residual: Estimate) -> str:
    if not residual.known:
        return "Two seeds of each side at least are needed to say whether something is left."
    return ENOUGH if residual.excludes_zero else OPEN


def _early(when: str) -> str:
    return (
        f"Defaults move how fast a network learns: this is the difference {when}, and it can vanish or reverse with "
        "more training."
    )


def first(results: Results) -> str:
    """The headline itself."""
    return sentences(reconstruction.evidence(reviews(results)))[0]


def blocks(results: Results) -> tuple[Block, ...]:
    """What stands behind the headline."""
    imdb = reviews(results)
    cells = reconstruction.evidence(imdb)
    gap = shortfall(layers(imdb), "of form layer on IMDB")
    shown = any(sum(cell.seeds) for cell in cells)
    return (*map(Prose, sentences(cells)[1:]), *gap, *([reconstruction.table(imdb)] if shown else []))
