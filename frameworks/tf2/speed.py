"""The floor's matrix products, timed as TensorFlow does them, and what its profiler says of a step."""

import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

from experiments.floor import Product

OPERATOR = re.compile(r"[^:\s]+:(\w+)")  # a kernel's event is named node:operator; all others are the runtime's own


def floor(products: Sequence[Product], dtype: str) -> Callable[[], Any]:
    """The products alone, each after the last; eagerly, since a graph's optimiser would do equal ones once."""

    def factors(product: Product) -> tuple[tf.Tensor, tf.Tensor]:
        left, right = (product.rows, product.inner), (product.inner, product.columns)
        return tf.random.normal(left, dtype=dtype), tf.random.normal(right, dtype=dtype)

    pairs = [(product.times, *factors(product)) for product in products]

    def run() -> None:
        for times, left, right in pairs:
            for _ in range(times):
                last = tf.matmul(left, right)
        last.numpy()

    return run


def profile(call: Callable[[], Any]) -> dict[str, float]:
    """Seconds in each operator, all threads together, by TensorFlow's profiler."""
    taken: Counter[str] = Counter()
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
                    taken[kernel[1]] += event.duration_ps / 1e12
    return dict(taken)
