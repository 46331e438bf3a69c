"""The gate in front of the registry, against a real MLflow server and the default SQLite store."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from ukraine_stance import cli, tracking
from ukraine_stance import promote as recipe
from ukraine_stance import train as training
from ukraine_stance.config import load as load_config
from ukraine_stance.config import load_gate
from ukraine_stance.corpus import dataset
from ukraine_stance.errors import CheckRefused
from ukraine_stance.files import read_json
from ukraine_stance.project import Project

REPOSITORY = Path(__file__).parents[1]
TFIDF = REPOSITORY / "configs" / "train" / "tfidf.yaml"

# What any model reaches but for the rule that a test is about: 120 statements make wide intervals.
RULES = """\
registered_model: kestrel
margin: -100
bootstrap_samples: 100
first_model:
  score: 0.01
slices:
  columns: [length]
  least_statements: 20
suites:
  plain: 0.1
"""

Stance = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Place:
    """A project with two trained runs, and the store that its commands speak to."""

    project: Project
    uri: str

    @property
    def client(self) -> mlflow.MlflowClient:
        return mlflow.MlflowClient(self.uri, self.uri)

    def run(self, name: str) -> Path:
        return self.project.root / name

    def champion(self, name: str = "kestrel") -> str | None:
        found = self.client.search_registered_models(f"name = '{name}'")
        number = found[0].aliases.get("champion") if found else None
        return None if number is None else str(number)

    def tags(self, version: str, name: str = "kestrel") -> dict[str, str]:
        return dict(self.client.get_model_version(name, version).tags)

    def versions(self, name: str = "kestrel") -> int:
        return len(self.client.search_model_versions(f"name = '{name}'"))


@pytest.fixture(autouse=True)
def _quick_to_give_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


@pytest.fixture(scope="module")
def trained(few_statements: Callable[..., Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two runs, not published; `coarse` knows the commonest words alone."""
    project = few_statements(tmp_path_factory.mktemp("project"), every=6)
    dataset.build(project, None)
    quick = ["evaluation.bootstrap_samples=100", "tracking.enabled=false", "model.char_ngrams=null"]
    for name, sets in {"usual": [], "coarse": ["model.min_documents=60"]}.items():
        training.train(project, load_config(TFIDF, [*quick, *sets]).config, project.root / name)
    (project.root / "rules.yaml").write_text(RULES, encoding="utf-8")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("MLFLOW_TRACKING_URI", raising=False)
        tracking.check(project)  # making a store takes seconds: every test gets a copy of this one
    return project


@pytest.fixture
def place(trained: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The default store, with nothing in it."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / "project"
    shutil.copytree(trained.root, root)
    return Place(Project(root), f"sqlite:///{root / 'mlflow.db'}")


@pytest.fixture
def served(place: Place, new_server: Callable[[Path], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The same with a server of its own."""
    (tmp_path / "server").mkdir()
    server = new_server(tmp_path / "server")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    return Place(place.project, server.uri)


@pytest.fixture
def promote(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Stance:
    def run(model: object, *words: object) -> tuple[int, str, str]:
        monkeypatch.chdir(place.project.root)
        monkeypatch.setattr("sys.argv", ["stance", "promote", str(model), "--rules", "rules.yaml", *map(str, words)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capsys.readouterr()

    return run


@pytest.mark.slow
def test_a_server_keeps_who_is_champion_and_why(served: Place, promote: Stance) -> None:
    code, out, err = promote("coarse")
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == "accepted: models:/kestrel/1 is the champion, the first; all 4 rules hold"
    assert served.champion() == "1"
    tags = served.tags("1")
    assert (tags["stance.gate.decision"], tags["stance.gate.champion"], tags["stance.gate.failed"]) == (
        "accepted", "none", "none",
    )  # fmt: skip
    figures = json.loads(tags["stance.gate.figures"])
    assert figures["macro_f1 on test"]["held"] is True and figures["macro_f1 on test"]["bound"] == 0.01

    code, out, _ = promote("usual", "--set", "margin=-30")
    assert code == 0 and served.champion() == "2"
    assert "accepted: models:/kestrel/2 is the champion, in place of models:/kestrel/1" in out

    code, out, err = promote("coarse", "--set", "margin=0")
    assert code == 3 and served.champion() == "2" and served.versions() == 2
    assert err.startswith("refused: 1 of 4 rules fail: macro_f1 beyond the champion's on test is ")
    assert "points, lower end must be above 0 (on 121 statements of 120 groups)" in err
    assert err.rstrip().endswith("models:/kestrel/2 stays the champion") and err.count("\n") == 1
    tags = served.tags("1")
    assert (tags["stance.gate.decision"], tags["stance.gate.champion"]) == ("refused", "models:/kestrel/2")
    assert tags["stance.gate.failed"] == "macro_f1 beyond the champion's on test"
    assert json.loads(tags["stance.gate.figures"])["macro_f1 beyond the champion's on test"]["held"] is False
    assert tags["stance.gate.rules_sha256"] != served.tags("2")["stance.gate.rules_sha256"]
    assert tags["stance.gate.data_sha256"] == served.tags("2")["stance.gate.data_sha256"]

    run_id = read_json(served.run("usual") / "mlflow.json")["run_id"]
    for name in ("usual", f"runs:/{run_id}", "models:/kestrel/2", "models:/kestrel@champion"):
        code, out, err = promote(name)
        assert (code, err) == (0, "") and "is the champion already" in out and "nothing changes" in out
    assert served.champion() == "2" and served.versions() == 2


def test_the_default_store_takes_models_by_every_name(place: Place, promote: Stance) -> None:
    assert promote("usual", "--json")[0] == 0
    registered = load_config(TFIDF).config.tracking.registered_model
    assert place.versions(str(registered)) == 1  # under the config's name; the gate's own has another
    code, out, _ = promote(f"models:/{registered}/1", "--set", "registered_model=hobby", "--json")
    found = json.loads(out)
    assert code == 0 and found["version"] == "models:/hobby/1" and found["decision"]["accepted"] is True
    run_id = read_json(place.run("usual") / "mlflow.json")["run_id"]
    code, out, _ = promote(
        f"runs:/{run_id}", "--set", "registered_model=hawk", "--set", "first_model.score=0.99", "--json"
    )
    found = json.loads(out)
    assert code == 3 and found["decision"]["accepted"] is False and place.champion("hawk") is None
    assert place.tags("1", "hawk")["stance.gate.decision"] == "refused"
    assert promote(f"runs:/{run_id}", "--set", "registered_model=hawk")[0] == 0
    assert (place.versions("hawk"), place.champion("hawk")) == (1, "1")
    assert place.tags("1", "hawk")["stance.gate.failed"] == "none"


def test_a_dry_run_judges_and_leaves_no_trace(place: Place, promote: Stance) -> None:
    code, out, err = promote("usual", "--dry-run")
    assert (code, err) == (0, "") and "usual would be the champion, the first" in out
    assert promote("usual", "--dry-run", "--set", "suites.negation=1")[0] == 3
    assert place.versions() == 0 and not (place.run("usual") / "mlflow.json").exists()


def test_another_champion_meanwhile_stops_the_move(
    place: Place, promote: Stance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert promote("usual")[0] == 0
    register = tracking.register

    def slowly(*arguments: Any) -> tracking.Version:
        made = register(*arguments)
        place.client.set_registered_model_alias("kestrel", "champion", "2")
        return made

    monkeypatch.setattr(recipe.tracking, "register", slowly)
    with pytest.raises(CheckRefused, match="went from models:/kestrel/1 to models:/kestrel/2 meanwhile"):
        recipe.promote(place.project, load_gate(place.run("rules.yaml")), str(place.run("coarse")))
    assert "stance.gate.decision" not in place.tags("2")


def test_statements_that_a_model_has_learned_from_judge_nobody(place: Place, promote: Stance) -> None:
    frame = dataset.read_built(place.project)
    seen = frame[frame["fold"] == 3].head(50)[["text", "label"]]
    fresh = pd.DataFrame(
        {"text": [f"Sentence {n} of the hall." for n in range(60)], "label": ["favor", "against", "neutral"] * 20}
    )
    pd.concat([seen, fresh]).to_csv(place.run("mixed.csv"), index=False)
    fresh.assign(group=[f"page {n}" for n in range(60)]).to_csv(place.run("fresh.csv"), index=False)
    fresh.to_csv(place.run("pageless.csv"), index=False)
    code, out, err = promote("usual", "--data", "mixed.csv")
    assert (code, out) == (2, "")
    assert err == (
        "usual: has seen 50 of these 110 statements in training: its figures are too good; take them out of mixed.csv\n"
    )
    code, out, err = promote("usual", "--data", "fresh.csv", "--set", "slices.columns=[]")
    assert code == 0 and "groups on fresh.csv" in out and "no two rows share a group" in err
    assert promote("coarse", "--set", "data=mixed.csv")[0] == 2
    code, out, err = promote("coarse", "--data", "pageless.csv", "--set", "slices.columns=[]")
    assert (code, out) == (2, "") and err.startswith("pageless.csv: no row names its group, by which the gate counts")


def test_a_champion_of_other_training_rows_needs_statements_of_its_own(place: Place, promote: Stance) -> None:
    assert promote("usual")[0] == 0
    path = sorted(place.project.statements.glob("*.jsonl"))[0]
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:-20]), encoding="utf-8")
    dataset.build(place.project, None)
    code, out, err = promote("coarse")
    assert (code, out) == (2, "")
    assert err.startswith("models:/kestrel/1: its training rows have changed since") and "--data" in err


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        ("margn: 0\n", "rules.yaml:1:1: margn: unknown key (did you mean 'margin'?)"),
        (RULES.replace("  plain", "  plian"), "rules.yaml:10:3: suites.plian: no such suite of behavioural tests"),
        (RULES + "parts: [articles]\n", "no articles statement was held out by usual"),
        (
            RULES.replace("length", "county"),
            "slices.columns: test has no column county; add it there, or judge by others",
        ),
    ],
)
def test_rules_that_cannot_be_used_are_a_mistake_with_its_place(
    place: Place, promote: Stance, rules: str, fault: str
) -> None:
    place.run("rules.yaml").write_text(rules, encoding="utf-8")
    code, out, err = promote("usual")
    assert (code, out) == (2, "") and fault in err and "Traceback" not in err
    assert place.versions() == 0


@pytest.mark.parametrize("model", ["absent", "models:/kestrel/7", "models:/kestrel@champion", "runs:/0123456789abcdef"])
def test_a_model_that_is_not_there_is_one_clear_line(promote: Stance, model: str) -> None:
    code, out, err = promote(model)
    assert (code, out) == (2, "") and err.startswith(f"{model}: no") and err.count("\n") == 1


def test_a_dead_server_is_one_clear_line(
    promote: Stance, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    code, out, err = promote("usual")
    assert (code, out) == (4, "") and "does not answer" in err and err.count("\n") == 1


def test_rules_can_be_looked_at_before_anything_is_judged(capsys: pytest.CaptureFixture[str]) -> None:
    shipped = str(REPOSITORY / "configs" / "gate" / "default.yaml")
    for word, said in (("check", "fine (rules of the gate of ukraine-stance)"), ("show", "margin: 2.5")):
        cli.app(["config", word, shipped, "--set", "margin=2.5"], standalone_mode=False)
        assert said in capsys.readouterr().out
