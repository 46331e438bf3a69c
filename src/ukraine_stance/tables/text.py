"""Text files of any encoding: bytes that it does not know are kept, told by row and given back as they were."""

import codecs
import io
import re
import sys
from collections.abc import Iterator

from ukraine_stance.errors import UserMistake
from ukraine_stance.tables.places import Place, saying_why_unread

_WIDE_STARTS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Bytes that were no text, as PEP 383 writes them.
_ESCAPED = re.compile("([\udc80-\udcff]+)")


class TextFile:
    """A text file in a named encoding; a byte that is no text in it is read as half a surrogate pair (PEP 383)."""

    def __init__(self, place: Place, encoding: str, adjustable: bool = True) -> None:
        self._place = place
        self._adjustable = adjustable
        self._encoding = encoding
        self._codec = _known(encoding)
        with place.open() as stream:
            start = stream.read(4)
        if not any(width in self._codec for width in ("16", "32")):
            self._refuse_wide(start)
        self._unmarked = _unmarked(self._codec, start)

    def lines(self, newline: str) -> Iterator[str]:
        """Lines with their ends, without the mark that Excel writes at the start; `newline` as for `open`."""
        # Excel's mark is no part of the first column's name.
        codec = "utf-8-sig" if self._codec == "utf-8" else self._codec
        try:
            with (
                saying_why_unread(self._place),
                io.TextIOWrapper(
                    self._place.open(), encoding=codec, errors="surrogateescape", newline=newline
                ) as stream,
            ):
                yield from stream
        except UnicodeError as fault:
            raise UserMistake(f"{self._place}: not {self._encoding} ({fault}); give another --encoding") from fault

    def raw(self, text: str) -> bytes:
        """The bytes that were read as this text."""
        try:
            return text.encode(self._unmarked)
        except UnicodeEncodeError:
            # Not the handler `surrogateescape`: it cannot give back single bytes in codecs of two or four a character.
            return b"".join(
                bytes(ord(mark) & 0xFF for mark in piece) if at % 2 else piece.encode(self._unmarked)
                for at, piece in enumerate(_ESCAPED.split(text))
            )

    def fault(self, text: str) -> str:
        """Which byte of the text is none in this encoding, and the remedy; empty where all are."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as fault:
            byte = ord(text[fault.start]) & 0xFF
            remedy = "add --encoding NAME" if self._adjustable else "save it as UTF-8"
            return f"not {self._encoding} (byte 0x{byte:02x}); if the file has another encoding, {remedy}"
        return ""

    def _refuse_wide(self, start: bytes) -> None:
        found = next((name for mark, name in _WIDE_STARTS if start.startswith(mark)), None)
        if found is None and start[1::2] in (b"\0", b"\0\0"):
            found = "utf-16-le"
        elif found is None and start[::2] == b"\0\0":
            found = "utf-16-be"
        if found:
            remedy = f"add --encoding {found}" if self._adjustable else "save it as UTF-8"
            raise UserMistake(f"{self._place}: looks like {found[:6].upper()}; {remedy}")


def _unmarked(codec: str, start: bytes) -> str:
    """The codec that gives back the bytes of a line: Python's writes a byte order mark before each."""
    big = {"utf-16": codecs.BOM_UTF16_BE, "utf-32": codecs.BOM_UTF32_BE}
    if codec not in big:
        return codec
    order = "be" if start.startswith(big[codec]) or (sys.byteorder == "big" and start[:1] != b"\xff") else "le"
    return f"{codec}-{order}"


def _known(encoding: str) -> str:
    try:
        "".encode(encoding)
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError) as fault:
        raise UserMistake(f"--encoding: {encoding!r} is no encoding that Python knows") from fault
    return "utf-8" if name == "utf-8-sig" else name
