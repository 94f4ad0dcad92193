"""Events → the journal → MLflow: the only writer of the tracking database, and what lets a study resume."""

import math
import socket
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Self, TypeVar

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.tracking.context.registry import resolve_tags
from safetensors.numpy import load_file

from experiments.canonical import Weights
from experiments.errors import NotWritten, UserError
from experiments.events import Event, Failed, Finished, Progressed
from experiments.running.processes import alive, this_process, undisturbed
from experiments.study.phase import Record
from experiments.tracking import database
from experiments.tracking.mlflow_view import parent_names, way_to_look
from experiments.tracking.outage import Outage, counted, in_words, is_outage, waits
from experiments.tracking.recording.entries import Entry, Files, first_of, killed, of_record
from experiments.tracking.recording.journal import Journal
from experiments.tracking.recording.writer import HEADINGS, Writer
from experiments.tracking.store import STORE_ERRORS, open_store, runs_of
from experiments.training.trial import Trial

#: How long an epoch waits for others before it is written, at most, while events come.
LINGER_MS = 1000
#: How long the end of a study waits for a store that is away.
END_PATIENCE_S = 300.0

T = TypeVar("T")


class Tracker:
    """Records one study; a context manager that leaves no run of its process RUNNING.

    An event is safe on disk when ``record`` or ``keep`` returns; MLflow has it too, unless its store is away. Reads
    wait for the store.

    Args:
        uri: where MLflow's database is; a SQLite one is created if missing.
        study: its name; the runs go into the experiment ``<study>/training``.
        description: the experiment's note.
        planned: every trial of the study, so that two specs of one slug get two names.

    Raises:
        UserError: here and in every method: the database cannot be opened, or refuses what it is asked; the journal
            cannot be written.
    """

    def __init__(self, uri: str, study: str, description: str = "", planned: Sequence[Trial] = ()) -> None:
        self.uri, self.study = database.absolute(uri), study
        self.say: Callable[[str], None] = print
        self._planned, self._names = planned, parent_names(planned)
        self._seeds: dict[str, list[list[str]]] = defaultdict(list)  # of each spec: fingerprints and frameworks
        for trial in planned:
            self._seeds[trial.spec.fingerprint].append([trial.fingerprint, trial.framework])
        self._runs: dict[str, str] = {}  # of the trials in flight: fingerprint → name in the journal
        self._parents: dict[str, None] = {}  # of the specs in flight: fingerprints
        self._left: Counter[str] = Counter()
        self._failed: set[str] = set()
        self._broken = False
        self._outage = Outage(self.uri, lambda text: self.say(text))
        with self._store_errors():
            self._store = open_store(self.uri)
            self._client = MlflowClient(self.uri)
            self._tags = {"study": study, **resolve_tags(), **this_process()}
            self._writer = Writer(self._client, self.uri, study, description)
            self.experiment_id = self._writer.experiment("training")
        self._journal = Journal(study, self.uri)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            with suppress(UserError):
                self.close(patience=0.0)

    @property
    def way_to_look(self) -> str:
        """How to see the runs, with their columns, in MLflow's own pages."""
        return way_to_look(self.uri, self.experiment_id)

    def reap(self) -> int:
        """Write what dead processes' journals hold, then mark this host's RUNNING runs of dead processes KILLED.

        From here on what is recorded is dated after what has been, even if the clock was set back meanwhile.
        """
        for journal in Journal.left(self.study, self.uri):
            self._replay(journal)
        with self._undisturbed(), self._store_errors():
            filters = f"attributes.status = 'RUNNING' and tags.host = '{socket.gethostname()}'"
            self._journal.continue_from(self._writer.last_end())
            ours = [each for each in self._client.search_experiments() if each.name.rpartition("/")[2] in HEADINGS]
            running = runs_of(self._client, [each.experiment_id for each in ours], filters)
            dead = [run for run in running if not alive(run.data.tags)]
            for run in dead:
                if run.data.tags.get("kind") != "experiment":
                    self._client.set_tag(run.info.run_id, "failure", "its process ended without a report")
                self._client.set_terminated(run.info.run_id, "KILLED")
            return len(dead)

    def finished(self, experiment: str = "training") -> dict[str, str]:
        """The complete runs of this study, fingerprint → run id, the newest of each."""
        return self._read(lambda: database.finished(self.uri, self.study, experiment))

    def expect(self, trials: Iterable[Trial]) -> None:
        """Say which trials will run now: an experiment's parent run ends with its last trial."""
        self._left = Counter(trial.spec.fingerprint for trial in trials)

    def record(self, trial: Trial, event: Event) -> None:
        """Record one event; the first of a trial creates its run.

        An epoch is written to MLflow with what comes next, if that comes within a second: several take one call.
        """
        if not (isinstance(event, Progressed) and trial.fingerprint in self._runs):
            with undisturbed():
                entry = self._entry(trial)
                files = entry.add(event)
                if entry.end:
                    del self._runs[trial.fingerprint]  # from here on nothing may mark it KILLED
                if isinstance(event, Finished | Failed):
                    self._settle(trial, entry)
                self._append(entry, files)
            if entry.only_metrics and entry.time - self._journal.pending[0].time < LINGER_MS:
                return
        self._flush()

    def begin(self, trial: Trial) -> str:
        """Create a trial's run under its experiment's parent run."""
        entry = self._entry(trial)
        self._append(entry)
        return self._read(lambda: self._writer.run(entry.run))

    def close(self, patience: float | None = None) -> None:
        """End the runs in flight as KILLED. After an error of the database the next start does it.

        Args:
            patience: seconds to wait for a store that is away; some minutes if not told.

        Raises:
            NotWritten: it is still away: what it lacks waits on disk for the next start.
        """
        left = killed(list(self._runs.values()), list(self._parents))
        self._runs, self._parents = {}, {}
        try:
            if not self._broken:
                for entry in left:
                    self._append(entry)
                self._read(lambda: None, END_PATIENCE_S if patience is None else patience)
        finally:
            self._journal.close()
            if self._store:
                self._store._dispose_engine()  # the last connection's end takes SQLite's side files away

    def keep(self, record: Record, experiment: str) -> None:
        """Write a finished record into ``<study>/<experiment>``; a FAILED one will be tried again."""
        self._append(of_record(self._journal.new_run(), record, experiment, self._tags), record.files)
        self._flush()

    def weights(self, run: str) -> Weights:
        """The canonical weights that a complete trial ended with."""
        with tempfile.TemporaryDirectory(prefix="rnn-twins-") as folder:

            def download() -> str:
                # From the file's own address: asked by run id, MLflow takes a server that is away for a missing file.
                place = f"{self._client.get_run(run).info.artifact_uri}/weights.safetensors"
                return download_artifacts(artifact_uri=place, dst_path=folder, tracking_uri=self.uri)

            return load_file(self._read(download))

    def catch_up(self) -> None:
        """Wait until the store holds all that was recorded; ``NotWritten`` if it is away for minutes."""
        self._read(lambda: None, END_PATIENCE_S)

    def results(self) -> dict[str, dict[str, float]]:
        """The complete planned trials' last metrics, by fingerprint; asked for when all has run.

        Raises:
            NotWritten: the store is away, for minutes.
        """
        results = self._read(self._writer.results, END_PATIENCE_S)
        return {
            trial.fingerprint: results[trial.fingerprint] for trial in self._planned if trial.fingerprint in results
        }

    def _entry(self, trial: Trial) -> Entry:
        """An entry of a trial; its first one says what its run is created with."""
        fingerprint, spec = trial.fingerprint, trial.spec
        if fingerprint in self._runs:
            return Entry(self._runs[fingerprint])
        run = self._runs[fingerprint] = self._journal.new_run()
        self._parents[spec.fingerprint] = None
        return first_of(run, trial, self._tags, self._names.get(spec.fingerprint, spec.slug))

    def _settle(self, trial: Trial, entry: Entry) -> None:
        """One trial less to run; with its experiment's last, the parent run ends."""
        entry.spec = trial.spec.fingerprint
        if entry.complete:
            entry.seeds = self._seeds[entry.spec]
        else:
            self._failed.add(entry.spec)
        self._left[entry.spec] -= 1
        if self._left[entry.spec] <= 0:
            entry.parent_end = "FAILED" if entry.spec in self._failed else "FINISHED"
            self._parents.pop(entry.spec, None)

    def _append(self, entry: Entry, files: Files | None = None) -> None:
        """Put an entry on disk."""
        try:
            with undisturbed():
                self._journal.append(entry, files or {})
        except UserError:
            self._broken = True
            raise

    def _flush(self) -> bool:
        """Write what waits, in order; False where the store is away."""
        waiting = len(self._journal.pending)
        if waiting and not self._outage.due:
            return False
        try:
            self._apply(self._journal)
        except STORE_ERRORS as error:
            self._note(error)
            return False
        if waiting:
            self._outage.over(waiting)
        return True

    def _apply(self, journal: Journal) -> None:
        while journal.pending:
            with self._undisturbed():
                written = self._writer.apply(journal.pending, journal.files)
            with undisturbed():
                journal.applied(written)

    def _replay(self, journal: Journal) -> None:
        """Write what a dead process's journal holds."""
        waiting = len(journal.pending)
        try:
            self._apply(journal)
        except STORE_ERRORS as error:
            raise UserError(
                f"{self._shown}: {in_words(error)}{waits(len(journal.pending))} in {journal.path}"
            ) from error
        finally:
            journal.close()
        if waiting:
            self.say(f"{counted(waiting)} of an earlier start written to {self._shown}")

    def _read(self, ask: Callable[[], T], patience: float = math.inf) -> T:
        """Ask the store when it holds all that was recorded; wait while it is away."""
        until = time.monotonic() + patience
        while True:
            if self._flush():
                try:
                    answer = ask()
                except (UserError, *STORE_ERRORS) as error:
                    self._note(error)
                else:
                    self._outage.over(0)
                    return answer
            if not self._outage.wait(until):
                waiting = f"{waits(len(self._journal.pending))} in {self._journal.path}; the same command writes them"
                said = waiting if self._journal.pending else ""
                raise NotWritten(f"{self._shown}: {self._outage.reason}{said}")

    def _note(self, error: BaseException) -> None:
        """Note an outage; what the store will never accept ends the study."""
        if is_outage(error):
            self._outage.begin(error, len(self._journal.pending))
            return
        self._broken = True
        raise error if isinstance(error, UserError) else UserError(f"{self._shown}: {in_words(error)}") from error

    def _undisturbed(self) -> AbstractContextManager[None]:
        """Delay signals for a database that this process writes itself; a request to a server may be broken off."""
        return nullcontext() if self.uri.startswith("http") else undisturbed()

    @property
    def _shown(self) -> str:
        return database.shown(self.uri)

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """Turn the store's errors into a UserError of one line."""
        try:
            yield
        except STORE_ERRORS as error:
            self._broken = True
            raise UserError(f"{self._shown}: {in_words(error)}") from error
