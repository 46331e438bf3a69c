"""The only place that knows which engines exist: what each writes beside a run, and how it is put together again."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ukraine_stance.errors import UserMistake
from ukraine_stance.files import replacing
from ukraine_stance.models.transformer import TransformerModel

if TYPE_CHECKING:
    from ukraine_stance.scoring.engines.streams import StreamedTransformer

REFERENCE = "torch"
ENGINES = ("torch-packed", "torch-bf16", "torch-int8")

_RANGES = "ranges.safetensors"


def prepare(name: str, model: TransformerModel, texts: Sequence[str], targets: Sequence[str], folder: Path) -> None:
    """Write into `folder` what the engine needs beyond the model; texts with their targets are for calibration."""
    if name != "torch-int8":
        return
    import torch
    from safetensors.torch import save_file

    from ukraine_stance.scoring.engines.packed import PackedBert
    from ukraine_stance.scoring.engines.static_int8 import Ranges
    from ukraine_stance.scoring.engines.streams import StreamedTransformer

    ranges = Ranges()
    observed = PackedBert(_network(model), ranges, torch.float32)
    StreamedTransformer(model, observed, streams=1).predict(texts, targets)
    with replacing(folder / _RANGES) as path:
        save_file(ranges.as_tensors(), path)


def build(name: str, model: TransformerModel, folder: Path, streams: int | None = None) -> "StreamedTransformer":
    """The model behind the engine; streams are by default as many as there are processors.

    Raises UserMistake for a network that the engine cannot read.
    """
    import torch
    from safetensors.torch import load_file

    from ukraine_stance.scoring.engines.packed import FloatingPoint, PackedBert
    from ukraine_stance.scoring.engines.static_int8 import Ranges, StaticInt8
    from ukraine_stance.scoring.engines.streams import StreamedTransformer

    network = _network(model)
    if name == "torch-int8":
        if network.device.type != "cpu":
            raise UserMistake("torch-int8 runs on processors alone; give --engine torch-bf16 here")
        ranges = Ranges.from_tensors(load_file(folder / _RANGES))
        return StreamedTransformer(model, PackedBert(network, StaticInt8(ranges), torch.float32), streams)
    dtype = torch.bfloat16 if name == "torch-bf16" else torch.float32
    return StreamedTransformer(model, PackedBert(network, FloatingPoint(dtype), dtype), streams)


def versions() -> dict[str, str]:
    """What the engines' answers and speed depend on here, beyond the model."""
    import torch

    where = torch.cuda.get_device_name() if torch.cuda.is_available() else torch.backends.cpu.get_cpu_capability()
    return {"torch": torch.__version__, "device": where}


def _network(model: TransformerModel) -> Any:  # noqa: ANN401
    network = model.network
    network.eval()
    return network
