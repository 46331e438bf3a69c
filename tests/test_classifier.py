"""The model as people use it: predictions, and a folder that is believed only as it was saved."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io

from ukraine_stance import classifier, load_model
from ukraine_stance.calibration import Calibration, choose_threshold
from ukraine_stance.classifier import OUTPUT_COLUMNS, PROBABILITY_COLUMNS, StanceClassifier
from ukraine_stance.errors import UserMistake
from ukraine_stance.files import sha256_file
from ukraine_stance.labels import ORDER, TARGET
from ukraine_stance.models import TfidfModel, TransformerModel
from ukraine_stance.models.protocol import LabelledTexts, Prediction, StanceModel
from ukraine_stance.models.tfidf import TfidfSettings

TEXTS = ["we will send tanks", "we refuse aid", "the ministers met about aid"]
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def saved(new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model with a temperature of 2."""
    model = new_tfidf()
    folder = tmp_path_factory.mktemp("run")
    model.fit(toy, toy, folder)
    classifier.save(model, Calibration(2.0), {"data": {}, "seed": 1, "sha256": "0"}, folder)
    return folder


@pytest.fixture(scope="module")
def loaded(saved: Path) -> StanceClassifier:
    return classifier.load(saved)


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy of the saved model, which a test may spoil."""
    return shutil.copytree(saved, tmp_path / "run")


def _describe(folder: Path, change: Change) -> None:
    path = folder / "model.json"
    described = json.loads(path.read_text())
    changed = change(described)
    path.write_text(json.dumps(described if changed is None else changed))


def _refusal(folder: Path) -> str:
    with pytest.raises(UserMistake) as refused:
        classifier.load(folder)
    assert "\n" not in str(refused.value)
    assert str(folder) in str(refused.value)
    return str(refused.value)


# Prediction


def test_a_list_gets_a_row_for_each_statement_in_order(loaded: StanceClassifier) -> None:
    found = loaded.predict(TEXTS)
    assert list(found.columns) == ["text", *OUTPUT_COLUMNS]
    assert list(found["text"]) == TEXTS
    assert list(found["stance"]) == ["favor", "against", "neutral"]
    assert list(found.index) == [0, 1, 2]
    assert set(found["model_id"]) == {loaded.model_id}


def test_confidence_is_the_largest_probability_and_names_the_stance(loaded: StanceClassifier) -> None:
    found = loaded.predict(TEXTS)
    probabilities = found[list(PROBABILITY_COLUMNS)].to_numpy()
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert np.array_equal(found["confidence"], probabilities.max(axis=1))
    assert [ORDER[column] for column in probabilities.argmax(axis=1)] == list(found["stance"])


def test_the_calibration_is_applied(loaded: StanceClassifier) -> None:
    raw = loaded.model.predict(TEXTS, [TARGET] * 3).probabilities
    assert np.allclose(loaded.predict(TEXTS)[list(PROBABILITY_COLUMNS)], Calibration(2.0).apply(raw))
    assert not np.allclose(loaded.predict(TEXTS)[list(PROBABILITY_COLUMNS)], raw)


@pytest.mark.parametrize("index", [[7, 3, 5], ["a", "b", "b"]], ids=["numbers", "doubled names"])
def test_a_frame_keeps_its_index_and_its_columns(loaded: StanceClassifier, index: list[Any]) -> None:
    frame = pd.DataFrame({"id": [1, 2, 3], "text": TEXTS, "outlet": [None, "x", "y"]}, index=index)
    before = frame.copy()
    found = loaded.predict(frame)
    assert list(found.columns) == ["id", "text", "outlet", *OUTPUT_COLUMNS]
    assert list(found.index) == index
    assert list(found["stance"]) == list(loaded.predict(TEXTS)["stance"])
    pd.testing.assert_frame_equal(frame, before)


def test_a_series_keeps_its_index_whatever_its_name(loaded: StanceClassifier) -> None:
    found = loaded.predict(pd.Series(TEXTS, index=[30, 20, 10], name="sentence"))
    assert list(found.columns) == ["text", *OUTPUT_COLUMNS]
    assert list(found.index) == [30, 20, 10]
    assert list(found["stance"]) == ["favor", "against", "neutral"]


def test_tuples_and_arrays_are_lists_too(loaded: StanceClassifier) -> None:
    for statements in (tuple(TEXTS), np.array(TEXTS), iter(TEXTS)):
        assert list(loaded.predict(statements)["stance"]) == ["favor", "against", "neutral"]


@pytest.mark.parametrize("nothing", [[], pd.Series([], dtype="str"), pd.DataFrame({"text": [], "id": []})], ids=type)
def test_no_statements_give_no_rows_but_all_columns(loaded: StanceClassifier, nothing: Any) -> None:
    found = loaded.predict(nothing)
    assert len(found) == 0
    assert set(OUTPUT_COLUMNS) <= set(found.columns)


@pytest.mark.parametrize("one", ["we will send tanks", b"bytes", {"text": "x"}, None, 5], ids=type)
def test_one_string_is_not_taken_for_a_list_of_letters(loaded: StanceClassifier, one: Any) -> None:
    with pytest.raises(UserMistake, match="give a list of strings"):
        loaded.predict(one)


@pytest.mark.parametrize("bad", [None, float("nan"), 5, b"aid", "", " \n\t", ["aid"], pd.NA], ids=repr)
def test_what_is_no_text_is_refused_by_its_row(loaded: StanceClassifier, bad: Any) -> None:
    for statements in (["aid", bad], pd.DataFrame({"text": ["aid", bad]})):
        with pytest.raises(UserMistake, match=r"^row 1: text is "):
            loaded.predict(statements)


def test_half_a_character_is_refused_by_its_row(loaded: StanceClassifier) -> None:
    with pytest.raises(UserMistake, match=r"^row 1: text holds half a character"):
        loaded.predict(["aid", "flag \ud83c"])
    assert len(loaded.predict(["flag 🇺🇦"])) == 1


def test_a_frame_without_one_text_column_is_refused(loaded: StanceClassifier) -> None:
    doubled = pd.DataFrame([["a", "b"]], columns=["text", "text"])
    for frame in (pd.DataFrame({"sentence": TEXTS}), pd.DataFrame(), doubled):
        with pytest.raises(UserMistake, match="not one column 'text'"):
            loaded.predict(frame)


@pytest.mark.parametrize("name", OUTPUT_COLUMNS)
def test_a_frame_that_has_a_column_of_ours_is_refused_by_its_name(loaded: StanceClassifier, name: str) -> None:
    with pytest.raises(UserMistake, match=f"columns {name} would be written"):
        loaded.predict(pd.DataFrame({"text": TEXTS, name: 1}))


def test_below_the_threshold_a_model_abstains(folder: Path) -> None:
    _describe(folder, lambda described: described["calibration"].update(threshold=0.9))
    found = classifier.load(folder).predict([*TEXTS, "zzz"])
    assert list(found["stance"] == "") == list(found["confidence"] < 0.9)
    assert found["stance"].iloc[3] == ""
    assert found[list(PROBABILITY_COLUMNS)].notna().all(axis=None)


@pytest.mark.parametrize("row", [[np.nan] * 3, [0.0] * 3, [0.9, 0.9, 0.9]], ids=str)
def test_rows_that_do_not_add_up_to_1_are_never_given_out(row: list[float]) -> None:
    class Broken(TfidfModel):
        def predict(self, texts: Sequence[str], targets: Sequence[str]) -> Prediction:
            return Prediction(np.tile(row, (len(texts), 1)), np.zeros(len(texts), dtype=np.bool_))

    model = Broken(TfidfSettings((1, 1), None, 1, True, 1.0, None))
    with pytest.raises(UserMistake, match=r"^the model gives statement 1 of 3 the probabilities "):
        StanceClassifier(model, Calibration(), "x").predict(TEXTS)


def test_a_target_for_each_text_takes_the_place_of_the_models_own(
    new_transformer: Callable[..., TransformerModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_transformer(epochs=1)
    model.fit(toy, toy, tmp_path / "checkpoints")
    known = StanceClassifier(model, Calibration(), "x")
    own, same, other = (known.score(["we send aid"], targets) for targets in (None, [TARGET], ["weapons"]))
    pd.testing.assert_frame_equal(own, same)
    assert not np.allclose(own[list(PROBABILITY_COLUMNS)], other[list(PROBABILITY_COLUMNS)], atol=1e-9)


# Save and load


def test_what_was_saved_is_read_again(folder: Path, loaded: StanceClassifier) -> None:
    described = json.loads((folder / "model.json").read_text())
    assert loaded.calibration == Calibration(2.0)
    assert loaded.target == described["target"] == TARGET
    assert loaded.trained_on == {"data": {}, "seed": 1, "sha256": "0"}
    assert loaded.model_id == described["model_id"]
    assert described["labels"] == ["favor", "against", "neutral"]


def test_a_transformer_is_saved_and_read_alike(
    new_transformer: Callable[..., TransformerModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_transformer(epochs=1)
    model.fit(toy, toy, tmp_path / "checkpoints")
    (tmp_path / "run").mkdir()
    saved = classifier.save(model, Calibration(), {}, tmp_path / "run")
    pd.testing.assert_frame_equal(saved.predict(TEXTS), classifier.load(tmp_path / "run").predict(TEXTS))


def test_the_door_from_python_opens_a_run_folder(folder: Path, loaded: StanceClassifier) -> None:
    pd.testing.assert_frame_equal(load_model(folder).predict(TEXTS), loaded.predict(TEXTS))


def test_only_other_weights_or_another_temperature_are_another_model(
    folder: Path, loaded: StanceClassifier, new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    ids = [loaded.model_id]
    turned = LabelledTexts(toy.texts, toy.targets, np.roll(toy.gold, 1))
    for number, (data, temperature) in enumerate([(toy, 2.0), (toy, 3.0), (turned, 2.0)]):
        model = new_tfidf()
        model.fit(data, data, tmp_path)
        (tmp_path / str(number)).mkdir()
        ids.append(classifier.save(model, Calibration(temperature), {}, tmp_path / str(number)).model_id)
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_how_the_threshold_was_chosen_is_stored_with_it_and_makes_no_other_model(
    new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_tfidf()
    model.fit(toy, toy, tmp_path)
    probabilities = model.predict(toy.texts, toy.targets).probabilities
    chosen = choose_threshold(Calibration(), probabilities, toy.gold, toy.texts, coverage=0.5)
    without = replace(chosen, choice=None)
    ids = []
    for name, calibration in (("chosen", chosen), ("without", without), ("never", Calibration())):
        (tmp_path / name).mkdir()
        ids.append(classifier.save(model, calibration, {}, tmp_path / name).model_id)
        assert classifier.load(tmp_path / name).calibration == calibration
    assert ids[0] == ids[1] != ids[2]
    stances = classifier.load(tmp_path / "chosen").score(toy.texts)["stance"]
    assert (stances == "").mean() == 0.5


def test_a_model_that_was_saved_without_a_choice_is_read(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "old")
    described = json.loads((folder / "model.json").read_text())
    del described["calibration"]["choice"]
    (tmp_path / "old" / "model.json").write_text(json.dumps(described))
    assert classifier.load(tmp_path / "old").calibration == Calibration(2.0)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    assert "no model here" in _refusal(tmp_path)


def test_a_changed_file_is_refused(folder: Path) -> None:
    with (folder / "model" / "model.skops").open("ab") as stream:
        stream.write(b"x")
    assert "model.skops: differs from the file that was saved" in _refusal(folder)


def test_a_missing_file_is_refused(folder: Path) -> None:
    (folder / "model" / "model.skops").unlink()
    assert "model.skops: missing" in _refusal(folder)


def test_a_file_more_is_refused_unless_hidden(folder: Path) -> None:
    (folder / "model" / ".DS_Store").write_text("a file manager was here")
    assert classifier.load(folder)
    (folder / "model" / "adapter_config.json").write_text("{}")
    assert "adapter_config.json: was not saved with the model" in _refusal(folder)


def test_changed_weights_are_refused_by_what_they_answer(folder: Path) -> None:
    path = folder / "model" / "model.skops"
    pipeline = skops.io.load(path, trusted=[])
    pipeline.named_steps["classifier"].intercept_ += [0.1, 0, 0]
    skops.io.dump(pipeline, path)
    _describe(folder, lambda described: described["files"].update({"model.skops": sha256_file(path)}))
    assert "gives other probabilities here than when it was saved (by up to 0.0" in _refusal(folder)


def test_a_library_that_changed_is_named_with_the_changed_answers(folder: Path) -> None:
    def change(described: dict[str, Any]) -> None:
        described["calibration"]["temperature"] = 1.0
        described["versions"] |= {"numpy": "0.1", "a-library-of-then": "2"}

    _describe(folder, change)
    refusal = _refusal(folder)
    assert f"numpy 0.1 -> {np.__version__}" in refusal
    assert "a-library-of-then 2 -> absent" in refusal
    assert "skops" not in refusal


def test_answers_that_are_no_numbers_are_refused(folder: Path) -> None:
    _describe(folder, lambda described: described["golden"]["probabilities"][0].__setitem__(0, float("nan")))
    assert "gives other probabilities" in _refusal(folder)


@pytest.mark.parametrize(
    "text", ["", "garbage", "[]", "null", "5", '{"format": 1}', '{"format": 1, "labels": 3}', "\ufeff{"]
)
def test_a_garbage_description_is_refused(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    assert "model.json: not a model description of ours" in _refusal(folder)


def test_a_description_of_garbage_bytes_is_refused(folder: Path) -> None:
    (folder / "model.json").write_bytes(b"\xff\xfe{}\x00")
    assert "model.json: not a model description of ours" in _refusal(folder)


@pytest.mark.parametrize(
    "name", ["family", "settings", "files", "golden", "calibration", "model_id", "versions", "target"]
)
def test_a_description_that_lacks_a_key_is_refused_by_its_name(folder: Path, name: str) -> None:
    _describe(folder, lambda described: {key: value for key, value in described.items() if key != name})
    assert f"{name}: " in _refusal(folder)


@pytest.mark.parametrize(
    "wrong",
    [
        {"files": {}},
        {"files": []},
        {"calibration": {"temperature": 0}},
        {"calibration": "none"},
        {"golden": {"texts": [], "probabilities": []}},
        {"golden": {"texts": ["x"], "probabilities": [[0.5, 0.5]]}},
        {"golden": {"texts": ["x", "y"], "probabilities": [[1, 0, 0]]}},
        {"trained_on": 5},
        {"trained_on": {"seed": "seven"}},
    ],
    ids=str,
)
def test_a_description_of_another_shape_is_refused(folder: Path, wrong: dict[str, Any]) -> None:
    _describe(folder, lambda described: described.update(wrong))
    assert f"not a model description of ours ({next(iter(wrong))}" in _refusal(folder)


@pytest.mark.parametrize("wrong", [{"format": 2}, {"labels": ["against", "favor", "neutral"]}], ids=str)
def test_another_format_or_label_order_is_refused(folder: Path, wrong: dict[str, Any]) -> None:
    _describe(folder, lambda described: described.update(wrong))
    assert "this version cannot use it" in _refusal(folder)


@pytest.mark.parametrize("settings", [{"colour": "blue"}, {"c": "large"}], ids=str)
def test_settings_that_no_model_of_the_family_has_are_refused(folder: Path, settings: dict[str, Any]) -> None:
    _describe(folder, lambda described: described["settings"].update(settings))
    assert next(iter(settings)) in _refusal(folder)


def test_an_unknown_family_is_refused(folder: Path) -> None:
    _describe(folder, lambda described: described.update(family="oracle"))
    assert "'oracle' is unknown here (known: tfidf, embedding, transformer, ensemble)" in _refusal(folder)


@pytest.mark.parametrize("name", ["../secret", "sub/../../secret", "/etc/hostname", ".."])
def test_a_file_name_that_climbs_out_of_the_folder_is_refused_unread(folder: Path, name: str) -> None:
    (folder / "secret").write_text("not ours")
    known = sha256_file(folder / "secret")
    _describe(folder, lambda described: described["files"].update({name: known}))
    assert f"names {name}, which is not in" in _refusal(folder)


def test_a_link_that_leads_out_of_the_folder_is_refused(folder: Path) -> None:
    weights = folder / "model" / "model.skops"
    weights.rename(folder / "elsewhere.skops")
    weights.symlink_to(folder / "elsewhere.skops")
    assert "which is not in" in _refusal(folder)


def test_the_most_probable_stance_is_explained(loaded: StanceClassifier) -> None:
    explained = loaded.explain(TEXTS)
    assert [ORDER[one.column] for one in explained] == list(loaded.predict(TEXTS)["stance"])
    assert len({one.column for one in explained}) == 3
    words = [TEXTS[1][span.start : span.end] for span in explained[1].spans]
    assert words == ["we", "refuse", "aid"]
    assert explained[1].spans[1].weight == max(span.weight for span in explained[1].spans)
    assert loaded.explain([]) == []


def test_an_explanation_is_toward_the_target_asked_for(
    new_transformer: Callable[..., TransformerModel], toy: LabelledTexts, tmp_path: Path
) -> None:
    model = new_transformer(epochs=1)
    model.fit(toy, toy, tmp_path)
    stance = StanceClassifier(model, Calibration(), "m", ("aid",))
    own, asked, other = (stance.explain(TEXTS[:1], targets)[0].score for targets in (None, ["aid"], ["tanks"]))
    assert own == asked != other


def _of_targets(model: StanceModel, *targets: str) -> StanceClassifier:
    return StanceClassifier(model, Calibration(), "x", targets)


def test_a_column_target_says_what_each_row_is_asked_about(two_sided: TfidfModel) -> None:
    known = _of_targets(two_sided, "one side", "the other side")
    rows = pd.DataFrame({"text": ["we will send tanks"] * 2, "target": ["one side", "the other side"]})
    assert list(known.predict(rows)["stance"]) == ["favor", "against"]


@pytest.mark.parametrize(
    "statements", [["we will send tanks"], pd.DataFrame({"text": ["we will send tanks"] * 2, "target": ["a", None]})]
)
def test_a_model_of_several_targets_wants_each_statement_to_name_one(
    two_sided: TfidfModel, statements: list[str] | pd.DataFrame
) -> None:
    with pytest.raises(UserMistake, match=r"the model learned 6 targets \(a, b, c, d, e \.\.\.\): name one"):
        _of_targets(two_sided, *"abcdef").predict(statements)


def test_a_model_of_one_target_asks_about_it_where_none_is_named(two_sided: TfidfModel) -> None:
    rows = pd.DataFrame({"text": ["we will send tanks"] * 2, "target": ["", "one side"]})
    assert list(_of_targets(two_sided, "the other side").predict(rows)["stance"]) == ["against", "favor"]


def test_the_targets_learned_are_saved_the_most_frequent_first(two_sided: TfidfModel, tmp_path: Path) -> None:
    learned = ("the other side", "one side", "one side")
    before = classifier.save(two_sided, Calibration(), {}, tmp_path, learned)
    loaded = classifier.load(tmp_path)
    assert loaded.targets == before.targets == ("one side", "the other side")
    assert loaded.target == "one side"
    (tmp_path / "b").mkdir()
    assert classifier.save(two_sided, Calibration(), {}, tmp_path / "b", ("one side",)).model_id != loaded.model_id


def test_our_own_target_is_asked_about_where_the_model_learned_it(two_sided: TfidfModel) -> None:
    assert _of_targets(two_sided, "one side", TARGET).target == TARGET


def test_a_model_saved_before_there_were_several_targets_still_loads(two_sided: TfidfModel, tmp_path: Path) -> None:
    classifier.save(two_sided, Calibration(), {}, tmp_path, ("one side",))
    described = json.loads((tmp_path / "model.json").read_text())
    del described["targets"]
    (tmp_path / "model.json").write_text(json.dumps(described))
    assert classifier.load(tmp_path).targets == ("one side",)


@pytest.fixture(scope="module")
def two_sided(
    new_tfidf: Callable[..., TfidfModel], toy: LabelledTexts, tmp_path_factory: pytest.TempPathFactory
) -> TfidfModel:
    """Learned every statement twice: toward the second target favor and against have changed places."""
    model = new_tfidf(per_target=True)
    targets = ("one side",) * len(toy) + ("the other side",) * len(toy)
    gold = np.concatenate([toy.gold, np.array([1, 0, 2])[toy.gold]])
    model.fit(LabelledTexts(toy.texts * 2, targets, gold), toy, tmp_path_factory.mktemp("none"))
    return model
