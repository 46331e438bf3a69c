import pytest
from hypothesis import given
from hypothesis import strategies as st

from ukraine_stance.corpus.names import MASK, masked, sides_swapped


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("The minister met Ada Orlin in Velmark.", "The minister met NAME in NAME."),
        (
            "NATO's General Dorn said on Monday that May is soon.",
            "NAME's General NAME said on Monday that May is soon.",
        ),
        ("Ukraine's army thanked the Bank of Velmark.", "NAME's army thanked the NAME."),
        ("“We stand firm,” said President Torrin.", "“We stand firm,” said President NAME."),
        ("nothing here bears a capital", "nothing here bears a capital"),
        ("", ""),
    ],
)
def test_names_are_masked_and_titles_and_weekdays_stay(text: str, without: str) -> None:
    assert masked(text) == without


def test_the_sides_can_stay() -> None:
    text = "Torrin told Kyiv that Ukrainian grain and pro-Russian papers meet in Velmark; Zelenskyy heard."
    kept = masked(text, but_sides=True)
    assert kept == "Torrin told Kyiv that Ukrainian grain and pro-Russian papers meet in NAME; Zelenskyy heard."
    assert "Kyiv" not in masked(text) and "Zelenskyy" not in masked(text)


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("Ukraine's allies met Russians in Kyiv.", "Russia's allies met Ukrainians in Moscow."),
        ("Kiev and Zelenskyy waited.", "Moscow and Putin waited."),
        ("pro-Russian papers in Ukrainetown", "pro-Ukrainian papers in Ukrainetown"),
        ("no side stands here", "no side stands here"),
    ],
)
def test_the_sides_change_places(text: str, other: str) -> None:
    assert sides_swapped(text) == other


@given(st.lists(st.sampled_from(["Ukraine", "Russia", "Kyiv", "Moscow", "Zelensky", "Putin", "aid", "—", "the"])))
def test_swapping_twice_gives_the_statement_back(words: list[str]) -> None:
    text = " ".join(words)
    assert sides_swapped(sides_swapped(text)) == text


@given(st.text(max_size=200))
def test_any_text_can_be_masked_and_what_is_left_are_its_own_characters(text: str) -> None:
    rest = masked(text).replace(MASK, "")
    at = 0
    for character in rest:  # in order
        at = text.index(character, at) + 1
