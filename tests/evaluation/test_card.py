import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from ukraine_stance.calibration import Calibration
from ukraine_stance.config import ExperimentConfig, load
from ukraine_stance.corpus.dataset import Dataset
from ukraine_stance.evaluation.base_rate import field_figures
from ukraine_stance.evaluation.behaviour import SuiteResult
from ukraine_stance.evaluation.card import Origin, model_card, plain
from ukraine_stance.evaluation.results import Evaluation, gold_columns, measure, predicted_columns
from ukraine_stance.evaluation.shortcuts import PROBES, shortcuts
from ukraine_stance.evaluation.slices import slice_columns, slices
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import FIELD_SHARES, ORDER, TARGET

CONFIGS = Path(__file__).parents[2] / "configs" / "train"
HOW = Resampling(samples=100, seed=7)
PROVENANCE: dict[str, Any] = {
    "started": "2026-05-01T10:00:00+00:00",
    "command": ["/home/lena/bin/stance", "train", "/home/lena/tfidf.yaml", "--out", "/home/lena/secret"],
    "commit": "0123456789",
    "uncommitted_changes": False,
    "python": "3.11.7",
    "versions": {"ukraine-stance": "0.1.0", "scikit-learn": "1.9.1"},
}
LABELS = [str(label) for label in ORDER]


def config(name: str = "tfidf", *sets: str) -> ExperimentConfig:
    return load(CONFIGS / f"{name}.yaml", ["evaluation.bootstrap_samples=100", *sets]).config


def statements(part: str, labels: Sequence[str] = LABELS, origin: str = "bundled", **columns: Any) -> pd.DataFrame:
    """30 statements of a part in 10 groups, each with two votes unless columns say otherwise."""
    given_labels = [labels[row % len(labels)] for row in range(30)]
    votes = [[{"coder": f"coder-{n}", "label": one, "codebook_version": "1.1"} for n in (1, 2)] for one in given_labels]
    return pd.DataFrame(
        {
            "id": [f"{part}-{row}" for row in range(30)],
            "text": [f"Velmark's {part} convoy {row} left at dawn" for row in range(30)],
            "label": given_labels,
            "group": [f"{part}-g{row // 3}" for row in range(30)],
            "target": TARGET,
            "origin": origin,
            "part": part,
            "votes": votes,
        }
        | columns
    )


def predicted(rows: pd.DataFrame) -> pd.DataFrame:
    """Right on three statements in four."""
    columns = np.array([LABELS.index(label) for label in rows["label"]])
    columns = np.where(np.arange(len(rows)) % 4 == 3, (columns + 1) % 3, columns)
    shares = np.full((len(rows), 3), 0.1)
    shares[np.arange(len(rows)), columns] = 0.8
    return pd.DataFrame(shares, columns=[f"p_{label}" for label in LABELS]).assign(
        stance=[LABELS[column] for column in columns], confidence=0.8, truncated=False, model_id="tfidf-000000000000"
    )


FIELD = (field_figures(np.arange(60) % 3, np.arange(60) % 7 % 3, [str(row) for row in range(60)], FIELD_SHARES, HOW),)


def card(*frames: pd.DataFrame, asked: ExperimentConfig | None = None, in_field: dict[str, Any] | None = None) -> str:
    """The card of a model that was judged on all frames but those of the part `train`."""
    frame = pd.concat(frames, ignore_index=True)
    rows = {
        part: frame[frame["part"] == part].reset_index(drop=True) for part in frame["part"].unique() if part != "train"
    }
    scores = {part: predicted(one) for part, one in rows.items()}
    sliced = [
        one
        for part, own in rows.items()
        for one in slices(part, own, gold_columns(own), predicted_columns(scores[part]), slice_columns(own), HOW)
    ]
    probed = [
        one
        for part, own in rows.items()
        for one in shortcuts(part, own, gold_columns(own), lambda texts, _: np.arange(len(texts)) % 3, HOW)
    ]
    failures = (("case-1", "the unquotable case"),)
    suite = SuiteResult("negation", "direction", "A negation must change | the label.", 4, 3, 0.3, 0.95, failures)
    found = Evaluation(
        names=("tfidf",),
        model_ids=("tfidf-000000000000",),
        results=tuple(measure(part, own, scores[part], HOW) for part, own in rows.items()),
        comparisons=(),
        rows=rows,
        predictions={part: [one] for part, one in scores.items()},
        warnings=(),
        behaviour=((suite,),),
        slices=(tuple(sliced),),
        shortcuts=(tuple(probed),),
        in_field=in_field or {},
    )
    return model_card(found, Origin(asked or config(), PROVENANCE, Dataset(frame, "abc123"), Calibration(1.5)))


def usual(**columns: Any) -> list[pd.DataFrame]:
    return [statements(part, **columns) for part in ("train", "validation", "test")]


def read(text: str, folder: Path) -> ModelCard:
    (folder / "README.md").write_text(text, encoding="utf-8")
    return ModelCard.load(folder / "README.md")


def test_the_hub_reads_back_what_the_card_says(tmp_path: Path) -> None:
    text = card(*usual(), statements("articles", origin="article"))
    found = read(text, tmp_path)
    assert str(found) == text
    told = found.data.to_dict()
    assert {name: told[name] for name in ("license", "language", "library_name", "pipeline_tag", "datasets")} == {
        "license": "cc-by-4.0",
        "language": "en",
        "library_name": "ukraine-stance",
        "pipeline_tag": "text-classification",
        "datasets": ["ukraine-stance"],
    }
    assert {"tfidf", "stance-detection"} <= set(told["tags"])
    figures = {(one.dataset_split, one.metric_name.split(" (")[0]): one for one in found.data.eval_results}
    assert {part for part, _ in figures} == {"test", "articles"}  # validation was tuned on
    assert figures["test", "accuracy"].metric_value == pytest.approx(23 / 30, abs=1e-4)
    assert re.search(r"\(95% interval 0\.\d{3} to 0\.\d{3}\)$", figures["test", "macro-F1"].metric_name)
    assert {one.dataset_name for one in found.data.eval_results} == {"ukraine-stance statements", "article sentences"}


def test_every_section_is_there_and_every_table_whole() -> None:
    text = card(*usual(), statements("articles", origin="article"))
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "What it is for", "What it must not be used for", "Data", "Agreement of the coders", "Figures", "Calibration",
        "Behaviour", "Shortcuts", "Where it is worst", "Limits", "How to use it", "Before you publish this folder",
        "Provenance", "Licences",
    ]  # fmt: skip
    assert len(tables(text)) == 11


def tables(text: str) -> list[list[str]]:
    """Tables by their lines; every line of one has the cells that its heading has."""
    found = [block.splitlines() for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]
    for lines in found:
        assert set(lines[1]) <= set("| -") and len(lines) > 2
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    return found


@pytest.mark.parametrize("labels", [["favor", "neutral"], ["neutral"]], ids=len)
def test_what_is_undefined_is_called_so_and_left_out_of_the_metadata(labels: list[str], tmp_path: Path) -> None:
    text = card(statements("train"), statements("validation"), statements("test", labels))
    assert re.search(r"macro-F1 undefined, accuracy 0\.767", text)
    assert "| recall of against | undefined |" in text
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    names = {one.metric_name.split(" (")[0] for one in read(text, tmp_path).data.eval_results}
    assert names == {"accuracy"}
    assert "0 `against`" in text  # among the limits


def test_a_part_with_few_of_a_label_or_few_groups_stands_among_the_limits() -> None:
    limits = card(*usual()).split("## Limits")[1].split("## How to use it")[0]
    assert "`test` holds 10 `favor`, 10 `against`, 10 `neutral` statements in 30" in limits
    assert "`test` has 10 groups: with fewer than 40" in limits
    assert "`validation`" not in limits


def test_names_with_pipes_breaks_and_markup_break_no_table(tmp_path: Path) -> None:
    evil = ["a | b", "line\nbreak\r\u2028x", "<img src=x onerror=alert(1)>", "`code` **bold** [x](y)", "---", "x" * 500]
    text = card(*usual(holder=[evil[row % len(evil)] for row in range(30)]))
    worst = next(lines for lines in tables(text) if "| column | value |" in lines[0])
    assert sum(line.startswith("| holder |") for line in worst) == 3
    assert "<img" not in text and "x" * 100 not in text
    assert str(read(text, tmp_path)) == text


@given(st.text())
def test_any_value_becomes_one_short_line_without_markup(value: str) -> None:
    shown = plain(value)
    assert len(shown.splitlines()) <= 1
    assert not re.search(r"(?<!\\)[|`*_\[\]~#$]|[<>]", re.sub(r"\\\\", "", shown))


def test_no_text_no_path_no_coder_and_no_value_of_the_users_own_rows_stands_in_the_card() -> None:
    asked = config("tfidf", "data.files=[/home/lena/secret/mine.csv]")
    private = statements("test", origin="user").assign(
        id=[f"u{row}" for row in range(30)],
        group=[f"u{row // 2}" for row in range(30)],
        text=[f"Orrin's diary entry {row}" for row in range(30)],
        topic=[f"Orrin's diary entry {row}" for row in range(30)],
        holder=["the mayor of Lower Orrin", "the minister"] * 15,
        diary="kept at home",
    )
    shared = [statements(part, holder="the minister") for part in ("train", "validation", "test")]
    text = card(*shared, private, asked=asked)
    assert "1 **file of the trainer's own**" in text.replace("\n", " ")
    assert "| holder | the minister | 45 |" in text
    for secret in ("diary", "Orrin", "convoy", "/home", "lena", "mine.csv", "coder-1", "unquotable"):
        assert secret not in text, secret
    assert "26 that only the trainer's own rows bear are not shown" in text


def test_a_model_of_the_users_files_alone_claims_neither_our_data_nor_its_language(tmp_path: Path) -> None:
    frames = [one.drop(columns="votes") for one in usual(origin="user", paper="Velmark Post", _row=3)]
    text = card(*frames)
    told = read(text, tmp_path).data.to_dict()
    assert not {"language", "datasets"} & told.keys() and told["license"] == "other"
    assert {one.dataset_type for one in read(text, tmp_path).data.eval_results} == {"own"}
    assert "has the votes of two coders: how well a coder would do is unknown" in text
    assert "language model" not in text and "CC BY 4.0" not in text
    assert "their terms, which this card does not know" in text


@pytest.mark.parametrize(
    ("sets", "base", "licence", "said"),
    [
        ((), "sentence-transformers/all-MiniLM-L6-v2", "apache-2.0", "all-MiniLM-L6-v2, from which these weights"),
        (
            ("model.checkpoint=velmark/encoder", "model.checkpoint_sha256=null"),
            "velmark/encoder",
            "other",
            "look it up on the model hub: velmark/encoder",
        ),
        (("model.checkpoint={folder}", "model.checkpoint_sha256=null"), None, "other", "look it up where it came from"),
        (("model.checkpoint={folder}",), None, "apache-2.0", "all-MiniLM-L6-v2, from which these weights"),
    ],
)
def test_the_checkpoints_licence_governs_and_a_folder_is_not_named(
    sets: tuple[str, ...], base: str | None, licence: str, said: str, tmp_path: Path
) -> None:
    asked = config("minilm", *(one.format(folder=tmp_path) for one in sets))
    text = card(*usual(), asked=asked)
    told = read(text, tmp_path).data.to_dict()
    assert (told.get("base_model"), told["license"]) == (base, licence)
    assert said in text and str(tmp_path) not in text
    assert "This is one seed (7)" in text


def test_an_ensemble_names_both_its_members_and_the_checkpoint(tmp_path: Path) -> None:
    text = card(*usual(), asked=config("ensemble"))
    told = read(text, tmp_path).data.to_dict()
    assert told["base_model"] == "sentence-transformers/all-MiniLM-L6-v2" and told["license"] == "apache-2.0"
    assert "A TF-IDF model and a transformer, fine-tuned from `sentence-transformers/all-MiniLM-L6-v2`" in text
    assert "| scikit-learn |" in text and "| torch |" in text
    assert "This is one seed (7)" in text and "model's own vocabulary" in text


def test_every_probe_of_the_shortcuts_stands_in_the_card() -> None:
    text = card(*usual())
    section = text[text.index("## Shortcuts") : text.index("## Where it is worst")]
    for probe in PROBES:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| {probe.name} | test |")]
        assert ("|  |  |" in row) is not probe.keeps_gold


@pytest.mark.parametrize("checkpoint", ["nets/encoder", "./nets/encoder", "/gone/since/encoder", "~/encoder"])
def test_a_folder_is_not_taken_for_a_name_on_the_hub(
    checkpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets" / "encoder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    text = card(*usual(), asked=config("minilm", f"model.checkpoint={checkpoint}", "model.checkpoint_sha256=null"))
    assert "base_model" not in read(text, tmp_path).data.to_dict()
    assert "encoder" not in text


def test_precision_at_the_fields_shares_stands_in_the_card() -> None:
    text = card(*usual(), in_field={part: FIELD for part in ("validation", "test")})
    rows = [line for line in text.splitlines() if line.startswith("| test | ") and "| 0.050 |" in line]
    assert len(rows) == 1 and rows[0].startswith("| test | against | 0.050 | ")
    assert "| validation | against | 0.050 |" not in text
