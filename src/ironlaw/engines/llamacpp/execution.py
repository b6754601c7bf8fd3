"""llama.cpp: a GGUF file as it is, one phase of generating text at a time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from ironlaw.engines.border.applicable import refuse_idle, refuse_precision
from ironlaw.engines.border.phases import Phases
from ironlaw.engines.border.text_losses import text_losses
from ironlaw.engines.llamacpp import aliasing
from ironlaw.errors import ArmFailed
from ironlaw.factors import FACTORS
from ironlaw.factors.weights import ALIASABLE
from ironlaw.missing import Maybe, Missing
from ironlaw.models import LoadedModel
from ironlaw.models.gguf import TYPES, Gguf, read_gguf
from ironlaw.models.gguf_file import GgufFile
from ironlaw.models.llama_library import Context, ContextSize, load_library
from ironlaw.models.texts import WINDOW
from ironlaw.phase import Phase, PhaseKind
from ironlaw.program import OperatorCensus, PreparedModel, Program
from ironlaw.variant import Variant

BOUNDARY = {
    PhaseKind.PREFILL: (
        "llama_decode of the given tokens with an empty key-value cache until the logits of the last one are in memory;"
        " emptying the cache is outside"
    ),
    PhaseKind.DECODE: (
        "llama_decode of one given token behind those in the key-value cache until its logits are in memory; taking the"
        " cache back is outside, and no token is sampled"
    ),
}
_FILE = "prepared.gguf"
_OWN_CLOCK_FOR = 4  # inferences that the library's own clock is compared over
CACHE_TYPE, LOAD, REPACK, PAGE_CACHE = "llama.cache-type", "llama.load", "llama.repack", "page-cache"
MICRO_BATCH = "llama.micro-batch"


def prepare(variant: Variant, model: LoadedModel, folder: Path, *, threads: int = 1) -> PreparedModel:
    """Check that llama.cpp loads the file and runs the phase; the file stays where it is.

    Raises:
        ArmFailed: it cannot, and why.
    """
    refuse_precision(variant)
    refuse_idle(variant)
    if not isinstance(model.module, GgufFile):
        raise ArmFailed(f"{model.name} is not a .gguf file", hint="convert it with convert_hf_to_gguf.py")
    phase = _phase(variant)
    _refuse_short_context(phase, model.module.header)
    folder.mkdir(parents=True, exist_ok=True)
    path, phases = folder / _FILE, Phases()
    _place(model.module.path, path, own=variant.level(PAGE_CACHE) != FACTORS[PAGE_CACHE].plain)
    with phases.timed("check"):
        sequence = _Sequence(path, phase, variant, threads)
        sequence.rewind()
        sequence.infer(*sequence.feed(*model.inputs[0]))
        sequence.context.close()
    return PreparedModel(
        path=str(path),
        size_bytes=Path(model.module.path).stat().st_size,
        phases_ns=phases.ns,
        weights=model.weights,
    )


def _place(source: str, path: Path, *, own: bool) -> None:
    """Let a path name the file, or a copy on the disk whose pages no other arm maps."""
    if not own:
        path.symlink_to(source)
        return
    shutil.copyfile(source, path)
    with path.open("rb") as file:
        os.fsync(file.fileno())  # pages that are not written yet cannot be dropped


def _phase(variant: Variant) -> Phase:
    found = Phase.read(variant.level("phase"))
    if isinstance(found, Missing):
        raise ArmFailed(
            "llama.cpp runs one phase of generating text in an arm, and it names none",
            hint="add +phase=prefill:128 or +phase=decode:32",
        )
    return found


def _refuse_short_context(phase: Phase, header: Gguf) -> None:
    most = header.context_length
    if most is not None and phase.depth + phase.processed > most:
        raise ArmFailed(
            f"phase={phase} needs a context of {phase.depth + phase.processed} tokens, and the file's is {most}",
            hint=f"name {most - (phase.kind is PhaseKind.DECODE)} tokens at most",
        )


class _Sequence:
    """One phase as a program: feeding it, inferring, and rewinding its state."""

    def __init__(self, path: Path, phase: Phase, variant: Variant, threads: int) -> None:
        self.phase, self.cache_type = phase, variant.level(CACHE_TYPE)
        tokens = max(phase.depth + phase.processed, WINDOW)
        batch = max(phase.processed, min(WINDOW, tokens))
        size = ContextSize(
            tokens=tokens,
            batch=batch,
            threads=threads,
            cache_type=self.cache_type,
            load=variant.level(LOAD),
            is_repacked=variant.level(REPACK) == FACTORS[REPACK].plain,
            micro_batch=0
            if variant.level(MICRO_BATCH) == FACTORS[MICRO_BATCH].plain
            else int(variant.level(MICRO_BATCH)),
        )
        self.context = Context(str(path), size)
        self._behind: Any = None  # the tokens in the cache, behind which one is decoded
        self._kept: list[Any] = []  # arrays that batches point into

    def feed(self, tokens: Any) -> tuple[Any]:
        """A batch of the phase's tokens; for decoding, those before it are brought into the cache once."""
        import numpy

        needed = numpy.resize(tokens, self.phase.depth + self.phase.processed).astype(numpy.int32)
        if self.phase.depth and self._behind is None:
            self._behind = needed[: self.phase.depth].copy()
            self._fill()
        taken = numpy.ascontiguousarray(needed[self.phase.depth :])
        self._kept.append(taken)
        return (self.context.batch(taken),)

    def _fill(self) -> None:
        """The tokens before the one that is decoded: the same for every inference, whatever is decoded behind them."""
        self.context.forget(0)
        most = WINDOW
        for first in range(0, len(self._behind), most):
            self.context.read(self.context.batch(self._behind[first : first + most]))

    def rewind(self) -> None:
        """Rewind the state to where every inference of the phase begins."""
        self.context.forget(self.phase.depth if self._behind is not None else 0)

    def infer(self, batch: Any) -> None:
        """One inference."""
        self.context.read(batch)

    def scores(self, tokens: Any) -> Any:
        """The logits behind each of the tokens, processed together or one after the other, as in the phase."""
        import numpy

        given = numpy.ascontiguousarray(tokens, dtype=numpy.int32)
        self.context.forget(0)
        if self.phase.kind is PhaseKind.PREFILL:
            rows = self.context.scores(given)
        else:
            rows = numpy.concatenate([self.context.scores(given[place : place + 1]) for place in range(len(given))])
        self._begin_again()
        return rows

    def losses(self, tokens: Any) -> dict[str, Maybe[float]]:
        """The mean loss on a text, in nats per token, and the number of tokens."""
        import numpy

        given = numpy.ascontiguousarray(tokens, dtype=numpy.int32)
        self.context.forget(0)
        found = text_losses(given, lambda known: self.context.scores(numpy.ascontiguousarray(known)))
        self._begin_again()
        return found

    def _begin_again(self) -> None:
        """Restore the state at the beginning of the phase, after other tokens were processed."""
        self.context.forget(0)
        if self._behind is not None:
            self._fill()


def load(variant: Variant, prepared: PreparedModel, model: LoadedModel, *, threads: int = 1) -> Program:
    """A context on the file, in the state that its phase begins with."""
    refuse_idle(variant)
    phase, header = _phase(variant), read_gguf(prepared.path)
    _refuse_short_context(phase, header)  # arms that differ in their phase alone are prepared once
    sequence = _Sequence(Path(prepared.path), phase, variant, threads)
    applied = {"phase": f"{phase}, {sequence.context.threads()} threads"}
    if variant.level(CACHE_TYPE) != FACTORS[CACHE_TYPE].plain and sequence.context.cached is not None:
        applied[CACHE_TYPE] = "keys in {}, values in {}".format(*sequence.context.cached)
    if variant.level(LOAD) != FACTORS[LOAD].plain:
        applied[LOAD] = sequence.context.loaded
    if variant.level(MICRO_BATCH) != FACTORS[MICRO_BATCH].plain:
        applied[MICRO_BATCH] = f"{sequence.context.micro_batch()} tokens together"
    if variant.level(REPACK) != FACTORS[REPACK].plain:
        applied[REPACK] = _as_in_the_file(sequence)
    if variant.level("weights") != FACTORS["weights"].plain:
        applied["weights"] = _aliased(variant.level("weights"), sequence, prepared, header)
    return Program(
        infer=sequence.infer,
        feed=sequence.feed,
        inputs=model.inputs,
        before_each=[sequence.rewind],
        answers=sequence.scores,
        text=lambda: sequence.losses(model.inputs[0][0]),
        census=lambda: _census(sequence, model.inputs[0]),
        work=lambda: _work(sequence, header),
        applied=applied,
        boundary=BOUNDARY[phase.kind],
    )


def _as_in_the_file(sequence: _Sequence) -> str:
    if repacked := _repacked_mib(sequence):
        raise ArmFailed(f"llama.cpp repacks {repacked:.0f} MiB of weights", hint="leave llama.repack= out for this arm")
    return "no weights are repacked"


def _repacked_mib(sequence: _Sequence) -> float:
    """The weights that were reordered for the kernels of this CPU."""
    return sum(size for kind, size in sequence.context.buffers.items() if "REPACK" in kind)


def _aliased(level: str, sequence: _Sequence, prepared: PreparedModel, header: Gguf) -> str:
    if level not in ("aliased", "repeated"):
        raise ArmFailed("the weights of a file are mapped as it is", hint="leave weights= out for this arm")
    if own := _own_memory(sequence):
        raise ArmFailed(
            f"its weights are in memory of their own ({', '.join(own)}), which cannot be aliased",
            hint="leave weights= out for this arm" if not _repacked_mib(sequence) else f"add {REPACK}=off to this arm",
        )
    return aliasing.alias(Path(prepared.path), header, is_shared=level == "aliased")


def _own_memory(sequence: _Sequence) -> list[str]:
    """The kinds of memory that hold weights and are not the mapped file."""
    return [kind for kind in sequence.context.buffers if not kind.endswith("Mapped")]


# How llama.cpp calls extensions of the instruction set, where /proc/cpuinfo has another name for them.
_EXTENSIONS = {"avx512": "avx512f", "avx512_vbmi": "avx512vbmi"}


def built_for() -> tuple[str, ...]:
    """The extensions that the library's kernels were compiled for."""
    named = (name.lower() for name in load_library().instruction_sets())
    return tuple(_EXTENSIONS.get(name, name) for name in named)


def _work(sequence: _Sequence, header: Gguf) -> dict[str, Maybe[float]]:
    """What an inference processes and reads, by the names of ironlaw/phase.py."""
    phase = sequence.phase
    work: dict[str, Maybe[float]] = {
        "tokens": float(phase.processed),
        "depth": float(phase.depth),
        "threads": float(sequence.context.threads()),
        ALIASABLE: 0.0 if _own_memory(sequence) else float(sum(one.bytes for one in aliasing.matrices(header))),
    }
    if header.has_experts:
        work["weight_bytes"] = work["macs_per_token"] = Missing("a router chooses which of its weights are read")
    else:
        by_type = header.bytes_by_type(-(-phase.processed // sequence.context.micro_batch()))
        work["weight_bytes"] = float(sum(by_type.values()))
        work["macs_per_token"] = header.macs_per_token(phase.processed)
        work |= {f"weight_bytes_{name}": float(size) for name, size in by_type.items()}
    work["repacked_bytes"] = _repacked_mib(sequence) * 2**20
    kept = header.keys_and_values()
    work["cache_bytes"] = (
        Missing("the file does not say how large its keys and values are")
        if kept is None
        else kept * _bytes_of_a_number(sequence.cache_type) * phase.depth
    )
    return work


def _bytes_of_a_number(cache_type: str) -> float:
    """Of one in a type of numbers, with its part of the scales of a block."""
    elements, size = next((elements, size) for name, elements, size in TYPES.values() if name == cache_type.upper())
    return size / elements


def _census(sequence: _Sequence, first: tuple[Any, ...]) -> OperatorCensus:
    """How the library's own clock compares with the one around it."""
    unseen = OperatorCensus.without("llama.cpp does not show its operators")
    return OperatorCensus(counts={**unseen.counts, "own_clock": _own_clock(sequence, first)})


def _own_clock(sequence: _Sequence, first: tuple[Any, ...]) -> Maybe[float]:
    """The time that the library reports, over that of the clock around the same calls."""
    import time

    if not sequence.context.has_timings:
        return Missing("the library's own clock could not be started")
    batch = sequence.feed(*first)
    sequence.rewind()
    sequence.infer(*batch)
    sequence.context.reset_own()
    spent_ns = 0
    for _ in range(_OWN_CLOCK_FOR):
        sequence.rewind()
        began_ns = time.perf_counter_ns()
        sequence.infer(*batch)
        spent_ns += time.perf_counter_ns() - began_ns
    own_ns, _ = sequence.context.own_ns()
    return own_ns / spent_ns if own_ns else Missing("the library reports no time")
