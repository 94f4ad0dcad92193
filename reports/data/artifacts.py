"""The files that runs leave, parsed. Every function raises ValueError where the text is not such a file."""

import json
import re
from collections.abc import Mapping
from io import StringIO
from typing import Any

import pandas as pd

TIMED = {"round", "load", "load_before", "build_s", "peak_bytes", "step_bytes"}
BY_ENGINE = {"forward", "error"}  # in place of the training step, ``train``
WITH_FLOOR = {"forward", "floor", "gflop"}  # all of these or none
OUTCOMES = {"results", "refused"}  # of lines of code: one of the two
TEMPERATURE = re.compile(r"^=== temperature (\S+) ===\n", re.M)


def shapes(text: str) -> Mapping[str, Any]:
    """``shapes.json`` of a trial."""
    return _record(text, {"calls", "weights", "parameters", "trained_parameters"})


def forecast(text: str) -> pd.DataFrame:
    """``forecast.csv`` of a trial on the sine: part, x, truth, forecast."""
    table = pd.read_csv(StringIO(text))
    if not {"part", "x", "truth", "forecast"} <= set(table.columns):
        raise ValueError("not a forecast")
    return table


def samples(text: str) -> dict[int, str]:
    """``samples.json`` of a trial on characters: epoch → its prompt and the text generated after it."""
    try:
        return {int(sample["epoch"]): sample["prompt"] + sample["text"] for sample in json.loads(text)}
    except (TypeError, KeyError) as error:
        raise ValueError("not a list of samples") from error


def texts(text: str) -> dict[str, str]:
    """``samples.txt`` of a trial on characters: temperature → text."""
    _, *parts = TEMPERATURE.split(text)
    if not parts:
        raise ValueError("no text under a temperature")
    return {temperature: written.strip("\n") for temperature, written in zip(parts[::2], parts[1::2], strict=True)}


def parity_check(text: str) -> Mapping[str, Any]:
    """``ladder.json`` of a parity check."""
    return _record(text, {"pairs", "losses", "rungs_climbed"})


def gradient_norms(text: str) -> Mapping[str, Any]:
    """``horizon.json`` of a probe: stage → state → norms for t = 1 … T."""
    return _record(text, {"start", "trained"})


def rounding(text: str) -> Mapping[str, Any]:
    """``rounding.json`` of a probe: ``losses``, ulps → the loss of each step."""
    return _record(text, {"losses"})


def same_text(text: str) -> Mapping[str, Any]:
    """``writing.json`` of a probe."""
    return _record(text, {"prompt", "trained_by", "texts"})


def recipe(text: str) -> Mapping[str, Any]:
    """``recipe.json`` of a probe: the fields whose lines were added, the seed, and the accuracy."""
    return _record(text, {"fields", "seed", "accuracy"})


def source_calls(text: str) -> Mapping[str, Any]:
    """``printed.json`` of a probe: call → answer."""
    record = _record(text, set())
    if not all(isinstance(answer, dict) for answer in record.values()):
        raise ValueError("not the answers to the sources' calls")
    return record


def calls(text: str) -> Mapping[str, Any]:
    """``calls.json`` of a probe: snippet → its lines, and their results or what refused them."""
    record = _record(text, set())
    if not all(isinstance(each, dict) and {"lines"} < set(each) <= {"lines", *OUTCOMES} for each in record.values()):
        raise ValueError("not the results of lines of code")
    return record


def trap(text: str) -> Mapping[str, Any]:
    """``trap.json`` of a trap: what its ports cost in each twin, and their code."""
    return _record(text, {"trap", "costs", "accuracies", "code"})


def timings(text: str) -> tuple[Mapping[str, Any], ...]:
    """``timing.json`` of a timed variant: a record for each process."""
    processes = _record(text, {"processes"})["processes"]
    if not processes or not all("failure" in process or _is_whole(set(process)) for process in processes):
        raise ValueError("not a record of timings")
    return tuple(processes)


def _is_whole(keys: set[str]) -> bool:
    by_twin = "train" in keys and keys & WITH_FLOOR in (set(), WITH_FLOOR)
    return keys >= TIMED and (by_twin or keys >= BY_ENGINE)


def _record(text: str, keys: set[str]) -> dict[str, Any]:
    """A JSON object that has at least these keys."""
    record = json.loads(text)
    if not isinstance(record, dict) or not keys <= set(record):
        raise ValueError(f"not an object with {', '.join(sorted(keys)) or 'answers'}")
    return record
