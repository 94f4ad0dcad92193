"""The headline and the reconstruction behind it: what they say of results made up for the purpose."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_reports import toys

from reports.data.comparable import layer_table
from reports.pages.accuracy import reconstruction
from reports.pages.accuracy.reconstruction import STOCK, WRITTEN, Evidence
from reports.pages.index import headline


@pytest.fixture(scope="module")
def whole():
    trials = toys.planned()
    return toys.results(trials, [toys.run_of(trial) for trial in trials])


def evidence(stock=(84.0, 81.0), imposed=(84.2, 81.1), seeds=4, spread=0.2, cell="lstm", epochs=2) -> Evidence:
    """Accuracies that are spread evenly about these means: the first framework's or conventions' and the second's."""
    wobble = spread * np.linspace(-1, 1, seeds) if seeds > 1 else np.zeros(seeds)
    sides = zip((*STOCK, *WRITTEN), (*stock, *imposed), (1, -1, 1, -1), strict=True)
    return Evidence((cell,), (epochs,), pd.DataFrame({side: mean + turn * wobble for side, mean, turn in sides}))


def said(*cells: Evidence) -> str:
    return " ".join(headline.sentences(cells))


def test_the_headline_states_three_differences_with_interval_seeds_and_epoch():
    text = said(evidence(), evidence(cell="gru"))
    assert text.startswith("After 2 epochs, TensorFlow 2 minus PyTorch in test accuracy")
    assert "is +3.00 points (95% interval" in text and "n\xa0=\xa04), averaged over lstm and gru" in text
    assert "reconstruct +3.10 points (95% interval" in text
    assert "what is left is −0.10 points (95% interval" in text
    assert "explain" not in text


@pytest.mark.parametrize(
    ("imposed", "spread", "text"),
    [
        ((84.2, 81.1), 0.2, "includes zero: no further cause was shown"),
        ((83.0, 82.5), 0.05, "excludes zero: a part of the stock difference is not in the written conventions"),
    ],
)
def test_the_residual_is_what_the_written_conventions_leave(imposed, spread, text):
    assert text in said(evidence(imposed=imposed, spread=spread))


def test_agreement_is_a_check_and_not_a_finding():
    assert "checks the method and is not a finding" in said(evidence())


def test_one_seed_has_no_interval():
    text = said(evidence(seeds=1))
    assert "so no interval" in text and "Two seeds of each side at least are needed" in text


def test_cells_that_differ_in_epochs_are_told_apart():
    cells = evidence(), evidence(cell="gru"), evidence(cell="simple_rnn", epochs=4)
    assert said(*cells).startswith("After 2 epochs (lstm and gru) and 4 epochs (simple_rnn), TensorFlow 2 minus")


@pytest.mark.parametrize("cells", [[], [evidence(seeds=0)]], ids=["no cell", "no seed"])
def test_without_results_there_is_no_answer(cells):
    assert said(*cells).startswith("No answer yet")


def test_cells_without_a_seed_in_common_have_no_pooled_answer():
    other = evidence(cell="gru")
    apart = Evidence(other.cells, other.epochs, other.accuracies.set_axis(range(10, 14)))
    assert "no seed has run in all of them" in said(evidence(), apart)


def test_a_cell_that_lacks_a_side_is_left_out_and_named():
    lacking = evidence(cell="gru")
    lacking.accuracies[STOCK[1]] = np.nan
    text = said(evidence(), lacking)
    assert "with lstm" in text and "gru is left out, since no seed has run of PyTorch under stock." in text


def test_a_small_difference_is_pooled_like_a_large_one():
    """Cells are never chosen by what they show."""
    pooled = reconstruction.whole([evidence(), evidence(cell="gru", stock=(81.0, 81.0))])
    assert pooled.cells == ("lstm", "gru")
    assert pooled.reconstruction.stock.value == pytest.approx(1.5)


def test_cells_of_one_seed_are_one_block():
    """Two cells that go up and down together do not narrow the interval; two that go against each other cancel."""
    one, same = evidence(), reconstruction.pooled([evidence(), evidence(cell="gru")])
    assert same.reconstruction.stock.half == pytest.approx(one.reconstruction.stock.half)
    other = evidence(cell="gru")
    mirrored = Evidence(("gru",), (2,), 2 * other.accuracies.mean() - other.accuracies)
    against = reconstruction.pooled([evidence(), mirrored])
    assert against.reconstruction.stock.half == pytest.approx(0, abs=1e-9)


def test_imposed_twins_are_merged_and_paired_by_seed(whole):
    cells = {cell.cells[0]: cell for cell in reconstruction.evidence(whole)}
    assert list(cells) == ["simple_rnn", "lstm", "gru"]
    lstm = layer_table(whole.trials)[lambda frame: frame.cell == "lstm"]
    merged = lstm.groupby(["conventions", "seed"]).accuracy.mean().unstack("conventions")
    stock, reconstructed, residual = cells["lstm"].reconstruction
    assert reconstructed.value == pytest.approx((merged.keras - merged.pytorch).mean())
    assert reconstructed.n == 3
    assert residual.value == pytest.approx(stock.value - reconstructed.value)


def test_one_twin_is_enough_for_the_reconstruction(whole):
    trials = whole.trials[(whole.trials.conventions == "stock") | (whole.trials.framework == "tf2")]
    assert all(cell.reconstruction.residual.known for cell in reconstruction.evidence(replace(whole, trials=trials)))


def test_the_table_has_a_row_for_each_cell_and_one_for_all(whole):
    table = reconstruction.table(whole)
    assert [row[0].text for row in table.rows] == ["simple_rnn", "lstm", "gru", "simple_rnn, lstm and gru together"]
    pooled = reconstruction.whole(reconstruction.evidence(whole)).reconstruction
    assert [cell.sort for cell in table.rows[-1][3:]] == [estimate.value for estimate in pooled]
