"""int8 weights of torch modules, by torchao: stored in int8, computed in float."""

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
    if importlib.util.find_spec("torchao") is None:
        raise ArmFailed("torchao is not installed", hint="pip install 'ironlaw[compiled]'")
    with quiet(), explained("int8-weights"), phases.timed("convert"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchao warns of its own modules while it is imported
            from torchao.quantization import Int8WeightOnlyConfig, quantize_
        made = copy.deepcopy(module)
        quantize_(made, Int8WeightOnlyConfig())
    count = stored_in_int8(made)
    if count == 0:
        raise ArmFailed(
            "no weight of this model could be stored in int8: torchao takes Linear layers only, and it has none",
            hint="use int8 (static) for convolutions, or int8-weights@openvino",
        )
    return Quantized(module=made, notes=[f"weights of {count} layers stored in int8; products computed in float"])


def stored_in_int8(module: Any) -> int:
    """How many weights of a module torchao took: a subclass of torch's tensor, where what it left is a parameter."""
    import torch

    return sum(type(parameter) not in (torch.nn.Parameter, torch.Tensor) for parameter in module.parameters())
