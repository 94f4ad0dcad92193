"""Whether ``tuned`` is the fastest form of each cell in each twin."""

from made_reports import timings as toys
from made_reports.speed_page import flat, said

QUESTION = "Is the tuned form the fastest?"


def test_tuned_is_held_against_the_fastest_other_form_of_its_twin():
    made = [
        *(flat("tf2", ms, form) for form, ms in {"layer": 0.9, "cell_loop": 0.6, "tuned": 0.1}.items()),
        *(flat("pytorch", ms, form) for form, ms in {"layer": 0.2, "scratch": 0.5, "tuned": 0.8}.items()),
    ]
    text = said(toys.results(*made))
    assert "the tuned form is faster than the fastest other form in 1 of 2 pairs of cell and twin, slower in 1" in text
    assert "and too close to call in 0. Slower: PyTorch's layer is 4.0× faster for lstm (" in text
    rows = text[text.index("Other / tuned") :]
    assert "TensorFlow 2 100 cell_loop 600 6.0× 5.95 to 6.05 faster" in rows and "PyTorch 800 layer 200 0.250×" in rows


def test_what_is_close_is_no_verdict():
    made = [flat(twin, ms, form) for twin in ("tf2", "pytorch") for form, ms in (("layer", 1.0), ("tuned", 0.99))]
    assert "in 0 of 2 pairs of cell and twin, slower in 0, and too close to call in 2." in said(toys.results(*made))


def test_without_a_tuned_or_another_form_nothing_is_asked():
    assert QUESTION not in said(toys.results(flat("tf2", 0.3, "tuned"), flat("pytorch", 0.3, "layer")))
