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

from ukraine_stance.scoring.engines.packed import Map, Weights

# The paper's migration strength: half of the difficulty goes to the weights.
_STRENGTH = 0.5
_SMALLEST = 1e-5

# Of the inner channels, the share whose largest values are multiplied apart.
_LARGE_ONE_IN = 64

# A hint for oneDNN's choice of a kernel: about the rows of a batch.
_ROWS = 1024


@dataclass
class Ranges:
    """Smallest and largest activation (d,) of every channel that enters a linear map, by layer and place."""

    low: dict[str, Tensor] = field(default_factory=dict)
    high: dict[str, Tensor] = field(default_factory=dict)

    def linear(self, layer: int, place: str, weights: Weights) -> Map:
        """The map in fp32, which widens the ranges by what it is given."""

        def observed(hidden: Tensor) -> Tensor:
            self._widen(_key(layer, place), hidden)
            return F.linear(hidden, weights.weight, weights.bias)

        return observed

    def feed_forward(self, layer: int, up: Weights, down: Weights) -> Map:
        """The three steps in fp32, observed twice."""
        first, second = self.linear(layer, "up", up), self.linear(layer, "down", down)
        return lambda hidden: second(F.gelu(first(hidden)))

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


class StaticInt8:
    """Linear maps in int8 that take and give fp32, with steps from ranges that were observed."""

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges

    def linear(self, layer: int, place: str, weights: Weights) -> Map:
        """Quantise, multiply, give fp32."""
        quantised, product = self._entering(layer, place, weights)
        return lambda hidden: product(quantised(hidden), torch.float32, "none", (1.0, 0))

    def feed_forward(self, layer: int, up: Weights, down: Weights) -> Map:
        """Up and GELU give uint8, which down takes; a few channels hold more than that and bring the rest in fp32.

        What GELU gives lies near 0 but for a few channels that are ten times as large; one step size for all would
        round most of it away. uint8 ends where all other channels do, and what the few have beyond is multiplied apart.
        """
        quantised, first = self._entering(layer, "up", up)
        low, high = (ends[_key(layer, "down")] for ends in (self._ranges.low, self._ranges.high))
        large = high.topk(len(high) // _LARGE_ONE_IN).indices
        steps = _steps(low, high.index_fill(0, large, 0.0))
        most = (255 - steps[1]) * steps[0]
        second = _Product(down.weight, down.bias, steps)
        up_large, bias_large, down_large = up.weight[large], up.bias[large], down.weight[:, large].t().contiguous()

        def forward(hidden: Tensor) -> Tensor:
            raised = first(quantised(hidden), torch.uint8, "gelu", steps)
            beyond = F.gelu(F.linear(hidden, up_large, bias_large)).sub_(most).clamp_(min=0)
            return second(raised, torch.float32, "none", (1.0, 0)).addmm_(beyond, down_large)

        return forward

    def _entering(self, layer: int, place: str, weights: Weights) -> "tuple[Map, _Product]":
        """How fp32 activations become uint8 there, and the product that takes them."""
        low, high = (ends[_key(layer, place)] for ends in (self._ranges.low, self._ranges.high))
        smoothing = _smoothing(weights.weight, low, high)
        size, zero = _steps(low / smoothing, high / smoothing)
        factors, offset = 1 / (smoothing * size), torch.tensor(zero + 0.5)  # a half, since the conversion cuts

        def quantised(hidden: Tensor) -> Tensor:
            return torch.addcmul(offset, hidden, factors).clamp_(0, 255).to(torch.uint8)

        return quantised, _Product(weights.weight * smoothing, weights.bias, (size, zero))


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
