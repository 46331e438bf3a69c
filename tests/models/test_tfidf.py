"""What is special to TF-IDF with logistic regression."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from ukraine_stance import models
from ukraine_stance.config import TfidfConfig
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import TARGET
from ukraine_stance.models import TfidfModel, tfidf
from ukraine_stance.models.protocol import LabelledTexts

NewModel = Callable[..., TfidfModel]


def _terms(model: TfidfModel) -> set[str]:
    return set(model._fitted.named_steps["features"].get_feature_names_out())


def test_a_config_reaches_the_model_whole() -> None:
    config = TfidfConfig(
        family="tfidf", word_ngrams=(1, 3), char_ngrams=None, min_documents=2, sublinear=False, c=0.5, class_weight=None
    )
    built = models.build(config, seed=1).settings()
    assert built == {name: value for name, value in config.model_dump().items() if name != "family"}


def test_hyphens_numbers_and_single_letters_are_words(new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    texts = ("an F-16 and a 28-point plan", "plan B", "Ukraine’s", *toy.texts[3:])
    model = new_tfidf(char_ngrams=None)
    model.fit(LabelledTexts(texts, toy.targets, toy.gold), toy, tmp_path)
    assert {"words__f-16", "words__28-point", "words__b", "words__ukraine’s", "words__plan b"} <= _terms(model)


def test_only_training_statements_give_terms(new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    model = new_tfidf()
    other = LabelledTexts(("unheard",) * len(toy), toy.targets, toy.gold)
    report = model.fit(toy, other, tmp_path)
    assert dict(report.facts)["terms"] == len(_terms(model))
    assert not any("unheard" in term for term in _terms(model))


def test_balanced_weights_help_the_rare_stance(new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    rows = [*range(12), 12, *range(24, 36)]
    rare = LabelledTexts(tuple(toy.texts[row] for row in rows), toy.targets[: len(rows)], toy.gold[rows])
    found = []
    for class_weight in ("balanced", None):
        model = new_tfidf(class_weight=class_weight)
        model.fit(rare, rare, tmp_path)
        found.append(model.predict(["we refuse"], [TARGET]).probabilities[0, 1])
    assert found[0] > found[1]


@pytest.mark.parametrize(
    "changed", [{"min_documents": 37}, {"word_ngrams": (5, 5), "char_ngrams": None, "min_documents": 2}]
)
def test_settings_that_leave_no_term_are_a_mistake_in_one_line(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path, changed: dict[str, object]
) -> None:
    with pytest.raises(UserMistake, match=r"lower model.min_documents \(\d+\) or the n-gram sizes") as refused:
        new_tfidf(**changed).fit(toy, toy, tmp_path)
    assert "\n" not in str(refused.value)


def test_types_that_skops_does_not_trust_are_refused(new_tfidf: NewModel, tmp_path: Path) -> None:
    pipeline = Pipeline([("features", FunctionTransformer(print)), ("classifier", LogisticRegression())])
    skops.io.dump(pipeline, tmp_path / "model.skops")
    with pytest.raises(UserMistake, match="types that no model of ours has"):
        models.load("tfidf", tmp_path, new_tfidf().settings())


@pytest.mark.parametrize("content", [MultinomialNB(), {"a": 1}, Pipeline([("classifier", MultinomialNB())])])
def test_a_file_of_trusted_types_that_is_no_model_of_ours_is_refused(
    new_tfidf: NewModel, tmp_path: Path, content: object
) -> None:
    skops.io.dump(content, tmp_path / "model.skops")
    with pytest.raises(UserMistake, match="holds no model of ours"):
        models.load("tfidf", tmp_path, new_tfidf().settings())


def test_saving_a_large_vocabulary_is_quick_to_read_again(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    words = np.random.default_rng(0).integers(0, 30_000, size=(len(toy), 200))
    texts = tuple(" ".join(f"w{word}" for word in row) for row in words)
    model = new_tfidf(char_ngrams=None, word_ngrams=(1, 1), min_documents=2)
    model.fit(LabelledTexts(texts, toy.targets, toy.gold), toy, tmp_path)
    vectorizer = model._fitted.named_steps["features"].transformer_list[0][1]
    # Some versions of scikit-learn leave numpy integers when they prune.
    vectorizer.vocabulary_ = {term: np.int64(column) for term, column in vectorizer.vocabulary_.items()}
    model.save(tmp_path)
    assert len(_terms(model)) > 500
    assert len(ZipFile(tmp_path / "model.skops").namelist()) < 10  # with numpy integers a file for each term


def test_equal_trainings_write_the_same_bytes_and_so_does_what_was_read_again(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [tmp_path / name for name in ("first", "second", "again")]
    kept = []  # so that the second has other addresses
    for year, folder in enumerate(folders[:2], start=2030):
        monkeypatch.setattr("zipfile.time.localtime", lambda *_, year=year: (year, 1, 1, 0, 0, 0, 0, 1, 0))
        kept.append(new_tfidf(per_target=True))
        kept[-1].fit(_two_targets(toy), toy, tmp_path)
        folder.mkdir()
        kept[-1].save(folder)
    folders[2].mkdir()
    models.load("tfidf", folders[0], kept[0].settings()).save(folders[2])
    written = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
    assert written[0].keys() == {"model.skops", "targets.skops"}
    assert written[0] == written[1] == written[2]
    schema = ZipFile(folders[0] / "model.skops").read("schema.json").decode()
    assert str(id(None)) not in schema  # what scikit-learn notes of stop words; another process has another


def _two_targets(toy: LabelledTexts) -> LabelledTexts:
    """Every statement twice: toward the second target favor and against have changed places."""
    turned = np.array([1, 0, 2])[toy.gold]
    targets = ("one side",) * len(toy) + ("the other side",) * len(toy)
    return LabelledTexts(toy.texts * 2, targets, np.concatenate([toy.gold, turned]))


def _per_target(new_tfidf: NewModel, toy: LabelledTexts, folder: Path) -> TfidfModel:
    model = new_tfidf(per_target=True)
    model.fit(_two_targets(toy), toy, folder)
    return model


def test_one_model_per_target_tells_apart_what_one_for_all_cannot(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    both = _two_targets(toy)
    right = {}
    for per_target in (True, False):
        model = new_tfidf(per_target=per_target)
        model.fit(both, both, tmp_path)
        answers = model.predict(both.texts, both.targets).probabilities.argmax(axis=1)
        right[per_target] = float((answers == both.gold).mean())
    assert right[True] == 1
    assert right[False] < 0.8


def test_weights_per_target_answer_as_the_model_of_all_columns_did(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    both = _two_targets(toy)
    model = _per_target(new_tfidf, toy, tmp_path)
    features = model._fitted.named_steps["features"].transform(list(both.texts))
    columns = tfidf._with_own_columns(features, both.targets, ["one side", "the other side"])
    whole = LogisticRegression(C=8.0, class_weight="balanced", max_iter=2000).fit(columns, both.gold)
    assert np.allclose(whole.predict_proba(columns), model.predict(both.texts, both.targets).probabilities, atol=1e-4)


def test_a_target_that_training_lacks_gets_the_weights_shared_by_all(
    new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path
) -> None:
    model = _per_target(new_tfidf, toy, tmp_path)
    unknown = model.predict(["we will send tanks", "we refuse aid"], ["a third", ""]).probabilities
    assert np.allclose(unknown[:, 0], unknown[:, 1], atol=0.05)  # favor and against are as likely: the two cancel


def test_weights_per_target_survive_saving(new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    model = _per_target(new_tfidf, toy, tmp_path)
    model.save(tmp_path)
    again = models.load("tfidf", tmp_path, model.settings())
    targets = ["one side", "the other side", "a third"]
    texts = ["we refuse weapons"] * 3
    before, after = (one.predict(texts, targets).probabilities for one in (model, again))
    assert np.array_equal(before, after)
    assert again.fingerprint() == model.fingerprint()
    explained = again.explain(texts, targets, [0, 0, 0])
    assert explained[0].score < 0 < explained[1].score
    (tmp_path / "targets.skops").unlink()
    with pytest.raises(UserMistake, match=r"targets\.skops: missing"):
        models.load("tfidf", tmp_path, model.settings())


def test_other_weights_of_a_target_are_another_model(new_tfidf: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    model = _per_target(new_tfidf, toy, tmp_path)
    before = model.fingerprint()
    model._by_target["one side"].coef_[0, 0] += 1
    assert model.fingerprint() != before
