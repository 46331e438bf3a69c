import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from ukraine_stance.evaluation.shortcuts import PROBES, ShortcutResult, shortcuts
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import TARGET
from ukraine_stance.models.protocol import IntArray

HOW = Resampling(samples=200, seed=3)
FAVOR, AGAINST, NEUTRAL = 0, 1, 2

TEXTS = (
    "We will send Ukraine shells, said Torrin of Velmark.",
    "We send Ukraine nothing more, said Dorn of Velmark.",
    "Ukraine was on the agenda, said Orlin of Velmark.",
) * 20
GOLD = np.array([FAVOR, AGAINST, NEUTRAL] * 20)
ROWS = pd.DataFrame({"text": TEXTS, "target": TARGET, "group": [f"g{row // 2}" for row in range(60)]})


def probe(predict: object) -> dict[str, ShortcutResult]:
    found = shortcuts("test", ROWS, GOLD, predict, HOW)  # type: ignore[arg-type]
    return {one.probe: one for one in found}


def by_verb(texts: Sequence[str], targets: Sequence[str]) -> IntArray:
    return np.array([FAVOR if "shells" in text else AGAINST if "nothing" in text else NEUTRAL for text in texts])


def by_holder(texts: Sequence[str], targets: Sequence[str]) -> IntArray:
    return np.array([FAVOR if "Torrin" in text else AGAINST if "Dorn" in text else NEUTRAL for text in texts])


def by_question(texts: Sequence[str], targets: Sequence[str]) -> IntArray:
    answers = by_verb(texts, targets)
    other = np.array(["Russia" in target for target in targets]) ^ np.array(["Russia" in text for text in texts])
    swapped = np.array([AGAINST, FAVOR, NEUTRAL])[answers]
    silent = np.array([not target for target in targets])
    return np.where(silent, NEUTRAL, np.where(other, swapped, answers))


def test_a_model_that_reads_the_verb_loses_nothing_without_names() -> None:
    found = probe(by_verb)
    assert found["names masked"].macro_f1.value == found["all names masked"].macro_f1.value == 1
    assert found["names masked"].drop.value == 0
    assert found["names masked"].kept.value == 1


def test_a_model_that_knows_the_holder_is_found_out() -> None:
    found = probe(by_holder)["names masked"]
    assert found.macro_f1.value == pytest.approx(1 / 6)  # all neutral
    assert found.drop.value == pytest.approx(5 / 6)
    assert found.kept.value == 0
    assert found.changed == 60


def test_a_model_that_reads_the_question_changes_its_answers_with_it() -> None:
    found = probe(by_question)
    assert found["target removed"].drop.value > 0.5
    assert found["target swapped"].kept.value == found["sides swapped"].kept.value == 0
    assert found["names masked"].kept.value == 1


def test_no_score_is_given_where_the_gold_label_is_no_longer_right() -> None:
    for found in probe(by_verb).values():
        swapped = found.probe in ("target swapped", "sides swapped")
        assert found.keeps_gold is not swapped
        assert math.isnan(found.macro_f1.value) is swapped
        assert (found.as_dict()["drop"]["value"] is None) is swapped


def test_only_what_a_probe_changes_is_asked_again() -> None:
    asked: list[int] = []

    def counted(texts: Sequence[str], targets: Sequence[str]) -> IntArray:
        asked.append(len(texts))
        return by_verb(texts, targets)

    rows = ROWS.assign(text=["they will send shells"] * 59 + ["Ukraine waits"], target="support for bees")
    found = shortcuts("test", rows, GOLD, counted, HOW)
    by_name = {one.probe: one.changed for one in found}
    assert by_name["names masked"] == by_name["target swapped"] == 0
    assert by_name["all names masked"] == by_name["sides swapped"] == 1
    assert sorted(asked) == [1, 1, 60, 60]


def test_answers_that_were_all_neutral_leave_nothing_to_keep() -> None:
    found = probe(lambda texts, targets: np.full(len(texts), NEUTRAL))
    assert all(math.isnan(one.kept.value) for one in found.values())


def test_every_probe_is_explained() -> None:
    assert len({one.name for one in PROBES}) == len(PROBES)
    assert all(len(one.about) > 30 for one in PROBES)
