"""What nodes of OpenVINO's models are called, as written and as its CPU plugin and oneDNN execute them."""

from __future__ import annotations

from ironlaw.role import Operators, Role

OPERATORS: Operators = {
    Role.DEQUANTIZE: ("dequantize",),
    Role.QUANTIZE: ("quantize", "fakequantize"),
    Role.CONV: ("convolution", "deconvolution", "convolutionbackpropdata"),
    Role.TRANSPOSED: ("deconvolution", "convolutionbackpropdata"),
    Role.PRELU: ("prelu",),
    Role.RELU: ("relu", "clamp"),
    Role.HARDSWISH: ("hswish",),
    Role.SILU: ("swish",),
    Role.SIGMOID: ("sigmoid",),
    Role.GELU: ("gelu",),
    Role.SELU: ("selu",),
    Role.ELU: ("elu",),
    Role.TANH: ("tanh",),
    Role.SOFTMAX: ("softmax",),
    Role.LINEAR: ("fullyconnected", "innerproduct"),
    Role.MATMUL: ("matmul",),
    Role.EINSUM: ("einsum",),
    Role.ATTENTION: ("attention",),
    Role.EMBEDDING: ("embedding",),
    Role.LSTM: ("lstm",),
    Role.GRU: ("gru",),
    Role.MAX_POOL: ("maxpool",),
    Role.AVERAGE_POOL: ("avgpool", "pool"),
    Role.ADD: ("add",),
    Role.MULTIPLY: ("mul",),
    Role.CONCATENATE: ("concat",),
    Role.MEAN: ("mean",),
    Role.REORDER: ("reorder",),
    Role.TRANSPOSE: ("transpose",),
}
