"""What tests a fit is never near what the fit learned from, whichever way it is held out."""

from datetime import date
from itertools import combinations
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.corpus.hold_out import HeldOut, Plan, Round, plan
from ukraine_stance.corpus.splits import APART, FOLDS, UNASSIGNED, assign_folds, join_groups, normalised
from ukraine_stance.errors import UserMistake

LABELS = ("favor", "against", "neutral")
MODES: tuple[tuple[HeldOut, str | None], ...] = (("fold", None), ("outlet", None), ("period", "2024"))


def row(number: int, **said: Any) -> dict[str, Any]:
    usual = {
        "id": f"s{number}", "text": f"Statement {number}", "label": LABELS[number % 3], "target": "aid",
        "origin": "bundled", "group": f"page{number}", "contrast_group": None, "outlet": None, "kind": "reported",
        "year": None, "date": None,
    }  # fmt: skip
    return {**usual, **said}


def plain_rows() -> list[dict[str, Any]]:
    """60 statements that share nothing, a third of each label, of 60 outlets, half of 2020 and half of 2025."""
    return [row(at, outlet=f"Paper {at}", year=2020 + 5 * (at // 3 % 2)) for at in range(60)]


def frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """The rows with folds as a loaded dataset has them."""
    made = pd.DataFrame(rows)
    groups = join_groups([said["group"] for said in rows], [said["contrast_group"] for said in rows])
    columns = (list(made[name]) for name in ("id", "text"))
    made["fold"] = assign_folds(
        *columns, groups, list(made["label"]), list(made.get("fold", [UNASSIGNED] * len(made))), 1
    )
    return made


tangled = st.lists(
    st.fixed_dictionaries(
        {
            "text": st.sampled_from(["We give.", "we  give.", "WE GIVE.", "They met.", "No aid!", "Nobody knows."]),
            "group": st.sampled_from(["p1", "p2", "p3", "p4", "p5", "page0", "page7"]),
            "contrast_group": st.sampled_from([None, None, "c1", "c2", "c3"]),
            "outlet": st.sampled_from([None, None, "Gazette", "gazette ", "Courier", "Paper 3"]),
            "kind": st.sampled_from(["reported", "constructed"]),
            "origin": st.sampled_from(["bundled", "article", "user"]),
            "date": st.sampled_from([None, None, "2023-12-31", "2024-01-01", "2024-06-02T10:00"]),
            "year": st.sampled_from([None, 2019, 2024]),
        }
    ),
    max_size=21,
)  # fmt: skip


def planned(rows: list[dict[str, Any]], mode: tuple[HeldOut, str | None], articles: str = "test") -> Plan:
    data = frame([*plain_rows(), *(row(100 + at, **said) for at, said in enumerate(rows))])
    return plan(data, *mode, articles)


def ties(rows: pd.DataFrame) -> set[tuple[str, str]]:
    contrasts = {("contrast", name) for name in rows["contrast_group"] if isinstance(name, str)}
    return {("group", name) for name in rows["group"]} | {("text", normalised(t)) for t in rows["text"]} | contrasts


def parts(one: Round) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    return one.train, one.validation, one.test


def ids(*frames: pd.DataFrame) -> list[str]:
    return sorted(row_id for rows in frames for row_id in rows["id"])


@settings(max_examples=120, deadline=None)
@given(tangled, st.sampled_from(MODES), st.sampled_from(["test", "train"]))
def test_no_group_contrast_group_or_equal_text_stands_on_two_sides(
    rows: list[dict[str, Any]], mode: tuple[HeldOut, str | None], articles: str
) -> None:
    for one in planned(rows, mode, articles).rounds:
        for first, second in combinations(parts(one), 2):
            assert not ties(first) & ties(second)


@settings(max_examples=30, deadline=None)
@given(tangled)
def test_with_folds_every_statement_is_tested_once_and_tuned_on_once(rows: list[dict[str, Any]]) -> None:
    found = planned(rows, ("fold", None))
    everything = ids(pd.DataFrame([*plain_rows(), *(row(100 + at) for at in range(len(rows)))]))
    assert ids(*(one.test for one in found.rounds)) == everything
    assert ids(*(one.validation for one in found.rounds)) == everything
    for number, one in enumerate(found.rounds):
        assert one.name == f"fold {number}"
        assert [set(part["fold"]) for part in parts(one)][1:] == [{(number + 1) % FOLDS}, {number}]
        assert ids(*parts(one)) == everything


@settings(max_examples=30, deadline=None)
@given(tangled)
def test_an_outlet_is_tested_by_a_fit_that_never_met_it(rows: list[dict[str, Any]]) -> None:
    found = planned(rows, ("outlet", None))
    tested = [normalised(name) for one in found.rounds for name in one.test["outlet"]]
    assert len(found.rounds) == FOLDS and all(tested)
    with_outlet = [f"s{100 + at}" for at, said in enumerate(rows) if said["outlet"]]
    assert ids(*(one.test for one in found.rounds)) == sorted([*(f"s{at}" for at in range(60)), *with_outlet])
    for one in found.rounds:
        sides = [{normalised(name) for name in part["outlet"] if isinstance(name, str)} for part in parts(one)]
        assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
        assert one.validation["outlet"].notna().all()


@settings(max_examples=30, deadline=None)
@given(tangled, st.sampled_from(["test", "train"]))
def test_a_later_period_is_tested_by_a_fit_on_what_is_older(rows: list[dict[str, Any]], articles: str) -> None:
    (one,) = planned(rows, ("period", "2024"), articles).rounds

    def first_day(said: Any) -> date | None:
        if isinstance(said.date, str):
            return date.fromisoformat(said.date[:10])
        return None if pd.isna(said.year) else date(int(said.year), 1, 1)

    start = date(2024, 1, 1)
    assert all((day := first_day(said)) is not None and day >= start for said in one.test.itertuples())
    assert all((day := first_day(said)) is not None and day < start for said in one.validation.itertuples())
    for said in one.train.itertuples():
        day = first_day(said)
        assert said.kind == "constructed" if day is None else day < start
    newer = [said["id"] for said in plain_rows() if said["year"] == 2025]
    assert set(newer) <= set(one.test["id"])


@settings(max_examples=30, deadline=None)
@given(tangled, st.sampled_from(MODES))
def test_articles_that_train_are_never_tested_or_tuned_on(
    rows: list[dict[str, Any]], mode: tuple[HeldOut, str | None]
) -> None:
    for one in planned(rows, mode, "train").rounds:
        assert not ({*one.test["origin"]} | {*one.validation["origin"]}) & {"article"}


def test_the_order_of_the_rows_does_not_decide_who_is_held_out() -> None:
    rows = plain_rows()
    for mode in MODES[1:]:
        forth, back = (plan(frame(order), *mode).rounds for order in (rows, rows[::-1]))
        assert [ids(one.test) for one in forth] == [ids(one.test) for one in back]
        assert [ids(one.validation) for one in forth] == [ids(one.validation) for one in back]


def test_sets_of_outlets_are_near_even_and_each_validates_once() -> None:
    found = plan(frame(plain_rows()), "outlet")
    assert [len(one.test) for one in found.rounds] == [12] * 5
    tests, tuned_on = ([ids(getattr(one, part)) for one in found.rounds] for part in ("test", "validation"))
    assert tuned_on == [*tests[1:], tests[0]]


def test_statements_that_stand_apart_take_no_part_and_are_counted() -> None:
    rows = [*plain_rows(), row(60, origin="article", outlet="Herald", year=2025)]
    for said in rows:
        said["fold"] = APART if said["id"] == "s60" else UNASSIGNED
    for mode in MODES:
        found = plan(frame(rows), *mode)
        assert "s60" not in ids(*(part for one in found.rounds for part in parts(one)))
        assert found.notes[0].startswith("not in it: 1 statement that stand apart as a test")


def test_a_constructed_partner_of_a_held_out_statement_sits_its_round_out() -> None:
    rows = plain_rows()
    rows[0]["contrast_group"] = "c"
    rows += [row(60, contrast_group="c", kind="constructed"), row(61, kind="constructed")]
    found = plan(frame(rows), "outlet")
    trained_in = [number for number, one in enumerate(found.rounds) if "s60" in set(one.train["id"])]
    home = next(number for number, one in enumerate(found.rounds) if "s0" in set(one.test["id"]))
    assert sorted({*range(5)} - {*trained_in}) == sorted({home, (home - 1) % 5})
    assert all("s61" in set(one.train["id"]) for one in found.rounds)
    assert found.notes == (
        "60 outlets in 5 sets; the intervals resample pages: with few outlets they are too narrow",
        "training only: 2 statements without an outlet",
        "left out of one round: 1 statement at most; they share page, contrast group or text with what is tested or "
        "tuned on there",
    )


def test_what_is_left_out_of_a_period_is_counted_with_its_reason() -> None:
    rows = [*plain_rows(), row(60), row(61), row(62, kind="constructed"), row(63, year=2024), row(64, date="2024-03")]
    rows += [row(65, date="2024-03-15", group="p"), row(66, date="2024-03-01", group="p")]
    (one,), notes = (found := plan(frame(rows), "period", "2024-03-15")).rounds, found.notes
    assert notes == (
        "training only: 1 statement that are constructed and of no time; they may be written later",
        "left out: 2 statements without date or year; they may be of the tested period",
        "left out: 2 statements whose year or month holds 2024-03-15; they may be older",
        "left out of one round: 1 statement at most; they share page, contrast group or text with what is tested or "
        "tuned on there",
    )
    assert "s65" in set(one.test["id"]) and "s62" in set(one.train["id"])
    assert not {"s60", "s61", "s63", "s64", "s66"} & set(ids(*parts(one)))


def test_an_article_of_the_period_never_trains_though_articles_train() -> None:
    rows = [*plain_rows(), row(60, origin="article", year=2025), row(61, origin="article", year=2020)]
    (one,) = plan(frame(rows), "period", "2025", "train").rounds
    assert "s61" in set(one.train["id"]) and "s60" not in ids(*parts(one))


def test_a_fifth_of_the_older_statements_validates() -> None:
    (one,) = plan(frame(plain_rows()), "period", "2025").rounds
    assert (len(one.train), len(one.validation), len(one.test)) == (24, 6, 30)


@pytest.mark.parametrize("start", ["soon", "25", "2025-13", "2025-02-30", "01.03.2025", "0000", "2025-3-1", ""])
def test_a_start_that_is_no_day_is_one_line(start: str) -> None:
    with pytest.raises(
        UserMistake, match=rf"^--from {start}: neither a year nor a day; give one such as 2025 or [0-9-]+$"
    ):
        plan(frame(plain_rows()), "period", start)


def test_a_start_belongs_to_a_period_and_a_period_needs_one() -> None:
    with pytest.raises(UserMistake, match=r"^--hold-out period needs --from, "):
        plan(frame(plain_rows()), "period")
    with pytest.raises(UserMistake, match=r"^--from 2024: belongs to --hold-out period, not to outlet$"):
        plan(frame(plain_rows()), "outlet", "2024")


@pytest.mark.parametrize(("start", "side"), [("2030", "from"), ("2001", "before")])
def test_a_period_without_a_statement_names_the_dates_there_are(start: str, side: str) -> None:
    said = f"^--from {start}: no statement is dated {side} {start}; the dates lie from 2020-01-01 to 2025-12-31$"
    with pytest.raises(UserMistake, match=said):
        plan(frame(plain_rows()), "period", start)


def test_rows_without_dates_or_outlets_are_told_what_to_add() -> None:
    rows = [
        {name: value for name, value in row(at).items() if name not in ("outlet", "year", "date", "kind")}
        for at in range(30)
    ]
    with pytest.raises(UserMistake, match=r"none has a date or year: give the rows a column 'date' or 'year'$"):
        plan(frame(rows), "period", "2024")
    with pytest.raises(UserMistake, match=r"^data: no statement names its outlet; give the rows a column 'outlet'$"):
        plan(frame(rows), "outlet")


def test_dates_that_cannot_be_read_are_named_five_at_most() -> None:
    rows = [row(at, date="3 March") if at < 7 else row(at, year=2020) for at in range(30)]
    with pytest.raises(UserMistake) as caught:
        plan(frame(rows), "period", "2024")
    lines = str(caught.value).splitlines()
    assert lines[0] == "data: row s0: date '3 March' is not of the form 2025, 2025-03 or 2025-03-01"
    assert len(lines) == 6 and lines[-1] == "... and 2 more"


def test_years_with_gaps_and_other_blanks_are_read() -> None:
    rows = plain_rows()
    for said, blank in zip(rows, [float("nan"), None, "", "  ", pd.NaT, pd.NA], strict=False):
        said["date"] = blank
        said["year"] = float(said["year"])
    (one,) = plan(frame(rows), "period", "2025").rounds
    assert len(one.test) == 30


def test_few_outlets_are_one_line() -> None:
    rows = [row(at, outlet=f"Paper {at % 4}") for at in range(60)]
    with pytest.raises(UserMistake, match=r"^data: the outlets fall into 4 sets .* 5 or more are needed"):
        plan(frame(rows), "outlet")


def test_a_round_that_would_train_without_a_label_is_refused_by_name() -> None:
    rows = [
        row(at, outlet=f"Paper {at}", label="neutral" if at % 3 == 1 and at > 1 else LABELS[at % 3]) for at in range(60)
    ]
    with pytest.raises(
        UserMistake, match=r"^data: outlets \d: the validation rows \(12 in all\) hold no against statement"
    ):
        plan(frame(rows), "outlet")
