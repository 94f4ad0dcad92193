"""What the engines offer; imports none of them."""

import os
import shutil
from importlib.metadata import PackageNotFoundError, version

from experiments.protocol import Absent, Native, Support, Written
from experiments.spec import ExperimentSpec
from experiments.speed.engines import ENGINES, EXTRA
from frameworks.engines.onnx_layers import OPERATORS
from frameworks.pytorch import support as pytorch
from frameworks.tf2 import support as tf2


def supports(name: str, spec: ExperimentSpec) -> Support:
    """Tell whether the engine runs the spec's network, and if not, why."""
    facts, network = ENGINES[name], spec.network
    if missing := [package for package in facts.packages if not _installed(package)]:
        return Absent(f"not installed: {' and '.join(missing)}; pip install -e '.[{EXTRA}]' brings them")
    if spec.training.dtype != "float32" or spec.training.device != "cpu" or spec.task.masked:
        return Absent("engines are timed in float32, on a CPU, without masks")
    if name == "xla":
        return tf2.supports(for_xla(spec))
    if name == "inductor":
        return _by_inductor(for_inductor(spec))
    if network.cell not in OPERATORS:
        return Absent(f"ONNX has no operator that every engine runs for {network.cell}")
    if network.cell_clip is not None or network.bidirectional or network.encoder in ("one_hot", "bag"):
        return Absent("the ONNX graph is written for one direction, without clipping, of embeddings or values")
    return Native(f"ONNX's {OPERATORS[network.cell]}")


def for_xla(spec: ExperimentSpec) -> ExperimentSpec:
    """The variant of TensorFlow's twin that XLA compiles whole: the stock layer, whose loop it need not unroll."""
    return _as(spec, "layer", "compiled")


def for_inductor(spec: ExperimentSpec) -> ExperimentSpec:
    """The variant of PyTorch's twin whose step TorchInductor compiles: ``torch.nn.LSTM`` it leaves as it is."""
    return _as(spec, "scratch", "default")


def _by_inductor(spec: ExperimentSpec) -> Support:
    if not any(map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))):
        return Absent("TorchInductor needs a C++ compiler, and there is neither $CXX nor g++ nor clang++")
    answer = pytorch.supports(spec)
    return answer if isinstance(answer, Absent) else Written("the step of form scratch, compiled")


def _as(spec: ExperimentSpec, form: str, execution: str) -> ExperimentSpec:
    network = spec.network.model_copy(update={"form": form})
    return spec.model_copy(
        update={"network": network, "training": spec.training.model_copy(update={"execution": execution})}
    )


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
