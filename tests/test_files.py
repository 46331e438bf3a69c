import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import (
    replacing,
    replacing_folder,
    saying_why_unwritten,
    sha256_json,
    sole_writer,
    write_text,
)

DIES_WRITING = """
import os, sys
from pathlib import Path
from ukraine_stance import files
with getattr(files, sys.argv[1])(Path(sys.argv[2])) as temporary:
    (temporary / "part" if temporary.is_dir() else temporary).write_text("a part that is rather long")
    os.kill(os.getpid(), 9)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def died_writing(how: str, path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES_WRITING, how, str(path)], check=False)
    assert done.returncode == -9


def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert names(path.parent) == ["a.txt"]


@pytest.mark.parametrize("fault", [ValueError, KeyboardInterrupt])
def test_a_writer_that_fails_changes_nothing_and_leaves_nothing(tmp_path: Path, fault: type[BaseException]) -> None:
    write_text(tmp_path / "file", "old")
    write_text(tmp_path / "folder" / "a", "old")
    with pytest.raises(fault), replacing(tmp_path / "file") as temporary:
        temporary.write_text("part")
        raise fault
    with pytest.raises(fault), replacing_folder(tmp_path / "folder") as folder:
        (folder / "b").write_text("part")
        raise fault
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["file", "folder", "folder/a"]
    assert (tmp_path / "file").read_text() == "old"


def test_what_a_killed_process_left_does_not_accumulate_and_does_not_show(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for _ in range(2):
        died_writing("replacing", path)
        assert names(tmp_path) == [".a.txt.tmp"]
    with replacing(path) as temporary:
        assert temporary.read_bytes() == b""
        temporary.write_text("new")
    assert names(tmp_path) == ["a.txt"]
    assert path.read_text() == "new"


def test_a_folder_half_written_by_a_killed_process_is_taken_over_empty(tmp_path: Path) -> None:
    path = tmp_path / "built"
    died_writing("replacing_folder", path)
    (tmp_path / ".built.tmp" / "sub").mkdir()
    with replacing_folder(path) as temporary:
        (temporary / "whole").write_text("new")
    assert [str(found.relative_to(tmp_path)) for found in tmp_path.rglob("*")] == ["built", "built/whole"]


def test_a_folder_set_aside_by_a_killed_process_is_put_back_when_the_next_fails(tmp_path: Path) -> None:
    write_text(tmp_path / ".built.old" / "a", "old")
    with pytest.raises(ValueError, match="no"), replacing_folder(tmp_path / "built"):
        raise ValueError("no")
    assert [str(found.relative_to(tmp_path)) for found in tmp_path.rglob("*")] == ["built", "built/a"]


@pytest.mark.parametrize("how", [replacing, replacing_folder])
def test_a_second_writer_is_refused_and_the_first_one_finishes(tmp_path: Path, how: object) -> None:
    path = tmp_path / "a"
    with how(path) as temporary:  # type: ignore[operator]
        (temporary / "x" if temporary.is_dir() else temporary).write_text("first")
        with pytest.raises(UserMistake, match="a: another process is writing it"), how(path):  # type: ignore[operator]
            pass
    assert (path / "x" if path.is_dir() else path).read_text() == "first"
    assert names(tmp_path) == ["a"]


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    write_text(tmp_path / "built" / "old", "old")
    with replacing_folder(tmp_path / "built") as temporary:
        (temporary / "new").write_text("new")
        assert (tmp_path / "built" / "old").exists()
    assert [str(found.relative_to(tmp_path)) for found in tmp_path.rglob("*")] == ["built", "built/new"]


def test_an_operating_systems_no_is_one_line_with_path_reason_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserMistake) as caught, saying_why_unwritten(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(caught.value) == (
        f"{tmp_path}: cannot be written (No space left on device); make room there or give another place"
    )


def test_a_hash_of_json_ignores_the_order_of_keys_alone() -> None:
    assert sha256_json({"a": 1, "b": [1, 2]}) == sha256_json({"b": [1, 2], "a": 1})
    assert sha256_json({"b": [1, 2]}) != sha256_json({"b": [2, 1]})


def test_a_folder_set_aside_by_a_killed_process_is_removed_when_the_new_one_stands(tmp_path: Path) -> None:
    write_text(tmp_path / ".built.old" / "a", "older")
    write_text(tmp_path / "built" / "a", "old")
    with replacing_folder(tmp_path / "built") as temporary:
        (temporary / "a").write_text("new")
    assert names(tmp_path) == ["built"]
    assert (tmp_path / "built" / "a").read_text() == "new"


def test_a_folder_has_one_worker_who_may_replace_it_and_leaves_no_lock(tmp_path: Path) -> None:
    with sole_writer(tmp_path / "work"):
        with replacing_folder(tmp_path / "work") as temporary:
            (temporary / "part").write_text("done")
        with pytest.raises(UserMistake, match="another process is writing it"), sole_writer(tmp_path / "work"):
            pass
    assert names(tmp_path) == ["work"]


def test_a_lock_of_a_killed_worker_holds_nobody_up(tmp_path: Path) -> None:
    code = "import os; from pathlib import Path; from ukraine_stance.files import sole_writer\n"
    code += f"with sole_writer(Path({str(tmp_path / 'work')!r})): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    with sole_writer(tmp_path / "work"):
        pass
    assert names(tmp_path) == []
