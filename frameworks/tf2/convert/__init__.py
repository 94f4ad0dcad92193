"""Keras's files and models, opened, written and run for ``frameworks.convert``."""

from frameworks.tf2.convert.files import make, open_file, save
from frameworks.tf2.convert.layers import bind, fold_biases
from frameworks.tf2.convert.logged import model_files
from frameworks.tf2.convert.module import source
from frameworks.tf2.convert.predict import predict

__all__ = ["bind", "fold_biases", "make", "model_files", "open_file", "predict", "save", "source"]
