"""What to label next: the uncertain, each once, spread over what the pool is about, the same for the same seed."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ukraine_stance.classifier import PROBABILITY_COLUMNS
from ukraine_stance.corpus.splits import normalised
from ukraine_stance.errors import UserMistake
from ukraine_stance.suggest import entropy, suggest

THINGS = ("lorries with blankets", "money for schools", "bridges over rivers", "medics in training")


def scores(*favor: float) -> pd.DataFrame:
    """Probabilities of as many statements; what favor leaves is halved."""
    told = np.array([[sure, (1 - sure) / 2, (1 - sure) / 2] for sure in favor])
    return pd.DataFrame(told, columns=list(PROBABILITY_COLUMNS))


def test_entropy_is_nothing_for_the_certain_and_one_for_who_knows_nothing() -> None:
    found = entropy(np.array([[1, 0, 0], [1 / 3, 1 / 3, 1 / 3], [0.5, 0.5, 0], [0.5, 0.3, 0.2]]))
    by_hand = -(0.5 * np.log(0.5) + 0.3 * np.log(0.3) + 0.2 * np.log(0.2)) / np.log(3)
    assert found == pytest.approx([0, 1, np.log(2) / np.log(3), by_hand], abs=1e-9)


def test_the_certain_are_left_out_and_the_most_uncertain_come_first() -> None:
    texts = [f"{THINGS[at % 4]} number{at}" for at in range(60)]
    sure = [0.99 if at < 40 else 0.4 + at / 1000 for at in range(60)]
    found = suggest(texts, scores(*sure), 2, seed=0)
    assert len(set(found.positions)) == 2 and min(found.positions) >= 40
    told = found.uncertainty[list(found.positions)]
    assert told[0] > told[1]
    assert found.uncertainty == pytest.approx(entropy(scores(*sure).to_numpy()))


def test_the_chosen_are_spread_over_what_the_pool_is_about() -> None:
    # The model is least sure of everything about lorries: the four most uncertain are all about one thing.
    texts = [f"{thing}, report {at}" for thing in THINGS for at in range(10)]
    sure = [0.34 + 0.01 * (at // 10) + 0.0001 * at for at in range(40)]
    found = suggest(texts, scores(*sure), 4, seed=0)
    assert sorted(position // 10 for position in found.positions) == [0, 1, 2, 3]


def test_the_same_seed_chooses_the_same_statements() -> None:
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefgh"), 3)) + f" word{at % 7} thing{at % 5} {at}" for at in range(80)]
    sure = scores(*rng.uniform(0.34, 0.9, 80))
    chosen = [suggest(texts, sure, 8, seed).positions for seed in (1, 1, 2, 3)]
    assert chosen[0] == chosen[1] and len(set(chosen)) > 1


def test_a_text_that_stands_twice_is_chosen_once() -> None:
    texts = ["Velden sends lorries", " VELDEN sends  lorries", "Arlo does not", "Marsk counts"]
    assert suggest(texts, scores(0.4, 0.4, 0.4, 0.9), 3, seed=0).positions == (0, 2, 3)
    with pytest.raises(UserMistake, match=r"^4 statements wanted, the pool holds 3 different ones; ask for fewer$"):
        suggest(texts, scores(0.4, 0.4, 0.4, 0.9), 4, seed=0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab !🙂é"), min_size=1), min_size=1, max_size=12), st.integers(1, 4), st.data())
def test_any_pool_gives_as_many_different_statements_as_wanted(
    texts: list[str], count: int, data: st.DataObject
) -> None:
    sure = data.draw(st.lists(st.floats(0, 1), min_size=len(texts), max_size=len(texts)))
    different = {normalised(text) for text in texts}
    if len(different) < count:
        with pytest.raises(UserMistake):
            suggest(texts, scores(*sure), count, seed=0)
        return
    found = suggest(texts, scores(*sure), count, seed=0)
    assert len({normalised(texts[position]) for position in found.positions}) == count == len(found.positions)
