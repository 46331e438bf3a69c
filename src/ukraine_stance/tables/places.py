"""Where a table stands: a file here or at an fsspec address (s3://...), plain or compressed, and how it is opened."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import pyarrow as pa

from ukraine_stance.errors import ServiceGone, StanceError, UserMistake
from ukraine_stance.files import sha256_file, sha256_json

# The ending of a name -> Arrow's codec.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

_READ_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")
_WILD = "*?["
# What several files are written with, or what was rejected: no input.
_SKIPPED_STARTS = ("_", ".")


@dataclass(frozen=True, slots=True)
class Place:
    """A file to read, by its path or its fsspec address."""

    name: str

    def __str__(self) -> str:
        return self.name

    @property
    def is_remote(self) -> bool:
        """Whether it is an fsspec address."""
        return is_address(self.name)

    @property
    def path(self) -> Path:
        """Where it stands on this machine."""
        return Path(self.name)

    @property
    def compression(self) -> str | None:
        """Arrow's name of the codec that the ending tells."""
        return COMPRESSIONS.get(PurePosixPath(self.name).suffix.lower())

    @property
    def suffix(self) -> str:
        """The ending that tells the format: `.csv` for `a.csv` and `a.CSV.gz`; `.gz` for `a.gz`."""
        return format_suffix(self.name)

    def open(self, in_pieces: bool = False) -> BinaryIO:
        """Its bytes, decompressed; seekable where it is not compressed. May raise OSError.

        in_pieces: it is read here and there, and from an address no more is fetched at once than is asked for.
        """
        ahead = {"cache_type": "none"} if in_pieces else {}
        raw = _filesystem(self.name)[0].open(self.name, "rb", **ahead) if self.is_remote else self.path.open("rb")
        if self.compression is None:
            return raw
        return io.BufferedReader(pa.CompressedInputStream(raw, self.compression))

    def check(self) -> None:
        """Raise UserMistake where there is no file, or an empty one."""
        if self.is_remote:
            size = _info(self.name)["size"]
        elif not self.path.exists():
            raise UserMistake(f"{self}: no such file")
        elif not self.path.is_file():
            raise UserMistake(f"{self}: not a file; give one .csv, .tsv, .jsonl or .parquet file")
        else:
            size = self.path.stat().st_size
        if size == 0:
            raise UserMistake(f"{self}: the file is empty")

    def identity(self) -> str:
        """Tells another content: the sha256 of a file here; at an address size and entity tag, read from no content."""
        if not self.is_remote:
            with saying_why_unread(self):
                return sha256_file(self.path)
        # s3fs says ETag, others etag or md5Hash; where there is none, a time.
        known = ("size", "ETag", "etag", "md5Hash", "LastModified", "mtime", "created")
        info = _info(self.name)
        tags = [name for name in known[1:4] if info.get(name)] or list(known[4:])
        return sha256_json({name: str(info.get(name)) for name in ("size", *tags)})

    def state(self) -> tuple[Any, ...]:
        """What changes at once when the file does: asked before and after it is read."""
        if self.is_remote:
            return (self.identity(),)
        found = self.path.stat()
        return found.st_size, found.st_mtime_ns, found.st_ino


def is_address(name: str) -> bool:
    """Whether a name is an fsspec address and no path."""
    return "://" in name


def format_suffix(name: str) -> str:
    """The last ending of a name that is no compression's, in small letters."""
    path = PurePosixPath(name)
    bare = PurePosixPath(path.stem) if path.suffix.lower() in COMPRESSIONS else path
    return (bare.suffix or path.suffix).lower()


def find_places(given: str) -> tuple[list[Place], bool]:
    """The files that a path, folder, pattern or fsspec address names, sorted, and whether it can name several.

    A folder is searched to its depths for files of known ending; those that start with `_` or `.` are left out.
    Raises UserMistake where there is none.
    """
    names, several = _remote_names(given) if is_address(given) else _local_names(given)
    if several and not names:
        raise UserMistake(f"{given}: holds no file that ends in {', '.join(_READ_SUFFIXES)} (.gz or .zst after it)")
    return [Place(name) for name in sorted(names)], several


@contextmanager
def saying_why_unread(place: Place, what: str = "read") -> Iterator[None]:
    """Turn what keeps a file from being read (or written) into an error that names it.

    It is the user's mistake, or a service's that is gone.
    """
    try:
        yield
    except (StanceError, UnicodeError, pa.ArrowInvalid):
        raise
    except FileNotFoundError as fault:
        raise UserMistake(f"{place}: no such file") from fault
    except (OSError, ImportError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) and fault.strerror else _first_line(fault)
        raise UserMistake(f"{place}: cannot be {what} ({reason})") from fault
    except Exception as fault:
        if not place.is_remote:
            raise
        if isinstance(fault, ValueError):  # no such protocol, or no such form of address
            raise UserMistake(f"{place}: cannot be {what} ({_first_line(fault)})") from fault
        # Every store's library has errors of its own, few of them OSErrors.
        raise ServiceGone(
            f"{place}: cannot be {what} ({_first_line(fault)}); check address, network and keys"
        ) from fault


def _local_names(given: str) -> tuple[list[str], bool]:
    path = Path(given)
    try:
        if path.is_dir():
            found = (file for file in path.rglob("*") if not _is_skipped(file.relative_to(path).parts))
            return [str(file) for file in found if file.is_file() and _is_read(file.name)], True
        if path.exists() or not any(mark in given for mark in _WILD):
            return [given], False
    except OSError as fault:
        raise UserMistake(f"{given}: cannot be read ({fault.strerror or fault})") from fault
    import glob

    return [name for name in glob.glob(given, recursive=True) if Path(name).is_file() and _is_read(name)], True  # noqa: PTH207 - a pattern may be absolute


def _remote_names(given: str) -> tuple[list[str], bool]:
    with saying_why_unread(Place(given)):
        filesystem, path = _filesystem(given)
        if any(mark in given for mark in _WILD):
            found = filesystem.glob(path)
        elif filesystem.isdir(path):
            start = len(path.rstrip("/")) + 1
            found = [name for name in filesystem.find(path) if not _is_skipped(tuple(name[start:].split("/")))]
        else:
            return [given], False
        return [filesystem.unstrip_protocol(name) for name in found if _is_read(name)], True


def _is_skipped(parts: tuple[str, ...]) -> bool:
    return any(part.startswith(_SKIPPED_STARTS) for part in parts)


def _is_read(name: str) -> bool:
    return format_suffix(name) in _READ_SUFFIXES


def _filesystem(name: str) -> Any:  # noqa: ANN401 - fsspec is untyped
    import fsspec  # type: ignore[import-untyped]

    return fsspec.core.url_to_fs(name)


def _info(name: str) -> dict[str, Any]:
    with saying_why_unread(Place(name)):
        filesystem, path = _filesystem(name)
        filesystem.invalidate_cache()
        return dict(filesystem.info(path))


def _first_line(fault: BaseException) -> str:
    return (str(fault) or type(fault).__name__).splitlines()[0]
