"""What to run next: the command that tests what attached files suggest."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from ironlaw.analysis.attached.arms import AttachedArm
from ironlaw.causes import CAUSES
from ironlaw.engines import ENGINES, PLAIN
from ironlaw.explanation import CauseVerdict, Comparison, NextRun
from ironlaw.factors import FACTORS
from ironlaw.variant import GIVEN, PHASE

_THREADS = "threads"


def next_run(arms: Sequence[AttachedArm], comparisons: Sequence[Comparison]) -> NextRun:
    """Return the run that tests the first suspect that has an experiment in this engine, in the arms it was found in.

    Without a suspect, return the run that measures the first two that were compared, and looks for causes.
    """
    judged = [(verdict, comparison) for comparison in comparisons for verdict in comparison.causes]
    suspect, where = next((pair for pair in judged if _is_testable(pair[0], arms)), (None, comparisons[0]))
    by_name = {arm.name: arm for arm in arms}
    words = _words([by_name[where.control], by_name[where.changed]], phase=_phase(arms))
    if suspect is None:
        untested = judged[0][0] if judged else None
        why = (
            f"no experiment of this engine tests {CAUSES[untested.cause].title}; the run shows it in the layers and "
            "in what executes"
            if untested is not None and untested.cause in CAUSES
            else "nothing in the files points to a cause; the run looks for one, and has intervals and a control"
        )
        return NextRun(command=_command(words), why=why)
    words += ["--experiments", suspect.cause]
    return NextRun(command=_command(words), why=f"it tests {CAUSES[suspect.cause].title}", cause=suspect.cause)


def _words(pair: Sequence[AttachedArm], *, phase: str) -> list[str]:
    """The command that measures two arms: their programs, in one phase if there is one, and the threads of both."""
    words = ["ironlaw", "run"]
    for arm, name, place in zip(pair, _short_names([arm.name for arm in pair]), ("CONTROL", "CHANGED"), strict=True):
        words += ["--arm", f"{name}={_program(arm, place)}" + (f"+{PHASE}={phase}" if phase else "")]
    stated = {arm.attachment.stated.get(_THREADS, "") for arm in pair}
    threads = stated.pop() if len(stated) == 1 else ""
    return [*words, "--threads", threads] if threads.isdecimal() else words


def _phase(arms: Sequence[AttachedArm]) -> str:
    """The phase of generation that all arms are in; empty for arms in several, which a run measures unasked."""
    phases = {arm.attachment.phase for arm in arms}
    return phases.pop() if len(phases) == 1 else ""


def _is_testable(verdict: CauseVerdict, arms: Sequence[AttachedArm]) -> bool:
    cause = CAUSES.get(verdict.cause)
    if cause is None:
        return False
    names = {arm.attachment.engine or PLAIN for arm in arms}
    return any(ENGINES[name].takes(FACTORS[switch.factor], GIVEN) for name in names for switch in cause.switches)


def _program(arm: AttachedArm, place: str) -> str:
    """A placeholder for the user's program: a model file of the engine that made the file, or a factory."""
    engine = arm.attachment.engine
    suffixes = ENGINES[engine].files if engine in ENGINES else ()
    if not suffixes:
        return f"{place}.py:FACTORY"
    is_first = next(name for name, declared in ENGINES.items() if suffixes[-1] in declared.files) == engine
    return f"{place}{suffixes[-1]}" + ("" if is_first else f"@{engine}")


def _short_names(names: Sequence[str]) -> list[str]:
    """Names of arms from those of files and benchmarks, without characters special to a shell or a plan.

    Without folders and suffixes; with everything, or with a number, where that would give two arms one name.
    """
    for parts in (_of_file, _of_benchmark, _whole):
        found = [re.sub(r"[^\w.+]+", "-", parts(name)).strip("-+.") or "arm" for name in names]
        if len(set(found)) == len(found) and not any(name.isdecimal() for name in found):
            return found
    return [f"{name}-{number}" for number, name in enumerate(found, start=1)]


def _of_file(name: str) -> str:
    stem = re.split(r"[/\\]", name.partition(": ")[0])[-1]
    return re.sub(r"\.\w{1,6}$", "", stem)


def _of_benchmark(name: str) -> str:
    return name.rpartition(":")[2].strip()


def _whole(name: str) -> str:
    return name


def _command(words: Sequence[str]) -> str:
    return " ".join(map(shlex.quote, words))
