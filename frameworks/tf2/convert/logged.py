"""A filled model as the files of an MLflow model of the flavour ``tensorflow``."""

import json
import re
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile, ZipInfo

import keras
import tensorflow as tf

from frameworks.tf2.convert.files import OpenedFile


def model_files(opened: OpenedFile, code: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what MLmodel says of it, and its files by path; a ``.keras`` of stock layers needs no code beside it."""
    with TemporaryDirectory(prefix="rnn-twins-") as folder:
        path = Path(folder) / "model.keras"
        opened.content.save(path)
        content = _undated(path)
    facts = {"model_type": "keras", "keras_module": keras.__name__, "keras_version": tf.__version__}
    return {"tensorflow": facts | {"save_format": "tf", "data": "data"}}, {"data/model.keras": content}


def _undated(path: Path) -> bytes:
    """Read a ``.keras`` without times and addresses in memory: the same trial gives the same bytes."""
    made, numbers = BytesIO(), {}

    def number(match: re.Match[bytes]) -> bytes:
        return match[1] + str(numbers.setdefault(match[2], len(numbers))).encode()

    with ZipFile(path) as source, ZipFile(made, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                content = re.sub(rb'("shared_object_id": )(\d+)', number, content)
            elif name == "metadata.json":
                content = json.dumps(json.loads(content) | {"date_saved": ""}).encode()
            target.writestr(ZipInfo(name), content)
    return made.getvalue()
