"""The floor's matrix products, timed as TensorFlow does them, and what its profiler says of a step."""

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

OPERATOR = re.compile(r"[^:\s]+:(\w+)")  # a kernel's event is named node:operator; all others are the runtime's own


def floor(products: Sequence[Product], dtype: str) -> Callable[[], Any]:
    """The products alone, in one graph, each waiting for the last, as a recurrence's do."""

    def factors(product: Product) -> tuple[list[tf.Tensor], tf.Tensor]:
        left, right = (product.times, product.rows, product.inner), (product.inner, product.columns)
        return tf.unstack(tf.random.normal(left, dtype=dtype)), tf.random.normal(right, dtype=dtype)

    pairs = [factors(product) for product in products]

    @partial(tf.function, autograph=False)
    def run() -> tf.Tensor:
        last, read = tf.constant(0.0, dtype), []
        for lefts, right in pairs:
            for left in lefts:
                with tf.control_dependencies([last]):
                    last = tf.matmul(left, right)
                read.append(last[0, 0])  # or the graph's optimiser would leave the product out
        return tf.add_n(read)

    return lambda: run().numpy()


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
