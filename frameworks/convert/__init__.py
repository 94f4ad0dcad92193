"""Convert trained weights between the frameworks: ``python -m frameworks.convert SOURCE TARGET``.

The common format is canonical safetensors (``experiments.canonical``), whose metadata name each layer's cell and, where
it is known, what the model computes beside its weights (``outline``). The extension tells a file's format: ``.keras``
and ``.weights.h5`` are Keras's, ``.pt`` and ``.pth`` PyTorch's; ``.safetensors`` holds canonical weights or a PyTorch
state dict, told by the names inside. Code in a file is not run. The optimiser's state is not converted.
"""

from frameworks.convert.conversion import convert

__all__ = ["convert"]
