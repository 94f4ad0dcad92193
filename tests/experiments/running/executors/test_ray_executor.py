"""The Ray executor beyond the contract, on real clusters on this machine: losses, refusals, whole nodes, equality."""

import json
import os
import re
import signal
import socket
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import pytest
import toys
from executors import NEEDS_RAY, gone, new_node, on_ray, shared_cluster

from experiments.errors import UserError
from experiments.events import EpochEnded, Failed, Finished, Progressed, Retried, Started
from experiments.running.executors import ray_cluster, ray_executor, ray_node
from experiments.running.executors.local_executor import LocalExecutor

pytestmark = NEEDS_RAY
DONE = [Started, EpochEnded, EpochEnded, Finished]
TRIALS = [toys.trial(name, seed) for seed in range(2) for name in ("tf2", "pytorch")]


@pytest.fixture
def make(monkeypatch, tmp_path):
    """Make a Ray executor whose workers do the ``deeds``, in a folder of their own."""
    monkeypatch.chdir(tmp_path)

    def make(workers=1, threads=1, deeds=None):
        monkeypatch.setenv("TOY_DEEDS", json.dumps(deeds or {}))
        return on_ray(workers, threads, 600.0)

    return make


@contextmanager
def node_of(cpus):
    """One node more."""
    node = new_node(shared_cluster(), cpus)
    try:
        yield node
    finally:
        if node in shared_cluster().worker_nodes:
            shared_cluster().remove_node(node, allow_graceful=False)


def lose(executor, trials, how):
    """Run trials and do something to the actor each time that one has started; all events but the signs of life."""
    events = []
    with executor, closing(executor.run(trials)) as reports:
        for slot, trial, event in reports:
            events += [] if isinstance(event, Progressed) else [(trial, event)]
            if isinstance(event, Started):
                deed = next(iter(json.loads(os.environ["TOY_DEEDS"]).values()), "")
                if deed.startswith("sleep"):
                    wait_for_sleep()
                how(executor._slots[slot].facts.pid, event.environment["pid"])
    return events


def wait_for_sleep():
    """Wait until a trial's first step has begun."""
    while not Path("asleep").exists():
        time.sleep(0.05)


def kinds(found, trial):
    return [type(event) for other, event in found if other == trial]


# --- equal results


def plain(reports):
    """What reports say of trials, without times and places."""

    def untimed(metrics):
        return {name: value for name, value in metrics.items() if not name.startswith("time/")}

    said = {}
    for _, trial, event in reports:
        match event:
            case Started():
                what = untimed(event.metrics), event.shapes
            case EpochEnded():
                what = event.epoch, untimed(event.metrics)
            case Finished():
                what = untimed(event.metrics), event.files
            case _:
                continue
        said.setdefault(trial.fingerprint, []).append(what)
    return said


def test_the_results_are_the_local_executor_s_bit_for_bit(make):
    with make(workers=2) as executor:
        results = plain(executor.run(TRIALS))
    with LocalExecutor(toys.load, 1, 1) as executor:
        assert results == plain(executor.run(TRIALS))
    assert len(results) == len(TRIALS)


# --- losses


def test_a_lost_actor_s_trial_is_tried_once_more_and_its_worker_is_gone(make):
    pids = []

    def kill(actor, worker):
        if not pids:
            os.kill(actor, signal.SIGKILL)
        pids.append(worker)

    events = lose(make(deeds={"tf2:0": "sleep-once"}), TRIALS[:2], kill)
    assert kinds(events, TRIALS[0]) == [Started, Retried, *DONE]
    assert kinds(events, TRIALS[1]) == DONE
    (reason,) = [event.reason for _, event in events if isinstance(event, Retried)]
    assert reason == f"Ray lost the worker on node {socket.gethostname()}"
    assert gone(pids[0])


@pytest.mark.parametrize("deed", ["sleep", "kill-then-sleep"])
def test_a_trial_whose_worker_is_lost_twice_fails_and_the_others_go_on(make, deed):
    """The actor is killed twice; or the worker process dies, and then the actor."""
    starts = []

    def kill(actor, worker):
        starts.append(worker)
        if len(starts) == 2:
            wait_for_sleep()
        if len(starts) <= 2 and (deed == "sleep" or len(starts) == 2):
            os.kill(actor, signal.SIGKILL)

    events = lose(make(deeds={"tf2:0": deed}), TRIALS[::2], kill)
    assert kinds(events, TRIALS[0])[:4] == [Started, Retried, Started, Failed]
    assert kinds(events, TRIALS[2]) == DONE


def test_a_stopped_actor_is_lost(make, monkeypatch):
    monkeypatch.setattr(ray_executor, "ACTOR_PATIENCE_S", 8.0)
    stopped = []

    def stop(actor, worker):
        if not stopped:
            os.kill(actor, signal.SIGSTOP)
        stopped.append(actor)

    events = lose(make(deeds={"tf2:0": "sleep-once"}), TRIALS[:1], stop)
    assert kinds(events, TRIALS[0]) == [Started, Retried, *DONE]
    assert re.fullmatch(r"node \S+ was silent for \d+ s", events[1][1].reason)
    assert gone(stopped[0])


def test_a_lost_node_s_trial_is_tried_elsewhere(make):
    """Only a node with three CPUs has room for it."""
    more = []
    with node_of(3) as first:

        def remove(actor, worker):
            if not more:
                shared_cluster().remove_node(first, allow_graceful=False)
                more.append(new_node(shared_cluster(), 3))

        events = lose(make(threads=3, deeds={"tf2:0": "sleep-once"}), TRIALS[:1], remove)
    shared_cluster().remove_node(more[0], allow_graceful=False)
    assert kinds(events, TRIALS[0]) == [Started, Retried, *DONE]
    assert {event.environment["threads"] for _, event in events if isinstance(event, Started)} == {"3"}


# --- whole nodes


def test_alone_takes_a_whole_node_with_a_new_worker_for_each_run(make):
    with make() as executor:
        alone, started = executor.alone(1), []
        for _ in range(2):
            with closing(alone.run(TRIALS[:1])) as reports:
                for _, _, event in reports:
                    if isinstance(event, Started):
                        started.append(event.environment["pid"])
                        (slot,) = alone._slots.values()
                        assert slot.place.cpus == 2
        assert len(set(started)) == 2


def test_alone_takes_no_machine_of_another_kind(make, monkeypatch):
    monkeypatch.setattr(ray_executor, "identity", lambda: {"processor": "another"})
    with make() as executor:
        executor.cluster.unfit = set()
        with pytest.raises(UserError, match="has the same hardware as this machine"):
            list(executor.alone(1).run(TRIALS[:1]))


def test_kept_actors_run_again_and_one_that_died_meanwhile_costs_no_try(make):
    with make() as executor:
        executor.keep, actors = True, []
        for _ in range(3):
            events = [(trial, event) for _, trial, event in executor.run(TRIALS)]
            for heard in (kinds(events, trial) for trial in TRIALS):
                assert heard[0] is Progressed  # the first sign of life, which no question of the run before takes
                assert [kind for kind in heard if kind is not Progressed] == DONE
            actors.append(executor._slots[0].facts.pid)
            if len(actors) == 2:
                os.kill(actors[1], signal.SIGKILL)
    assert actors[0] == actors[1] != actors[2]


# --- what is refused


def test_ray_that_is_not_installed_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=re.escape("pip install 'rnn-twins[ray]'")):
        ray_cluster.connect(None)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no.such.host.invalid", "127.0.0.1:99999", "127.0.0.1:x"])
def test_an_address_where_no_head_answers_is_one_line(address):
    with pytest.raises(UserError, match=rf"--executor ray://{address}.*; allowed: ray://HOST:PORT"):
        ray_cluster.connect(address)


def test_more_threads_than_a_node_has_are_refused(make):
    with pytest.raises(UserError, match=r"a worker asks for 5 CPUs .*at most 2 CPUs"):
        make(threads=5)


def test_a_node_with_other_software_ends_the_run(make, monkeypatch):
    here = ray_node.facts()
    monkeypatch.setattr(ray_node, "facts", lambda: here._replace(software=here.software | {"torch": "0.1"}))
    with make() as executor, pytest.raises(UserError, match=r"node \S+ of the Ray cluster: torch is \S+, not 0.1;"):
        list(executor.run(TRIALS[:1]))


def test_a_worker_that_cannot_start_anywhere_ends_the_run_in_one_line(make, monkeypatch):
    """Its code is no module of the nodes'."""
    module = ModuleType("only_here")
    exec("def load(name): ...", module.__dict__)
    monkeypatch.setitem(sys.modules, "only_here", module)
    with make() as executor:
        executor.load = module.load
        with pytest.raises(UserError, match=r"Ray could not start a worker .*: ModuleNotFoundError: .*only_here"):
            list(executor.run(TRIALS[:1]))


def test_a_fault_of_ray_itself_ends_the_run_in_one_line(make, monkeypatch):
    with make() as executor:
        monkeypatch.setattr(executor.cluster.ray, "wait", lambda *_, **__: 1 / 0)
        with pytest.raises(UserError, match=r"Ray failed: ZeroDivisionError: division by zero; "):
            list(executor.run(TRIALS[:1]))
