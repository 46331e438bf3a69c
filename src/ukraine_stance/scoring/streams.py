"""Standard input and output and remote outputs: what comes is kept in a file first, what goes is whole when it goes."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import replacing, saying_why_unwritten, sha256_text
from ukraine_stance.scoring.job import ScoreJob
from ukraine_stance.scoring.parts import SUCCESS
from ukraine_stance.tables import Place, is_address, saying_why_unread

STANDARD = "-"

# What compressed files start with -> the ending that tells it.
_COMPRESSED_STARTS = ((b"\x1f\x8b", ".gz"), (b"\x28\xb5\x2f\xfd", ".zst"))

# Endings of what stands beside an output file.
_BESIDE = ("", ".rejects.jsonl", ".manifest.json")


@contextmanager
def source_here(sources: tuple[str, ...], form: str) -> Iterator[tuple[str, ...]]:
    """The sources, with standard input kept in a temporary file of this format: readers need to go over it twice.

    Compression is known by the first bytes. Raises UserMistake where it stands beside other sources or is empty.
    """
    if STANDARD not in sources:
        yield sources
        return
    if len(sources) > 1:
        raise UserMistake("-: standard input is scored alone; give the files in a call of their own")
    with TemporaryDirectory(prefix="stance-") as folder:
        start = sys.stdin.buffer.read(4)
        ending = next((ending for magic, ending in _COMPRESSED_STARTS if start.startswith(magic)), "")
        path = Path(folder) / f"stdin.{form}{ending}"
        with saying_why_unwritten(path), path.open("wb") as file:
            file.write(start)
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield (str(path),)
        except UserMistake as fault:
            said = str(fault).replace(str(path), "standard input")
            json_lines = form in ("csv", "tsv") and start.lstrip().startswith(b"{")
            raise UserMistake(
                f"{said}; it looks like JSON Lines: add --format jsonl" if json_lines else said
            ) from fault


@contextmanager
def output_here(out: str, form: str, force: bool) -> Iterator[Path]:
    """A path here to write the output to; what goes to standard output or an address goes when it is whole."""
    if is_address(out):
        with _sent(out, force) as path:
            yield path
    elif out != STANDARD:
        yield Path(out)
    else:
        with TemporaryDirectory(prefix="stance-") as folder:
            path = Path(folder) / f"stdout.{form}"
            yield path
            _print_file(path)


def _print_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader had enough, as `head` has; nor may Python's own flush at exit fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _sent(address: str, force: bool) -> Iterator[Path]:
    """A path in the user's cache folder, always the same for an address, so that a job that was killed goes on.

    What stands at the address is fetched first, to be known as finished or as another's. The output is sent last of
    its files: where it stands, the others do.
    """
    import fsspec  # type: ignore[import-untyped]

    folder = Path.home() / ".cache" / "ukraine-stance" / "scoring" / sha256_text(address)[:16]
    path = folder / PurePosixPath(address.rstrip("/")).name
    fetched = folder / ".fetched"
    with saying_why_unread(Place(address), "written"):
        filesystem, remote = fsspec.core.url_to_fs(address.rstrip("/"))
        if force and filesystem.isdir(remote):
            raise UserMistake(
                f"{address}: holds files; --force would leave old parts among them: remove them there first"
            )
        if fetched.exists():
            shutil.rmtree(folder)
        if not force and not path.exists():
            _fetch(filesystem, remote, path, fetched)
    try:
        yield path
    except UserMistake as fault:
        raise UserMistake(str(fault).replace(str(path), address)) from fault
    finally:
        known = fetched.exists()  # a finished output of ours, or somebody else's: nothing is sent
        if known:
            shutil.rmtree(folder)
    if known:
        return
    with saying_why_unread(Place(address), "written"):
        files = [file for file in folder.rglob("*") if file.is_file()]
        for file in sorted(files, key=lambda file: _rank(file, path)):
            filesystem.put_file(str(file), f"{remote}{str(file).removeprefix(str(path))}")
    shutil.rmtree(folder)


def _fetch(filesystem: Any, remote: str, path: Path, mark: Path) -> None:  # noqa: ANN401 - fsspec is untyped
    filesystem.invalidate_cache()
    beside = [f"{remote}{ending}" for ending in _BESIDE if filesystem.isfile(f"{remote}{ending}")]
    for name in [*beside, *filesystem.find(f"{remote}/")]:
        to = Path(f"{path}{name.removeprefix(remote)}")
        to.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        filesystem.get_file(name, str(to))


def _rank(file: Path, path: Path) -> tuple[bool, str]:
    return file in (path, path / SUCCESS), str(file)


def keep_rejects(job: ScoreJob, to: Path) -> None:
    """Copy the rejects of a job whose output goes to standard output, which has no place beside it."""
    with saying_why_unwritten(to), replacing(to) as temporary:
        shutil.copyfile(job.rejects, temporary)
