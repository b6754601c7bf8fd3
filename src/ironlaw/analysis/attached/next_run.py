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
from ironlaw.variant import GIVEN

_THREADS = "threads"


def next_run(arms: Sequence[AttachedArm], comparisons: Sequence[Comparison]) -> NextRun:
    """Return the run that tests the first suspect that has an experiment in this engine.

    Without a suspect, return the run that measures the arms and looks for causes.
    """
    verdicts = [verdict for comparison in comparisons for verdict in comparison.causes]
    suspect = next((verdict for verdict in verdicts if _is_testable(verdict, arms)), None)
    words = ["ironlaw", "run"]
    for arm, name in zip(arms[:2], _short_names([arm.name for arm in arms[:2]]), strict=True):
        words += ["--arm", f"{name}={_program(arm, arms)}"]
    stated = {arm.attachment.stated.get(_THREADS, "") for arm in arms[:2]}
    threads = stated.pop() if len(stated) == 1 else ""
    if threads.isdecimal():
        words += ["--threads", threads]
    if suspect is None:
        untested = verdicts[0] if verdicts else None
        why = (
            f"no experiment of this engine tests {CAUSES[untested.cause].title}; the run shows it in the layers and "
            "in what executes"
            if untested is not None and untested.cause in CAUSES
            else "nothing in the files points to a cause; the run looks for one, and has intervals and a control"
        )
        return NextRun(command=_command(words), why=why)
    words += ["--experiments", suspect.cause]
    return NextRun(command=_command(words), why=f"it tests {CAUSES[suspect.cause].title}", cause=suspect.cause)


def _is_testable(verdict: CauseVerdict, arms: Sequence[AttachedArm]) -> bool:
    cause = CAUSES.get(verdict.cause)
    if cause is None:
        return False
    names = {arm.attachment.engine or PLAIN for arm in arms}
    return any(ENGINES[name].takes(FACTORS[switch.factor], GIVEN) for name in names for switch in cause.switches)


def _program(arm: AttachedArm, arms: Sequence[AttachedArm]) -> str:
    """A placeholder for the user's program: a model file of the engine that made the file, or a factory."""
    place = "CONTROL" if arm is arms[0] else "CHANGED"
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
        found = [re.sub(r"[^\w.+-]+", "-", parts(name)).strip("-+.") or "arm" for name in names]
        if len(set(found)) == len(found) and not any(name.isdecimal() for name in found):
            return found
    return [f"{name}-{number}" for number, name in enumerate(found, start=1)]


def _of_file(name: str) -> str:
    stem = re.split(r"[/\\]", name)[-1].partition(":")[0]
    return re.sub(r"\.\w{1,6}$", "", stem)


def _of_benchmark(name: str) -> str:
    return name.rpartition(":")[2].strip()


def _whole(name: str) -> str:
    return name


def _command(words: Sequence[str]) -> str:
    return " ".join(map(shlex.quote, words))
