# ruff: noqa: TID253 - imported lazily, by building.py alone
"""The packed forward pass as an OpenVINO graph: its products reach more of the processor's rate than PyTorch's.

The graph is converted from the PyTorch module itself, without ONNX between: the same operations come out (the result
is within 2e-6 of it), and neither `onnx` nor `onnxscript` is needed.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import openvino  # type: ignore[import-untyped]
import torch
from openvino.tools.ovc.telemetry_stub import Telemetry  # type: ignore[import-untyped]
from torch import Tensor

from ukraine_stance.scoring.engines.packed import PackedBert

GRAPH = "graph.xml"

_KEPT_KERNELS = 50


def write_graph(network: Any, folder: Path) -> None:  # noqa: ANN401 - transformers' own
    """Write graph.xml and graph.bin, in fp32, with rows and length left open.

    Raises UserMistake for a network that the packed forward pass cannot read.
    """
    # The converter takes no tensor that wants a gradient for a constant; the network itself stays as it is.
    module = _Module(deepcopy(network).requires_grad_(False))
    # Two rows of three tokens: sizes of 1 would be taken for constants.
    given = torch.arange(6).view(2, 3) % network.config.vocab_size
    with torch.no_grad(), _unreported():
        graph = openvino.convert_model(module, example_input=(given, torch.zeros_like(given)))
    openvino.save_model(graph, folder / GRAPH, compress_to_fp16=False)


@contextmanager
def _unreported() -> Iterator[None]:
    """Keep the converter from sending figures on its use over the network, which it does unless a user has objected."""
    try:
        import openvino_telemetry as reporting  # type: ignore[import-untyped]
    except ImportError:
        yield
        return
    kept, reporting.Telemetry = reporting.Telemetry, Telemetry
    try:
        yield
    finally:
        reporting.Telemetry = kept


class OpenVinoForward:
    """Logits of token ids (n, length) and token types (n, length) from the graph in `folder`, computed in bf16.

    Every thread that calls has a request of its own, on one of `streams` streams of one core.
    """

    def __init__(self, folder: Path, streams: int) -> None:
        choices = {
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
            "INFERENCE_PRECISION_HINT": "bf16",
            # Kernels are kept for every size of a batch, 5,000 of them unless told otherwise: 11 MB more for each 1,000
            # rows, and no faster.
            "CPU_RUNTIME_CACHE_CAPACITY": _KEPT_KERNELS,
            # Two jobs on one machine would otherwise be pinned to the same cores.
            "ENABLE_CPU_PINNING": False,
        }
        self._compiled = openvino.Core().compile_model(folder / GRAPH, "CPU", choices)
        self._mine = threading.local()

    def __call__(self, ids: Tensor, types: Tensor) -> Tensor:
        """Logits (n, 3) in fp32."""
        if not hasattr(self._mine, "request"):
            self._mine.request = self._compiled.create_infer_request()
        found = self._mine.request.infer([ids.numpy(), types.numpy()], share_inputs=True)
        return torch.from_numpy(found[0])


class _Module(torch.nn.Module):
    """The packed forward pass with its weights as constants, as the converter wants it."""

    def __init__(self, network: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._forward = PackedBert(network, torch.float32)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        return self._forward(ids, types)
