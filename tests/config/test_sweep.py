"""What a sweep may say, and what it may not try."""

import re
from pathlib import Path

import pytest

from ukraine_stance.config import SweepConfig, load, load_sweep, resolved_yaml, search_space
from ukraine_stance.errors import UserMistake

REPOSITORY = Path(__file__).parents[2]
TFIDF = REPOSITORY / "configs" / "train" / "tfidf.yaml"
SHIPPED = sorted((REPOSITORY / "configs" / "sweep").glob("*.yaml"))
SMALL = "config: x.yaml\ntrials: 3\nlog_uniform:\n  model.c: [0.5, 8]\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.yaml").write_text(TFIDF.read_text(encoding="utf-8"), encoding="utf-8")


def read(text: str, *overrides: str) -> SweepConfig:
    Path("s.yaml").write_text(text, encoding="utf-8")
    return load_sweep(Path("s.yaml"), overrides).config


def faults(text: str) -> list[str]:
    with pytest.raises(UserMistake) as caught:
        read(text)
    return str(caught.value).split("\n")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_sweep_introduces_itself_and_tries_what_its_experiment_has(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
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


def test_every_value_that_the_experiment_refuses_is_told_at_its_place() -> None:
    text = (
        "config: x.yaml\ntrials: 2\nuniform:\n  model.c: [-1, 9]\n  model.min_documents: [0, 2.5]\n"
        "log_uniform:\n  model.leraning_rate: [1, 2]\n  tfidf.c: [1, 2]\n"
        "choices:\n  model.word_ngrams: [[1, 9], [1, 1]]\n  model.sublinear: [true, 'yes']\n"
    )
    assert faults(text) == [
        "s.yaml:4:3: uniform.model.c: must be above 0, found the whole number -1",
        "s.yaml:5:3: uniform.model.min_documents: expected a whole number, found the number 2.5",
        "s.yaml:5:3: uniform.model.min_documents: must be at least 1, found the whole number 0",
        "s.yaml:7:3: log_uniform.model.leraning_rate: unknown key ('learning_rate' belongs to the family transformer, "
        "not to tfidf)",
        "s.yaml:8:3: log_uniform.tfidf.c: tfidf: a section for the family ensemble alone; the model here is tfidf "
        "(did you mean 'model'?)",
        "s.yaml:10:3: choices.model.word_ngrams: model.word_ngrams[1]: must be at most 5, found the whole number 9",
        "s.yaml:11:3: choices.model.sublinear: expected true or false, found the text 'yes' (write true or false "
        "without quotes; in YAML 1.2 any other word is text)",
    ]


def test_the_faults_of_the_experiment_are_told_at_its_name() -> None:
    Path("x.yaml").write_text(TFIDF.read_text(encoding="utf-8").replace("seed: ", "sed: "), encoding="utf-8")
    (said,) = faults(SMALL)
    assert re.fullmatch(r"s\.yaml:1:1: config: x\.yaml:\d+:1: sed: unknown key \(did you mean 'seed'\?\)", said)
    assert faults(SMALL.replace("x.yaml", "y.yaml")) == [
        "s.yaml:1:1: config: y.yaml: no such file (did you mean 'x.yaml' or 's.yaml'?)"
    ]


def test_a_sweep_of_no_file_is_held_to_its_experiment_too() -> None:
    with pytest.raises(UserMistake, match=r"^uniform.model.epochs: unknown key"):
        search_space(SweepConfig(config="x.yaml", trials=2, uniform={"model.epochs": (1, 2)}))


@pytest.mark.parametrize(
    ("config", "whole"),
    [
        ("tfidf", {"model.c": False, "model.min_documents": True}),
        ("minilm", {"model.epochs": True, "model.learning_rate": False, "model.max_tokens": True}),
        ("ensemble", {"model.transformers": True, "tfidf.c": False, "transformer.epochs": True}),
    ],
)
def test_whether_a_range_is_of_whole_numbers_is_the_keys_to_say(config: str, whole: dict[str, bool]) -> None:
    path = str(REPOSITORY / "configs" / "train" / f"{config}.yaml")
    highest = {key: 1 if key == "model.learning_rate" else 9 for key in whole}
    lowest = {key: 0.5 if key == "model.learning_rate" else 8 for key in whole}
    ranges = {key: (lowest[key], highest[key]) for key in whole}
    space = search_space(SweepConfig(config=path, trials=2, uniform=ranges))
    assert {key: space.is_whole(key) for key in whole} == whole


@pytest.mark.parametrize("ends", ["[1, 2.5]", "[1.5, 2]", "[1.0, 2.0]"])
def test_a_range_with_a_fraction_is_refused_for_a_key_of_whole_numbers(ends: str) -> None:
    for said in faults(f"config: x.yaml\ntrials: 2\nuniform:\n  model.min_documents: {ends}\n"):
        assert said.startswith("s.yaml:4:3: uniform.model.min_documents: expected a whole number, found the number ")
