"""Results of lines of code in words: shapes in letters, such as ``(B, T, 2·H)``."""

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

from experiments.probes.snippets import SIZES
from reports.html.format import MINUS

HIDDEN = next(size for size, letter in SIZES.items() if letter == "H")
Calls = Mapping[str, Mapping[str, Any]]  # snippet → its lines, and their results or what refused them


def size(number: int) -> str:
    """One axis: its letter, a multiple of the hidden size, or the number itself."""
    if number in SIZES:
        return SIZES[number]
    times, rest = divmod(number, HIDDEN)
    return f"{times}·{SIZES[HIDDEN]}" if times > 1 and not rest else str(number)


def shape(sizes: Sequence[int]) -> str:
    """A tensor's shape in letters, as Python writes it."""
    return f"({', '.join(map(size, sizes))}{',' * (len(sizes) == 1)})"


def is_tensor(value: Any) -> bool:
    """Whether a kept value is a tensor's shape and type."""
    return isinstance(value, Mapping) and set(value) == {"shape", "dtype"}


def words(value: Any) -> str:
    """A kept value: ``(B, H)``, ``(B, T) bool``, ``yes``, ``i f g o``, ``kernel (I, 4·H), bias (4·H,)``."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if is_tensor(value):
        kind = "" if value["dtype"].startswith("float") else f" {value['dtype']}"
        return shape(value["shape"]) + kind
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {words(each)}" for name, each in value.items())
    if isinstance(value, list):
        separator = " " if all(isinstance(each, str) for each in value) else ", "
        return separator.join(map(words, value)) if separator == " " else f"[{separator.join(map(words, value))}]"
    return str(value).replace("-", MINUS) if isinstance(value, int | float) else str(value)


def found(calls: Calls, path: str) -> Any:
    """The value at ``snippet.result``, ``snippet.result.key``, or ``snippet.refused``: whether it was refused.

    Raises:
        KeyError: the framework gave no such result.
    """
    snippet, *keys = path.split(".")
    if keys == ["refused"]:
        return "refused" in calls[snippet]
    value = calls[snippet]["results"]
    for key in keys:
        value = value[key]
    return value


class Filled(Formatter):
    """Fills ``{snippet.result}`` with a result in words, ``{snippet.result:if so|if not}`` with one of two words."""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[Any, str]:
        """The result that a field names."""
        return found(self.calls, field_name), field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        """A result in words; of two words the first if the result is true."""
        if not format_spec:
            return words(value)
        if not isinstance(value, bool):
            raise ValueError(f"{value!r} is neither true nor false")
        return format_spec.split("|")[0 if value else 1]


def filled(text: str, calls: Calls) -> str | None:
    """The text with its results filled in; None where the framework has not given one of them."""
    try:
        return Filled(calls).format(text)
    except KeyError:
        return None
