"""Articles to rows that can be scored or labelled."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from ukraine_stance.corpus import articles, sentences
from ukraine_stance.records import Article
from ukraine_stance.tables import check_new, write_table

_SCHEMA = pa.schema(
    [
        ("article_id", pa.string()),
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("text", pa.string()),
        ("kind", pa.string()),
        ("quote_id", pa.int64()),
        ("date", pa.string()),
        ("outlet", pa.string()),
    ]
)


def split_folder(folder: Path, out: Path, force: bool = False) -> tuple[dict[str, int], list[str]]:
    """Write every statement of a folder's articles; gives the statements per article and the files left out, with why.

    Raises UserMistake when there are no articles, or `out` exists and `force` is not given.
    """
    check_new(out, force)
    found, faults = articles.read_folder(folder)
    rows = [row for article in found for row in _rows(article)]
    write_table(out, pa.Table.from_pylist(rows, schema=_SCHEMA))
    return dict(Counter(row["article_id"] for row in rows)), faults


def dropped_lines(folder: Path) -> Iterator[str]:
    """Every line of a folder's articles that is taken for page furniture: `file:line: dropped (rule): text`."""
    for article in articles.read_folder(folder)[0]:
        for line in articles.explain(article.path):
            if line.kind is None:
                yield f"{article.path.name}:{line}"


def _rows(article: Article) -> list[dict[str, Any]]:
    about = {"date": article.date, "outlet": article.outlet}
    return [{**asdict(statement), **about} for statement in sentences.split(article)]
