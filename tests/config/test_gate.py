"""The rules of the gate are read as every config is: all faults at once, each with its place."""

from pathlib import Path

import pytest

from ukraine_stance.config import GateConfig, load_gate, resolved_yaml, show
from ukraine_stance.errors import UserMistake

DEFAULT = Path(__file__).parents[2] / "configs" / "gate" / "default.yaml"

SMALL = """\
registered_model: kestrel
margin: 0
first_model:
  score: 0.5
suites:
  plain: 0.75
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rules(text: str, *overrides: str) -> GateConfig:
    Path("x.yaml").write_text(text, encoding="utf-8")
    return load_gate(Path("x.yaml"), overrides).config


def faults(text: str, *overrides: str) -> list[str]:
    with pytest.raises(UserMistake) as caught:
        rules(text, *overrides)
    return str(caught.value).split("\n")


def test_the_shipped_rules_introduce_themselves_and_hold_a_floor_of_every_sort() -> None:
    lines = DEFAULT.read_text(encoding="utf-8").splitlines()
    assert "#   stance promote RUN" in lines and 15 <= len(lines) <= 40
    shipped = load_gate(DEFAULT).config
    assert shipped.registered_model == "ukraine-stance" and shipped.parts == ("test",)
    assert None not in (
        shipped.calibration_error,
        shipped.first_model.class_f1,
        *shipped.behaviour.model_dump().values(),
    )
    assert shipped.suites and shipped.slices.columns and shipped.slices.accuracy > 0


def test_rules_that_are_not_written_are_off() -> None:
    found = rules(SMALL)
    assert found.calibration_error is None and found.slices.columns == ()
    assert set(found.behaviour.model_dump().values()) == {None}


def test_every_key_is_described() -> None:
    schema = GateConfig.model_json_schema()
    objects = [schema, *schema["$defs"].values()]
    properties = [(name, spec) for one in objects for name, spec in one["properties"].items()]
    assert len(properties) > 20
    assert [name for name, spec in properties if len(spec.get("description", "")) < 20] == []


def test_all_faults_come_at_once_with_their_places() -> None:
    text = (
        SMALL.replace("plain: 0.75", "plain: 2").replace("margin: 0", "margn: 0") + "parts: []\nslices: {colums: []}\n"
    )
    assert faults(text) == [
        "x.yaml:2:1: margn: unknown key (did you mean 'margin'?)",
        "x.yaml:6:3: suites.plain: must be at most 1.0, found the whole number 2",
        "x.yaml:7:1: parts: names nothing to judge on (test, articles or both)",
        "x.yaml:8:10: slices.colums: unknown key (did you mean 'columns'?)",
    ]


@pytest.mark.parametrize(
    ("override", "fault"),
    [
        ("suites=3", "suites: is a section (set one of its keys: suites.NAME)"),
        ("suites.plain.x=3", "suites.plain.x: unknown key ('suites.plain' has no keys below it)"),
        ("accuracy=0.3", "accuracy: unknown key (did you mean 'slices.accuracy'?)"),
        ("model.c=3", "model.c: unknown key (did you mean 'first_model'?)"),
        ("first_model.score=.nan", "first_model.score: expected a finite number, found the number nan"),
        ("suites.Plain=0.1", "suites.Plain: expected small letters, digits, '_' and '-', the first a letter or digit"),
        ("margin=null", "margin: expected a number, found null"),
    ],
)
def test_an_override_at_fault_is_named(override: str, fault: str) -> None:
    (found,) = faults(SMALL, override)
    assert found.startswith(f"--set {override}: {fault}")


def test_overrides_reach_single_suites_and_origins_tell_them() -> None:
    Path("x.yaml").write_text(SMALL, encoding="utf-8")
    loaded = load_gate(Path("x.yaml"), ["suites.negation=0.2", "margin=-1.5"])
    assert loaded.config.suites == {"plain": 0.75, "negation": 0.2} and loaded.config.margin == -1.5
    assert loaded.origins["suites.plain"] == "x.yaml:6:3"
    assert loaded.origins["suites.negation"] == "--set suites.negation=0.2"
    assert loaded.origins["data"] == "default"


@pytest.mark.parametrize("write", ["resolved", "shown"])
def test_what_is_written_reads_back_to_the_same_rules(write: str) -> None:
    loaded = load_gate(DEFAULT, ["suites.negation=0.2", "data=a b.csv"])
    Path("again.yaml").write_text(resolved_yaml(loaded.config) if write == "resolved" else show(loaded))
    assert load_gate(Path("again.yaml")).config == loaded.config
