"""What a study file says, and reading it."""

import tomllib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PositiveInt, ValidationError, create_model, model_validator

from experiments.errors import UserError
from experiments.frozen import Frozen
from experiments.study import STUDIES, names
from experiments.study.explain import explain
from experiments.study.grid import FrameworkName
from experiments.study.phases import PHASES
from experiments.twins import TWINS


class BaseStudy(Frozen):
    """The keys of a study file that belong to no phase; each phase adds its tables (``Phase.tables``)."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    description: str
    frameworks: Annotated[tuple[FrameworkName, ...], Field(min_length=1)] = TWINS
    seeds: PositiveInt = 1  # seeds 0 … seeds−1
    imdb: str = "packaged"

    @model_validator(mode="after")
    def _has_something_to_do(self) -> Self:
        tables = [table for phase in PHASES for table in phase.enough]
        if not any(getattr(self, table) for table in tables):
            raise ValueError(f"grid: missing; a study needs at least one of {', '.join(tables)}")
        return self


Study = create_model(
    "Study", __base__=BaseStudy, **{key: table for phase in PHASES for key, table in phase.tables.items()}
)


def find(name: str) -> Path:
    """The file of a study: one of the project's by name, or a path.

    Raises:
        UserError: it is neither.
    """
    packaged = STUDIES / f"{name}.toml"
    path = packaged if packaged.is_file() else Path(name)
    if not path.is_file():
        allowed = ", ".join(names())
        raise UserError(f"study {name!r}: no such study or file; allowed: {allowed}, or a path to a TOML file")
    return path


def read(path: Path) -> Study:
    """Read and check a study file.

    Raises:
        UserError: it is not valid; in one line the file, the key and what is allowed.
    """
    try:
        return Study.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UserError(f"{path}: {explain(error, Study)}") from error
