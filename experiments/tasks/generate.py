"""Writing on: a network's next characters, drawn one by one; neither twin draws anything itself."""

from collections.abc import Callable, Sequence

import numpy as np

from experiments.conventions import stream
from experiments.protocol import States

Advance = Callable[[np.ndarray, States | None], tuple[np.ndarray, States]]  # as a model's


def write(advance: Advance, vocabulary: Sequence[str], prompt: str, length: int, temperature: float, seed: int) -> str:
    """What the network writes after the prompt. Same weights, prompt and seed: the same text from either twin.

    Args:
        advance: ``x (1, 1)`` int32 and states -> logits ``(1, 1, V)`` and states; a single shape, so a single trace.
        vocabulary: the character of each id; id 0 stands for any other and is never written.
        prompt: read first, from zero states; empty, the text goes on from a line's end.
        length: characters to write.
        temperature: the logits' divisor; 0 takes the likeliest character each time.
        seed: of the uniform numbers, one a character.

    Raises:
        ValueError: the temperature is below 0, infinite or none at all, or the length is below 0.
    """
    if not 0 <= temperature < np.inf or length < 0:
        raise ValueError(f"temperature {temperature:g}, length {length}: neither may be below 0 or infinite")
    place = {character: index for index, character in enumerate(vocabulary)}
    *read, last = [place.get(character, 0) for character in prompt] or [place.get("\n", 1)]
    states: States | None = None
    for index in read:
        _, states = advance(np.array([[index]], np.int32), states)
    written = []
    for uniform in stream(seed, "sampling").random(length):
        logits, states = advance(np.array([[last]], np.int32), states)
        last = choose(logits[0, 0], temperature, uniform)
        written.append(vocabulary[last])
    return "".join(written)


def choose(logits: np.ndarray, temperature: float, uniform: float) -> int:
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
