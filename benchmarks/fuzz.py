"""Damaged inputs of every kind: none may end in a traceback, print a nan, or hang.

    python -m benchmarks.fuzz --count 100000        all kinds, the quick ones more often
    python -m benchmarks.fuzz --seed 40000 --count 60000        continue there: an input depends on its number alone
    python -m benchmarks.fuzz --kind table --seed 7 --count 1 --show

Recordings, tables, outputs of perf stat, files of other tools, plan files, histories and command lines are changed at
random places: numbers beyond their laws, other names, missing, doubled and swapped parts, cut and flipped bytes. Each
goes to the command line inside this process, under an alarm. Nothing is measured: a command line that would start a run
names no model.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.fuzz_inputs import Inputs, Seeds
from ironlaw.cli import SHOWS_TRACEBACK, run

LIMIT_S = 10.0  # of CPU time for one input; the slowest that is well takes a twentieth of it
WAITING_LIMIT_S = 120.0  # on the clock, for one that waits for something; a busy machine is no hang
MEMORY = Path("/dev/shm")  # where files are made in a twentieth of the time that a disk takes
_NAN = re.compile(r"(?<![\w-])(?:nan|NaN|-?inf|-?Infinity)(?![\w-])")


class Hung(BaseException):
    """The alarm rang; not an Exception, so that no guard takes it."""


def fed(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, and what was printed on both outputs."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    return code, out.getvalue(), err.getvalue()


_LIMITS = (
    (signal.SIGPROF, signal.ITIMER_PROF, LIMIT_S),
    (signal.SIGALRM, signal.ITIMER_REAL, WAITING_LIMIT_S),
)


def _ring(signum: int, frame: object) -> None:
    raise Hung


def fault_of(arguments: list[str]) -> tuple[str, str] | None:
    """What is wrong with how the command line took an input: the kind of fault, and where."""
    for alarm, timer, limit_s in _LIMITS:
        signal.signal(alarm, _ring)
        signal.setitimer(timer, limit_s)
    try:
        code, out, err = fed(arguments)
    except Hung:
        return "hang", " ".join(word for word in arguments[:2] if "/" not in word)
    except BaseException as error:  # noqa: BLE001  # what passes every guard is what is looked for
        return "escaped", f"{type(error).__name__}: {error}"
    finally:
        for _, timer, _ in _LIMITS:
            signal.setitimer(timer, 0)
    if "Traceback (most recent call last)" in err:
        frames = re.findall(r'File ".*?/(ironlaw/[^"]*)", line (\d+)', err)
        last = err.partition("\nironlaw: ")[0].splitlines()[-1][:100]
        return "traceback", f"{':'.join(frames[-1]) if frames else '?'} {last}"
    if code not in (0, 1, 2, 3):
        return "exit code", str(code)
    if code and len(err.splitlines()) < 2 and "--map" not in arguments:  # a map of nothing yet is a map, with code 3
        return "no two lines", err[:80]
    # A name or message of the input's own may say nan; a number may not.
    if code != 2 and (found := _NAN.search(out)) and not _is_quoted(found.group(), arguments):
        return "nan", out[max(0, found.start() - 60) : found.end() + 20].replace("\n", " ")
    return None


def _is_quoted(word: str, arguments: list[str]) -> bool:
    """Whether the word is in the input as a name, which is repeated as it is."""
    given = "".join(Path(word).read_text(errors="replace") for word in arguments if Path(word[:200]).is_file())
    return word in given or "select" in " ".join(arguments)


def main() -> None:
    """Feed this number of inputs, and print what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append")
    parser.add_argument("--seconds", type=float, default=3600.0, help="stop after that long")
    parser.add_argument("--show", action="store_true", help="print each input's output")
    asked = parser.parse_args()
    os.environ[SHOWS_TRACEBACK] = "1"
    began, found = time.perf_counter(), Counter[tuple[str, str]]()
    of_kind = Counter[str]()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        inputs = Inputs(Path(name), Seeds.gather())
        os.chdir(name)
        kinds = asked.kind or list(inputs.kinds)
        for number in range(asked.seed, asked.seed + asked.count):
            if time.perf_counter() - began > asked.seconds:
                print(f"stopped at --seed {number}")
                break
            kind, arguments = inputs.of_number(number, kinds)
            if asked.show:
                print(arguments, *fed(arguments), sep="\n")
            fault = fault_of(arguments)
            of_kind[kind] += 1
            if fault:
                found[fault] += 1
                if found[fault] == 1:
                    print(f"{fault[0]}: {fault[1]}  ({_again(asked.kind, number)})", flush=True)
            if number % 5000 == 4999:
                print(f"{number + 1:,} by {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    for fault, count in found.most_common():
        print(f"{count:6} {fault[0]}: {fault[1]}")
    took_s = time.perf_counter() - began
    print(", ".join(f"{count:,} {kind}" for kind, count in of_kind.most_common()))
    print(f"{of_kind.total():,} inputs, {found.total():,} faults at {len(found)} places, {took_s:.0f} s")


def _again(kinds: Sequence[str] | None, number: int) -> str:
    """The options that make one input again."""
    return " ".join([*(f"--kind {kind}" for kind in kinds or ()), f"--seed {number} --count 1 --show"])


if __name__ == "__main__":
    main()
