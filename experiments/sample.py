"""Write on with a trained network: ``python -m experiments.sample RUN --prompt "Once"``; ``--help`` says more.

Any framework takes the weights that any other was trained to: they are canonical, and so is the text.
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
    from experiments.protocol import Model
    from experiments.spec import ExperimentSpec

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

FILES = ("spec.toml", "weights.safetensors", "vocabulary.json")


@app.command()
def main(
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
    """Print the prompt and what the trained network writes after it."""
    try:
        _check(temperature, length, seed)
        with _quiet():
            written = text(run, prompt, temperature, length, seed, framework, tracking_uri)
        typer.echo(prompt + written)
    except UserError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """What a framework's C++ says as it starts goes nowhere; an exception still has its say, after."""
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
    run: str, prompt: str, temperature: float, length: int, seed: int, framework: str | None, tracking_uri: str
) -> str:
    """What a trial's network writes after the prompt; ``framework`` of None is the one that trained it.

    Raises:
        UserError: no such run, or it is none of a finished chars trial, or the framework is unknown.
    """
    from experiments.spec import ExperimentSpec
    from experiments.tasks import generate
    from experiments.tracking import tracker

    trained, files = tracker.artifacts_of(tracking_uri, run, FILES)
    spec = ExperimentSpec.model_validate(tomllib.loads(files["spec.toml"].decode()))
    vocabulary = json.loads(files["vocabulary.json"])
    model = build(spec, trained, framework or trained, files["weights.safetensors"], len(vocabulary))
    return generate.write(model.advance, vocabulary, prompt, length, temperature, seed)


def build(spec: "ExperimentSpec", trained: str, chosen: str, weights: bytes, characters: int) -> "Model":
    """The network of a chars trial on its trained weights, in the chosen framework.

    Args:
        spec: what the trial was.
        trained: the framework that trained it.
        chosen: the framework to build it in.
        weights: its ``weights.safetensors``.
        characters: the size of its vocabulary.

    Raises:
        UserError: the framework is unknown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from safetensors.numpy import load

    import frameworks
    from experiments.tasks.chars import interface

    if chosen not in frameworks.NAMES:
        raise UserError(f"--framework {chosen}: allowed: {', '.join(frameworks.NAMES)}")
    found = frameworks.load(chosen)
    found.configure(1)  # one character at a time leaves nothing to share out
    fitting = _fitting(spec, frameworks.facts(trained).HOME, lambda each: frameworks.supports(chosen, each))
    return found.build(fitting, interface(spec.task, characters), load(weights), 0)


def _fitting(spec: "ExperimentSpec", home: str, supports) -> "ExperimentSpec":
    """The spec under conventions that hold as many biases as the weights, in a form that the framework has.

    Stock weights have the biases of the framework that trained them, which are those of its own conventions imposed.
    """
    from experiments.conventions import Conventions
    from experiments.protocol import Absent

    if not spec.conventions.imposed:
        spec = spec.model_copy(update={"conventions": Conventions(base=home)})
    if isinstance(supports(spec), Absent):  # a form never changes the mathematics, and everyone has this one
        spec = spec.model_copy(update={"network": spec.network.model_copy(update={"form": "scratch"})})
    return spec


if __name__ == "__main__":
    sys.exit(app())
