"""How many ids stand more than once, over any number of rows, in memory that does not grow with them."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

# Ids of one bucket are held in memory at once, eight bytes each.
_IDS_A_BUCKET = 1_000_000
_MOST_BUCKETS = 256


def repeated_ids(columns: Iterable[pa.ChunkedArray], rows: int, folder: Path) -> int:
    """Rows whose id stood in a row before; null and empty ids are none.

    columns are the ids a shard at a time, rows of them in all; up to 8 bytes a row stand in `folder` meanwhile. Ids are
    told apart by 64-bit hashes: among ten million different ones the chance that any two are taken for one is 3 in a
    million. Memory is bounded up to 256 million rows, and grows by 8 bytes for every 256 more.
    """
    buckets = min(_MOST_BUCKETS, rows // _IDS_A_BUCKET + 1)
    if buckets == 1:
        return _repeated(np.concatenate([np.zeros(0, np.uint64), *map(_hashes, columns)]))
    with TemporaryDirectory(dir=folder, prefix=".ids-") as scratch:
        files = [Path(scratch) / str(number) for number in range(buckets)]
        _spread(columns, files)
        return sum(_repeated(np.fromfile(file, np.uint64)) for file in files)


def _spread(columns: Iterable[pa.ChunkedArray], files: list[Path]) -> None:
    with ExitStack() as opened:
        streams = [opened.enter_context(file.open("wb")) for file in files]
        for column in columns:
            hashes = _hashes(column)
            for number, stream in enumerate(streams):
                stream.write(hashes[hashes % np.uint64(len(files)) == number].tobytes())


def _hashes(ids: pa.ChunkedArray) -> np.ndarray:
    return pd.util.hash_array(np.fromiter(_strings(ids), object), categorize=False)


def _strings(ids: pa.ChunkedArray) -> Iterator[str]:
    try:
        texts = ids.cast(pa.string()).drop_null()
        texts = texts.filter(pc.not_equal(texts, ""))
    except pa.ArrowException:  # lists and their like have no form as text in Arrow
        return (str(value) for value in ids.drop_null().to_pylist())
    return iter(texts.to_pylist())


def _repeated(hashes: np.ndarray) -> int:
    return len(hashes) - len(np.unique(hashes))
