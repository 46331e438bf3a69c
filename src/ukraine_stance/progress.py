"""Progress on stderr: a bar where a person watches, a line now and then where a log is written."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

Advance = Callable[[int], None]

_SECONDS_BETWEEN_LINES = 10.0


_shown = False


def line(words: str) -> None:
    """Say which step of several begins, on a line of its own that stays."""
    print(words, file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def bar(what: str, total: int | None) -> Iterator[Advance]:
    """Show work of `total` units (None: unknown); call the yielded function with the units just done.

    Work inside work that is shown already shows nothing of its own.
    """
    global _shown
    if _shown:
        yield lambda units: None
        return
    show = _terminal_bar if sys.stderr.isatty() else _plain_lines
    _shown = True
    try:
        with show(what, total) as advance:
            yield advance
    finally:
        _shown = False


@contextmanager
def _terminal_bar(what: str, total: int | None) -> Iterator[Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda units: progress.advance(task, units)


@contextmanager
def _plain_lines(what: str, total: int | None) -> Iterator[Advance]:
    done, last = 0, time.monotonic()

    def advance(units: int) -> None:
        nonlocal done, last
        done += units
        if time.monotonic() - last >= _SECONDS_BETWEEN_LINES:
            last = time.monotonic()
            print(f"{what}: {done}" + (f" of {total}" if total else ""), file=sys.stderr, flush=True)  # noqa: T201

    yield advance
