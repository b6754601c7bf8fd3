"""What nodes of OpenVINO's models are called, as written and as its CPU plugin and oneDNN execute them."""

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
