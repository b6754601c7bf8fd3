"""Roles of ONNX operators, by their names in files and as ONNX Runtime fuses and quantizes them."""

from __future__ import annotations

from ironlaw.role import Operators, Role

OPERATORS: Operators = {
    Role.DEQUANTIZE: ("dequantizelinear",),
    Role.QUANTIZE: ("quantizelinear",),
    Role.CONV: ("convtranspose",),
    Role.TRANSPOSED: ("convtranspose",),
    Role.BATCHNORM: ("batchnormalization",),
    Role.RELU: ("clip",),
    Role.SILU: ("swish",),
    Role.LINEAR: ("gemm",),
    Role.MULTIPLY: ("mul",),
    Role.CONCATENATE: ("concat",),
    Role.UNSTATED: ("qlinear",),
}
