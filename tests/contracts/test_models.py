"""What every model family promises, held for each alike."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from ukraine_stance import models
from ukraine_stance.errors import UserMistake
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.models.protocol import Explanation, LabelledTexts, StanceModel

FAMILIES = ("tfidf", "embedding", "transformer", "ensemble")
LONG = "we will send tanks " * 500
READS_ALL = {"tfidf"}
END_COUNTS = {
    "tfidf",
    "ensemble",
}  # one member of an ensemble reads the end, another does not: it counts and is flagged
ODD_TEXTS = (
    "x", "!!!", "\u200b", "\t we \n refuse \r\n aid", "Україна вистоїть", "ウクライナ支援", "👩‍👩‍👧 🇺🇦",
    "e\u0301 \u00e9", "\u202eright to left", "a\x00b", "\ufffd\ufeff", "[SEP] [PAD] [MASK]", "𝔘𝔨𝔯𝔞𝔦𝔫𝔢",
)  # fmt: skip

NewModel = Callable[..., StanceModel]


@pytest.fixture(params=(*FAMILIES, "pooled"), scope="module")
def new_model(request: pytest.FixtureRequest) -> NewModel:
    return request.getfixturevalue(f"new_{request.param}")


@pytest.fixture(scope="module")
def fitted(new_model: NewModel, toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory) -> StanceModel:
    model = new_model()
    model.fit(toy, toy, tmp_path_factory.mktemp("checkpoints"))
    return model


@pytest.fixture
def saved(fitted: StanceModel, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    fitted.save(folder)
    return folder


def _probabilities(model: StanceModel, texts: list[str]) -> np.ndarray:
    return model.predict(texts, [TARGET] * len(texts)).probabilities


def test_every_known_family_is_held_to_the_contract() -> None:
    assert set(models._FAMILIES) == set(FAMILIES)


def test_probabilities_are_three_a_row_in_label_order(fitted: StanceModel, toy: LabelledTexts) -> None:
    prediction = fitted.predict(toy.texts, toy.targets)
    assert prediction.probabilities.shape == (len(toy), len(ORDER))
    assert prediction.probabilities.dtype == np.float64
    assert prediction.probabilities.min() >= 0
    assert np.allclose(prediction.probabilities.sum(axis=1), 1, atol=1e-9)
    assert prediction.truncated.dtype == np.bool_
    assert (prediction.probabilities.argmax(axis=1) == toy.gold).mean() > 0.6  # columns are not permuted


def test_an_answer_does_not_depend_on_neighbours_or_order(fitted: StanceModel, toy: LabelledTexts) -> None:
    texts = [*toy.texts, *ODD_TEXTS, LONG]
    together = _probabilities(fitted, texts)
    alone = np.concatenate([_probabilities(fitted, [text]) for text in texts])
    order = np.random.default_rng(3).permutation(len(texts))
    shuffled = _probabilities(fitted, [texts[row] for row in order])
    assert np.abs(together - alone).max() < 1e-6
    assert np.abs(together[order] - shuffled).max() < 1e-6


def test_no_statements_give_no_rows(fitted: StanceModel) -> None:
    prediction = fitted.predict([], [])
    assert prediction.probabilities.shape == (0, 3)
    assert prediction.truncated.shape == (0,)


@pytest.mark.parametrize("text", ODD_TEXTS, ids=ascii)
def test_any_unicode_gets_probabilities(fitted: StanceModel, text: str) -> None:
    assert np.isclose(_probabilities(fitted, [text]).sum(), 1)


def test_a_long_text_is_flagged_where_its_end_is_not_read(fitted: StanceModel) -> None:
    truncated = fitted.predict(["aid", LONG, "aid"], [TARGET] * 3).truncated
    assert truncated.tolist() == [False, fitted.family not in READS_ALL, False]


def test_the_flag_of_a_long_text_tells_whether_its_end_counts(fitted: StanceModel) -> None:
    ends = _probabilities(fitted, [LONG, LONG + "we refuse weapons"])
    assert np.array_equal(ends[0], ends[1]) == (fitted.family not in END_COUNTS)


def test_a_saved_model_gives_the_same_numbers_when_read(fitted: StanceModel, saved: Path) -> None:
    settings = json.loads(json.dumps(fitted.settings()))
    read = models.load(fitted.family, saved, settings)
    texts = [*ODD_TEXTS, LONG]
    assert np.abs(_probabilities(fitted, texts) - _probabilities(read, texts)).max() < 1e-9
    assert json.loads(json.dumps(read.settings())) == settings


def test_a_saved_model_holds_no_pickle(saved: Path) -> None:
    files = [path for path in saved.rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".skops"}
    # How a pickle begins, with its protocol; the length of a safetensors header may have the first of the two bytes.
    assert not [path for path in files if re.match(rb"\x80[\x02-\x05]", path.read_bytes())]


def test_a_model_folder_without_its_weights_is_refused(fitted: StanceModel, saved: Path) -> None:
    next(path for path in saved.rglob("model.*")).unlink()
    with pytest.raises(UserMistake, match="missing"):
        models.load(fitted.family, saved, fitted.settings())


def test_weights_that_are_garbage_are_refused(fitted: StanceModel, saved: Path) -> None:
    next(path for path in saved.rglob("model.*")).write_bytes(b"garbage" * 100)
    with pytest.raises(UserMistake, match="model") as refused:
        models.load(fitted.family, saved, fitted.settings())
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("wrong", [{"colour": "blue"}, {"min_documents": "many", "epochs": "many"}])
def test_settings_of_another_kind_are_refused(fitted: StanceModel, saved: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(UserMistake, match="settings"):
        models.load(fitted.family, saved, {**fitted.settings(), **wrong})


def test_an_unknown_family_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserMistake, match="'oracle' is unknown here"):
        models.load("oracle", tmp_path, {})


def test_the_same_seed_gives_the_same_weights(
    new_model: NewModel, fitted: StanceModel, saved: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    again = new_model()
    again.fit(toy, toy, tmp_path / "checkpoints")
    assert np.array_equal(_probabilities(fitted, list(toy.texts)), _probabilities(again, list(toy.texts)))
    assert again.fingerprint() == fitted.fingerprint()
    if fitted.family == "transformer":
        (tmp_path / "again").mkdir()
        again.save(tmp_path / "again")
        one, two = (load_file(folder / "model.safetensors") for folder in (saved, tmp_path / "again"))
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[name], two[name]) for name in one)


def test_a_fingerprint_tells_the_weights_and_not_their_file(
    new_model: NewModel, fitted: StanceModel, saved: Path, toy: LabelledTexts, tmp_path: Path
) -> None:
    read = models.load(fitted.family, saved, fitted.settings())
    assert read.fingerprint() == fitted.fingerprint()
    other = new_model()
    changed = LabelledTexts(toy.texts, toy.targets, np.roll(toy.gold, 1))
    other.fit(changed, changed, tmp_path / "checkpoints")
    assert other.fingerprint() != fitted.fingerprint()


def test_training_without_a_stance_is_refused(new_model: NewModel, toy: LabelledTexts, tmp_path: Path) -> None:
    two_stances = LabelledTexts(toy.texts[:24], toy.targets[:24], toy.gold[:24])
    with pytest.raises(ValueError, match="no training statement"):
        new_model().fit(two_stances, toy, tmp_path)


def test_a_model_that_learned_nothing_does_not_answer(new_model: NewModel) -> None:
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        new_model().predict(["aid"], [TARGET])
    with pytest.raises(RuntimeError, match="neither fitted nor loaded"):
        new_model().explain(["aid"], [TARGET], [0])


def _explain(model: StanceModel, texts: list[str], column: int = 0) -> list[Explanation]:
    return model.explain(texts, [TARGET] * len(texts), [column] * len(texts))


def test_spans_cover_the_words_that_were_read_in_order(fitted: StanceModel, toy: LabelledTexts) -> None:
    texts = [*toy.texts, *ODD_TEXTS, "", " \n", LONG]
    cut = fitted.predict(texts, [TARGET] * len(texts)).truncated
    explained = _explain(fitted, texts)
    assert len(explained) == len(texts)
    for text, explanation, only_beginning in zip(texts, explained, cut, strict=True):
        places = [place for span in explanation.spans for place in (span.start, span.end)]
        assert places == sorted(places)
        assert all(text[span.start : span.end].strip() for span in explanation.spans)
        covered = {place for span in explanation.spans for place in range(span.start, span.end)}
        read = text[: places[-1]] if only_beginning else text
        assert {place for place, sign in enumerate(read) if not sign.isspace()} <= covered <= set(range(len(text)))
        assert bool(covered) == bool(text.strip())


def test_the_score_explained_is_the_centred_log_probability(fitted: StanceModel, toy: LabelledTexts) -> None:
    texts = [*toy.texts, *ODD_TEXTS, LONG]
    logs = np.log(_probabilities(fitted, texts))
    for column in range(len(ORDER)):
        explained = _explain(fitted, texts, column)
        assert {one.column for one in explained} == {column}
        scores = np.array([one.score for one in explained])
        assert np.abs(scores - (logs[:, column] - logs.mean(axis=1))).max() < 1e-5


def test_each_text_is_explained_for_the_class_in_its_place(fitted: StanceModel, toy: LabelledTexts) -> None:
    columns = [int(column) for column in np.roll(toy.gold, 5)]
    explained = fitted.explain(toy.texts, toy.targets, columns)
    assert [one.column for one in explained] == columns
    for text, column, one in list(zip(toy.texts, columns, explained, strict=True))[::7]:
        alone = _explain(fitted, [text], column)[0]
        assert one.method == alone.method
        assert [(span.start, span.end) for span in one.spans] == [(span.start, span.end) for span in alone.spans]
        assert _numbers(one) == pytest.approx(_numbers(alone), abs=1e-5)


def test_what_speaks_for_one_class_speaks_against_the_others(fitted: StanceModel) -> None:
    text = "they refuse money, the ministers said"
    by_class = np.array([_numbers(_explain(fitted, [text], column)[0]) for column in range(len(ORDER))])
    assert np.abs(by_class.sum(axis=0)).max() < 1e-5
    assert np.abs(by_class).max() > 1e-3


def test_the_words_that_decide_weigh_most(fitted: StanceModel, toy: LabelledTexts) -> None:
    deciding = {"we will send": "will send", "we refuse": "refuse", "the paper lists": "paper lists"}
    for beginning, words in deciding.items():
        row = toy.texts.index(f"{beginning} tanks")
        explained = _explain(fitted, [toy.texts[row]], int(toy.gold[row]))[0]
        weights = {toy.texts[row][span.start : span.end]: span.weight for span in explained.spans}
        assert max(weights[word] for word in words.split()) > weights["tanks"]


def test_an_explanation_is_plain_data(fitted: StanceModel) -> None:
    explained = _explain(fitted, ["we refuse"], 1)[0]
    plain = json.loads(json.dumps(explained.as_dict(), allow_nan=False))
    assert set(plain) == {"label", "column", "score", "baseline", "spans", "method"}
    assert plain["label"] == "against"
    assert [set(span) for span in plain["spans"]] == [{"start", "end", "weight"}] * 2


def test_no_statements_are_explained_by_nothing(fitted: StanceModel) -> None:
    assert _explain(fitted, []) == []


def _numbers(explained: Explanation) -> list[float]:
    return [explained.score, explained.baseline, *(span.weight for span in explained.spans)]
