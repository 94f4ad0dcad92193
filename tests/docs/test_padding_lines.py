"""The lines of docs/padding.md: the last output of padded rows is that of the rows alone."""

from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "padding.md").read_text(encoding="utf-8")
ROWS = ([3, 7, 2, 5, 1], [4], [6, 2, 8])
WORDS, UNITS, TIME = 9, 4, 6


def lines(framework: str) -> str:
    """The page's block of code that begins with the framework's name."""
    return PAGE.partition(f"```python\n# {framework}:")[2].partition("```")[0].partition("\n")[2]


def padded(side: str) -> np.ndarray:
    """``ROWS`` padded with 0 to ``(B, TIME)``."""
    room = [(TIME - len(row), 0) if side == "left" else (0, TIME - len(row)) for row in ROWS]
    return np.stack([np.pad(row, width) for row, width in zip(ROWS, room, strict=True)])


@pytest.mark.tf2
@pytest.mark.parametrize("side", ["left", "right"])
def test_kerass_lines_skip_padding(side):
    from keras import layers

    given = {
        "embedding": layers.Embedding(WORDS, 3, mask_zero=True),
        "lstm": layers.LSTM(UNITS, return_sequences=True, return_state=True),
    }
    together = given | {"ids": padded(side)}
    exec(lines("Keras"), together)
    for place, row in enumerate(ROWS):
        alone = given | {"ids": np.array([row])}
        exec(lines("Keras"), alone)
        np.testing.assert_allclose(together["last"][place], alone["last"][0], atol=1e-6)


@pytest.mark.pytorch
def test_pytorchs_lines_skip_padding():
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence

    torch.manual_seed(0)
    lstm = torch.nn.LSTM(3, UNITS, batch_first=True)
    names = {
        "embedding": torch.nn.Embedding(WORDS, 3),
        "lstm": lstm,
        "torch": torch,
        "ids": torch.tensor(padded("left")),
    }
    names["pack_padded_sequence"] = pack_padded_sequence
    exec(lines("PyTorch"), names)
    for place, row in enumerate(ROWS):
        _, (h_n, _) = lstm(names["embedding"](torch.tensor([row])))
        np.testing.assert_allclose(names["last"][place].detach(), h_n[-1, 0].detach(), atol=1e-6)
