"""Weights of eight or four bits in torch modules, by torchao: stored in few bits, computed in float."""

from __future__ import annotations

import copy
import importlib.util
import warnings
from typing import Any

from ironlaw.engines.border.failures import explained, quiet
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.torch_modules.int8 import Quantized
from ironlaw.errors import ArmFailed


def quantize_weights(module: Any, phases: Phases) -> Quantized:
    """A copy whose Linear layers keep their weights in int8 and widen them at each call.

    Raises:
        ArmFailed: torchao is not installed, or the model has no Linear layer.
    """
    _require_torchao()
    with quiet(), explained("int8-weights"), phases.timed("convert"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchao warns of its own modules while it is imported
            from torchao.quantization import Int8WeightOnlyConfig, quantize_
        made = copy.deepcopy(module)
        quantize_(made, Int8WeightOnlyConfig())
    count = stored_in_few_bits(made)
    if count == 0:
        raise ArmFailed(
            "no weight of this model could be stored in int8: torchao takes Linear layers only, and it has none",
            hint="use int8 (static) for convolutions, or int8-weights@openvino",
        )
    return Quantized(module=made, notes=[f"weights of {count} layers stored in int8; products computed in float"])


_GROUP = 32  # weights that share a scale, as in the blocks of llama.cpp and of MatMulNBits by default


def quantize_to_four_bits(module: Any, phases: Phases) -> Quantized:
    """A copy whose Linear layers keep their weights in four bits, which torch's kernel for CPUs widens at each call.

    Raises:
        ArmFailed: this torchao has no such layout for CPUs, or the model has no Linear layer that takes it.
    """
    _require_torchao()
    with quiet(), explained("int4-weights"), phases.timed("convert"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torchao.quantization import quantize_

            try:
                from torchao.prototype.quantization.int4 import PrototypeInt4WeightOnlyConfig
            except ImportError:
                raise ArmFailed(
                    "this version of torchao does not lay out weights of four bits for CPUs",
                    hint="pip install 'torchao>=0.18', or leave this arm out",
                ) from None
        made = copy.deepcopy(module)
        quantize_(made, PrototypeInt4WeightOnlyConfig(group_size=_GROUP, set_inductor_config=False))
        for part in made.modules():
            part.__dict__.pop("extra_repr", None)  # a method of torchao's on the instance, which cannot be read again
    count = stored_in_few_bits(made)
    if count == 0:
        raise ArmFailed(
            f"no weight of this model could be stored in int4: torchao takes Linear layers of a multiple of {_GROUP}"
            " inputs, and it has none",
            hint="leave this arm out",
        )
    return Quantized(module=made, notes=[f"weights of {count} layers stored in int4; products computed in float"])


def _require_torchao() -> None:
    if importlib.util.find_spec("torchao") is None:
        raise ArmFailed("torchao is not installed", hint="pip install 'ironlaw[compiled]'")


def stored_in_few_bits(module: Any) -> int:
    """How many weights of a module torchao took: a subclass of torch's tensor, where what it left is a parameter."""
    import torch

    return sum(type(parameter) not in (torch.nn.Parameter, torch.Tensor) for parameter in module.parameters())
