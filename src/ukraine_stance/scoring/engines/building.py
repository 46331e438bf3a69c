"""The only place that knows which engines exist: what each writes beside a run, and how it is put together again."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ukraine_stance.errors import UserMistake
from ukraine_stance.models.transformer import TransformerModel

if TYPE_CHECKING:
    from ukraine_stance.scoring.engines.streams import StreamedTransformer

REFERENCE = "torch"
ENGINES = ("torch-packed", "torch-bf16", "openvino-bf16")

# Engines that need an optional package; the extra has its name.
_PACKAGES = {"openvino-bf16": "openvino"}


def prepare(name: str, model: TransformerModel, folder: Path) -> None:
    """Write into `folder` what the engine needs beyond the model.

    Raises UserMistake where the engine's package is not installed or the network is one that it cannot read.
    """
    if absent := missing(name):
        raise UserMistake(absent)
    if name == "openvino-bf16":
        from ukraine_stance.scoring.engines.openvino_graph import write_graph

        write_graph(_network(model), folder)


def build(name: str, model: TransformerModel, folder: Path, streams: int | None = None) -> "StreamedTransformer":
    """The model behind the engine; streams are by default as many as there are processors.

    Raises UserMistake for a network that the engine cannot read.
    """
    import torch

    from ukraine_stance.scoring.engines.packed import PackedBert
    from ukraine_stance.scoring.engines.streams import StreamedTransformer, streams_of

    network = _network(model)
    if name == "openvino-bf16":
        from ukraine_stance.scoring.engines.openvino_graph import OpenVinoForward

        if network.device.type != "cpu":
            raise UserMistake("openvino-bf16 runs on processors alone; give --engine torch-bf16 here")
        streams = streams or streams_of(network.device)
        return StreamedTransformer(model, OpenVinoForward(folder, streams), streams)
    dtype = torch.bfloat16 if name == "torch-bf16" else torch.float32
    return StreamedTransformer(model, PackedBert(network, dtype), streams)


def missing(name: str) -> str:
    """One line that names the package which the engine needs and which is not installed; empty where nothing lacks."""
    package = _PACKAGES.get(name)
    if package is None or _version(package) is not None:
        return ""
    return f"{name} needs the package {package}, which is not installed; pip install 'ukraine-stance[{package}]'"


def versions(name: str) -> dict[str, str]:
    """What the engine's answers and speed depend on here, beyond the model."""
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else torch.backends.cpu.get_cpu_capability()
    found = {"torch": torch.__version__, "device": where}
    if package := _PACKAGES.get(name):
        found[package] = _version(package) or "missing"
    return found


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _network(model: TransformerModel) -> Any:  # noqa: ANN401
    network = model.network
    network.eval()
    return network
