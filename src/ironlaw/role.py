"""What an operator of a model does, independent of an engine's name for it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """What an operator does. A fused operator is shown as the first of its roles in this order."""

    DEQUANTIZE = "dequantize"
    QUANTIZE = "quantize"
    CONV = "conv"
    TRANSPOSED = "transposed"  # beside CONV
    BATCHNORM = "batchnorm"
    LAYERNORM = "layernorm"
    GROUPNORM = "groupnorm"
    INSTANCENORM = "instancenorm"
    LEAKYRELU = "leakyrelu"
    PRELU = "prelu"
    RRELU = "rrelu"
    RELU = "relu"
    HARDSWISH = "hardswish"
    SILU = "silu"
    HARDSIGMOID = "hardsigmoid"
    SIGMOID = "sigmoid"
    GELU = "gelu"
    SELU = "selu"
    CELU = "celu"
    ELU = "elu"
    TANH = "tanh"
    SOFTMAX = "softmax"
    LINEAR = "linear"
    MATMUL = "matmul"
    EINSUM = "einsum"
    ATTENTION = "attention"
    EMBEDDING = "embedding"
    LSTM = "lstm"
    GRU = "gru"
    MAX_POOL = "max pool"
    AVERAGE_POOL = "average pool"
    FLATTEN = "flatten"
    DROPOUT = "dropout"
    ADD = "add"
    MULTIPLY = "multiply"
    CONCATENATE = "concatenate"
    MEAN = "mean"
    REORDER = "reorder"
    TRANSPOSE = "transpose"
    UNSTATED = ""  # the name says nothing about what is computed


CONVERTING = frozenset({Role.QUANTIZE, Role.DEQUANTIZE})  # only the number format changes
MULTIPLYING = frozenset(
    {Role.CONV, Role.LINEAR, Role.MATMUL, Role.ATTENTION, Role.LSTM, Role.GRU, Role.EINSUM}
)  # multiply and accumulate: what number formats are chosen for

# For each role the parts of operators' names that stand for it besides the role's own, in lower case, without digits
# and underscores. The longest part that fits is taken; one that stands under two roles has both.
Operators = Mapping[Role, tuple[str, ...]]

# What most libraries call it: each role by its own name.
COMMON_OPERATORS: Operators = {
    role: (role.value.replace(" ", ""),) for role in Role if role not in (Role.TRANSPOSED, Role.UNSTATED)
}
