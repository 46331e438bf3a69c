"""Atomic writes and hashes: a reader of any file of ours sees the old content or the new, never a part."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ukraine_stance.errors import UserMistake


def sha256_text(text: str) -> str:
    """Hex digest of the text's UTF-8 bytes."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex digest of a file's bytes, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_json(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    """Hex digest of a value in canonical JSON, so that key order does not matter."""
    return sha256_text(json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success it is synced and renamed over `path`, else removed.

    Its name is always the same and its writer holds a lock on it: what a killed process left is taken over, and a
    second writer of the same file is refused with UserMistake.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    with _claimed(temporary, path, _open_file) as descriptor:
        os.ftruncate(descriptor, 0)
        try:
            yield temporary
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside `path`; on success it takes `path`'s place, else it is removed.

    Killed processes and second writers are dealt with as by `replacing`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary, old = (path.with_name(f".{path.name}.{end}") for end in ("tmp", "old"))
    with _claimed(temporary, path, _open_folder):
        _restore(old, path)
        _empty(temporary)
        try:
            yield temporary
            _sync_files(temporary)
            if path.exists():
                path.rename(old)
            temporary.rename(path)
            sync_folder(path.parent)
        except BaseException:
            _restore(old, path)
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Keep other processes from working on `folder` meanwhile; a second one is refused with UserMistake.

    A file beside the folder holds the lock, so that the folder itself may be replaced.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = _lock_of(folder)
    with _claimed(lock, folder, _open_file):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


def has_writer(folder: Path) -> bool:
    """Whether a living process is the sole writer of the folder."""
    try:
        descriptor = os.open(_lock_of(folder), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not _is_locked(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def saying_why_unwritten(path: Path) -> Iterator[None]:
    """Turn a full disk, a read-only folder and their like into a UserMistake that names `path` and the way out."""
    try:
        yield
    except OSError as fault:
        reason = fault.strerror or str(fault).splitlines()[0]
        raise UserMistake(f"{path}: cannot be written ({reason}); make room there or give another place") from fault


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Write a value as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Read JSON that we wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def sync_folder(folder: Path) -> None:
    """Make a rename inside the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock_of(folder: Path) -> Path:
    whole = folder.resolve()  # "." has no name
    return whole.with_name(f".{whole.name}.lock")


def _open_file(temporary: Path) -> int:
    return os.open(temporary, os.O_RDWR | os.O_CREAT, 0o666)


def _open_folder(temporary: Path) -> int:
    temporary.mkdir(exist_ok=True)
    return os.open(temporary, os.O_RDONLY)


@contextmanager
def _claimed(temporary: Path, path: Path, opened: Callable[[Path], int]) -> Iterator[int]:
    """Descriptor of `temporary`, locked: the system frees the lock of a process that dies, however it dies."""
    while True:
        descriptor = opened(temporary)
        try:
            if not _is_locked(descriptor):
                raise UserMistake(f"{path}: another process is writing it; wait for it or give another place")
            # Between opening and locking, its last owner may have renamed or removed it: then it is not ours.
            if temporary.exists() and os.path.samestat(os.fstat(descriptor), temporary.stat()):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a filesystem without locks: all is as well as it can be there
    return True


def _restore(old: Path, path: Path) -> None:
    if old.exists() and not path.exists():
        old.rename(path)
    shutil.rmtree(old, ignore_errors=True)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _sync_files(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
