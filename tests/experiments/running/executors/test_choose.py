"""Which executor ``--executor`` names."""

import pytest
import toys

from experiments.errors import UserError
from experiments.running.executors.choose import check, make
from experiments.running.executors.local_executor import LocalExecutor


@pytest.mark.parametrize(
    ("name", "head", "gpus"),
    [
        ("local", None, None),
        ("ray", None, None),
        ("ray?gpus=0.5", None, "0.5"),
        ("ray://head-1.example:6379", "head-1.example:6379", None),
        ("ray://10.0.0.1?gpus=1", "10.0.0.1", "1"),
    ],
)
def test_a_name_s_parts(name, head, gpus):
    parts = check(name)
    assert (parts["head"], parts["gpus"]) == (head, gpus)


@pytest.mark.parametrize(
    "name", ["", "dask", "ray://", "ray:6379", "ray://a b", "ray?gpus=x", "ray?cpus=1", "local?gpus=1"]
)
def test_another_name_is_refused_with_what_is_allowed(name):
    with pytest.raises(UserError, match=r"allowed: local, ray .* or ray://HOST:PORT"):
        check(name)


def test_the_local_one_keeps_its_workers():
    executor = make("local", toys.load, 3, 2)
    assert isinstance(executor, LocalExecutor)
    assert (executor.workers, executor.threads, executor.keep) == (3, 2, True)
