"""CSV, JSON Lines and Parquet in and out, a batch at a time; rows that cannot be read are given back as rejects.

CSV cells are strings and nothing else: "NA" and "007" stay what they are. JSON values keep their types.
"""

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
from ukraine_stance.tables.writing import SUFFIXES, RejectWriter, TableWriter, check_new, write_table

__all__ = [
    "JSON_TEXT",
    "SUFFIXES",
    "Batch",
    "ReadOptions",
    "Reject",
    "RejectWriter",
    "Source",
    "TableWriter",
    "check_new",
    "holds_json",
    "listed",
    "open_table",
    "picked",
    "write_table",
]
