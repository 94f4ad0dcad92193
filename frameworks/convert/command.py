"""The command line: ``python -m frameworks.convert SOURCE TARGET``."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from experiments.errors import UserError
from frameworks.convert.conversion import Report, convert
from frameworks.convert.files import HOMES
from frameworks.convert.outline import ACTIVATIONS, Said

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    source: Annotated[Path, typer.Argument(help=f"the file to read: {', '.join(HOMES)}")],
    target: Annotated[Path, typer.Argument(help="the file to write, of one of the same kinds")],
    like: Annotated[
        Path | None, typer.Option(help="a model (.keras) or state dict that gives shapes, names and order")
    ] = None,
    module: Annotated[Path | None, typer.Option(help="also write the code of the model to this .py")] = None,
    check: Annotated[bool, typer.Option("--check/--no-check", help="compare predictions before writing")] = True,
    cell: Annotated[
        str | None, typer.Option(help="the cell of canonical weights that do not name it, such as a trial's artifact")
    ] = None,
    nonlinearity: Annotated[
        Literal["tanh", "relu"], typer.Option(help="for weights alone: of an nn.RNN or a SimpleRNN")
    ] = "tanh",
    activations: Annotated[
        str | None,
        typer.Option(help=f"for weights alone: one for each dense layer, of {', '.join(ACTIVATIONS)}"),
    ] = None,
    packed: Annotated[bool, typer.Option("--packed", help="for weights alone: padding (word 0) is skipped")] = False,
    every_step: Annotated[
        bool, typer.Option("--every-step", help="for weights alone: every step's output is used")
    ] = False,
) -> None:
    """Convert weights between Keras, PyTorch and canonical safetensors, this project's own layout."""
    try:
        said = _said(nonlinearity, activations, packed, every_step)
        report = convert(source, target, like, cell, said, module, check)
    except UserError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(2) from None
    typer.echo("\n".join([f"wrote {path}" for path in (target, module) if path] + _lines(report)))


def _said(nonlinearity: str, activations: str | None, packed: bool, every_step: bool) -> Said:
    listed = activations and tuple(activations.split(","))
    try:
        return Said(nonlinearity=nonlinearity, activations=listed, packed=packed, every_step=every_step)
    except ValidationError as error:
        raise UserError(f"--activations {activations}; allowed: {', '.join(ACTIVATIONS)}") from error


def _lines(report: Report) -> list[str]:
    checked = "not checked: no prediction was compared"
    if report.error is not None:
        checked = f"checked: predictions of {report.sequences} sequences differ by at most {report.error:.1e}"
    return [checked, *report.notes]
