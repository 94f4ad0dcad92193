"""Convert a file: read it, write a draft, run both on the same inputs, and keep the draft if they agree."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.errors import UserError
from frameworks.convert import sides
from frameworks.convert.files import Found, drafts, home, is_canonical, moved_into_place, write_text
from frameworks.convert.inputs import draw
from frameworks.convert.outline import Outline, Said, beside_weights, beyond_weights, implied, left_behind

#: The largest error allowed, of predictions' size where they are larger than 1.
TOLERANCE = 1e-5
#: An error must also be this small beside the predictions' spread: a model that hardly reacts proves little.
OF_SPREAD = 1e-2


@dataclass(frozen=True)
class Report:
    """What a conversion found: the largest error over some sequences, None if unchecked; notes for the reader."""

    error: float | None
    sequences: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """Where a conversion goes: frameworks, None for canonical weights, and the models that give names and order."""

    source: Path
    origin: str | None
    read_like: Path | None
    target: Path
    goal: str | None
    write_like: Path | None

    @property
    def writes_weights_alone(self) -> bool:
        """Whether the target carries no model: a state dict, or a file of Keras's weights."""
        return self.goal == "pytorch" or (self.target.name.endswith(".weights.h5") and self.write_like is None)


def convert(
    source: Path,
    target: Path,
    like: Path | None = None,
    cell: str | None = None,
    said: Said | None = None,
    module: Path | None = None,
    check: bool = True,
) -> Report:
    """Read ``source`` and write ``target``, and ``module``'s code if it is named.

    Raises:
        UserError: a file is missing, broken, of another format, does not fit, or predicts otherwise; nothing is
            written.
    """
    route = _route(source, target, like)
    _check_module(route, module)
    said = said or Said()
    with sides.opened(route.origin, route.goal) as (reader, writer), drafts(target.parent) as folder:
        contents = reader(sides.read, route.origin, source, route.read_like, cell)
        contents, notes = _described(route, contents, said, module is not None)
        _refuse_what_is_lost(route, contents, module, check)
        draft = folder / target.name
        with _shown_as(target, draft):
            text = writer(sides.code, route.goal, contents) if module else None
            went_into = writer(sides.write, route.goal, draft, route.write_like, contents, text)
            error, sequences = None, 0
            if check:
                error, sequences, more = _check(route, reader, writer, draft, contents, went_into, text)
                notes += more
        if module:
            write_text(module, text)
        moved_into_place(target, draft)
    return Report(error, sequences, (*notes, *_beside(route, contents, module)))


@contextmanager
def _shown_as(target: Path, draft: Path) -> Iterator[None]:
    """Name the target in errors that name the draft."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(str(draft), str(target))) from error


def _route(source: Path, target: Path, like: Path | None) -> Route:
    for path in filter(None, (source, like)):
        if not path.is_file():
            raise UserError(f"{path}: no such file")
    if not target.parent.is_dir():
        raise UserError(f"{target}: no such folder: {target.parent}")
    kinds = {path: home(path) for path in filter(None, (source, target, like))}
    origin = kinds[source] or (None if is_canonical(source) else "pytorch")
    like_framework = like and (kinds[like] or "pytorch")
    goal = kinds[target] or ("pytorch" if origin is None or (origin, like_framework) == ("tf2", "pytorch") else None)
    if like and like_framework not in (origin, goal):
        raise UserError(f"{like}: --like belongs to neither side; allowed: a model of the one read or written")
    read_like, write_like = (like if like_framework == framework else None for framework in (origin, goal))
    return Route(source, origin, read_like, target, goal, write_like)


def _check_module(route: Route, module: Path | None) -> None:
    if module is None:
        return
    if route.goal is None:
        raise UserError(f"{module}: canonical weights are no framework's; allowed: --module with a target of one")
    if route.write_like is not None:
        raise UserError(f"{route.write_like}: --module writes a model of its own names; allowed: without this --like")
    if module.suffix != ".py" or not module.parent.is_dir():
        raise UserError(f"{module}: allowed for --module: a .py in a folder that exists")


def _described(route: Route, contents: Found, said: Said, module: bool) -> tuple[Found, list[str]]:
    """Add what the user says of weights alone, or, where a model must be written, what their shapes imply."""
    if said and contents.outline is not None:
        raise UserError(
            f"{route.source} says what its model computes; allowed: without --nonlinearity, --activations, --packed, "
            "--every-step"
        )
    at_padding = "repeat" if route.origin == "tf2" else "zeros"
    if said:
        return replace(contents, outline=implied(contents.weights, contents.cells, said, at_padding)), []
    if contents.outline is None and (module or (route.goal == "tf2" and route.write_like is None)):
        outline = implied(contents.weights, contents.cells, said, at_padding)
        if len(outline.dense) > 1:
            raise UserError(
                f"{route.source} does not say what stands between its {len(outline.dense)} dense layers; allowed: "
                "--activations, one for each dense layer, such as relu,linear"
            )
        return replace(contents, outline=outline), [_assumed(route, outline)]
    return contents, []


def _assumed(route: Route, outline: Outline) -> str:
    between = "relu between dense layers, " * (len(outline.dense) > 1)
    each = " of each direction" * any(step.both_ways for step in outline.recurrent)
    return f"{route.source} holds weights alone; assumed: one chain, tanh, {between}the last output{each}, no padding"


def _refuse_what_is_lost(route: Route, contents: Found, module: Path | None, check: bool) -> None:
    """Refuse to write weights alone where predictions depend on more, unless code or no check is asked for."""
    if not (route.writes_weights_alone and check and module is None and contents.outline):
        return
    if lost := beyond_weights(contents.outline):
        raise UserError(
            f"{route.source}: {'; '.join(lost)}, which weights alone do not carry; allowed: --module OUT.py, --no-check"
        )


def _check(
    route: Route,
    reader: sides.Side,
    writer: sides.Side,
    draft: Path,
    contents: Found,
    went_into: Outline | None,
    text: str | None,
) -> tuple[float, int, list[str]]:
    """Run the source and the draft on the same inputs; return the largest error and the number of sequences.

    Raises:
        UserError: the predictions differ, or are the same for every input.
    """
    outlines = [outline for outline in (contents.outline, went_into) if outline]
    notes = []
    if not outlines:
        outlines = [implied(contents.weights, contents.cells, Said())]
        notes = [_assumed(route, outlines[0])]
    known = replace(contents, outline=outlines[0])
    inputs = draw(contents.weights, outlines)
    expected = reader(sides.predict, route.origin, route.source, route.read_like, known, inputs)
    written = writer(sides.predict, route.goal, draft, route.write_like, known, inputs, text)
    error = largest_error(route, expected, written)
    return error, sum(map(len, inputs)), notes


def largest_error(route: Route, expected: list[np.ndarray], written: list[np.ndarray]) -> float:
    """Return the largest error of the predictions, relative where they are larger than 1.

    Raises:
        UserError: it is above ``TOLERANCE`` or too large beside the predictions' spread, or nothing could be compared.
    """
    for one, other in zip(expected, written, strict=True):
        if one.shape != other.shape:
            raise UserError(f"{route.target}: predicts {other.shape} where {route.source} predicts {one.shape}")
    one, other = (np.concatenate([batch.ravel() for batch in side]).astype(np.float64) for side in (expected, written))
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise UserError(f"{route.source}: predictions are not finite; allowed: --no-check")
    size, spread = max(1.0, np.abs(one).max()), np.ptp(one)
    error = float(np.abs(one - other).max() / size)
    if spread == 0:
        raise UserError(f"{route.source} predicts the same for every input, which shows nothing; allowed: --no-check")
    if error > min(TOLERANCE, OF_SPREAD * spread / size):
        raise UserError(
            f"{route.target}: predictions differ from those of {route.source} by {error:.1e}; allowed: {TOLERANCE:.0e}"
        )
    return error


def _beside(route: Route, contents: Found, module: Path | None) -> list[str]:
    """Say what the written weights need beside them, and what stays behind."""
    if contents.outline is None:
        return []
    notes = []
    needs = beside_weights(contents.outline)
    if needs and route.writes_weights_alone and module is None:
        notes.append(f"the model around these weights needs: {', '.join(needs)}")
    if (lost := beyond_weights(contents.outline)) and route.writes_weights_alone and module is None:
        notes.append(f"not carried by weights alone: {'; '.join(lost)}")
    if route.goal is not None and (left := left_behind(contents.outline)):
        notes.append(f"left behind, acts in training alone: {', '.join(left)}")
    return notes
