"""The digits: shapes, split, metrics by their definitions."""

import numpy as np
import pytest
from toys import predicting

from experiments import tasks
from experiments.errors import UserError
from experiments.tasks.digits import DigitsSpec


@pytest.fixture(scope="module")
def task():
    return tasks.load(DigitsSpec(), tasks.locate(DigitsSpec()), "float64")


def test_images_are_rows_in_time_and_the_split_is_whole(task):
    assert task.train.x.shape == (1500, 8, 8) and task.test.x.shape == (297, 8, 8)
    assert (task.train.x.min(), task.train.x.max()) == (0, 1)
    images = {image.tobytes() for image in np.concatenate([task.train.x, task.test.x])}
    assert len(images) == 1797  # no image stands in both parts
    assert np.array_equal(task.train.y.sum(axis=1), np.ones(1500))
    assert task.test.y.sum(axis=0).min() > 15  # every digit is tested


def test_the_images_are_those_that_scikit_learn_loads():
    digest = "f6d9e39f37dc45d327f6db33428ee58970ccceabb2535a5c179de35886b70443"  # of load_digits' images and labels
    assert tasks.locate(DigitsSpec()).digest == digest


def test_the_loss_of_a_network_that_knows_nothing_is_log_ten(task):
    scores = task.evaluate(predicting(lambda x: np.zeros((len(x), 10))))
    assert scores["test/loss"] == pytest.approx(np.log(10))
    perfect = task.evaluate(predicting(lambda x: 1000 * task.test.y))
    assert perfect == {"test/loss": pytest.approx(0, abs=1e-12), "test/accuracy": 1.0}


def test_a_limit_takes_the_first_and_too_many_are_refused():
    source = tasks.locate(DigitsSpec(train_images=32))
    assert tasks.load(DigitsSpec(train_images=32), source, "float32").train.x.shape == (32, 8, 8)
    with pytest.raises(UserError, match="allowed: 1 to 1500"):
        tasks.locate(DigitsSpec(train_images=1501))
