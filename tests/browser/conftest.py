"""A headless Chromium, and a page of an invented evaluation for it to open."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from ukraine_stance.evaluation.base_rate import FieldFigures, field_figures
from ukraine_stance.evaluation.behaviour import PACKAGED, read_suites, run
from ukraine_stance.evaluation.curves import Curves, curves
from ukraine_stance.evaluation.report import write_page
from ukraine_stance.evaluation.results import (
    Evaluation,
    compare,
    gold_columns,
    measure,
    predicted_columns,
    probabilities_of,
)
from ukraine_stance.evaluation.slices import slices
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import FIELD_SHARES, ORDER, TARGET

BROWSER, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")

HOW = Resampling(samples=200)
_HOLDERS = ("Velmark’s cabinet", "The Norrish parliament", "A union of Tarsian dockers", "The mayor of Lower Orrin")
_SAYINGS = {
    "favor": ("wants the shells to reach Kyiv before the frost", "will train two more Ukrainian brigades next spring"),
    "against": (
        "refuses to pay for another winter of that war",
        "says Kyiv’s generators are for other purses",
    ),
    "neutral": ("published the list of what went to Kyiv in May", "will discuss the port of Odesa on Thursday"),
}
ODD_TEXTS = {
    "odd-script": "<script>window.broken = true</script><img src=x onerror='window.broken = true'> said the “holder”",
    "odd-quotes": "\"It's 'ours'\", she said; `theirs` & <b>nobody</b>’s &amp; {{ 7 * 7 }} {% raw %}",
    "odd-rtl": "قال المتحدث إن المولدات ستصل إلى كييف قبل الشتاء \u202eand this stands reversed",
    "odd-emoji": "The convoy left at dawn 🚚🇺🇦👩‍👩‍👧‍👦 and nobody would say where it went",
    "odd-long": "The delegations met and met again. " * 1428 + "The very last words.",
    "odd-unbroken": "Generatorenlieferungsverzögerung" * 9,
}


def invented_rows(prefix: str, groups: int, odd: dict[str, str]) -> pd.DataFrame:
    """Statements with every holder, label and saying, spread over the groups, and the odd texts as neutral ones."""
    rows = []
    for number in range(groups):
        for label, holder in product(_SAYINGS, _HOLDERS[: 2 + number % 3]):
            saying = _SAYINGS[label][number % 2]
            key = f"{prefix}-{number:03d}-{len(rows)}"
            rows.append((key, f"{holder} {saying}, item {number}.", label, f"{prefix}-{number}"))
    rows += [(key, text, "neutral", key) for key, text in odd.items()]
    return pd.DataFrame(rows, columns=["id", "text", "label", "group"]).assign(target=TARGET)


def invented_predictions(rows: pd.DataFrame, model: str, skill: float, seed: int) -> pd.DataFrame:
    """Probabilities that lean to gold by `skill`; the model abstains below 0.4 and cuts texts of 40,000 characters."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(rows), 3))
    logits[np.arange(len(rows)), [ORDER.index(label) for label in rows["label"]]] += skill
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    sure = shares.max(axis=1)
    stance = [str(ORDER[at]) if top >= 0.4 else "" for at, top in zip(shares.argmax(axis=1), sure, strict=True)]
    columns = {f"p_{label}": shares[:, at] for at, label in enumerate(ORDER)}
    cut = rows["text"].str.len() > 40_000
    return pd.DataFrame({"stance": stance, **columns, "confidence": sure, "truncated": cut, "model_id": model})


def invented_evaluation(
    models: dict[str, float], parts: dict[str, pd.DataFrame], warnings: tuple[str, ...] = ()
) -> Evaluation:
    """Models by name and skill on the parts given."""
    ids = [f"invented-{number:012x}" for number in range(len(models))]
    predictions = {
        part: [invented_predictions(rows, ids[n], skill, seed=n) for n, skill in enumerate(models.values())]
        for part, rows in parts.items()
    }
    results = [measure(part, rows, one, HOW) for part, rows in parts.items() for one in predictions[part]]
    drawn, in_field = confidence_of(parts, predictions)
    pairs = [
        pair
        for part, rows in parts.items()
        for pair in compare(part, rows, list(zip(models, predictions[part], strict=True)), HOW)
    ]
    return Evaluation(
        tuple(models), tuple(ids), tuple(results), tuple(pairs), parts, predictions, warnings,
        choices=(None,) * len(models), curves=drawn, in_field=in_field,
    )  # fmt: skip


def confidence_of(
    parts: dict[str, pd.DataFrame], predictions: dict[str, list[pd.DataFrame]]
) -> tuple[dict[str, tuple[Curves, ...]], dict[str, tuple[FieldFigures, ...]]]:
    """Curves and figures in the field of every model on every part."""
    drawn, in_field = {}, {}
    for part, rows in parts.items():
        gold, groups = gold_columns(rows), list(rows["group"])
        drawn[part] = tuple(
            curves(probabilities_of(one), gold, groups, 0.4, FIELD_SHARES, HOW) for one in predictions[part]
        )
        in_field[part] = tuple(
            field_figures(gold, predicted_columns(one), groups, FIELD_SHARES, HOW) for one in predictions[part]
        )
    return drawn, in_field


def _always_neutral(texts: Sequence[str]) -> list[str]:
    return ["neutral"] * len(texts)


def _by_length(texts: Sequence[str]) -> list[str]:
    return [str(ORDER[len(text) % 3]) for text in texts]


@pytest.fixture(scope="session")
def two_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of two models on two parts, the second one small; with every odd text."""
    parts = {"test": invented_rows("t", 45, ODD_TEXTS), "articles": invented_rows("a", 9, {})}
    warning = "tfidf-words: the dataset has changed since this model was trained; it may have seen test rows"
    found = invented_evaluation({"tfidf-words": 1.2, "minilm-tuned-on-headlines": 2.2}, parts, (warning,))
    behaviour = tuple(tuple(run(read_suites(PACKAGED), answer)) for answer in (_always_neutral, _by_length))
    sliced = tuple(
        tuple(
            one
            for part, rows in parts.items()
            for one in slices(part, rows, gold_columns(rows), predicted_columns(scores[part]), ["length", "label"], HOW)
        )
        for scores in ({part: found.predictions[part][number] for part in parts} for number in range(2))
    )
    return write_page(
        replace(found, behaviour=behaviour, slices=sliced), tmp_path_factory.mktemp("pages") / "two", force=False
    )


@pytest.fixture(scope="session")
def one_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of one model on one part without any gold of one label: macro-F1 is undefined there."""
    rows = invented_rows("t", 12, {})
    found = invented_evaluation(
        {"tfidf-words": 1.5}, {"labelled.csv": rows[rows["label"] != "against"].reset_index(drop=True)}
    )
    return write_page(found, tmp_path_factory.mktemp("pages") / "one", force=False)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """One browser for all tests; without it they are skipped, or fail where nothing may be skipped."""
    missing = [str(path) for path in (BROWSER, DRIVER) if not shutil.which(path)]
    if missing:
        reason = f"{' and '.join(missing)} missing: install Debian's chromium and chromium-driver"
        if os.environ.get("STANCE_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    options = webdriver.ChromeOptions()
    options.binary_location = str(BROWSER)
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        yield driver
    finally:
        driver.quit()
