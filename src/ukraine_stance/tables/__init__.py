"""CSV, JSON Lines and Parquet in and out, a batch at a time; rows that cannot be read are given back as rejects.

CSV cells are strings and nothing else: "NA" and "007" stay what they are. JSON values keep their types.
"""

from ukraine_stance.tables.cells import are_empty
from ukraine_stance.tables.places import COMPRESSIONS, Place, find_places, format_suffix, is_address, saying_why_unread
from ukraine_stance.tables.reading import (
    JSON_TEXT,
    Batch,
    ReadOptions,
    Reject,
    Source,
    holds_json,
    listed,
    open_table,
    picked,
)
from ukraine_stance.tables.several import SeveralSources
from ukraine_stance.tables.writing import (
    GUARDED,
    SUFFIXES,
    RejectWriter,
    TableWriter,
    check_new,
    values_of,
    write_table,
)

__all__ = [
    "COMPRESSIONS",
    "GUARDED",
    "JSON_TEXT",
    "SUFFIXES",
    "Batch",
    "Place",
    "ReadOptions",
    "Reject",
    "RejectWriter",
    "SeveralSources",
    "Source",
    "TableWriter",
    "are_empty",
    "check_new",
    "find_places",
    "format_suffix",
    "holds_json",
    "is_address",
    "listed",
    "open_table",
    "picked",
    "saying_why_unread",
    "values_of",
    "write_table",
]
