"""Facts about a program as it runs that can make a comparison invalid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ironlaw.measure.pool import working_threads
from ironlaw.measure.train_mode import layers_as_in_training
from ironlaw.missing import Maybe, Missing
from ironlaw.models.inputs import leaves
from ironlaw.program import Program

NOT_CHECKED = Missing("is looked at in the first replicate of an arm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The results of the checks of a program."""

    checks: Mapping[str, Maybe[bool]] = field(default_factory=dict)
    training_layers: Maybe[tuple[str, ...]] = NOT_CHECKED
    working_threads: Maybe[int] = NOT_CHECKED


UNCHECKED = Checked()


def check_warm(program: Program, infer_once: Callable[[], object]) -> Checked:
    """Check a warm program; takes about as many inferences as the warm-up."""
    training = layers_as_in_training(program)
    in_training = training if isinstance(training, Missing) else bool(training)
    checks = {"training": in_training, **check_program(program)}
    return Checked(checks=checks, training_layers=training, working_threads=working_threads(infer_once))


def check_program(program: Program) -> dict[str, Maybe[bool]]:
    """What the program does that a fair inference does not, as read from the program rather than the request.

    records_graph: the output requires grad, so autograd ran. constant_input: every input tensor holds one value only.
    channels_last: its images are in that layout. scripted: Python does not run between its operators.
    foreign_quantized_engine: int8 operators run in another library than torch prefers on this CPU.
    """
    answers = leaves(program.answer(*program.inputs[0]))
    return {
        "records_graph": any(bool(getattr(leaf, "requires_grad", False)) for leaf in answers),
        "constant_input": _is_constant(program),
        "channels_last": _is_channels_last(program),
        "scripted": _is_scripted(program),
        "foreign_quantized_engine": _has_foreign_engine(program),
    }


def _is_channels_last(program: Program) -> Maybe[bool]:
    images = [leaf for leaf in leaves(program.inputs[0]) if hasattr(leaf, "is_contiguous") and leaf.dim() == 4]
    if not images:
        return Missing("no input is an image")
    import torch

    return all(one.is_contiguous(memory_format=torch.channels_last) and not one.is_contiguous() for one in images)


def _is_scripted(program: Program) -> Maybe[bool]:
    if program.module is None:
        return Missing("the engine does not show its modules")
    import torch

    return isinstance(program.module, torch.jit.ScriptModule)


def _has_foreign_engine(program: Program) -> Maybe[bool]:
    if program.module is None:
        return Missing("the engine does not show its modules")
    import torch

    from ironlaw.engines.torch_modules.int8 import preferred_backend

    return str(torch.backends.quantized.engine) != preferred_backend()


def _is_constant(program: Program) -> Maybe[bool]:
    arrays = [leaf for inputs in program.inputs for leaf in leaves(inputs) if leaf.shape]
    if not arrays:
        return Missing("the inputs hold no arrays")
    return all(bool((leaf == leaf.reshape(-1)[0]).all()) for leaf in arrays)
