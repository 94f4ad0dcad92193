"""Which trials keep their trained network as an MLflow model, for ``mlflow.pytorch.load_model`` and its sibling."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from experiments.errors import UserError
from experiments.events import first_line
from experiments.protocol import Framework, Model
from experiments.spec import ExperimentSpec

if TYPE_CHECKING:
    from experiments.training.trial import Trial

#: One of each experiment and framework, the first that is planned; all; none.
Which = Literal["one", "all", "none"]
FOLDER = "model"
ABSENT = f"{FOLDER}/absent.txt"  # in place of a model: one line that says why there is none


def first_of_each(trials: Iterable["Trial"]) -> list["Trial"]:
    """The planned trials, of each experiment and framework the first marked as the one whose model is kept."""
    seen: set[tuple[ExperimentSpec, str]] = set()
    marked = []
    for trial in trials:
        key = trial.spec, trial.framework
        marked.append(trial if key in seen else replace(trial, keeps_model=True))
        seen.add(key)
    return marked


def keeping(which: Which, trials: Iterable["Trial"]) -> list["Trial"]:
    """The trials, marked as ``which`` says; ``one`` leaves the plan's marks."""
    return [trial if which == "one" else replace(trial, keeps_model=which == "all") for trial in trials]


def files(trial: "Trial", framework: Framework, model: Model) -> dict[str, bytes]:
    """A trained network's files by their paths among the run's artifacts; a reason where it cannot be kept.

    Whatever goes wrong here is no reason to lose a trial that has been trained.
    """
    if not trial.keeps_model:
        return {}
    try:
        if framework.model_files is None:
            raise UserError(f"MLflow knows no model of {framework.name}'s")
        made = framework.model_files(trial.spec, model.weights())
    except UserError as error:
        return {ABSENT: f"{error}\n".encode()}
    except Exception as error:
        return {ABSENT: f"{first_line(error)}\n".encode()}
    return {f"{FOLDER}/{path}": content for path, content in made.items()}
