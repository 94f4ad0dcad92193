"""Sequences of different lengths: on which side the padding lies, what becomes of it, and which steps are valid.

Where padding is masked, one rule holds for every cell, form and twin: at a padded step each state keeps its value. So
the last state is that of the last valid step, on whichever side the padding lies, and a row that is all padding ends at
its initial state. What a padded step outputs is a convention (``masked_output``).
"""

from typing import Any, Literal

import numpy as np

from experiments.errors import UserError

Side = Literal["left", "right"]
SIDES: dict[str, Side] = {"keras": "left", "pytorch": "right"}  # of pad_sequences and of pad_sequence, by default


def idle_padding(task: Any) -> dict[str, str]:
    """Map each field about padding to the reason why it has no effect on a task; empty where it has one."""
    told = getattr(task, "padding_side", None)
    unread = "" if task.EVERY_STEP else "a masked step has no answer of its own"
    unread = unread if task.masked else "no step is masked"
    return {
        "padding_side": ""
        if told == "conventions"
        else f"the padding is on the {told}" * bool(told) or "every sequence has the same length",
        "masked_output": unread,
        "masked_loss": unread,
    }


def valid_steps(lengths: np.ndarray, time: int, side: Side) -> np.ndarray:
    """Which steps are not padding: ``lengths (B,) -> (B, time)`` bool."""
    steps = np.arange(time)
    lengths = np.asarray(lengths)[:, None]
    return steps >= time - lengths if side == "left" else steps < lengths


def lengths_of(valid: np.ndarray, side: Side) -> np.ndarray:
    """The length of each row of a mask, ``(B, T)`` bool -> ``(B,)`` int32.

    Raises:
        UserError: a row has a hole, or its padding lies on the other side.
    """
    lengths = valid.sum(axis=1).astype(np.int32)
    wrong = (valid_steps(lengths, valid.shape[1], side) != valid).any(axis=1)
    if wrong.any():
        raise UserError(
            f"mask: row {int(np.argmax(wrong))} has a hole, or its padding is not on the {side}; allowed: valid steps "
            "side by side, all padding on one side"
        )
    return lengths


def check_lengths(lengths: np.ndarray, time: int) -> None:
    """See that every sequence has a step and fits the window.

    Raises:
        UserError: a length is not from 1 to ``time``.
    """
    wrong = (lengths < 1) | (lengths > time)
    if wrong.any():
        place = int(np.argmax(wrong))
        raise UserError(f"lengths: row {place} has length {lengths[place]}; allowed: 1 to {time}, the window")


def moved(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Move rows ``(B, T, …)`` that are padded on the left to the right side; padding goes along."""
    time = x.shape[1]
    places = (np.arange(time) + time - np.asarray(lengths)[:, None]) % time
    return x[np.arange(len(x))[:, None], places]
