import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ukraine_stance.config import (
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    LoadedConfig,
    TfidfConfig,
    TrackingConfig,
    TransformerConfig,
    json_schema,
    load,
    resolved_yaml,
    show,
)

CONFIGS = Path(__file__).parents[2] / "configs"
SHIPPED = sorted((CONFIGS / "train").glob("*.yaml"))
HARD_TEXTS = [
    "yes",
    "null",
    "~",
    "3",
    "1e3",
    "0x1F",
    "- a",
    "a: b",
    "a #b",
    "*a",
    "!x",
    '"',
    "\\",
    "'",
    "é",
    "%",
    "\x7f",
]

texts = st.one_of(st.sampled_from(HARD_TEXTS), st.text(min_size=1, max_size=20)).filter(
    lambda text: (
        text == text.strip()
        and text.splitlines() == [text]
        and "\0" not in text
        and not any("\ud800" <= character <= "\udfff" for character in text)
    )
)
balanced = st.sampled_from(["balanced", None])


def sizes(most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(1, most), st.integers(1, most)).map(lambda pair: (min(pair), max(pair)))


def fraction(**bounds: Any) -> st.SearchStrategy[float]:
    return st.floats(0, 1, allow_nan=False, **bounds)


tfidf = st.builds(
    TfidfConfig,
    family=st.just("tfidf"),
    word_ngrams=sizes(5),
    char_ngrams=st.none() | sizes(10),
    min_documents=st.integers(1, 10**30),
    sublinear=st.booleans(),
    c=st.floats(0, 1e6, exclude_min=True),
    class_weight=balanced,
)
transformer = st.builds(
    TransformerConfig,
    family=st.just("transformer"),
    checkpoint=texts,
    checkpoint_sha256=st.none() | st.text("0123456789abcdef", min_size=64, max_size=64) | st.just("1" * 64),
    revision=st.none() | texts,
    max_tokens=st.integers(8, 8192),
    target_in_input=st.booleans(),
    epochs=st.integers(1, 1000),
    batch_size=st.integers(1, 4096),
    learning_rate=fraction(exclude_min=True),
    warmup_fraction=fraction(exclude_max=True),
    weight_decay=fraction(),
    class_weights=balanced,
    patience=st.integers(1, 1000),
    precision=st.sampled_from(["auto", "fp32", "bf16"]),
)
experiments = st.builds(
    ExperimentConfig,
    name=st.from_regex(r"\A[a-z0-9]{1,5}(-[a-z0-9]{1,5}){0,3}\Z") | st.sampled_from(["1e3", "007", "no", "null"]),
    seed=st.integers(0, 2**32 - 1),
    data=st.builds(
        DataConfig,
        bundled=st.just(True),
        files=st.lists(texts.map(lambda text: f"{text}-1.csv"), max_size=3, unique=True).map(tuple),
        articles=st.sampled_from(["test", "train", "folds"]),
    ),
    model=tfidf | transformer,
    evaluation=st.builds(
        EvaluationConfig,
        bootstrap_samples=st.integers(100, 100_000),
        confidence_level=st.floats(0.5, 1, exclude_min=True, exclude_max=True),
    ),
    tracking=st.builds(
        TrackingConfig,
        enabled=st.booleans(),
        experiment=texts,
        registered_model=st.none() | st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,9}\Z"),
    ),
)
round_trips = settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def read_back(text: str) -> LoadedConfig:
    with TemporaryDirectory() as folder:
        path = Path(folder, "resolved.yaml")
        path.write_text(text, encoding="utf-8", newline="")
        return load(path)


@round_trips
@given(experiments)
def test_any_config_reads_back_equal_from_its_resolved_yaml(config: ExperimentConfig) -> None:
    assert read_back(resolved_yaml(config)).config == config


@round_trips
@given(experiments)
def test_any_config_reads_back_equal_from_what_show_prints(config: ExperimentConfig) -> None:
    loaded = read_back(resolved_yaml(config))
    assert read_back(show(loaded)).config == config


@pytest.mark.parametrize("name", ["no", "on", "null", "007", "1e3"])
def test_a_name_that_another_reader_could_take_for_a_value_is_quoted(name: str) -> None:
    loaded = load(CONFIGS / "train" / "tfidf.yaml", [f"name='{name}'"])
    assert f'name: "{name}"' in resolved_yaml(loaded.config).splitlines()


def test_show_tells_each_value_and_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONFIGS.parent)
    lines = show(load(Path("configs/train/tfidf.yaml"), ["model.c=0.5"])).splitlines()
    origins = {line.split(":")[0].strip(): line.partition("# ")[2] for line in lines}
    assert origins["c"] == "--set model.c=0.5"
    assert origins["confidence_level"] == "default"
    assert origins["family"].startswith("configs/train/tfidf.yaml:")
    assert [line for line in lines if line.endswith(":")] == [
        "data:",
        "model:",
        "abstention:",
        "evaluation:",
        "tracking:",
    ]
    assert all("# " in line for line in lines if not line.endswith(":"))


def test_an_origin_that_holds_a_line_break_stays_within_its_comment() -> None:
    loaded = load(CONFIGS / "train" / "tfidf.yaml", ["tracking.experiment='a\nb'"])
    assert loaded.config.tracking.experiment == "a b"
    assert read_back(show(loaded)).config == loaded.config


def test_the_resolved_yaml_writes_every_default_out() -> None:
    config = load(CONFIGS / "train" / "minilm.yaml").config
    origins = read_back(resolved_yaml(config)).origins
    assert len(origins) > 20
    assert "default" not in origins.values()


def test_a_config_cannot_be_changed() -> None:
    config = load(CONFIGS / "train" / "tfidf.yaml").config
    with pytest.raises(ValidationError):
        config.model.c = 1.0  # type: ignore[misc,union-attr]


def test_the_schema_file_is_the_schema() -> None:
    assert json.loads((CONFIGS / "schema.json").read_text(encoding="utf-8")) == json_schema()


def test_every_key_of_the_schema_is_described() -> None:
    schema = json_schema()
    objects = [schema, *schema["$defs"].values()]
    properties = [(name, spec) for one in objects for name, spec in one["properties"].items()]
    assert len(properties) > 30
    assert [name for name, spec in properties if len(spec.get("description", "")) < 20] == []
    assert all(one["additionalProperties"] is False for one in objects)


def test_the_shipped_configs_are_there() -> None:
    assert {"tfidf.yaml", "minilm.yaml", "ensemble.yaml"} <= {path.name for path in SHIPPED}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_config_loads_and_introduces_itself(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert load(path).config.name == path.stem
    assert lines[0] == "# yaml-language-server: $schema=../schema.json"
    assert f"#   stance train configs/train/{path.name}" in lines
    assert 15 <= len(lines) <= 45
