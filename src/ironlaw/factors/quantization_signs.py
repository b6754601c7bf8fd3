"""quantization.signs: signs of int8 activations and weights."""

from __future__ import annotations

from ironlaw.factor import Direction, Factor, Test


class Signs(Factor):
    """Plain is unsigned activations and signed weights, as in eager PyTorch's default."""

    name = "quantization.signs"
    summary = "signs of int8 activations and weights"
    plain = "u8s8"
    levels = ("u8s8", "s8s8")
    shapes_model = True
    engines = ("onnxruntime",)
    may_move = "the kernels; saturation where the CPU has no dot product instruction"
    tests = (Test(cause="signedness", level="s8s8", predicts=Direction.SLOWER),)


FACTOR = Signs()
