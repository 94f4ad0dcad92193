"""Fixtures of the tests of whole."""

import shutil

import pytest
from run_all_cases import House


@pytest.fixture
def house(tmp_path, new_database):
    """A folder whose database is made already."""
    new_database(tmp_path)
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
