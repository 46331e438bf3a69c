import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from lxml import html

from ukraine_stance.calibration import ThresholdChoice
from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation import report
from ukraine_stance.evaluation.base_rate import field_figures
from ukraine_stance.evaluation.curves import curves
from ukraine_stance.evaluation.errors import DoubtedLabel, DoubtedLabels, disagree
from ukraine_stance.evaluation.figures import UNIT_SCALE, Whisker, scale_around_zero, short_names, whisker_plot
from ukraine_stance.evaluation.listing import confident_mistakes
from ukraine_stance.evaluation.report import check_folder, write_page
from ukraine_stance.evaluation.results import (
    Evaluation,
    compare,
    gold_columns,
    measure,
    predicted_columns,
    probabilities_of,
)
from ukraine_stance.evaluation.shortcuts import PROBES, shortcuts
from ukraine_stance.evaluation.uncertainty import Estimate, Resampling
from ukraine_stance.labels import FIELD_SHARES, ORDER, TARGET
from ukraine_stance.models.protocol import Explanation, Span

FILES = {"index.html", "results.json", "predictions.parquet"}
NAN = float("nan")

HOSTILE = [
    "<script>alert(1)</script> said the deputy of Lower Orrin",
    "\"It's 'ours'\" & <b>nobody</b>’s &amp; &#60; {{ 7 * 7 }} {% endraw %} </td></table>",
    "قال المتحدث \u202eإن المولدات\u202c ستصل",
    "The convoy left at dawn 🚚🇺🇦👩‍👩‍👧",
    "<!-- </script></style></noscript> --> <img src=x onerror=alert(1)>",
]


def statements(texts: Sequence[str], labels: Sequence[str] | None = None) -> pd.DataFrame:
    labels = labels or [str(ORDER[n % 3]) for n in range(len(texts))]
    ids = [f"s{n}" for n in range(len(texts))]
    groups = [f"g{n // 3}" for n in range(len(texts))]
    return pd.DataFrame({"id": ids, "text": list(texts), "label": list(labels), "group": groups, "target": TARGET})


def answers(stances: Sequence[str], confidence: Sequence[float], abstains_below: float = 0.0) -> pd.DataFrame:
    """Predictions with these stances and confidences; the rest of each row's probability is split evenly."""
    shares = np.array([[(1 - sure) / 2] * 3 for sure in confidence])
    shares[np.arange(len(stances)), [ORDER.index(stance) for stance in stances]] = confidence
    said = [stance if sure >= abstains_below else "" for stance, sure in zip(stances, confidence, strict=True)]
    columns = {f"p_{label}": shares[:, at] for at, label in enumerate(ORDER)}
    return pd.DataFrame(
        {"stance": said, **columns, "confidence": list(confidence), "truncated": False, "model_id": "invented-1"}
    )


def drawn(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    guessed = np.where(
        rng.random(len(rows)) < 0.7, rows["label"], rng.choice([str(label) for label in ORDER], len(rows))
    )
    return answers(list(guessed), list(rng.uniform(0.4, 1.0, len(rows)).round(4)))


def evaluation(
    parts: dict[str, pd.DataFrame],
    predictions: dict[str, list[pd.DataFrame]] | None = None,
    names: Sequence[str] = ("first", "second"),
    warnings: tuple[str, ...] = (),
) -> Evaluation:
    how = Resampling(samples=100)
    predictions = predictions or {part: [drawn(rows, n) for n in range(len(names))] for part, rows in parts.items()}
    results = [measure(part, rows, one, how) for part, rows in parts.items() for one in predictions[part]]
    pairs = [
        pair
        for part, rows in parts.items()
        for pair in compare(part, rows, list(zip(names, predictions[part], strict=True)), how)
    ]
    ids = tuple(f"invented-{n}" for n in range(len(names)))
    return Evaluation(tuple(names), ids, tuple(results), tuple(pairs), parts, predictions, warnings)


def small(names: Sequence[str] = ("first", "second"), **given: Any) -> Evaluation:
    return evaluation({"test": statements([f"Velmark sent convoy {n}." for n in range(30)])}, names=names, **given)


def page_of(found: Evaluation, folder: Path) -> Any:
    return html.fromstring(write_page(found, folder / "page", force=False).read_text(encoding="utf-8"))


def words(element: Any) -> str:
    return " ".join(element.text_content().split())


def rows_of(page: Any) -> list[Any]:
    rows = page.xpath("//table[@id='statements']/tbody/tr")
    assert rows
    return list(rows)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- shortcuts ---


def test_every_probe_stands_on_the_page_with_every_models_figures(tmp_path: Path) -> None:
    found = small()
    rows, how = found.rows["test"], Resampling(samples=100)
    probed = tuple(shortcuts("test", rows, gold_columns(rows), lambda texts, _: np.arange(len(texts)) % 3, how))
    page = page_of(replace(found, shortcuts=(probed, probed)), tmp_path)
    (table,) = page.xpath("//section[@aria-labelledby='shortcuts']//table")
    rows = table.xpath("tbody/tr")
    assert [words(row.xpath("th")[0]) for row in rows] == [probe.name for probe in PROBES]
    for row, probe in zip(rows, PROBES, strict=True):
        cells = [words(cell) for cell in row.xpath("td[@class='number']")][1:]
        assert len(cells) == 6
        assert [cell == "–" for cell in cells] == [not probe.keeps_gold, not probe.keeps_gold, False] * 2


# --- mistakes explained, families that differ, labels that are doubted ---


def explained(found: Evaluation, part: str, row: int, *weights: float) -> Evaluation:
    """With an explanation of one statement by every model, the same weights for its words in turn."""
    text = str(found.rows[part]["text"].iloc[row])
    words_at = [match.span() for match in re.finditer(r"\S+", text)]
    spans = tuple(Span(*at, weight) for at, weight in zip(words_at, cycle(weights), strict=False))
    why = tuple(Explanation(0, 1.0, 0.0, spans, "weighed by hand") for _ in found.names)
    return replace(found, explanations={part: {row: why}})


def test_the_words_of_a_mistake_are_shaded_and_read_on_as_one_text(tmp_path: Path) -> None:
    rows = statements(["Velmark  sends <b>no</b> shells"], ["favor"])
    one = evaluation({"test": rows}, {"test": [answers(["against"], [0.9])]}, names=["first"])
    (row,) = rows_of(page_of(explained(one, "test", 0, 1.0, -0.5, 0.05, 0.0), tmp_path))
    text = row.xpath("td[@class='text']/span")[0]
    assert text.text_content() == "Velmark  sends <b>no</b> shells"
    assert [(span.get("class"), span.text) for span in text.xpath("span")] == [
        ("for5", "Velmark"),
        ("against2", "sends"),
    ]
    assert "1 of the mistakes are explained" in words(html.fromstring((tmp_path / "page" / "index.html").read_text()))


def test_of_several_models_each_says_why(tmp_path: Path) -> None:
    page = page_of(explained(small(), "test", 4, 1.0, -1.0), tmp_path)
    (why,) = page.xpath("//details[@class='why']")
    assert [words(line).split(",")[0] for line in why.xpath("p")] == ["● first", "■ second"]
    assert all(line.xpath("span[@class='for5']") for line in why.xpath("p"))
    plain = json.loads((tmp_path / "page" / "results.json").read_text())["explanations"]
    assert [one["id"] for one in plain["second"]] == ["s4"]


def test_the_surest_mistakes_of_any_model_are_explained_first() -> None:
    rows = statements(["a", "b", "c", "d"], ["favor"] * 4)
    one = answers(["favor", "against", "neutral", "favor"], [0.9, 0.5, 0.8, 0.9])
    two = answers(["favor", "favor", "favor", "against"], [0.9, 0.9, 0.9, 0.6])
    found = evaluation({"test": rows}, {"test": [one, two]})
    assert confident_mistakes(found, 2) == {"test": [2, 3]}
    assert confident_mistakes(found, 9) == {"test": [2, 3, 1]}


def test_disagreements_and_doubted_labels_stand_on_the_page_with_their_texts(tmp_path: Path) -> None:
    found = small()
    rows, (one, two) = found.rows["test"], found.predictions["test"]
    pair = disagree("test", rows, ("first", one), ("second", two), Resampling(samples=100))
    doubted = DoubtedLabels("test", "first", 30, (DoubtedLabel(7, "s7", "against", "favor", 0.0123),))
    page = page_of(replace(found, disagreements=(pair,), doubted=(doubted,)), tmp_path)
    (section,) = page.xpath("//section[@aria-labelledby='errors']")
    differing, doubts = section.xpath(".//table")
    assert len(differing.xpath("tbody/tr")) == min(25, len(pair.listed)) > 5
    first = pair.listed[0]
    assert words(differing.xpath("tbody/tr")[0]).startswith(f"{first.id}Velmark sent convoy {first.row}.{first.gold}")
    assert words(doubts.xpath("tbody/tr")[0]) == "s7Velmark sent convoy 7.againstfavor0.012"
    assert f"second alone on {pair.only_second_right}." in words(section)


# --- the files ---


def test_the_page_stands_with_its_results_and_predictions_and_nothing_else(tmp_path: Path) -> None:
    written = write_page(small(), tmp_path / "new" / "page", force=False)
    assert written == tmp_path / "new" / "page" / "index.html"
    assert {path.name for path in written.parent.iterdir()} == FILES
    assert [path.name for path in written.parent.parent.iterdir()] == ["page"]


def test_the_same_evaluation_gives_the_same_bytes(tmp_path: Path) -> None:
    write_page(small(), tmp_path / "one", force=False)
    write_page(small(), tmp_path / "two", force=False)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_page_that_exists_is_replaced_with_force_alone(tmp_path: Path) -> None:
    write_page(small(("old", "older")), tmp_path, force=False)
    before = contents(tmp_path)
    with pytest.raises(UserMistake, match=r"holds a page.*--force"):
        write_page(small(("new", "newer")), tmp_path, force=False)
    assert contents(tmp_path) == before
    write_page(small(("new", "newer")), tmp_path, force=True)
    after = contents(tmp_path)
    assert after.keys() == FILES
    assert all(b"newer" in content for content in after.values())


def test_files_of_others_stay_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "sub").mkdir()
    write_page(small(), tmp_path, force=False)
    write_page(small(), tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == FILES | {"notes.txt", "sub"}


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("content", [b"mine", b"[]", b"{}", b"\xff\xfe", b'{"format": "another"}'])
def test_a_file_of_the_same_name_that_is_not_ours_is_never_replaced(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserMistake, match=re.escape(name)):
        write_page(small(), tmp_path, force=True)
    assert contents(tmp_path) == {name: content}


def test_a_link_to_nowhere_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "results.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserMistake, match=r"results\.json"):
        write_page(small(), tmp_path, force=True)
    assert (tmp_path / "results.json").is_symlink()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page").write_text("mine")
    with pytest.raises(UserMistake, match="is a file"):
        check_folder(tmp_path / "page", force=True)


@pytest.mark.parametrize("there", ["no folder", "empty folder", "page"])
def test_a_write_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    folder = tmp_path / "out"
    if there == "empty folder":
        folder.mkdir()
    elif there == "page":
        write_page(small(("old", "older")), folder, force=False)
    before = contents(folder) if folder.exists() else None

    def fail(found: Evaluation, path: Path) -> None:
        path.write_text("half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "_write_predictions", fail)
    with pytest.raises(UserMistake, match="No space left on device"):
        write_page(small(), folder, force=True)
    assert (contents(folder) if folder.exists() else None) == before
    assert [path.name for path in tmp_path.iterdir()] == ([] if before is None else ["out"])


def test_a_kill_between_two_renames_leaves_no_page_with_the_data_of_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_page(small(("old", "older")), tmp_path, force=False)
    replaced = Path.replace
    done: list[str] = []

    def replace_once(path: Path, target: Path) -> Path:
        if target.name in FILES and done:
            raise KeyboardInterrupt
        done.extend([target.name] if target.name in FILES else [])
        return replaced(path, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", replace_once)
        write_page(small(("new", "newer")), tmp_path, force=True)
    assert done and done != ["index.html"]
    assert "index.html" not in contents(tmp_path)
    write_page(small(("new", "newer")), tmp_path, force=True)
    assert contents(tmp_path).keys() == FILES


def test_results_json_holds_the_evaluation_in_plain_json(tmp_path: Path) -> None:
    found = evaluation({"test": statements(["a b", "c d"], ["favor", "neutral"])})
    text = (write_page(found, tmp_path, force=False).parent / "results.json").read_text(encoding="utf-8")

    def refuse(word: str) -> None:
        raise AssertionError(word)

    results = json.loads(text, parse_constant=refuse)
    results.pop("format")
    assert results == json.loads(json.dumps(found.as_dict()))


def test_predictions_hold_every_row_of_every_part_and_model(tmp_path: Path) -> None:
    parts = {"test": statements(["x"] * 6), "articles": statements(["y"] * 9)}
    found = evaluation(parts)
    table = pq.read_table(write_page(found, tmp_path, force=False).parent / "predictions.parquet")
    columns = ["part", "id", "text", "group", "label", "model", "stance", "p_favor", "p_against", "p_neutral"]
    assert table.column_names == [*columns, "confidence"]
    frame = table.to_pandas()
    assert frame.groupby(["part", "model"]).size().to_dict() == {
        (part, model): len(rows) for part, rows in parts.items() for model in ("first", "second")
    }
    articles = frame[(frame["part"] == "articles") & (frame["model"] == "second")]
    assert list(articles["confidence"]) == list(found.predictions["articles"][1]["confidence"])


# --- what the page says ---


def test_it_names_target_models_parts_and_the_method_of_the_intervals(tmp_path: Path) -> None:
    said = words(page_of(small(("tfidf-words", "minilm-small")), tmp_path))
    for expected in (
        TARGET,
        "tfidf-words",
        "minilm-small",
        "95 % intervals",
        "bootstrap standard error",
        "whole groups",
    ):
        assert expected in said


def test_every_metric_is_shown_with_its_interval(tmp_path: Path) -> None:
    found = small()
    page = page_of(found, tmp_path)
    table = page.xpath("//table[caption[starts-with(normalize-space(), 'On test')]]/tbody/tr")
    shown = {words(row[0]): [words(cell) for cell in row[1:]] for row in table}
    assert len(shown) == len(found.results[0].estimates) == 15
    one = found.results[1].estimates["precision_favor"]
    assert shown["precision of favor"][1] == f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]"


def test_a_figure_without_meaning_is_undefined_and_one_without_interval_says_so(tmp_path: Path) -> None:
    rows = statements(["x"] * 12, ["favor", "neutral"] * 6).assign(group="one page")
    page = page_of(evaluation({"test": rows}, names=["alone"]), tmp_path)
    shown = {words(row[0]): words(row[1]) for row in page.xpath("//table[caption]/tbody/tr") if len(row) == 2}
    assert shown["macro-F1"] == "undefined"
    assert re.fullmatch(r"0\.\d{3} \[no interval\]", shown["accuracy"])
    assert not re.search(r"\bnan\b", words(page.body))


def test_differences_carry_their_verdict_and_figures_in_points(tmp_path: Path) -> None:
    found = small()
    page = page_of(found, tmp_path)
    assert found.comparisons[0].verdict in words(page.body)
    one = found.comparisons[0].differences["accuracy"]
    cells = page.xpath("//table[contains(@class, 'differences')]/tbody/tr[th='accuracy']/td")
    assert words(cells[0]).startswith(f"{100 * one.value:+.1f}".replace("-", "−"))


def test_one_model_alone_has_no_differences(tmp_path: Path) -> None:
    page = page_of(small(["alone"]), tmp_path)
    assert not page.xpath("//*[@id='differences']") and not page.xpath("//select[@name='model']")


def test_a_confusion_matrix_shows_counts_and_shares_of_its_rows(tmp_path: Path) -> None:
    rows = statements(["x"] * 6, ["favor"] * 4 + ["against"] * 2)
    predicted = answers(["favor", "favor", "favor", "neutral", "against", "favor"], [0.9] * 6)
    page = page_of(evaluation({"test": rows}, {"test": [predicted]}, ["alone"]), tmp_path)
    cells = [[words(cell) for cell in row] for row in page.xpath("//table[@class='matrix']/tbody/tr")]
    assert cells == [
        ["favor", "3 75%", "0 0%", "1 25%"],
        ["against", "1 50%", "1 50%", "0 0%"],
        ["neutral", "0 none", "0 none", "0 none"],
    ]


def test_notes_and_warnings_stand_before_every_figure(tmp_path: Path) -> None:
    found = small(warnings=("first: the dataset has changed <since>",))
    page = page_of(found, tmp_path)
    notices = [words(item) for item in page.xpath("//section[@class='notices']//li")]
    assert notices == ["first: the dataset has changed <since>", *(f"test: {note}" for note in found.results[0].notes)]
    assert len(notices) == 2
    order = [element.tag for element in page.iter("svg", "section")]
    assert order.index("section") < order.index("svg")


# --- the statements ---


def test_the_most_confident_mistake_comes_first_and_what_is_right_last(tmp_path: Path) -> None:
    rows = statements(["a", "b", "c", "d"], ["favor", "favor", "favor", "favor"])
    first = answers(["favor", "against", "against", "favor"], [0.99, 0.6, 0.7, 0.98])
    second = answers(["favor", "neutral", "favor", "favor"], [0.9, 0.95, 0.99, 0.9])
    page = page_of(evaluation({"test": rows}, {"test": [first, second]}), tmp_path)
    assert [words(row[0]) for row in rows_of(page)] == ["s1", "s2", "s0", "s3"]


def test_a_mistake_is_told_in_words_beside_its_colour(tmp_path: Path) -> None:
    rows = statements(["a", "b"], ["favor", "against"])
    predicted = answers(["favor", "neutral"], [0.91, 0.82])
    page = page_of(evaluation({"test": rows}, {"test": [predicted]}, ["alone"]), tmp_path)
    shown = [words(cell) for cell in page.xpath("//td[contains(@class, 'answer')]")]
    assert shown == ["✗ wrong: neutral 0.82", "✓ favor 0.91"]


def test_an_abstaining_model_is_shown_with_the_label_that_is_counted(tmp_path: Path) -> None:
    rows = statements(["a", "b"], ["favor", "against"])
    predicted = answers(["favor", "neutral"], [0.91, 0.45], abstains_below=0.5)
    page = page_of(evaluation({"test": rows}, {"test": [predicted]}, ["alone"]), tmp_path)
    assert words(page.xpath("//td[contains(@class, 'answer')]")[0]) == "✗ wrong: neutral 0.45, abstains"
    assert "abstains on 1 statement" in words(page.body)
    assert page.xpath("//select[@name='predicted']/option[@value='abstains']")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_is_shown_letter_by_letter_and_never_obeyed(tmp_path: Path, text: str) -> None:
    page = page_of(evaluation({"test": statements([text, "b", "c"])}), tmp_path)
    assert len(page.xpath("//script")) == len(page.xpath("//style")) == 1
    assert not page.xpath("//img") and not page.xpath("//table//b[not(starts-with(., '✓') or starts-with(., '✗'))]")
    assert text in [cell.text_content().strip() for cell in page.xpath("//td[@class='text']")]


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a'\"&<b>", "$x$ \u202e漢字 🚚", "x" * 300, "\x00\x1b[31m"]
)
def test_names_of_models_parts_and_statements_are_escaped_too(tmp_path: Path, name: str) -> None:
    rows = statements(["a", "b", "c"]).assign(id=[name, "1", "2"], group=name, target=name)
    page = page_of(evaluation({name: rows}, names=[name, f"{name} 2"], warnings=(name,)), tmp_path)
    assert len(page.xpath("//script")) == 1 and not page.xpath("//b[not(ancestor::figcaption or ancestor::td)]")
    assert not [key for element in page.iter() for key in element.keys() if key.startswith("on")]


def test_bytes_that_are_no_text_do_not_stop_the_page(tmp_path: Path) -> None:
    rows = statements(["a", "b", "c"])
    rows["text"] = pd.Series(["cut \ud83d here", "b", "c"], dtype=object)
    written = write_page(evaluation({"\udcff.csv": rows}, names=["\udcfe"]), tmp_path, force=False)
    assert "cut \ufffd" in written.read_text(encoding="utf-8")
    assert contents(tmp_path).keys() == FILES


def test_a_long_text_is_shortened_and_can_be_opened(tmp_path: Path) -> None:
    text = "They met and met again. " * 2083 + "The end."
    page = page_of(evaluation({"test": statements([text, "b", "c"])}), tmp_path)
    summary = page.xpath("//details/summary")[0]
    assert "show all 50,000 characters" in words(summary) and len(words(summary)) < 400
    assert page.xpath("//details/div")[0].text_content() == text


def test_a_text_too_long_for_the_page_says_where_it_is_whole(tmp_path: Path) -> None:
    written = write_page(evaluation({"test": statements(["so " * 2_000_000, "b", "c"])}), tmp_path, force=False)
    assert written.stat().st_size < 5_000_000
    assert "6,000,000 characters, is in predictions.parquet" in written.read_text(encoding="utf-8")


def test_the_list_ends_at_2000_statements_and_says_where_the_rest_is(tmp_path: Path) -> None:
    page = page_of(evaluation({"test": statements([f"Convoy {n} left." for n in range(2100)])}), tmp_path)
    assert len(rows_of(page)) == 2000
    assert "first 2,000 in that order; the rest is in predictions.parquet" in words(page.body)


@pytest.mark.parametrize("text", ['"' * 390, "Ж" * 3000, "<&> " * 12_000])
def test_the_page_stays_under_5_mb_whatever_the_texts(tmp_path: Path, text: str) -> None:
    names = [f"model-{n}" for n in range(8)]
    written = write_page(evaluation({"test": statements([text] * 3000)}, names=names), tmp_path, force=False)
    assert written.stat().st_size < 5_000_000
    assert len(rows_of(html.fromstring(written.read_text(encoding="utf-8")))) > 300


# --- how the page is made ---


def test_the_content_policy_allows_this_style_and_this_script_alone(tmp_path: Path) -> None:
    page = page_of(small(), tmp_path)
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")[0]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    for tag in ("style", "script"):
        digest = hashlib.sha256(page.xpath(f"//{tag}")[0].text.encode()).digest()
        assert f"{tag}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not page.xpath("//*[@style]")


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    page = page_of(small(), tmp_path)
    links = set(page.xpath("//@src | //@href | //@action | //@srcset"))
    assert {link for link in links if not link.startswith("#")} == {"data:,", "results.json", "predictions.parquet"}
    assert "url(" not in page.xpath("//style")[0].text and "@import" not in page.xpath("//style")[0].text


def test_inner_links_find_their_place_and_no_id_stands_twice(tmp_path: Path) -> None:
    parts = {"test": statements(["x"] * 9), "articles": statements(["x"] * 9)}
    page = page_of(evaluation(parts), tmp_path)
    ids = page.xpath("//@id")
    assert len(ids) == len(set(ids))
    inner = {link[1:] for link in page.xpath("//@href") if link.startswith("#")}
    assert inner and inner <= set(ids)
    assert set(page.xpath("//@aria-labelledby")) <= set(ids)


def test_every_header_has_a_scope_and_every_field_a_label(tmp_path: Path) -> None:
    page = page_of(small(), tmp_path)
    assert page.xpath("//th") and not page.xpath("//th[not(@scope)]")
    fields = page.xpath("//form//input | //form//select")
    assert len(fields) == 6 and all(words(field.getparent()) for field in fields)
    assert all(field.getparent().tag == "label" for field in fields)
    plots = page.xpath("//svg")
    assert plots and all(plot.get("role") == "img" and "first" in plot.get("aria-label") for plot in plots)


# --- calibration and abstention ---


def with_confidence(found: Evaluation, threshold: float, choice: ThresholdChoice | None = None) -> Evaluation:
    how = Resampling(samples=100)
    drawn, in_field = {}, {}
    for part, rows in found.rows.items():
        gold, groups, scores = gold_columns(rows), list(rows["group"]), found.predictions[part]
        drawn[part] = tuple(curves(probabilities_of(s), gold, groups, threshold, FIELD_SHARES, how) for s in scores)
        in_field[part] = tuple(field_figures(gold, predicted_columns(s), groups, FIELD_SHARES, how) for s in scores)
    return replace(found, choices=(choice,) * len(found.names), curves=drawn, in_field=in_field)


def test_the_page_tells_what_counting_would_report_in_the_field(tmp_path: Path) -> None:
    found = with_confidence(small(), 0.6)
    page = page_of(found, tmp_path)
    section = page.xpath("//section[@aria-labelledby='confidence']")[0]
    assert "in a field of 30 % favor, 5 % against, 65 % neutral" in words(section)
    share = found.in_field["test"][1].estimates["predicted_against"].value
    assert "second in the field would report" in words(section)
    assert f"{100 * share:.3g} % against where it is 5 %" in words(section)
    rows = {words(row[0]): [words(cell) for cell in row[1:]] for row in section.xpath(".//tbody/tr")}
    answered = [one.selective["coverage"].value for one in found.curves["test"]]
    assert [cell.split()[0] for cell in rows["share answered"]] == [f"{value:.3f}" for value in answered]
    assert 0 < min(answered) <= max(answered) < 1
    assert "abstains where its confidence is below 0.600" in words(section)
    hollow = section.xpath(".//svg[contains(@aria-label, 'risk')]//g[starts-with(@class, 'mark hollow')]")
    assert len(hollow) == 2


def test_a_precision_that_was_not_reached_is_said_before_the_figures(tmp_path: Path) -> None:
    choice = ThresholdChoice(0.9, None, False, 30, 10, 1.0, 0.6, 0.5, 0.71)
    page = page_of(with_confidence(small(), 0.0, choice), tmp_path)
    notices = [words(item) for item in page.xpath("//section[@class='notices']//li")]
    assert "first: no threshold shows a precision of 0.9 on validation (the best lower bound is 0.710)" in notices[0]
    assert not page.xpath("//g[starts-with(@class, 'mark hollow')]/ancestor::svg[contains(@aria-label, 'risk')]")
    assert "never abstains" in words(page.xpath("//section[@aria-labelledby='confidence']")[0])


def test_a_part_without_one_label_leaves_the_field_open_and_the_curves_drawn(tmp_path: Path) -> None:
    labels = ["favor", "neutral"] * 15
    rows = statements([f"Velmark sent convoy {n}." for n in range(30)], labels)
    page = page_of(with_confidence(evaluation({"test": rows}), 0.0), tmp_path)
    section = page.xpath("//section[@aria-labelledby='confidence']")[0]
    assert "undefined" in words(section) and "would report" not in words(section)
    assert len(section.xpath(".//svg")) == 5


def test_results_without_curves_make_a_page_without_the_section(tmp_path: Path) -> None:
    page = page_of(small(), tmp_path)
    assert not page.xpath("//section[@aria-labelledby='confidence'] | //a[@href='#confidence']")


# --- the plots ---


def test_a_whisker_stands_where_its_interval_is() -> None:
    plot = html.fromstring(whisker_plot([Whisker("x", "", Estimate(0.5, 0.25, 1.0), 0)], UNIT_SCALE, "plot"))
    start, end = re.findall(r"[ML] ([\d.]+) ", plot.xpath("//g[starts-with(@class, 'whisker')]/path/@d")[0])
    width = float(plot.get("viewbox").split()[2])
    dot = float(plot.xpath("//use/@x")[0])
    assert dot == pytest.approx(width / 2, abs=0.01)
    assert width / 2 - float(start) == pytest.approx((float(end) - width / 2) / 2, abs=0.01)


def test_a_name_with_dollars_is_no_formula() -> None:
    plot = html.fromstring(whisker_plot([Whisker("a $x_1$ b", "", Estimate(0.5, 0.4, 0.6))], UNIT_SCALE, "plot"))
    assert plot.xpath("//g[@class='label']/text/text()") == ["a $x_1$ b"]


def test_an_undefined_figure_has_words_but_no_mark() -> None:
    plot = whisker_plot([Whisker("x", "undefined", Estimate(NAN, NAN, NAN), 0)], UNIT_SCALE, "plot")
    assert "undefined" in plot and "mark" not in plot and "whisker" not in plot
    no_interval = whisker_plot([Whisker("x", "", Estimate(0.5, NAN, NAN), 0)], UNIT_SCALE, "plot")
    assert "mark" in no_interval and "whisker" not in no_interval


def test_a_scale_around_zero_holds_every_end() -> None:
    scale = scale_around_zero([Estimate(1.0, -3.9, 7.0), Estimate(NAN, NAN, NAN), Estimate(2.0, NAN, NAN)])
    assert scale.ticks[0] == -scale.ticks[-1] <= -7 and 0 in scale.ticks
    assert scale_around_zero([Estimate(NAN, NAN, NAN)]).ticks[-1] > 0


def test_shortened_names_still_differ() -> None:
    names = [f"20250101-model-with-a-long-beginning-{n}-and-a-long-end-of-its-name" for n in range(9)]
    short = short_names(names, 18)
    assert len(set(short)) == 9 and max(map(len, short)) <= 18
    assert short_names(["a", "bb"], 18) == ["a", "bb"]
