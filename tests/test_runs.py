"""The run folder: the command that goes on with it, from wherever it is given, and what the bits depend on."""

from pathlib import Path

import pytest

from ukraine_stance import runs


@pytest.fixture
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a project").mkdir()
    return tmp_path / "a project"


def test_the_command_names_the_project_where_it_is_not_the_current_folder(
    begun: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = runs.start(begun / "run", "name: x", {}, {}, Path("a project"))
    assert runs.resuming(run.folder) == f"stance train --resume '{run.folder}' --root '{begun}'"
    monkeypatch.chdir(begun)
    assert runs.resuming(Path("run")) == "stance train --resume run"


@pytest.mark.parametrize(("here", "machines"), [(4, ""), (2, "--nnodes 2 ")])
def test_the_command_starts_as_many_processes_and_machines(
    begun: Path, monkeypatch: pytest.MonkeyPatch, here: int, machines: str
) -> None:
    for name, value in {"RANK": 0, "WORLD_SIZE": 4, "LOCAL_WORLD_SIZE": here}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.chdir(begun)
    runs.start(Path("run"), "name: x", {}, {}, Path())
    launched = f"torchrun {machines}--nproc-per-node {here} -m ukraine_stance.cli"
    assert runs.resuming(Path("run")) == f"{launched} train --resume run"


def test_other_instructions_of_the_processor_are_other_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    before = runs.surroundings()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert runs.surroundings() != before
