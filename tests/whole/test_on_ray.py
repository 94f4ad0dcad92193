"""``run_all --executor``: a head that dies, Ctrl-C, a name that there is not."""

import json
import re
import signal

import psutil
from executors import NEEDS_RAY, gone, new_cluster
from run_all_cases import GUARD_S

pytestmark = NEEDS_RAY


def test_a_lost_head_ends_the_study_in_one_line_and_the_next_start_goes_on(monkeypatch, house):
    monkeypatch.setenv("TOY_DEEDS", json.dumps({"pytorch:1": "sleep"}))  # the nodes inherit it
    cluster = new_cluster(1)
    process = house.start("toy.toml", "--executor", f"ray://{cluster.address}")
    sleeping = house.asleep()
    for each in cluster.head_node.all_processes.values():
        each[0].process.kill()
    _, err = process.communicate(timeout=GUARD_S)
    assert process.returncode == 2
    assert re.fullmatch(r"error: Ray's head at \S+ is gone; [^\n]+\n", err)
    assert gone(sleeping)
    assert house.study().returncode == 0
    assert sum(complete == "1" for *_, complete in house.runs()) == 6


def test_ctrl_c_ends_a_study_and_the_ray_that_it_started(house):
    process = house.start("toy.toml", "--executor", "ray", deeds={"tf2:0": "sleep"})
    sleeping = house.asleep()
    family = psutil.Process(process.pid).children(recursive=True)
    assert any("raylet" in each.name() for each in family)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=GUARD_S)
    assert (process.returncode, err.count("\n")) == (130, 1) and err.startswith("interrupted")
    assert all(gone(each.pid) for each in family) and gone(sleeping)


def test_a_name_that_there_is_not_is_refused_before_anything_is_made(house):
    before = house.files()
    done = house.run("toy.toml", "--executor", "dask")
    assert done.returncode == 2
    assert done.stderr.startswith("error: --executor dask; allowed: ") and house.files() == before
