"""Roles of OpenVINO's operators, by their names in models and in the CPU plugin and oneDNN."""

from __future__ import annotations

from ironlaw.role import Operators, Role

OPERATORS: Operators = {
    Role.QUANTIZE: ("fakequantize",),
    Role.CONV: ("convolution", "deconvolution", "convolutionbackpropdata"),
    Role.TRANSPOSED: ("deconvolution", "convolutionbackpropdata"),
    Role.RELU: ("clamp",),
    Role.HARDSWISH: ("hswish",),
    Role.SILU: ("swish",),
    Role.LINEAR: ("fullyconnected", "innerproduct"),
    Role.AVERAGE_POOL: ("avgpool", "pool"),
    Role.MULTIPLY: ("mul",),
    Role.CONCATENATE: ("concat",),
}
