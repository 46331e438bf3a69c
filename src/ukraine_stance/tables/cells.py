"""What counts as a text in a cell: something in it can be seen."""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

# White space, control characters and those that only format (zero-width space, byte order mark) show nothing.
_VISIBLE = r"[^\p{Z}\p{Cc}\p{Cf}]"


def are_empty(texts: pa.Array | pa.ChunkedArray | Iterable[object]) -> pa.Array | pa.ChunkedArray:
    """Whether there is nothing to see in each of n texts: booleans (n,), true where a value is no string at all."""
    if not isinstance(texts, pa.Array | pa.ChunkedArray):
        texts = pa.array([_encodable(text) if isinstance(text, str) else None for text in texts], pa.string())
    return pc.invert(pc.fill_null(pc.match_substring_regex(texts, _VISIBLE), False))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # half a surrogate pair is refused elsewhere, and is not nothing
