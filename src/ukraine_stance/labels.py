"""The three stances, their column order and the target: the field's words, fixed once for every room."""

from enum import StrEnum


class Stance(StrEnum):
    """Position that a statement's holder takes toward the target (rules: data/CODEBOOK.md)."""

    FAVOR = "favor"
    AGAINST = "against"
    NEUTRAL = "neutral"


# The order of the three columns of every probability array and of every table.
ORDER: tuple[Stance, ...] = (Stance.FAVOR, Stance.AGAINST, Stance.NEUTRAL)

# What the stance is about, in the words that a target-aware model reads beside the statement.
TARGET = "support for Ukraine"

# Shares of ORDER in news on Ukraine where nobody gives others: those of the 87 labelled sentences of five articles.
FIELD_SHARES = (0.30, 0.05, 0.65)

# Version of data/CODEBOOK.md that new votes are given under.
CODEBOOK_VERSION = "1.1"

ASPECTS: tuple[str, ...] = (
    "military_aid",
    "financial_aid",
    "security_guarantees",
    "troops",
    "sanctions",
    "membership",
    "diplomacy",
    "general",
)


def column_of(label: str) -> int:
    """Column of a label in ORDER. Raises ValueError for a word that is none of the three."""
    return ORDER.index(Stance(label))
