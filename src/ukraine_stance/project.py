"""Where things stand: the project folder of the user and the data that comes with the package."""

from dataclasses import dataclass
from pathlib import Path

from ukraine_stance.errors import UserMistake

# The copy inside an installed wheel; in a checkout it does not exist and the project's own data/ is used.
_PACKAGED_DATA = Path(__file__).parent / "bundled"


@dataclass(frozen=True, slots=True)
class Project:
    """Folders of one project; nothing is created by naming it."""

    root: Path

    @property
    def statements(self) -> Path:
        """The bundled statements, JSON Lines."""
        return self._data("statements")

    @property
    def annotations(self) -> Path:
        """Stand-off labels of the articles' sentences."""
        return self._data("annotations")

    @property
    def saved_folds(self) -> Path:
        """CSV of group and fold that comes with the bundled statements."""
        return self.statements.with_name("folds.csv")

    @property
    def built(self) -> Path:
        """What `stance data build` makes."""
        return self.root / "data" / "built"

    @property
    def runs(self) -> Path:
        """One folder per training run."""
        return self.root / "experiments" / "runs"

    @property
    def mlflow_database(self) -> Path:
        """The default tracking store."""
        return self.root / "mlflow.db"

    @property
    def mlflow_artifacts(self) -> Path:
        """Artefacts of the default tracking store."""
        return self.root / "mlartifacts"

    def _data(self, name: str) -> Path:
        for path in (self.root / "data" / name, _PACKAGED_DATA / name):
            if path.exists():
                return path
        raise UserMistake(f"{self.root / 'data' / name}: missing; run in a project folder or name one with --root")
