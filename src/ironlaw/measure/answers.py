"""An arm's outputs on the shared probes, kept to compare the arms' answers before their speed."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ironlaw.arm import Arm
from ironlaw.errors import ArmFailed
from ironlaw.fact import Outputs, kept_places
from ironlaw.measure.messages import AskAnswers
from ironlaw.missing import Maybe, Missing
from ironlaw.models.inputs import leaves
from ironlaw.program import Program

# Numbers kept of the answers of all arms of a recording: 5.6 MB of text. A classifier's are 64 thousand an arm; the
# whole outputs of a detector may be 45 million, and nine arms of MiniLM with a million each made a recording of 44 MB.
MOST_KEPT = 1 << 20
# What experiments may keep of outputs, in shares of requested arms: sixteen arms that answer an eighth of the probes.
_SHARERS_OF_EXPERIMENTS = 2
# Probes of an arm of an experiment, and of one that repeats another: a few show whether its answers differ at all. 64
# of an fp32 MobileNetV2 take 2 s of CPU time, and a default run has ten such arms.
FEW_PROBES = 8


def asking(arm: Arm, requested: int) -> Callable[[tuple[int, ...]], AskAnswers]:
    """A function that makes the order for an arm's answers from its CPUs; `requested` is the number of arms that answer
    every probe.
    """
    probes = FEW_PROBES if arm.serves or arm.repeats else None
    return lambda cpus: AskAnswers(cpus, probes, requested + _SHARERS_OF_EXPERIMENTS)


def answer_probes(
    arm: str, program: Program, probes: list[tuple[Any, ...]], *, first: int | None = None, most: int = MOST_KEPT
) -> list[Outputs]:
    """Run the program once on every probe and return its outputs: one fact per shape of inputs and outputs.

    With `first`, only on that number of probes.

    Raises:
        ArmFailed: an output holds no floating-point numbers.
    """
    asked = probes[:first]
    answered = [_answered(probe, program.compared(*probe)) for probe in asked]
    groups: dict[Any, list[int]] = {}
    for place, (probe, one) in enumerate(zip(asked, answered, strict=True)):
        groups.setdefault((_forms(probe), one.forms, one.classes), []).append(place)
    # Of all probes: an arm that answers some keeps the same numbers of a row as one that answers all.
    rows = sum(len(one.rows) for one in answered) * len(probes) // max(1, len(asked))
    digest = _digest(probes)
    kept = [
        _kept(arm, [answered[place] for place in places], tuple(places), digest=digest, most=max(1, most // rows))
        for places in groups.values()
    ]
    return [replace(fact, following=len(kept) - number) for number, fact in enumerate(kept, start=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """A program's output for one probe: one row per input of a batch, with all outputs concatenated."""

    rows: Any
    forms: tuple[tuple[int, ...], ...]  # of the outputs in a row
    input_forms: tuple[tuple[int, ...], ...]
    classes: Maybe[int]


def _kept(arm: str, answered: list[_Answered], probes: tuple[int, ...], *, digest: str, most: int) -> Outputs:
    """The outputs of probes of one shape as a fact; rows wider than `most` are kept in part."""
    import numpy as np

    first = answered[0]
    width = first.rows.shape[1]
    classes = first.classes if isinstance(first.classes, int) else 0
    kept = min(width, max(most, classes))
    places = kept_places(width, kept, first=classes)
    rows = [one.rows if kept == width else one.rows[:, places] for one in answered]
    table = np.concatenate(rows).astype("<f4")
    seen = hashlib.sha256()
    for one in answered:
        seen.update(np.ascontiguousarray(one.rows, dtype="<f4").tobytes())
    return Outputs(
        arm=arm,
        shape=table.shape,
        data=base64.b64encode(zlib.compress(table.tobytes(), 1)).decode(),
        input_digest=digest,
        classes=first.classes,
        probes=probes,
        forms=first.forms,
        input_forms=first.input_forms,
        digest=seen.hexdigest(),
    )


def _answered(probe: tuple[Any, ...], output: Any) -> _Answered:
    """One row per input of a batch, and the number of class scores at the start of a row.

    If the outputs do not have one entry per input, all of them form a single row.
    """
    import numpy as np

    arrays = [_plain(leaf) for leaf in ([np.array(output)] if isinstance(output, int | float) else leaves(output))]
    if not arrays:
        raise ArmFailed(
            f"the output is a {type(output).__name__} without arrays or numbers",
            hint="return a tensor, an array, or a tuple, list or dict of them",
        )
    given = leaves(probe)
    batch = given[0].shape[0] if given and len(given[0].shape) else 1
    is_whole = any(array.ndim == 0 or array.shape[0] != batch for array in arrays)
    first = arrays[0]
    has_classes = not is_whole and first.ndim == 2 and first.shape[1] > 1
    return _Answered(
        rows=np.concatenate([array.reshape(1 if is_whole else batch, -1) for array in arrays], axis=1),
        forms=tuple(tuple(map(int, array.shape if is_whole else array.shape[1:])) for array in arrays),
        input_forms=_forms(probe),
        classes=int(first.shape[1]) if has_classes else _NO_CLASSES,
    )


def _forms(probe: tuple[Any, ...]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(map(int, leaf.shape)) for leaf in leaves(probe))


_NO_CLASSES = Missing("the outputs are not classes")


def _plain(leaf: Any) -> Any:
    import numpy as np

    if not hasattr(leaf, "detach"):
        return np.asarray(leaf, dtype=np.float32)
    tensor = leaf.detach()
    return (tensor.dequantize() if tensor.is_quantized else tensor.float()).numpy()


def _digest(probes: list[tuple[Any, ...]]) -> str:
    import numpy as np

    seen = hashlib.sha256()
    for probe in probes:
        for leaf in leaves(probe):
            seen.update(np.ascontiguousarray(leaf).tobytes())
    return seen.hexdigest()
