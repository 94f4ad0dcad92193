"""Keras files that were tampered with, which must be refused."""

import json
import zipfile
from pathlib import Path


def tampered(source: Path, target: Path, mark: Path) -> None:
    """A model file whose configuration names a function of the operating system for a layer."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1] |= {"module": "os", "class_name": "system", "registered_name": None}
                config["config"]["layers"][1]["config"] = {"command": f"touch {mark}"}
                data = json.dumps(config).encode()
            new.writestr(name, data)


def linked(source: Path, target: Path) -> None:
    """A weights file one of whose arrays is a link to another file."""
    import h5py

    target.write_bytes(source.read_bytes())
    with h5py.File(target, "a") as file:
        del file["layers/dense/vars/0"]
        file["layers/dense/vars/0"] = h5py.ExternalLink(str(source), "/layers/dense/vars/0")
