"""The statements that a page shows: the most confident mistakes first, as many as a light page can hold."""

from dataclasses import dataclass

import numpy as np
from markupsafe import escape

from ukraine_stance.evaluation.results import Evaluation, gold_columns, predicted_columns
from ukraine_stance.labels import ORDER
from ukraine_stance.models.protocol import Explanation, FloatArray, IntArray

MOST_STATEMENTS = 2000

# A page stays under 5 MB: so many bytes for rows with the beginnings of their texts, so many for the rest of long ones.
_ROW_BYTES = 2_500_000
_LONG_TEXT_BYTES = 1_500_000
_MARKUP_BYTES = 300
_SHADED_BYTES = 25

# Steps of the shading on either side.
_SHADES = 5

# A longer text is shown by its beginning.
_LONG_TEXT = 400
_BEGINNING = 320


@dataclass(frozen=True, slots=True)
class Answer:
    """What one model said; the stance counted is the most probable one, also where the model abstains."""

    stance: str
    confidence: float
    right: bool
    abstains: bool


@dataclass(frozen=True, slots=True)
class Shaded:
    """A piece of a statement; shade goes from -5, which speaks most against the model's label, to 5, most for it."""

    text: str
    shade: int


@dataclass(frozen=True, slots=True)
class ListedStatement:
    """A row of the list: `beginning` is the whole text unless it is long, `whole` is None where it does not fit.

    why holds the text in shaded pieces for each model, nothing where it was not explained or is long.
    """

    part: str
    id: str
    gold: str
    beginning: str
    whole: str | None
    length: int
    answers: tuple[Answer, ...]
    why: tuple[tuple[Shaded, ...], ...] = ()

    @property
    def is_long(self) -> bool:
        """Whether the beginning leaves something out."""
        return len(self.beginning) < self.length


@dataclass(frozen=True, slots=True)
class Listing:
    """Statements in the order shown; total counts all of them, mistaken those that any model has wrong."""

    statements: tuple[ListedStatement, ...]
    total: int
    mistaken: int


def confident_mistakes(found: Evaluation, count: int) -> dict[str, list[int]]:
    """Rows of each part with the most confident mistakes of any model, so many over all parts."""
    columns = [_columns(found, part) for part in found.rows]
    places = [(part.name, row) for part in columns for row in range(len(part.ids))]
    certainty = np.concatenate([_certainty_of_mistakes(part) for part in columns])
    chosen: dict[str, list[int]] = {part.name: [] for part in columns}
    for place in np.argsort(-certainty, kind="stable")[:count]:
        part, row = places[place]
        if certainty[place] >= 0:
            chosen[part].append(row)
    return chosen


def list_statements(found: Evaluation) -> Listing:
    """All mistakes of any model by falling confidence, then what all have right in the data's order, until full."""
    columns = [_columns(found, part) for part in found.rows]
    places = [(part, row) for part in columns for row in range(len(part.ids))]
    certainty = np.concatenate([_certainty_of_mistakes(part) for part in columns])
    statements: list[ListedStatement] = []
    room, long_room = _ROW_BYTES, _LONG_TEXT_BYTES
    for place in np.argsort(-certainty, kind="stable")[:MOST_STATEMENTS]:
        part, row = places[place]
        text = clean(part.texts[row])
        start = beginning(text)
        room -= _MARKUP_BYTES * (1 + len(found.names)) + _bytes(start)
        if room < 0:
            break
        is_long = len(start) < len(text)
        fits = not is_long or _bytes(text) <= long_room
        long_room -= _bytes(text) if is_long and fits else 0
        about = (part.name, clean(part.ids[row]), str(ORDER[part.gold[row]]))
        why = () if is_long else _why(found, part.name, row, part.texts[row])
        room -= sum(_SHADED_BYTES + _bytes(piece.text) for of_model in why for piece in of_model)
        whole = text if fits else None
        statements.append(ListedStatement(*about, start, whole, len(text), _answers(part, row), why))
    return Listing(tuple(statements), len(places), int((certainty >= 0).sum()))


def shaded(text: str, explanation: Explanation) -> tuple[Shaded, ...]:
    """The whole text in pieces, each word shaded by its weight against the statement's heaviest word."""
    heaviest = max((abs(span.weight) for span in explanation.spans), default=0.0)
    pieces, at = [], 0
    for span in explanation.spans:
        shade = round(_SHADES * span.weight / heaviest) if heaviest else 0
        pieces += [Shaded(clean(text[at : span.start]), 0), Shaded(clean(text[span.start : span.end]), shade)]
        at = span.end
    return tuple(piece for piece in (*pieces, Shaded(clean(text[at:]), 0)) if piece.text)


def _why(found: Evaluation, part: str, row: int, text: str) -> tuple[tuple[Shaded, ...], ...]:
    of_part = found.explanations.get(part, {}).get(row, ())
    return tuple(shaded(text, explanation) for explanation in of_part)


def clean(text: str) -> str:
    """The text as UTF-8 can hold it: half a surrogate pair becomes U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Columns:
    """One part by columns: gold is (n,), the others hold one (n,) array for each model."""

    name: str
    ids: list[str]
    texts: list[str]
    gold: IntArray
    predicted: list[IntArray]
    confidence: list[FloatArray]
    abstains: list[list[bool]]


def _columns(found: Evaluation, part: str) -> _Columns:
    rows, predictions = found.rows[part], found.predictions[part]
    return _Columns(
        name=part,
        ids=[str(value) for value in rows["id"]],
        texts=[str(value) for value in rows["text"]],
        gold=gold_columns(rows),
        predicted=[predicted_columns(one) for one in predictions],
        confidence=[one["confidence"].to_numpy(dtype=np.float64) for one in predictions],
        abstains=[[stance not in ORDER for stance in one["stance"]] for one in predictions],
    )


def _certainty_of_mistakes(part: _Columns) -> FloatArray:
    """Highest confidence (n,) of a model that has the statement wrong; -1 where none has."""
    certainty = np.full(len(part.gold), -1.0)
    for predicted, confidence in zip(part.predicted, part.confidence, strict=True):
        certainty = np.where(predicted != part.gold, np.maximum(certainty, confidence), certainty)
    return certainty


def _answers(part: _Columns, row: int) -> tuple[Answer, ...]:
    return tuple(
        Answer(
            str(ORDER[predicted[row]]), float(confidence[row]), bool(predicted[row] == part.gold[row]), abstains[row]
        )
        for predicted, confidence, abstains in zip(part.predicted, part.confidence, part.abstains, strict=True)
    )


def beginning(text: str) -> str:
    """The text, or what a list shows of a long one."""
    if len(text) <= _LONG_TEXT:
        return text
    cut = text.rfind(" ", _BEGINNING // 2, _BEGINNING)
    return text[: cut if cut > 0 else _BEGINNING]


def _bytes(text: str) -> int:
    return len(str(escape(text)).encode())
