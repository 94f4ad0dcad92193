"""Generate text with a trained network: ``python run_all.py sample RUN --prompt "Once"``.

Any framework can use the weights that another has trained: they are stored in canonical layout.
"""

import json
import math
import os
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from experiments.errors import UserError
from experiments.tracking.database import DEFAULT_URI

if TYPE_CHECKING:  # everything heavy is imported where it is used: help comes up at once
    from experiments.protocol import Model, Twins
    from experiments.spec import ExperimentSpec

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

FILES = ("spec.toml", "weights.safetensors", "vocabulary.json")


@app.command()
def main(
    context: typer.Context,
    run: Annotated[
        str, typer.Argument(help="a finished chars trial's run id in MLflow, or its first 6 digits or more")
    ],
    prompt: Annotated[str, typer.Option(help="what the text begins with")] = "",
    temperature: Annotated[float, typer.Option(help="0: the likeliest character each time; 1: as it learned")] = 0.8,
    length: Annotated[int, typer.Option(help="characters to write")] = 500,
    seed: Annotated[int, typer.Option(help="of the draws")] = 0,
    framework: Annotated[
        str | None, typer.Option(metavar="tf2|pytorch|reference", help="who writes; its own framework if left out")
    ] = None,
    tracking_uri: Annotated[str, typer.Option(help="MLflow's database or server")] = DEFAULT_URI,
) -> None:
    """Print the prompt and the text that the trained network generates after it."""
    try:
        _check(temperature, length, seed)
        with _quiet():
            written = text(context.obj, run, prompt, temperature, length, seed, framework, tracking_uri)
        typer.echo(prompt + written)
    except UserError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Discard what a framework's C++ code prints while it starts; exceptions are shown afterwards."""
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _check(temperature: float, length: int, seed: int) -> None:
    if not 0 <= temperature < math.inf:
        raise UserError(f"--temperature {temperature:g}: allowed: 0 (the likeliest character) and above")
    for option, value in (("length", length), ("seed", seed)):
        if value < 0:
            raise UserError(f"--{option} {value}: allowed: 0 and above")


def text(
    twins: "Twins",
    run: str,
    prompt: str,
    temperature: float,
    length: int,
    seed: int,
    framework: str | None,
    tracking_uri: str,
) -> str:
    """The text that a trial's network generates after the prompt; ``framework`` of None is the one that trained it.

    Raises:
        UserError: there is no such run, it is not that of a finished chars trial, or the framework is unknown.
    """
    from experiments.spec import ExperimentSpec
    from experiments.tasks import generate
    from experiments.tracking import runs

    trained, files = runs.artifacts_of(tracking_uri, run, FILES)
    spec = ExperimentSpec.model_validate(tomllib.loads(files["spec.toml"].decode()))
    vocabulary = json.loads(files["vocabulary.json"])
    model = build(twins, spec, trained, framework or trained, files["weights.safetensors"], len(vocabulary))
    return generate.generate(model.advance, vocabulary, prompt, length, temperature, seed)


def build(
    twins: "Twins", spec: "ExperimentSpec", trained: str, chosen: str, weights: bytes, characters: int
) -> "Model":
    """The network of a chars trial on its trained weights, in the chosen framework.

    Args:
        twins: loads a framework.
        spec: the trial's.
        trained: the framework that trained it.
        chosen: the framework to build it in.
        weights: its ``weights.safetensors``.
        characters: the size of its vocabulary.

    Raises:
        UserError: the framework is unknown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from safetensors.numpy import load

    from experiments.tasks.chars import interface
    from experiments.twins import FRAMEWORKS

    if chosen not in FRAMEWORKS:
        raise UserError(f"--framework {chosen}: allowed: {', '.join(FRAMEWORKS)}")
    framework = twins.load(chosen)
    framework.configure(1)  # one character at a time cannot use more threads
    fitting = _fitting(spec, FRAMEWORKS[trained].owner, lambda each: twins.supports(chosen, each))
    return framework.build(fitting, interface(spec.task, characters), load(weights), 0)


def _fitting(spec: "ExperimentSpec", home: str, supports) -> "ExperimentSpec":
    """The spec under conventions with as many biases as the weights, in a form that the framework has.

    Stock weights have the biases of the framework that trained them, which are those of its own conventions imposed.
    """
    from experiments.conventions import Conventions
    from experiments.protocol import Absent

    if not spec.conventions.imposed:
        spec = spec.model_copy(update={"conventions": Conventions(base=home)})
    if isinstance(supports(spec), Absent):  # a form never changes the mathematics, and every framework has this one
        spec = spec.model_copy(update={"network": spec.network.model_copy(update={"form": "scratch"})})
    return spec
