"""MLflow in memory, as far as the tracker uses it, and faults on demand: before a call is done, or after."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace

TERM = re.compile(r"tags\.(\w+) = '([^']*)'")


class Page(list):
    """A page of results, the only one."""

    token = None


class Store:
    """What a server holds. ``fault`` is asked at every call, with its number, before and after it is done."""

    def __init__(self, fault: Callable[[int, bool], None] = lambda number, done: None) -> None:
        self.fault, self.calls = fault, 0
        self.runs: dict[str, SimpleNamespace] = {}
        self.experiments: dict[str, str] = {}

    def client(self, uri: str = "") -> "Client":
        return Client(self)

    def record(self) -> list[tuple]:
        """All that is held of every run, but for what names a run, a process or a moment."""
        own = {"journal", "pid", "pid_started", "mlflow.parentRunId"}
        return sorted(
            (
                run.experiment,
                sorted((key, value) for key, value in run.tags.items() if key not in own),
                self.runs[run.tags["mlflow.parentRunId"]].name if "mlflow.parentRunId" in run.tags else "",
                sorted(run.params.items()),
                sorted((key, step, value) for key, value, _, step in run.metrics),
                sorted(run.files.items()),
                sorted(run.inputs),
                run.status,
            )
            for run in self.runs.values()
        )


class Client:
    """``MlflowClient``'s calls; a metric that is equal in all its parts to another is the same one."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattribute__(self, name: str):
        if name.startswith("_"):
            return super().__getattribute__(name)
        return self._faulty(super().__getattribute__(name))

    def _faulty(self, method: Callable) -> Callable:
        def call(*arguments, **options):
            self._store.calls += 1
            number = self._store.calls
            self._store.fault(number, False)
            answer = method(*arguments, **options)
            self._store.fault(number, True)
            return answer

        return call

    def get_experiment_by_name(self, name):
        experiment_id = self._store.experiments.get(name)
        return experiment_id and SimpleNamespace(experiment_id=experiment_id, name=name)

    def create_experiment(self, name, artifact_location=None):
        return self._store.experiments.setdefault(name, str(len(self._store.experiments) + 1))

    def search_experiments(self):
        return [SimpleNamespace(experiment_id=key, name=name) for name, key in self._store.experiments.items()]

    def set_experiment_tag(self, experiment, key, value):
        pass

    def create_run(self, experiment, start_time, tags, run_name):
        key = f"run{len(self._store.runs)}"
        parts = {"tags": dict(tags), "params": {}, "metrics": {}, "files": {}, "inputs": set()}
        self._store.runs[key] = SimpleNamespace(
            experiment=experiment, start=start_time, name=run_name, status="RUNNING", end=None, **parts
        )
        return SimpleNamespace(info=SimpleNamespace(run_id=key))

    def get_run(self, run):
        return _as_mlflow(run, self._store.runs[run])

    def update_run(self, run, status, name):
        self._store.runs[run].status, self._store.runs[run].name = status, name

    def log_batch(self, run, metrics=(), params=(), tags=()):
        held = self._store.runs[run]
        for each in metrics:
            held.metrics[each.key, each.value, each.timestamp, each.step] = None
        for each in params:
            assert held.params.setdefault(each.key, each.value) == each.value
        held.tags |= {each.key: each.value for each in tags}

    def log_inputs(self, run, datasets):
        self._store.runs[run].inputs |= {(each.dataset.name, each.dataset.digest) for each in datasets}

    def log_artifacts(self, run, folder):
        for path in filter(Path.is_file, Path(folder).rglob("*")):
            self._store.runs[run].files[str(path.relative_to(folder))] = path.read_bytes()

    def set_tag(self, run, key, value):
        self._store.runs[run].tags[key] = value

    def set_terminated(self, run, status, end_time=None):
        self._store.runs[run].status, self._store.runs[run].end = status, end_time

    def search_runs(self, experiments: Iterable[str], filters="", max_results=0, page_token=None, order_by=()):
        wanted, running = TERM.findall(filters), "attributes.status = 'RUNNING'" in filters
        runs = [
            _as_mlflow(key, run)
            for key, run in self._store.runs.items()
            if run.experiment in experiments
            and all(run.tags.get(name) == value for name, value in wanted)
            and (run.status == "RUNNING" or not running)
        ]
        by_end = list(order_by) == ["attributes.end_time DESC"]
        return Page(
            sorted(runs, key=lambda run: (run.info.end_time or 0) if by_end else run.info.start_time, reverse=True)
        )


def _as_mlflow(key: str, run: SimpleNamespace) -> SimpleNamespace:
    last = sorted(run.metrics, key=lambda metric: (metric[3], metric[2]))
    info = SimpleNamespace(run_id=key, status=run.status, start_time=run.start, end_time=run.end)
    data = SimpleNamespace(tags=dict(run.tags), metrics={metric[0]: metric[1] for metric in last})
    return SimpleNamespace(info=info, data=data)
