# ruff: noqa: TID253 - imported lazily, by building.py alone
"""Linear maps in int8 with scales that are fixed beforehand, so that a row's answer cannot depend on its batch.

Weights are symmetric with one scale for each output channel; activations are unsigned, with one scale and zero point
for each place in the network, from the ranges seen on calibration texts. Where activations have a few large channels,
the weights take over a part of their range: Xiao et al. 2023, SmoothQuant, arXiv:2211.10438. The products run in
oneDNN, which PyTorch carries.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from ukraine_stance.scoring.engines.packed import Linear, MakeLinear

# The paper's migration strength: half of the difficulty goes to the weights.
_STRENGTH = 0.5
_SMALLEST = 1e-5

# A hint for oneDNN's choice of a kernel: about the rows of a batch.
_ROWS = 1024


@dataclass
class Ranges:
    """Smallest and largest activation (d,) of every channel that enters a linear map, by layer and place."""

    low: dict[str, Tensor] = field(default_factory=dict)
    high: dict[str, Tensor] = field(default_factory=dict)

    def observing(self) -> MakeLinear:
        """Linear maps in fp32 that widen the ranges by what they are given."""

        def make(layer: int, place: str, weight: Tensor, bias: Tensor) -> Linear:
            def observed(hidden: Tensor) -> Tensor:
                self._widen(_key(layer, place), hidden)
                mapped = F.linear(hidden, weight, bias)
                return F.gelu(mapped) if place == "up" else mapped

            return observed

        return make

    def as_tensors(self) -> dict[str, Tensor]:
        """For a safetensors file."""
        return {f"{name}.{end}": tensor for end in ("low", "high") for name, tensor in getattr(self, end).items()}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "Ranges":
        """What `as_tensors` gave."""
        ends = ("low", "high")
        parts = ({k.removesuffix(f".{end}"): v for k, v in tensors.items() if k.endswith(f".{end}")} for end in ends)
        return cls(*parts)

    def _widen(self, name: str, hidden: Tensor) -> None:
        low, high = torch.aminmax(hidden, dim=0)
        self.low[name] = torch.minimum(self.low[name], low) if name in self.low else low
        self.high[name] = torch.maximum(self.high[name], high) if name in self.high else high


def int8_linear(ranges: Ranges) -> MakeLinear:
    """Linear maps in int8 that take and give fp32; "up" gives uint8 after its GELU, which "down" takes."""

    def make(layer: int, place: str, weight: Tensor, bias: Tensor) -> Linear:
        low, high = ranges.low[_key(layer, place)], ranges.high[_key(layer, place)]
        if place == "down":
            product = _Product(weight, bias, _steps(low, high))
            return lambda quantised: product(quantised, torch.float32, "none", (1.0, 0))
        smoothing = _smoothing(weight, low, high)
        steps = _steps(low / smoothing, high / smoothing)
        product, factors = _Product(weight * smoothing, bias, steps), 1 / (smoothing * steps[0])
        if place == "up":
            raised = _steps(ranges.low[_key(layer, "down")], ranges.high[_key(layer, "down")])
            return lambda hidden: product(_quantised(hidden, factors, steps[1]), torch.uint8, "gelu", raised)
        return lambda hidden: product(_quantised(hidden, factors, steps[1]), torch.float32, "none", (1.0, 0))

    return make


class _Product:
    """x W' + b of uint8 activations (n, d) whose step and zero point are known."""

    def __init__(self, weight: Tensor, bias: Tensor, steps: tuple[float, int]) -> None:
        scales = weight.abs().amax(dim=1).clamp_min(_SMALLEST) / 127
        rounded = torch.round(weight / scales[:, None]).clamp(-127, 127).to(torch.int8)
        self._weight = torch.ops.onednn.qlinear_prepack(rounded, [_ROWS, weight.shape[1]])
        self._scales = scales.contiguous()
        self._zeros = torch.zeros(len(scales), dtype=torch.int32)
        self._bias = bias
        self._steps = steps

    def __call__(self, given: Tensor, kind: torch.dtype, after: str, steps: tuple[float, int]) -> Tensor:
        """Result (n, f) of that type, after the activation named; steps are those of a uint8 result."""
        product: Tensor = torch.ops.onednn.qlinear_pointwise(
            given, *self._steps, self._weight, self._scales, self._zeros, self._bias, *steps, kind, after, [], "none"
        )
        return product


def _quantised(hidden: Tensor, factors: Tensor, zero: int) -> Tensor:
    """Activations (n, d) as uint8: rounded by adding a half, since the conversion cuts."""
    offset = torch.tensor(zero + 0.5)
    return torch.addcmul(offset, hidden, factors).clamp_(0, 255).to(torch.uint8)


def _steps(low: Tensor, high: Tensor) -> tuple[float, int]:
    """Size of a step and the zero point for values between the smallest and the largest; zero itself is exact."""
    smallest, largest = min(float(low.min()), 0.0), max(float(high.max()), 0.0)
    size = max((largest - smallest) / 255, _SMALLEST)
    return size, round(-smallest / size)


def _smoothing(weight: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """What each channel (d,) of the activations is divided by, and of the weights multiplied with."""
    activations = torch.maximum(-low, high).clamp_min(_SMALLEST)
    weights = weight.abs().amax(dim=0).clamp_min(_SMALLEST)
    return activations**_STRENGTH / weights ** (1 - _STRENGTH)


def _key(layer: int, place: str) -> str:
    return f"{layer}.{place}"
