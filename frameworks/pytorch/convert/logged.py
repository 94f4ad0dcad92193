"""A filled module as the files of an MLflow model of the flavour ``pytorch``."""

import sys
from hashlib import sha256
from io import BytesIO
from types import ModuleType
from typing import Any

import torch
from torch import nn

from frameworks.pytorch.convert.files import OpenedFile

_DIGITS = 12  # of the code's digest, in its module's name


def model_files(opened: OpenedFile, code: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return what MLmodel says of it, and its files by path: the pickled module, and beside it the code of its class.

    The code's module is named by its digest: a process that loads two models must not take one's class for the other's.
    """
    name = f"network_{sha256(code.encode()).hexdigest()[:_DIGITS]}"
    buffer, module = BytesIO(), ModuleType(name)
    sys.modules[name] = module  # where pickle looks the class up
    try:
        exec(compile(code, f"{name}.py", "exec"), module.__dict__)
        model = module.Model().to(next(iter(opened.content.values())).dtype)
        model.load_state_dict(opened.content)
        torch.save(_interned(model.eval()), buffer)
    finally:
        del sys.modules[name]
    made = {
        "data/model.pth": buffer.getvalue(),
        "data/pickle_module_info.txt": b"pickle",
        f"code/{name}.py": code.encode(),
    }
    return {"pytorch": {"model_data": "data", "code": "code", "pytorch_version": str(torch.__version__)}}, made


def _interned(model: nn.Module) -> nn.Module:
    """Make equal names of weights one string, wherever they came from: pickle writes each string once.

    So the same trial gives the same bytes.
    """
    for layer in model.modules():
        if isinstance(layer, nn.RNNBase):
            layer._flat_weights_names = [sys.intern(name) for name in layer._flat_weights_names]
            layer._all_weights = [[sys.intern(name) for name in names] for names in layer._all_weights]
    return model
