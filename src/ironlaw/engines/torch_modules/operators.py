"""Roles of torch's classes and functions, for the engines that run torch modules or graphs traced from them."""

from __future__ import annotations

from ironlaw.role import Operators, Role

OPERATORS: Operators = {
    Role.QUANTIZE: ("fakequantize",),
    Role.CONV: ("convolution", "convbn", "convtranspose"),
    Role.TRANSPOSED: ("convtranspose",),
    Role.BATCHNORM: ("convbn", "bnrelu"),
    Role.RELU: ("hardtanh", "clamp", "bnrelu"),
    Role.LINEAR: ("addmm",),
    Role.MATMUL: ("bmm",),
    Role.AVERAGE_POOL: ("avgpool",),
    Role.MULTIPLY: ("mul",),
    Role.CONCATENATE: ("cat",),
    Role.REORDER: ("tomkldnn", "todense"),
    Role.TRANSPOSE: ("permute",),
    Role.UNSTATED: ("quantized",),
}
