"""Addresses in MLflow's own pages."""

from dataclasses import dataclass
from urllib.parse import quote

from experiments.parity.phase import PHASE as PARITY
from experiments.speed.phase import PHASE as SPEED
from experiments.tracking import database
from experiments.training.phase import PHASE as TRAINING

LOCAL = "http://127.0.0.1:5000"  # where a bare ``mlflow ui`` listens


@dataclass(frozen=True)
class Links:
    """Leads from a number to the runs behind it; all None where MLflow holds nothing of the study."""

    base: str = LOCAL
    experiment_id: str | None = None

    @classmethod
    def of(cls, tracking_uri: str, experiment_id: str | None) -> "Links":
        """A server's own address, else the local one's."""
        remote = tracking_uri.startswith(("http://", "https://"))
        return cls(database.shown(tracking_uri).rstrip("/") if remote else LOCAL, experiment_id)

    def run(self, run_id: str | None) -> str | None:
        """One run's page."""
        if not self.experiment_id or not isinstance(run_id, str):
            return None
        return f"{self.base}/#/experiments/{self.experiment_id}/runs/{run_id}"

    def runs(self, **wanted: str) -> str | None:
        """The runs whose parameters have these values, as MLflow's list shows them."""
        return self._search([f"params.{name} = '{value}'" for name, value in wanted.items()])

    def spec(self, fingerprint: str) -> str | None:
        """The runs of one experiment spec, all frameworks and seeds."""
        return self._search([f"tags.spec_fingerprint = '{fingerprint}'"])

    def checks(self, **wanted: str) -> str | None:
        """The ladder's runs whose parameters have these values."""
        return self.measured(PARITY.kinds[0], **wanted)

    def measured(self, kind: str, **wanted: str) -> str | None:
        """The runs of a kind of measurement whose parameters have these values."""
        return self._search([f"params.{name} = '{value}'" for name, value in wanted.items()], kind)

    def timings(self, framework: str = "", **wanted: str) -> str | None:
        """The speed phase's runs whose parameters have these values, all frameworks' or one's."""
        terms = [f"params.{name} = '{value}'" for name, value in wanted.items()]
        return self._search([f"tags.framework = '{framework}'"] * bool(framework) + terms, SPEED.kinds[0])

    def _search(self, terms: list[str], kind: str = TRAINING.kinds[0]) -> str | None:
        if not self.experiment_id:
            return None
        text = quote(" and ".join([f"tags.kind = '{kind}'", *terms]), safe="")
        return f"{self.base}/#/experiments/{self.experiment_id}/runs?searchFilter={text}&workflowType=machine_learning"
