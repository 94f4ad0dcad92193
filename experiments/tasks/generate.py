"""Text generation: a network's next characters, drawn one by one here, not by the framework."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from experiments.draws import generator

Advance = Callable[[np.ndarray, Any], tuple[np.ndarray, Any]]  # as Model.advance


def generate(
    advance: Advance, vocabulary: Sequence[str], prompt: str, length: int, temperature: float, seed: int
) -> str:
    """Write the text that follows the prompt. Same weights, prompt and seed: the same text from either twin.

    Args:
        advance: ``x (1, 1)`` int32 and states -> logits ``(1, 1, V)`` and states; a single shape, so a single trace.
        vocabulary: the character of each id; id 0 stands for any other and is never written.
        prompt: read first, from zero states; if empty, the text continues from a line's end.
        length: characters to write.
        temperature: the logits are divided by it; 0 takes the likeliest character each time.
        seed: of the uniform numbers, one a character.

    Raises:
        ValueError: the temperature is below 0, infinite or not a number, or the length is below 0.
    """
    if not 0 <= temperature < np.inf or length < 0:
        raise ValueError(f"temperature {temperature:g}, length {length}: neither may be below 0 or infinite")
    place = {character: index for index, character in enumerate(vocabulary)}
    *read, last = [place.get(character, 0) for character in prompt] or [place.get("\n", 1)]
    states = None
    for index in read:
        _, states = advance(np.array([[index]], np.int32), states)
    written = []
    for uniform in generator(seed, "sampling").random(length):
        logits, states = advance(np.array([[last]], np.int32), states)
        last = choose_id(logits[0, 0], temperature, uniform)
        written.append(vocabulary[last])
    return "".join(written)


def choose_id(logits: np.ndarray, temperature: float, uniform: float) -> int:
    """An id from 1 on: the likeliest at temperature 0, else where softmax(logits / temperature) sums up to ``uniform``.

    ``logits (V,)``; ``uniform`` in [0, 1). In float64, by the inverse of the cumulative distribution.
    """
    known = np.asarray(logits[1:], np.float64)
    if temperature == 0:
        return 1 + int(known.argmax())
    with np.errstate(over="ignore"):  # a temperature near 0 leaves −∞, whose weight is 0
        weights = np.exp((known - known.max()) / temperature)
    sums = np.cumsum(weights)
    return 1 + min(int(np.searchsorted(sums, uniform * sums[-1], side="right")), len(known) - 1)
