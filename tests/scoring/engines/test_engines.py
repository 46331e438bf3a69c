"""An engine is used only where it was measured for this very model and kept its labels."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ukraine_stance import classifier
from ukraine_stance.calibration import Calibration
from ukraine_stance.classifier import StanceClassifier
from ukraine_stance.errors import CheckRefused, UserMistake
from ukraine_stance.models import TfidfModel
from ukraine_stance.models.protocol import LabelledTexts
from ukraine_stance.scoring import engines
from ukraine_stance.scoring.engines import admission, building
from ukraine_stance.scoring.engines.admission import Admission, crossed

FIGURES = Admission(
    engine="torch-bf16", model_id="m", versions={}, files={}, texts=5000, same_labels=0.99, validation=700,
    macro_f1=0.604, macro_f1_fp32=0.605, batch_difference=0.01, texts_per_second=9.0, texts_per_second_fp32=3.0,
)  # fmt: skip

TORCH = ("torch-packed", "torch-bf16")


@pytest.fixture(autouse=True)
def fewer_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "TEXTS", 300)


@pytest.fixture
def loaded(run: Path) -> StanceClassifier:
    return classifier.load(run)


def exported(run: Path, loaded: StanceClassifier, toy: LabelledTexts, *names: str) -> list[Admission]:
    return engines.export(run, loaded, names, toy.texts, toy)


def change(run: Path, engine: str, **figures: object) -> None:
    path = run / "engines" / engine / admission.FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), **figures}))


def test_figures_at_the_bars_are_admitted_and_past_them_refused_with_the_figure() -> None:
    assert not replace(FIGURES, macro_f1=0.601).faults
    assert not replace(FIGURES, macro_f1=0.609).faults
    for changed, said in (
        ({"same_labels": 0.9899}, "98.99% of 5000 labels"),
        ({"texts": 299}, "on 299 texts"),
        ({"macro_f1": 0.5999}, "0.5999, in fp32 0.6050"),
        ({"macro_f1": 0.6101}, "0.6101, in fp32 0.6050"),
        ({"macro_f1": float("nan")}, "nan"),
        ({"batch_difference": 0.0101}, "0.0101"),
    ):
        faults = replace(FIGURES, **changed).faults
        assert len(faults) == 1 and said in faults[0]


def test_an_exported_engine_scores_under_a_name_of_its_own(
    run: Path, loaded: StanceClassifier, toy: LabelledTexts
) -> None:
    (found,) = exported(run, loaded, toy, "torch-packed")
    assert not found.faults and found.same_labels == 1 and found.validation == len(toy)
    behind = engines.behind(run, classifier.load(run), "torch-packed")
    assert behind.model_id == f"{loaded.model_id}+torch-packed"
    scores, expected = behind.score(toy.texts), loaded.score(toy.texts)
    np.testing.assert_allclose(scores["p_favor"], expected["p_favor"], atol=1e-5)
    assert set(scores["model_id"]) == {behind.model_id}


def test_auto_takes_the_fastest_that_is_admitted(run: Path, loaded: StanceClassifier, toy: LabelledTexts) -> None:
    assert engines.behind(run, loaded, "auto") is loaded
    exported(run, loaded, toy, *TORCH)
    good = {"same_labels": 1.0, "macro_f1": 1.0, "macro_f1_fp32": 1.0, "texts_per_second_fp32": 1.0}
    for speed, name in enumerate(TORCH, start=2):
        change(run, name, **good, texts_per_second=float(speed))
    assert engines.behind(run, loaded, "auto").model_id.endswith("+torch-bf16")
    change(run, "torch-bf16", same_labels=0.5)
    assert engines.behind(run, loaded, "auto").model_id.endswith("+torch-packed")
    change(run, "torch-bf16", same_labels=1.0, versions={"torch": "0.4"})
    assert engines.behind(run, loaded, "auto").model_id.endswith("+torch-packed")
    change(run, "torch-packed", texts_per_second=0.5)
    assert engines.behind(run, loaded, "auto") is loaded
    assert engines.behind(run, loaded, "torch") is loaded


def test_an_engine_that_was_refused_or_is_of_something_else_is_named(
    run: Path, loaded: StanceClassifier, toy: LabelledTexts
) -> None:
    with pytest.raises(UserMistake, match=r"never measured .* run stance export"):
        engines.behind(run, loaded, "torch-bf16")
    exported(run, loaded, toy, "torch-bf16")
    change(run, "torch-bf16", same_labels=0.5)
    with pytest.raises(CheckRefused, match=r"50\.00% of 300 labels"):
        engines.behind(run, loaded, "torch-bf16")
    change(run, "torch-bf16", model_id="another")
    with pytest.raises(UserMistake, match="for the model another"):
        engines.behind(run, loaded, "torch-bf16")


def test_a_file_of_an_engine_that_is_not_the_one_measured_is_named(
    run: Path, loaded: StanceClassifier, toy: LabelledTexts
) -> None:
    pytest.importorskip("openvino")
    exported(run, loaded, toy, "openvino-bf16")
    (run / "engines" / "openvino-bf16" / "graph.bin").write_bytes(b"other")
    with pytest.raises(UserMistake, match=r"graph\.bin: is not the file"):
        engines.behind(run, loaded, "openvino-bf16")


def test_an_engine_whose_package_is_missing_is_named_with_its_extra_and_auto_leaves_it(
    run: Path, loaded: StanceClassifier, toy: LabelledTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    exported(run, loaded, toy, "openvino-bf16")
    figures = {"same_labels": 1.0, "macro_f1": 1.0, "macro_f1_fp32": 1.0, "texts_per_second_fp32": 1.0}
    change(run, "openvino-bf16", **figures, texts_per_second=9.0)
    assert engines.behind(run, loaded, "auto").model_id.endswith("+openvino-bf16")
    monkeypatch.setitem(building._PACKAGES, "openvino-bf16", "no-such-package")
    assert engines.behind(run, loaded, "auto") is loaded
    for attempt in (
        lambda: engines.behind(run, loaded, "openvino-bf16"),
        lambda: exported(run, loaded, toy, "openvino-bf16"),
    ):
        with pytest.raises(UserMistake, match=r"needs .* pip install 'ukraine-stance\[no-such-package\]'"):
            attempt()


def test_other_families_have_no_engines_and_auto_leaves_them(
    new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_tfidf()
    model.fit(toy, toy, tmp_path)
    plain = StanceClassifier(model, Calibration(), "tfidf-1")
    assert engines.behind(tmp_path, plain, "auto") is plain
    with pytest.raises(UserMistake, match="tfidf-1 is of the family tfidf; leave --engine out"):
        engines.behind(tmp_path, plain, "torch-bf16")


def test_crossed_texts_are_different_and_start_with_the_statements() -> None:
    texts = crossed(["a b c", "d e f", "g h i", "a b c"], 12)
    assert texts[:3] == ("a b c", "d e f", "g h i") and len(set(texts)) == 12
    assert all(2 <= len(text.split()) <= 4 for text in texts)
    with pytest.raises(UserMistake, match="2 statements make no 50"):
        crossed(["a b", "c d"], 50)
