"""Made-up answers of both twins to a few lines of code, for the tests of the shapes page."""

from typing import Any

from experiments.probes.snippets import SIZES, snippets
from experiments.twins import TWINS
from reports.pages.shapes.differences import DIFFERENCES

NUMBERS = {letter: number for number, letter in SIZES.items()}
SHAPES = {  # of the networks' results, by name
    "embedded": "BTI",
    "lower": "BTH",
    "last": "BH",
    "logit": "B1",
    "out": "BTH",
    "h": "1BH",
    "c": "1BH",
}


def tensor(letters: str) -> dict[str, Any]:
    """A kept tensor: ``BTH`` -> that of shape (3, 7, 8)."""
    return {"shape": [NUMBERS.get(letter) or int(letter) for letter in letters], "dtype": "float32"}


def answers() -> dict[str, dict[str, Any]]:
    """Each twin's answers: what the advice assumes, as texts, and every network's shapes."""
    return {twin: _assumed(twin) | _networks(twin) for twin in TWINS}


def _assumed(twin: str) -> dict[str, Any]:
    assumed: dict[str, Any] = {}
    for path, words in ((path, words) for each in DIFFERENCES for path, words in each.assumes[twin].items()):
        name, *keys = path.split(".")
        answer = assumed.setdefault(name, {"lines": f"{name} = {words!r}", "results": {}})
        if keys == ["refused"]:
            assumed[name] = {"lines": "", "refused": "ValueError: no"}
            continue
        place = answer["results"]
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = {"yes": True, "no": False}.get(words, words)
    return assumed


def _networks(twin: str) -> dict[str, Any]:
    results = {name: tensor(letters) for name, letters in SHAPES.items()}
    return {
        each.name: {"lines": each.lines[twin], "results": results} for each in snippets() if each.topic == "networks"
    }
