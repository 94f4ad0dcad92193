"""The floor's matrix products in TensorFlow, and the operators of a step by TensorFlow's profiler."""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

from experiments.protocol import Product

OPERATOR = re.compile(r"[^:\s]+:(\w+)")  # kernels' events are named node:operator, the runtime's are not


def floor(products: Sequence[Product], dtype: str, device: str) -> Callable[[], Any]:
    """Return a call that runs the products alone on the device, one after the other in one graph, as a recurrence."""

    def factors(product: Product) -> tuple[list[tf.Tensor], tf.Tensor]:
        left, right = (product.times, product.rows, product.inner), (product.inner, product.columns)
        return tf.unstack(tf.random.normal(left, dtype=dtype)), tf.random.normal(right, dtype=dtype)

    with tf.device(device):
        pairs = [factors(product) for product in products]

    @partial(tf.function, autograph=False)
    def run() -> tf.Tensor:
        last, results = tf.constant(0.0, dtype), []
        for lefts, right in pairs:
            for left in lefts:
                with tf.control_dependencies([last]):
                    last = tf.matmul(left, right)
                results.append(last[0, 0])  # an unused product would be removed from the graph
        return tf.add_n(results)

    def call() -> Any:
        with tf.device(device):
            return run().numpy()

    return call


def profile(call: Callable[[], Any]) -> dict[str, float]:
    """Measure the seconds in each operator, summed over threads, by TensorFlow's profiler."""
    seconds: Counter[str] = Counter()
    options = tf.profiler.experimental.ProfilerOptions(host_tracer_level=2)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder, options):
            call()
        (trace,) = Path(folder).rglob("*.xplane.pb")
        space = XSpace.FromString(trace.read_bytes())
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                if kernel := OPERATOR.fullmatch(plane.event_metadata[event.metadata_id].name):
                    seconds[kernel[1]] += event.duration_ps / 1e12
    return dict(seconds)
