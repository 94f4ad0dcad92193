"""Fixtures of the tests of whole."""

import shutil

import pytest
from run_all_cases import House

from experiments.tracking import store


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """An empty database; making one takes seconds, copying it none."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    store.create(path)
    return path


@pytest.fixture
def house(tmp_path, template):
    """A folder whose database is made already."""
    shutil.copy(template, tmp_path / "mlflow.db")
    return House(tmp_path)


@pytest.fixture(scope="session")
def first(tmp_path_factory):
    """A study run where nothing was before."""
    house = House(tmp_path_factory.mktemp("first"))
    house.result = house.run("toy.toml")
    return house


@pytest.fixture
def done(first, house):
    """A folder whose study is done already."""
    shutil.copy(first.folder / "mlflow.db", house.folder)
    return house
