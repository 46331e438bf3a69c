"""What a sweep may say, and what it may not try."""

from pathlib import Path

import pytest

from ukraine_stance.config import SweepConfig, load, load_sweep, resolved_yaml
from ukraine_stance.errors import UserMistake

REPOSITORY = Path(__file__).parents[2]
SHIPPED = sorted((REPOSITORY / "configs" / "sweep").glob("*.yaml"))
SMALL = "config: x.yaml\ntrials: 3\nlog_uniform:\n  model.c: [0.5, 8]\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(text: str, *overrides: str) -> SweepConfig:
    Path("s.yaml").write_text(text, encoding="utf-8")
    return load_sweep(Path("s.yaml"), overrides).config


def faults(text: str) -> list[str]:
    with pytest.raises(UserMistake) as caught:
        read(text)
    return str(caught.value).split("\n")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_sweep_introduces_itself_and_tries_what_its_experiment_has(path: Path) -> None:
    shipped = load_sweep(path).config
    assert f"#   stance sweep configs/sweep/{path.name}" in path.read_text(encoding="utf-8").splitlines()
    model = load(REPOSITORY / shipped.config).config.model
    keys = {key.removeprefix("model.") for key in (*shipped.uniform, *shipped.log_uniform, *shipped.choices)}
    assert keys <= set(type(model).model_fields)


def test_the_shipped_sweeps_are_there() -> None:
    assert [path.name for path in SHIPPED] == ["minilm.yaml", "tfidf.yaml"]


def test_a_sweep_reads_back_equal() -> None:
    given = read(SMALL + "choices:\n  model.char_ngrams: [null, [3, 5]]\n  model.class_weight: [balanced, null]\n")
    assert given.choices["model.char_ngrams"] == (None, (3, 5))
    assert read(resolved_yaml(given)) == given


def test_an_override_of_the_number_of_trials() -> None:
    assert read(SMALL, "trials=9").trials == 9


def test_a_seed_is_not_tried_for_luck() -> None:
    (said,) = faults("config: x.yaml\ntrials: 2\nuniform:\n  seed: [1, 9]\n")
    assert said.startswith("s.yaml:4:3: uniform.seed: expected a key of the sections model, tfidf or transformer")


@pytest.mark.parametrize("key", ["data.articles", "evaluation.bootstrap_samples", "c"])
def test_only_what_the_model_is_is_tried(key: str) -> None:
    (said,) = faults(f"config: x.yaml\ntrials: 2\nuniform:\n  {key}: [1, 9]\n")
    assert "written model.KEY" in said


def test_all_faults_are_told_at_once_with_their_places() -> None:
    text = "config: x.yaml\ntrials: 0\nuniform:\n  model.epochs: [3, 1]\nlog_uniform:\n  model.c: [0, 2]\nchoices:\n"
    assert faults(text + "  model.sublinear: [true]\n") == [
        "s.yaml:2:1: trials: must be at least 1, found the whole number 0",
        "s.yaml:4:3: uniform.model.epochs: the lowest value comes first and the highest last, and they differ",
        "s.yaml:6:3: log_uniform.model.c: a range by factors begins above 0",
        "s.yaml:8:3: choices.model.sublinear: a choice needs two values or more",
    ]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        ("", "nothing to try (give uniform, log_uniform or choices)"),
        ("uniform:\n  model.c: [1, 2]\nchoices:\n  model.c: [1, 2]\n", "tried in two ways: model.c (keep one)"),
    ],
)
def test_a_rule_across_keys_names_no_key(rest: str, said: str) -> None:
    assert faults(f"config: x.yaml\ntrials: 2\n{rest}") == [f"s.yaml:1:1: {said}"]
