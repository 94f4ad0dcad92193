"""Two-level designs for the conventions' fields: which arms to train so that every field's effect can be told.

A level is −1 for Keras's convention and +1 for PyTorch's; a design is an array ``(arms, fields)`` of levels.
"""

import itertools
import math

import numpy as np

#: Further fields as products of the first ones (Box, Hunter & Hunter 2005, table 6.22). Resolution V or more: no main
#: effect and no pair of fields is confused with another.
GENERATORS: dict[int, tuple[str, ...]] = {5: ("ABCD",), 6: ("ABCDE",), 7: ("ABCDEF",), 8: ("ABCD", "ABEF")}
MOST_FIELDS = max(GENERATORS)


def factorial(fields: int) -> np.ndarray:
    """The smallest of our designs of resolution V: 2^k arms up to four fields, 64 for seven and eight."""
    words = GENERATORS.get(fields, ())
    basic = np.array(list(itertools.product((-1, 1), repeat=fields - len(words))))
    made = [math.prod(basic[:, "ABCDEFGH".index(letter)] for letter in word) for word in words]
    return np.column_stack([basic, *made]).astype(int)


def alone(fields: int, start: int) -> np.ndarray:
    """The corner with every field at ``start``, and each field changed alone: ``(1 + fields, fields)``."""
    return start * (1 - 2 * np.vstack([np.zeros((1, fields), int), np.eye(fields, dtype=int)]))


def columns(levels: np.ndarray) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """The design's columns for the mean, the fields and their pairs, ``(arms, 1 + k + k(k−1)/2)``, and what each is."""
    names: list[tuple[int, ...]] = [
        (),
        *((field,) for field in range(levels.shape[1])),
        *itertools.combinations(range(levels.shape[1]), 2),
    ]
    return np.column_stack([levels[:, list(name)].prod(axis=1) for name in names]), names


def in_words(fields: int) -> str:
    """The design in a sentence."""
    words = GENERATORS.get(fields)
    if not words:
        return f"all {2**fields} combinations of {fields} fields"
    letters = "ABCDEFGH"[:fields]
    made = ", ".join(f"{letter} = {word}" for letter, word in zip(letters[-len(words) :], words, strict=True))
    return f"2^({fields}−{len(words)}) = {2 ** (fields - len(words))} arms, {made}"
