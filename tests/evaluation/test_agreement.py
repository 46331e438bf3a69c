"""Agreement of coders, against values worked out elsewhere: by hand, by slow sums over pairs, by scikit-learn."""

import math
import warnings
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from ukraine_stance.errors import UserMistake
from ukraine_stance.evaluation.agreement import (
    Agreement,
    adjudicators_of,
    agree,
    agree_on_parts,
    ceiling,
    disagreements,
    of_ceiling,
    votes_of,
)
from ukraine_stance.evaluation.metrics import confusion, macro_f1
from ukraine_stance.evaluation.uncertainty import Resampling
from ukraine_stance.labels import column_of

HOW = Resampling(samples=100, seed=3)
F, A, N = "favor", "against", "neutral"


def coded(*votes: dict[str, str], groups: list[str] | None = None) -> pd.DataFrame:
    """A row for each statement's labels by coder, in a group of its own unless `groups` says otherwise."""
    names = [str(number) for number in range(1, len(votes) + 1)]
    cells = [[{"coder": coder, "label": label} for coder, label in one.items()] for one in votes]
    texts = [f"statement {name}" for name in names]
    return pd.DataFrame({"id": names, "text": texts, "group": groups or names, "votes": cells})


def columns(**coders: str) -> pd.DataFrame:
    """Statements coded by a letter for each label in each coder's string; a dot is no vote."""
    letters = {"f": F, "a": A, "n": N}
    return coded(*({coder: letters[x] for coder, x in zip(coders, one, strict=True) if x != "."}
                   for one in zip(*coders.values(), strict=True)))  # fmt: skip


def agreed(rows: pd.DataFrame) -> Agreement:
    found = agree("all", rows, HOW)
    assert found is not None
    return found


def value(rows: pd.DataFrame, name: str) -> float:
    return agreed(rows).estimates[name].value


def slow_alpha(votes: list[dict[str, str]]) -> float:
    """1 - Do / De, summed over every pair of votes on a statement and every pair of votes at all."""
    units = [list(one.values()) for one in votes if len(one) > 1]
    everything = [label for one in units for label in one]
    seen = sum(sum(a != b for a, b in permutations(one, 2)) / (len(one) - 1) for one in units) / len(everything)
    chance = sum(a != b for a, b in permutations(everything, 2)) / (len(everything) * (len(everything) - 1))
    return 1 - seen / chance if chance else math.nan


LABELS = st.sampled_from([F, A, N])
# Both vote on every statement, so that neither is taken for an adjudicator.
CODED = st.lists(
    st.fixed_dictionaries({"a": LABELS, "b": LABELS}, optional={"c": LABELS, "d": LABELS}), min_size=1, max_size=12
)


def test_alpha_is_that_of_two_observers_and_two_labels_in_krippendorffs_paper() -> None:
    """Example A of "Computing Krippendorff's Alpha-Reliability" (2011): ten units, alpha 0.095."""
    rows = columns(a="faffffffff", b="aaaffafaff")
    assert value(rows, "alpha") == pytest.approx(0.095, abs=0.0005)


@settings(max_examples=50, deadline=None)
@given(CODED)
def test_alpha_is_that_of_sums_over_pairs_of_votes_with_votes_missing(votes: list[dict[str, str]]) -> None:
    found = agree("all", coded(*votes), HOW, adjudicators=set())
    assert found is not None
    assert found.estimates["alpha"].value == pytest.approx(slow_alpha(votes), nan_ok=True)
    for label in (F, A, N):
        binary = [{coder: str(given == label) for coder, given in one.items()} for one in votes]
        assert found.estimates[f"alpha_{label}"].value == pytest.approx(slow_alpha(binary), nan_ok=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=20))
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    found = agreed(coded(*({"a": one, "b": other} for one, other in pairs)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where both give one label alone
        theirs = cohen_kappa_score(*zip(*pairs, strict=True))
    assert found.kappas.keys() == {"a b"}
    assert found.kappas["a b"].value == pytest.approx(theirs, nan_ok=True)


def test_a_pair_of_coders_is_compared_where_both_voted_and_only_there() -> None:
    kappas = agreed(columns(a="fanfa..", b="fanaf..", c="f..f.an", d=".....aa")).kappas
    assert kappas.keys() == {"a b", "a c", "b c", "c d"}
    assert kappas["a b"].value == pytest.approx(cohen_kappa_score(list("fanfa"), list("fanaf")))


def test_specific_agreement_counts_the_votes_that_give_the_label() -> None:
    rows = columns(a="fffn", b="ffna")
    assert value(rows, "agreement") == 0.5
    assert value(rows, "agreement_favor") == 0.8  # 4 of the 5 votes for favor meet another
    assert value(rows, "agreement_against") == value(rows, "agreement_neutral") == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=20))
def test_figures_of_two_coders_do_not_depend_on_which_is_which(pairs: list[tuple[str, str]]) -> None:
    one = agreed(coded(*({"a": first, "b": second} for first, second in pairs)))
    other = agreed(coded(*({"a": second, "b": first} for first, second in pairs)))
    assert one.as_dict() == other.as_dict()


def test_the_ceiling_scores_each_coder_against_what_most_of_the_others_say() -> None:
    # On the third statement the others agree against c alone: a and b have one on each side.
    rows = columns(a="fafn", b="fafn", c="fann")
    found = ceiling(rows, HOW)
    assert found is not None
    # Favor: 3 + 2 halves right, c's neutral missed, 2 halves too many. Neutral: 3 right, 1 missed, 1 too many.
    assert found.value == pytest.approx(np.mean([8 / (8 + 1 + 1), 1, 6 / (6 + 1 + 1)]))


def test_where_the_others_tie_a_coder_can_be_at_most_half_right() -> None:
    rows = columns(a="fan" + "f", b="fan" + "a", c="fan" + "n")
    found = ceiling(rows, HOW)
    assert found is not None and found.value == pytest.approx(9 / 12)


def test_there_is_no_ceiling_without_votes_of_two_coders() -> None:
    assert ceiling(pd.DataFrame({"id": ["1"], "group": ["1"]}), HOW) is None
    assert ceiling(columns(a="fa.", b="..f"), HOW) is None
    assert agree("all", columns(a="fa.", b="..f"), HOW) is None


def test_coders_in_full_agreement_have_alpha_one_and_no_interval() -> None:
    found = agreed(columns(a="fanfan", b="fanfan"))
    alpha = found.estimates["alpha"]
    assert alpha.value == 1 and np.isnan([alpha.low, alpha.high]).all()
    assert found.as_dict()["estimates"]["alpha"] == {"value": 1, "low": None, "high": None}


def test_one_label_alone_is_no_agreement_that_alpha_or_kappa_could_tell() -> None:
    found = agreed(columns(a="ffff", b="ffff"))
    assert math.isnan(found.estimates["alpha"].value) and math.isnan(found.kappas["a b"].value)
    assert found.estimates["agreement"].value == 1


def test_intervals_draw_groups_and_hold_the_figure() -> None:
    rows = columns(a="fanfan" * 10, b="fanffa" * 10)
    found = agreed(rows)
    assert (found.statements, found.groups, found.coders) == (60, 60, {"a": 60, "b": 60})
    alpha = found.estimates["alpha"]
    assert alpha.low < alpha.value < alpha.high
    together = agreed(rows.assign(group=[f"g{at // 30}" for at in range(60)]))
    assert together.groups == 2 and math.isnan(together.estimates["alpha"].low)  # the two halves are alike


def test_whoever_saw_only_what_others_dispute_is_left_out_of_every_figure() -> None:
    two = agreed(columns(a="fanffn" * 9, b="fannfa" * 9))
    three = agreed(columns(a="fanffn" * 9, b="fannfa" * 9, c="...n.a" * 9))
    assert three.adjudicators == ("c",)
    assert {**three.as_dict(), "adjudicators": ()} == two.as_dict()


def test_whoever_also_votes_alone_or_where_others_agree_is_no_adjudicator() -> None:
    assert adjudicators_of(votes_of(columns(a="ff", b="fa", c="ff"))) == set()
    assert adjudicators_of(votes_of(columns(a="ff.", b="fa.", c=".ff"))) == set()


def test_two_disputes_in_a_set_full_of_them_make_nobody_an_adjudicator() -> None:
    assert adjudicators_of(votes_of(columns(a="ffan", b="anfn", c="n..."))) == set()
    assert agreed(columns(a="fa", b="an", c="nf")).coders == {"a": 2, "b": 2, "c": 2}


def test_a_part_of_disputed_statements_keeps_the_votes_of_its_coders() -> None:
    rows = columns(a="fanff", b="fanaf", c="fannf").assign(outlet=["x", "x", "x", "y", None])
    parts = agree_on_parts(rows, ["outlet"], HOW)
    assert [(part.part, part.statements, part.adjudicators) for part in parts] == [
        ("all", 5, ()),
        ("outlet none", 1, ()),
        ("outlet x", 3, ()),
        ("outlet y", 1, ()),
    ]
    assert parts[3].estimates["agreement"].value == 0


def test_all_rows_are_one_part_and_every_value_of_a_column_is_another() -> None:
    rows = columns(a="fafn", b="fann").assign(year=[1.0, 1.0, 2.0, None], outlet="x")
    assert [part.part for part in agree_on_parts(rows, [], HOW)] == ["all"]
    parts = agree_on_parts(rows, ["year", "outlet"], HOW)
    assert [part.part for part in parts] == ["all", "year 1", "year 2", "year none", "outlet x"]


def test_sets_of_two_origins_are_never_counted_as_one() -> None:
    rows = columns(a="fa", b="fa").assign(origin=["article", "bundled"])
    assert [part.part for part in agree_on_parts(rows, ["origin"], HOW)] == ["origin article", "origin bundled"]


def test_a_coder_with_the_name_of_a_column_does_not_take_its_place() -> None:
    rows = coded({"text": "favor", "b": "neutral"})
    (found,) = disagreements(rows).to_dict("records")
    assert (found["text"], found["text (coder)"], found["b"]) == (rows["text"][0], "favor", "neutral")


def test_a_column_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(UserMistake) as refused:
        agree_on_parts(columns(a="f", b="f"), ["outlte"], HOW)
    assert str(refused.value) == "no column outlte (columns: id, text, group, votes)"


def test_disputed_statements_are_listed_in_order_with_every_vote() -> None:
    found = disagreements(columns(a="ffan", b="fann", c=".f.n"))
    rows: list[dict[str, Any]] = found.astype(object).where(found.notna(), None).to_dict("records")
    assert rows == [
        {"id": "2", "group": "2", "text": "statement 2", "a": F, "b": A, "c": F, "majority": F},
        {"id": "3", "group": "3", "text": "statement 3", "a": A, "b": N, "c": None, "majority": None},
    ]
    assert disagreements(columns(a="f", b="f")).empty


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(LABELS, LABELS, LABELS), min_size=1, max_size=20))
def test_a_score_beside_the_coders_is_the_one_divided_by_the_other(rows: list[tuple[str, str, str]]) -> None:
    data = coded(*({"a": first, "b": second} for first, second, _ in rows))
    gold = np.array([column_of(first) for first, _, _ in rows])
    predicted = np.array([column_of(third) for _, _, third in rows])
    top, found = ceiling(data, HOW), of_ceiling(data, gold, predicted, HOW)
    assert top is not None and found is not None
    score = float(macro_f1(confusion(gold, predicted)))
    assert found.value == pytest.approx(score / top.value if top.value else np.nan, nan_ok=True)
    if not np.isnan(found.low):
        assert 0 <= found.low <= found.value <= found.high


def test_a_model_that_says_what_one_coder_says_reaches_all_of_it_for_certain() -> None:
    rows = columns(a="fanfanfan", b="fanfanfaf")
    labels = {"f": "favor", "a": "against", "n": "neutral"}
    gold = np.array([column_of(labels[one]) for one in "fanfanfan"])
    same = of_ceiling(rows, gold, gold, HOW)
    worse = of_ceiling(rows, gold, np.zeros(9, dtype=int), HOW)
    assert same is not None and worse is not None
    assert same.value > 1 > worse.high and worse.low < worse.value


def test_nothing_can_be_divided_by_coders_who_never_agree() -> None:
    gold = np.array([column_of("favor"), column_of("against"), column_of("neutral")])
    found = of_ceiling(columns(a="fan", b="aff"), gold, gold, HOW)
    assert found is not None and np.isnan([found.value, found.low, found.high]).all()


def test_nothing_stands_beside_coders_where_no_two_voted() -> None:
    gold = np.array([0, 1, 2])
    assert of_ceiling(columns(a="fa.", b="..f"), gold, gold, HOW) is None
    assert of_ceiling(pd.DataFrame({"id": ["1"], "group": ["1"]}), gold[:1], gold[:1], HOW) is None
