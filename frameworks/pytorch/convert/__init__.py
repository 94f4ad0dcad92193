"""PyTorch's state dicts and modules, opened, written and run for ``frameworks.convert``."""

from frameworks.pytorch.convert.files import make, open_file, save
from frameworks.pytorch.convert.layers import bind, fold_biases
from frameworks.pytorch.convert.logged import model_files
from frameworks.pytorch.convert.module import source
from frameworks.pytorch.convert.predict import predict

__all__ = ["bind", "fold_biases", "make", "model_files", "open_file", "predict", "save", "source"]
