"""The ensemble: weights learned from answers to statements that no member had seen."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ukraine_stance import models
from ukraine_stance.config import EnsembleConfig, TfidfConfig, TransformerConfig
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import TARGET
from ukraine_stance.models import EnsembleModel, TfidfModel
from ukraine_stance.models.ensemble import EnsembleSettings, side_by_side
from ukraine_stance.models.protocol import FitReport, LabelledTexts, Prediction


class _Remembers:
    """Answers rightly and surely what it learned, and neutral otherwise: a member that only knows by heart."""

    family: ClassVar[str] = "remembers"
    fitted: ClassVar[list[set[str]]] = []

    def fit(self, train: LabelledTexts, validation: LabelledTexts, workspace: Path, watch: object = None) -> FitReport:
        self._known = dict(zip(train.texts, train.gold, strict=True))
        self.fitted.append(set(train.texts))
        return FitReport(facts=(("known", len(self._known)),))

    def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
        columns = [self._known.get(text, 2) for text in texts]
        probabilities = np.where(np.eye(3)[columns] == 1, 0.98, 0.01)
        return Prediction(probabilities, np.array([len(text) > 30 for text in texts]))


@pytest.fixture(autouse=True)
def _nothing_fitted() -> None:
    _Remembers.fitted.clear()


def _ensemble(*members: Callable[[], Any], folds: int = 3) -> EnsembleModel:
    return EnsembleModel(EnsembleSettings(folds=folds, c=1.0, seed=1), members)


def test_a_member_that_knows_by_heart_gets_no_weight(
    toy: LabelledTexts, new_tfidf: Callable[..., TfidfModel], tmp_path: Path
) -> None:
    model = _ensemble(new_tfidf, _Remembers)
    model.fit(toy, toy, tmp_path)
    coefficients = model._weights.coefficients
    assert np.abs(coefficients[:, :3]).sum() > 5 * np.abs(coefficients[:, 3:]).sum()


@pytest.mark.parametrize("weighing", ["equal", "learned"])
def test_whoever_watches_is_told_of_the_first_transformer_that_learns_from_all(
    toy: LabelledTexts, new_tfidf: Callable[..., TfidfModel], new_transformer: Callable[..., Any], tmp_path: Path,
    weighing: Any,
) -> None:  # fmt: skip
    settings = EnsembleSettings(folds=2, c=1.0, seed=1, weighing=weighing, transformers=2)
    members = (new_tfidf, lambda: new_transformer(epochs=2), lambda: new_transformer(epochs=3))
    told: list[int] = []
    EnsembleModel(settings, members).fit(toy, toy, tmp_path, lambda epoch, macro_f1: told.append(epoch))
    assert told == [1, 2]


def test_every_statement_is_left_out_once_and_groups_stay_whole(toy: LabelledTexts, tmp_path: Path) -> None:
    groups = tuple(f"page-{row // 3}" for row in range(len(toy)))
    grouped = LabelledTexts(toy.texts, toy.targets, toy.gold, groups)
    _ensemble(_Remembers).fit(grouped, toy, tmp_path)
    *parts, everything = _Remembers.fitted
    left_out = [set(toy.texts) - part for part in parts]
    assert everything == set(toy.texts)
    assert sorted(text for texts in left_out for text in texts) == sorted(toy.texts)
    of_text = dict(zip(toy.texts, groups, strict=True))
    shares = [{of_text[text] for text in texts} for texts in left_out]
    assert sum(map(len, shares)) == len(set(groups))


def test_without_groups_every_statement_stands_for_itself(toy: LabelledTexts, tmp_path: Path) -> None:
    _ensemble(_Remembers, folds=4).fit(toy, toy, tmp_path)
    assert [len(part) for part in _Remembers.fitted] == [27, 27, 27, 27, 36]


def test_parts_that_lack_a_label_are_refused(toy: LabelledTexts, tmp_path: Path) -> None:
    groups = tuple("all neutral" if gold == 2 else f"{row}" for row, gold in enumerate(toy.gold))
    with pytest.raises(UserMistake, match=r"model\.folds: 3 parts"):
        _ensemble(_Remembers).fit(LabelledTexts(toy.texts, toy.targets, toy.gold, groups), toy, tmp_path)


def test_a_text_that_any_member_cuts_is_flagged(
    toy: LabelledTexts, new_tfidf: Callable[..., TfidfModel], tmp_path: Path
) -> None:
    model = _ensemble(new_tfidf, _Remembers)
    model.fit(toy, toy, tmp_path)
    assert model.predict(["aid", "aid " * 20], [TARGET] * 2).truncated.tolist() == [False, True]


def test_the_members_facts_are_told_under_their_names(
    toy: LabelledTexts, new_ensemble: Callable[..., EnsembleModel], tmp_path: Path
) -> None:
    report = new_ensemble().fit(toy, toy, tmp_path)
    assert {"out_of_fold_statements", "tfidf.terms", "transformer.best_epoch"} <= dict(report.facts).keys()
    assert len(report.history) == 3


def test_a_config_builds_its_members_with_the_seed() -> None:
    transformer = TransformerConfig(
        checkpoint="x", epochs=1, batch_size=2, learning_rate=0.1, warmup_fraction=0.0, weight_decay=0.0,
        class_weights=None, patience=1,
    )  # fmt: skip
    members = (TfidfConfig(c=2.0, class_weight=None), transformer)
    model = models.build(EnsembleConfig(folds=4, c=0.5), 9, members)
    assert model.settings() == {
        "folds": 4, "c": 0.5, "seed": 9, "weighing": "learned", "transformers": 1, "members": {}
    }  # fmt: skip
    assert [new().settings().get("seed") for new in model._new_members] == [None, 9]


def test_transformers_of_an_ensemble_differ_by_their_seed() -> None:
    transformer = TransformerConfig(
        checkpoint="x", epochs=1, batch_size=2, learning_rate=0.1, warmup_fraction=0.0, weight_decay=0.0,
        class_weights=None, patience=1,
    )  # fmt: skip
    members = (TfidfConfig(c=2.0, class_weight=None), transformer)
    model = models.build(EnsembleConfig(transformers=3), 9, members)
    assert [new().settings().get("seed") for new in model._new_members] == [None, 9, 10, 11]


def test_equal_weighing_trains_every_member_once_and_means_their_logs(
    toy: LabelledTexts, new_tfidf: Callable[..., TfidfModel], tmp_path: Path
) -> None:
    model = EnsembleModel(EnsembleSettings(folds=3, c=1.0, seed=1, weighing="equal"), (new_tfidf, _Remembers))
    report = model.fit(toy, toy, tmp_path)
    assert _Remembers.fitted == [set(toy.texts)]
    assert dict(report.facts)["out_of_fold_statements"] == 0
    logs = [np.log(member.predict(["we refuse aid"], [TARGET]).probabilities[0]) for member in model._members]
    together = np.exp(np.mean(logs, axis=0))
    answer = model.predict(["we refuse aid"], [TARGET]).probabilities[0]
    assert np.allclose(answer, together / together.sum())


def test_members_of_one_family_stand_together_as_the_mean_of_their_logs() -> None:
    given = [np.array([[0.2, 0.3, 0.5]]), np.array([[0.1, 0.8, 0.1]]), np.array([[0.4, 0.2, 0.4]])]
    found = side_by_side(["tfidf", "transformer", "transformer"], given)
    assert np.allclose(np.exp(found), [[0.2, 0.3, 0.5, 0.2, 0.4, 0.2]])


def test_an_ensemble_of_several_transformers_survives_saving(
    toy: LabelledTexts, new_tfidf: Callable[..., Any], new_transformer: Callable[..., Any], tmp_path: Path
) -> None:
    settings = EnsembleSettings(2, 1.0, 1, "equal", 2)
    members = (new_tfidf, lambda: new_transformer(epochs=1), lambda: new_transformer(epochs=1, seed=3))
    model = EnsembleModel(settings, members)
    model.fit(toy, toy, tmp_path / "workspace")
    model.save(tmp_path)
    assert {"tfidf", "transformer", "transformer-2"} <= {path.name for path in tmp_path.iterdir()}
    again = models.load("ensemble", tmp_path, json.loads(json.dumps(model.settings())))
    before, after = (one.predict(toy.texts, toy.targets).probabilities for one in (model, again))
    assert np.allclose(before, after, atol=1e-9)


@pytest.fixture(scope="module")
def whole(
    toy: LabelledTexts, new_ensemble: Callable[..., EnsembleModel], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    model = new_ensemble()
    model.fit(toy, toy, tmp_path_factory.mktemp("workspace"))
    folder = tmp_path_factory.mktemp("ensemble")
    model.save(folder)
    return folder, json.loads(json.dumps(model.settings()))


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (None, "missing"),
        ("{", "cannot be read"),
        ("{}", "cannot be read"),
        ('{"coefficients": [[1, 2]], "intercepts": [1]}', "no weights of 2 members"),
    ],
)
def test_weights_that_are_not_are_refused(
    whole: tuple[Path, dict[str, Any]], tmp_path: Path, content: str | None, fault: str
) -> None:
    folder = shutil.copytree(whole[0], tmp_path / "copy")
    (folder / "weights.json").unlink()
    if content is not None:
        (folder / "weights.json").write_text(content)
    with pytest.raises(UserMistake, match=fault):
        models.load("ensemble", folder, whole[1])


@pytest.mark.parametrize("members", [None, {}, {"oracle": {}}, ["tfidf"]])
def test_unknown_members_are_refused(whole: tuple[Path, dict[str, Any]], members: object) -> None:
    with pytest.raises(UserMistake, match="settings"):
        models.load("ensemble", whole[0], {**whole[1], "members": members})
