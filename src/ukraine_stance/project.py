"""Where things stand: the project folder of the user, and the data and configs that come with the package."""

from dataclasses import dataclass
from pathlib import Path

from ukraine_stance.errors import UserMistake

# The copies inside an installed wheel; in a checkout there are none and the project's own files are used.
_PACKAGED = Path(__file__).parent / "bundled"


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
        for path in (self.root / "data" / name, _PACKAGED / name):
            if path.exists():
                return path
        raise UserMistake(f"{self.root / 'data' / name}: missing; run in a project folder or name one with --root")


def config_file(path: Path) -> Path:
    """The config at `path`, else the one of that name that came with an installed package (`configs/...`)."""
    packaged = _PACKAGED / path
    return packaged if not path.exists() and packaged.is_file() else path
