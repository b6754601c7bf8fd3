"""A census of what one inference executes: operators, number formats, subnormal numbers.

Taken once per twin, after warm-up and outside every turn. The dispatcher, not the module tree, shows what runs: a
module named int8 may compute in float.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ironlaw.arm import Arm
from ironlaw.fact import Census
from ironlaw.factors.activation_ranges import range_finders
from ironlaw.factors.casts import WeightCasts, module_of, watched
from ironlaw.factors.convolution import sparse_convolutions
from ironlaw.file_graph import NO_GRAPH, FileGraph
from ironlaw.measure.compilations import graph_breaks
from ironlaw.missing import Maybe, Missing
from ironlaw.models.file_graphs import read_graph
from ironlaw.models.inputs import leaves
from ironlaw.program import OperatorCensus, Program

# Operators that convert or simulate, by the last part of their name.
_SIMULATING = ("fake_quant", "_obs_fq_helper")
# Of a tensor, that are looked at for subnormal ones: all of 100 million take 2 s of CPU time.
MOST_VALUES = 1 << 18
_DYNAMIC = ("linear_dynamic", "linear_relu_dynamic", "quantized_lstm", "quantized_gru", "conv2d_dynamic")


def graph_of(arm: Arm, model: str) -> FileGraph:
    """The graph of the file that an arm runs; empty of another program, and of experiments."""
    return NO_GRAPH if arm.serves else read_graph(arm.factory or model)


def census_of(arm: Arm, program: Program) -> Census:
    """What one inference of an arm executes and, of a requested arm, the loss on a text."""
    counted = take_census(program)
    if not arm.serves and not arm.repeats:
        counted = replace(counted, counts={**counted.counts, **program.text()})
    return Census(arm=arm.name, counts=counted.counts, nodes=counted.nodes)


def take_census(program: Program) -> OperatorCensus:
    """Counts over one inference, by the dispatcher if the program exposes a torch module, else by the engine.

    operators: calls through the dispatcher. int8_operators: those that compute on quantized tensors or packed weights.
    dynamic_operators: those that quantize activations at each call. fake_quantize_operators: those that only simulate.
    unit_scales: int8 outputs with scale 1 and zero point 0, which is what observers without data give. float_share:
    share of output elements that are floating point. subnormal_share: share of floating-point elements, of weights and
    of all operators' outputs, that are subnormal, of large tensors by a sample. input_rank: dimensions of the first
    input. threads: size of torch's pool. norm_operators: BatchNorms in float. sparse_convolutions: layers that may lack
    a fast kernel, by groups (not one for each channel), dilation, or a padding that FBGEMM's depth-wise kernel does not
    take. range_finders: dynamically quantized layers that could be given the range that they look for at each call.
    weight_casts: conversions of a weight or buffer to another number format, weight_cast_bytes: what they make.
    half_casts: conversions of an activation from 16 to 32 bits, other than of an output; of a compiled graph, loops
    that read numbers of 16 bits.

    faulty_operators: in int8, of an arm that answers otherwise than float kernels do that compute the same quantized
    model.

    graph_breaks: places at which torch.compile left the program's own code to Python, so far.

    Of a compiled graph, operators are generated_loops and library_calls; fused_operators share a loop with others.

    For engines that run a graph, as executed: reference_operators: those whose type has no fast kernel.
    quantize_operators: those that only convert to int8 or from it. unfused_operators: float ones between a dequantize
    and a quantize that the engine kept. idle_pairs: quantized values that are dequantized at once. widening_operators:
    those that widen their weights in every call. casts, and half_casts: those from or to float16. reorders: those that
    only change a layout.
    """
    breaks = graph_breaks()  # before the dispatcher is watched, which breaks graphs itself
    counted = _counted(program)
    broken = breaks if isinstance(breaks, Missing) else float(breaks)
    return replace(counted, counts={**counted.counts, "graph_breaks": broken})


def _counted(program: Program) -> OperatorCensus:
    """The operators of one inference."""
    if program.module is None:
        if program.census is not None:
            return program.census()
        return _of_callable(program)
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    tally, casts = _Tally(), WeightCasts(program.module)

    class Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch leaves it untyped
        @classmethod
        def _should_skip_dynamo(cls) -> bool:
            # Nothing is compiled here, and skipping what is would import torch._dynamo: 1.4 s in every arm.
            return False

        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            output = func(*args, **(kwargs or {}))
            name = str(func)
            tally.add(name, output)
            if not casts.see(name, args, output):
                tally.add_cast(name, args, output)
            return output

    try:
        # Modes cannot look into inference tensors' views, so the census runs without autograd instead.
        with torch.inference_mode(False), torch.no_grad(), Counting():  # type: ignore[no-untyped-call]  # as above
            answer = program.answer(*_plain(program.inputs[0]))
    except (RuntimeError, NotImplementedError, TypeError) as error:
        return OperatorCensus.without(f"the dispatcher could not be watched: {type(error).__name__}")
    return OperatorCensus(counts=_counts(program, tally, casts, answer))


def _of_callable(program: Program) -> OperatorCensus:
    """Of a callable, the conversions of weights of the modules that it works with: factors change no other part."""
    found = OperatorCensus.without("the engine does not show its operators")
    if module_of(program) is None:
        return found
    try:
        casts = watched(program)
    except (RuntimeError, NotImplementedError, TypeError):
        return found
    counts = {"weight_casts": float(casts.count), "weight_cast_bytes": float(casts.bytes)}
    return replace(found, counts={**found.counts, **counts})


def _counts(program: Program, tally: _Tally, casts: WeightCasts, answer: Any) -> dict[str, Maybe[float]]:
    """What was tallied in the inference that gave the answer, and what the program's weights and layers show."""
    import torch

    assert program.module is not None, "a program without a module has no dispatcher to watch"
    for parameter in program.module.parameters():
        # torchao's int8 weights are a subclass that calls itself float32; its numbers are none to look at.
        if type(parameter) is torch.nn.Parameter:
            tally.add_values(parameter)
    first = leaves(program.inputs[0])
    counted: dict[str, Maybe[float]] = dict(tally.shares())
    counted["weight_casts"], counted["weight_cast_bytes"] = float(casts.count), float(casts.bytes)
    counted["half_casts"] = float(tally.widened_inside(answer))
    counted["input_rank"] = float(first[0].dim()) if first else Missing("no tensor among the inputs")
    counted["threads"] = float(torch.get_num_threads())
    counted["range_finders"] = float(sum(1 for _ in range_finders(program.module)))
    counted["sparse_convolutions"] = float(sum(1 for _ in sparse_convolutions(program.module)))
    return counted


def _is_unit_scaled(tensor: Any) -> bool:
    """Whether an int8 tensor has the scale and zero point of an observer without data."""
    import torch

    if not tensor.is_quantized or tensor.qscheme() != torch.per_tensor_affine:
        return False
    return bool(tensor.q_scale() == 1.0 and tensor.q_zero_point() == 0)


def _plain(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.clone() if hasattr(value, "clone") else value for value in inputs)


def _sampled(tensor: Any) -> Any:
    """The values of a tensor; for a large one about MOST_VALUES, evenly spaced in each dimension.

    A channel of vanished values has the same share in the sample as in the whole.
    """
    steps = [1] * tensor.dim()
    while tensor[tuple(slice(None, None, step) for step in steps)].numel() > MOST_VALUES:
        widest = max(range(tensor.dim()), key=lambda place: tensor.shape[place] / steps[place])
        steps[widest] = 2 * steps[widest] + 1  # odd: a pattern that repeats by a power of two is not missed
    return tensor[tuple(slice(None, None, step) for step in steps)]


class _Tally:
    def __init__(self) -> None:
        self.operators = self.int8 = self.dynamic = self.fake = self.unit_scales = self.norms = 0
        self.float_elements = self.elements = self.floats_seen = 0
        self.subnormal = 0.0
        self.widened: list[int] = []

    def add(self, name: str, output: Any) -> None:
        self.operators += 1
        tensors = leaves(output)
        self.int8 += name.startswith(("quantized.", "onednn.")) or any(tensor.is_quantized for tensor in tensors)
        self.unit_scales += sum(_is_unit_scaled(tensor) for tensor in tensors)
        self.norms += name.startswith("aten.") and "batch_norm" in name
        self.dynamic += any(part in name for part in _DYNAMIC)
        self.fake += any(part in name for part in _SIMULATING)
        for tensor in tensors:
            self.elements += tensor.numel()
            if tensor.is_floating_point():
                self.float_elements += tensor.numel()
                self.add_values(tensor)

    def add_cast(self, name: str, arguments: Any, output: Any) -> None:
        """Note where an activation of 16 bits was widened to."""
        import torch

        if not name.startswith("aten._to_copy") or output.dtype != torch.float32:
            return
        if any(tensor.dtype in (torch.float16, torch.bfloat16) for tensor in leaves(arguments)):
            self.widened.append(output.untyped_storage().data_ptr())

    def widened_inside(self, answer: Any) -> int:
        """How many of these are not what the inference returns: its caller may want 32 bits."""
        returned = {leaf.untyped_storage().data_ptr() for leaf in leaves(answer)}
        return sum(address not in returned for address in self.widened)

    def add_values(self, tensor: Any) -> None:
        import torch

        if tensor.dtype not in (torch.float32, torch.float64) or not tensor.numel():
            return
        seen = _sampled(tensor.detach())
        size = seen.abs()
        share = float(((size > 0) & (size < torch.finfo(tensor.dtype).tiny)).sum()) / seen.numel()
        self.floats_seen += tensor.numel()
        self.subnormal += share * tensor.numel()

    def shares(self) -> dict[str, float]:
        return {
            "operators": float(self.operators),
            "int8_operators": float(self.int8),
            "dynamic_operators": float(self.dynamic),
            "fake_quantize_operators": float(self.fake),
            "unit_scales": float(self.unit_scales),
            "norm_operators": float(self.norms),
            "float_share": self.float_elements / self.elements if self.elements else 0.0,
            "subnormal_share": self.subnormal / self.floats_seen if self.floats_seen else 0.0,
        }
