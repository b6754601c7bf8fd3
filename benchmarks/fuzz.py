"""Damaged inputs of every kind: none may end in a traceback, print a nan, or hang.

    python -m benchmarks.fuzz --count 100000        all kinds, the quick ones more often
    python -m benchmarks.fuzz --seed 40000 --count 60000        go on there: an input depends on its number alone
    python -m benchmarks.fuzz --kind table --seed 7 --count 1 --show

Recordings, tables, outputs of perf stat, plan files, histories and command lines are changed at random places: numbers
beyond their laws, other names, missing, doubled and swapped parts, cut and flipped bytes. Each goes to the command line
inside this process, under an alarm. Nothing is measured: a command line that would start a run names no model.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ironlaw.cli import COMMANDS, SHOWS_TRACEBACK, run

LIMIT_S = 10.0  # of CPU time for one input; the slowest that is well takes a twentieth of it
WAITING_LIMIT_S = 120.0  # on the clock, for one that waits for something; a busy machine is no hang
ROOT = Path(__file__).parents[1]
MEMORY = Path("/dev/shm")  # where files are made in a twentieth of the time that a disk takes
_NAN = re.compile(r"(?<![\w-])(?:nan|NaN|-?inf|-?Infinity)(?![\w-])")
NUMBERS: tuple[Any, ...] = (
    -1, 0, 1, 2, -(2**63), 2**31, 2**63, 2**64, 10**30, 1e308, 1e-320, -1e308, 5e-324, 0.5, float("nan"), float("inf"),
)  # fmt: skip
TEXTS = (
    "", " ", "x" * 300, "\x00", "\x1b[31m", "a\nb", "\u202e", "fp32", "int8", "٣", "²", "é", "\ud800", "-1", "1e999",
    "9" * 5000, "../..", "1.20.5", "%", "{", "[[", "a,b", "=", "::",
)  # fmt: skip
NESTED = b"[" * 100_000 + b"]" * 100_000


class Hung(BaseException):
    """The alarm rang; not an Exception, so that no guard takes it."""


def changed_bytes(text: bytes, rng: random.Random) -> bytes:
    """The text with some bytes cut, flipped, doubled, or replaced by something unlikely."""
    data = bytearray(text)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                del data[place:]
            case 1:
                del data[place : place + rng.randrange(1, 40)]
            case 2:
                data[place:place] = data[place : place + rng.randrange(1, 200)]
            case 3 if place < len(data):
                data[place] = rng.randrange(256)
            case 4:
                word = rng.choice((*TEXTS, *map(str, NUMBERS)))
                data[place:place] = word.encode("utf-8", "surrogatepass")
            case _:
                numbers = list(re.finditer(rb"\d+(?:\.\d+)?", bytes(data)))
                if numbers:
                    found = rng.choice(numbers)
                    data[found.start() : found.end()] = str(rng.choice(NUMBERS)).encode()
    return bytes(data)


def likely_value(value: Any, rng: random.Random, texts: list[str]) -> Any:
    """Another value of the same type, which passes where only types and laws are checked."""
    match value:
        case bool():
            return not value
        case int():
            return rng.choice((0, 1, 2, 7, 1_000_000, 2**53, value + 1, value * 1000, value // 1000, abs(value - 1)))
        case float():
            return rng.choice((0.0, 1e-3, 0.5, 1.0, 1e18, 1e-300, value * 1000, value / 1000))
        case str():
            return rng.choice((*TEXTS, *texts))
        case list():
            cut = rng.randrange(len(value) + 1)
            return rng.choice((value[:cut], value[cut:], value + value[:cut], value[::-1], []))
        case dict():
            return rng.choice(({}, {"missing": "why"}, dict(list(value.items())[::2])))
        case _:
            return value


def changed_value(value: Any, rng: random.Random) -> Any:
    """Another value in a JSON document's place."""
    match rng.randrange(8):
        case 0 | 1 | 2:
            return rng.choice(NUMBERS)
        case 3 | 4:
            return rng.choice(TEXTS)
        case 5:
            return rng.choice((None, True, [], {}, [value], {"missing": "why"}, {"missing": 3}, [[value, value]]))
        case 6 if isinstance(value, int | float) and not isinstance(value, bool):
            return rng.choice((-value, value * 10**9, value + 1, value // 2))
        case 6 if isinstance(value, list) and value:
            return rng.choice((value[1:], value[::-1], value + value, value[:1] * 3))
        case _:
            return value


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document: the container and the key."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _nodes(inner)


def changed_lines(lines: list[bytes], rng: random.Random) -> bytes:
    """A recording with facts changed, left out, doubled or swapped."""
    lines = list(lines)
    for _ in range(rng.choice((1, 1, 2, 4))):
        # Most lines are readings; the others say more and are changed as often.
        kinds = sorted({line[2:].partition(b'"')[0] for line in lines if line.startswith(b'{"')})
        kind = rng.choice(kinds or [b""])
        places = [place for place, line in enumerate(lines) if line.startswith(b'{"' + kind)] or [0]
        place = rng.choice(places)
        match rng.randrange(10):
            case 0:
                del lines[place]
            case 1:
                lines.insert(rng.randrange(len(lines) + 1), lines[place])
            case 2:
                other = rng.randrange(len(lines))
                lines[place], lines[other] = lines[other], lines[place]
            case 3:
                lines[place] = changed_bytes(lines[place], rng)
            case _:
                everywhere = places if rng.random() < 0.2 else [place]
                lines = _changed_facts(lines, everywhere, rng)
        if not lines:
            return b""
    return b"\n".join(lines) + b"\n"


def _changed_facts(lines: list[bytes], places: list[int], rng: random.Random) -> list[bytes]:
    """The same part of each of these facts changed alike."""
    lines, part = list(lines), rng.random()
    texts = sorted(
        {word.decode() for word in re.findall(rb'"([\w .:+@/-]{1,30})"', b"".join(lines[:12] + lines[-12:]))}
    )
    how = rng.getrandbits(32)
    for place in places:
        try:
            fact = json.loads(lines[place])
            nodes = list(_nodes(fact))
            container, key = nodes[int(part * len(nodes))]
        except (ValueError, IndexError, AttributeError, RecursionError):
            continue
        same = random.Random(how)
        if isinstance(container, dict) and same.random() < 0.1:
            value = container.pop(key)
            if same.random() < 0.6:
                container[same.choice((*TEXTS, *texts))] = value
        else:
            likely = same.random() < 0.75
            value = container[key]
            container[key] = likely_value(value, same, texts) if likely else changed_value(value, same)
        lines[place] = json.dumps(fact).replace('"@nested"', NESTED.decode()).encode("utf-8", "surrogatepass")
    return lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """What is changed: well-formed inputs of each kind."""

    small: list[list[bytes]]  # two arms in few replicates: most inputs are made of these, since they are explained soon
    recordings: list[list[bytes]]
    tables: list[bytes]
    perf: list[bytes]
    plans: list[bytes]

    @classmethod
    def gather(cls) -> Seeds:
        """From the tests' data and scripted recordings."""
        from tests.analysis.scripted_layers import recorded
        from tests.analysis.stated import SPLIT_GROUP, Law, Noise, recording
        from tests.recorded_lines import lines_of
        from tests.scripted import SOUND, bearing, own
        from tests.scripted import recorded as with_experiments

        from ironlaw.arm import Arm
        from ironlaw.measure.scripted import Burden, Script

        laws = {"fp32": Law(), "int8": Law(instructions=10e6)}
        small = recording(laws, Noise(own=0.01), replicates=5, rounds=2, groups=(SPLIT_GROUP,))
        without = recording(laws, Noise(own=0.01), replicates=5, rounds=2, groups=())
        few = [
            recording(laws, Noise(own=0.01), replicates=4, rounds=1, groups=groups, control=control)
            for groups, control in (((SPLIT_GROUP,), False), ((), False), ((SPLIT_GROUP,), True))
        ]
        golden = [path.read_bytes().splitlines() for path in sorted((ROOT / "tests/golden").glob("*.jsonl"))]
        faults = Burden(factor="malloc", level="retain", kernel_instructions=25e6, page_faults=3000.0)
        engines = {"fp32": bearing(faults), "fp32+fused": SOUND, "int8+fused": SOUND}
        tested = with_experiments(tuple(map(Arm.of, engines)), Script(arms=engines), replicates=5, ceilings=True)
        programs = Script(arms={"a": bearing(faults), "b": SOUND})
        given = with_experiments((own("a"), own("b")), programs, replicates=5)
        data = ROOT / "tests/analysis/data"
        return cls(
            small=[lines_of(one) for one in few],
            recordings=[*map(lines_of, (small, without, recorded(), tested, given)), *golden],
            tables=[(ROOT / "tests/commands/data/post.csv").read_bytes(), b"arm;time_s;ipc\na;1,5;0,5\nb;2,5;1\n"],
            perf=[path.read_bytes() for path in sorted(data.iterdir()) if path.name != "README.md"],
            plans=[PLAN, PLAN.replace(b"precision", b"replicates = 4 #")],
        )


PLAN = b"""models = ["resnet18", {source = "mobilenet_v2", name = "net", shape = "1x3"}]
arms = ["fp32", "int8+fused", "fp32+threads=2"]
threads = [1, 2]
batch = [1, 8]
hosts = ["any"]
budget = 60.5
seed = 3
precision = "2%"
experiments = "page-faults,cache-fit"
counters = true
out = "cells"
"""


# How often each kind comes: a history takes as long as thirty tables, so that its folder holds many damaged files.
OFTEN = {"recording": 30, "table": 24, "perf-stat": 16, "plan": 14, "history": 1, "command-line": 15}
SELDOM = 0.04  # of recordings are large, and as many are drawn as HTML, Markdown or a terminal's page


class Inputs:
    """Makes inputs in a folder: the words of a command line, and the files that they name."""

    def __init__(self, folder: Path, seeds: Seeds) -> None:
        self._folder, self._seeds = folder, seeds
        self.kinds: dict[str, Callable[[random.Random], list[str]]] = {
            "recording": self.recording, "table": self.table, "perf-stat": self.perf_stat, "plan": self.plan,
            "history": self.history, "command-line": self.command_line,
        }  # fmt: skip

    def of_number(self, number: int, kinds: Sequence[str]) -> tuple[str, list[str]]:
        """An input's kind and the words of its command line, which depend on its number alone."""
        rng = random.Random(number)
        (kind,) = rng.choices(kinds, [OFTEN[one] for one in kinds])
        return kind, self.kinds[kind](rng)

    def _file(self, name: str, content: bytes) -> str:
        path = self._folder / name
        path.write_bytes(content)
        return str(path)

    def recording(self, rng: random.Random) -> list[str]:
        is_large = rng.random() < SELDOM
        lines = rng.choice(self._seeds.recordings if is_large else self._seeds.small)
        content = b"\n".join(lines) + b"\n"
        content = changed_bytes(content, rng) if rng.random() < 0.2 else changed_lines(lines, rng)
        if rng.random() < 0.005:
            content += rng.choice((NESTED, b'{"reading":' + NESTED + b"}")) + b"\n"
        file, out = self._file("run.jsonl", content), str(self._folder / "out")
        if rng.random() < SELDOM:
            return rng.choice([
                ["explain", file], ["explain", file, "--verbose"], ["explain", file, "--correlate", "--verbose"],
                ["report", file, "-o", out + ".md"], ["report", file, "-o", out + ".html"], ["bundle", file, "-o", out],
            ])  # fmt: skip
        if lines is self._seeds.recordings[2]:  # the only one with layers
            options = [[], ["--json"], ["--work", "--all"], ["--csv"], ["--trace", out], ["--by", "kind"]]
            return ["layers", file, *rng.choice(options)]
        return rng.choice([
            ["explain", file, "--json"], ["explain", file, "--quiet"], ["report", file, "-o", out + ".csv"],
            ["compare", file, "--fail-if", "time>+3%", "--fail-if", "instructions>+1%", "--json"],
            ["compare", file, file, "--fail-if", "time>+3%", "--fail-if", "cause:page-faults"],
        ])  # fmt: skip

    def table(self, rng: random.Random) -> list[str]:
        file = self._file("table.csv", changed_bytes(rng.choice(self._seeds.tables), rng))
        return ["explain", "--table", file, *self._shown(rng)]

    def perf_stat(self, rng: random.Random) -> list[str]:
        one, other = rng.choices(self._seeds.perf, k=2)
        if rng.random() < 0.3:
            other = one
        files = [self._file("a.txt", changed_bytes(one, rng)), self._file("b.txt", other)]
        return ["explain", "--perf-stat", *files, *self._shown(rng)]

    def _shown(self, rng: random.Random) -> list[str]:
        """JSON, which shows all that was computed in a third of the time that a page takes; seldom a page."""
        return rng.choice(([], ["--verbose"])) if rng.random() < SELDOM else ["--json"]

    def plan(self, rng: random.Random) -> list[str]:
        file = self._file("plan.toml", changed_bytes(rng.choice(self._seeds.plans), rng))
        return ["sweep", file, "--map", *rng.choice(([], ["--json"]))]

    def history(self, rng: random.Random) -> list[str]:
        folder = self._folder / "history"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        whole = b"\n".join(self._seeds.small[2]) + b"\n"
        (folder / "whole.jsonl").write_bytes(whole)
        odd = folder / "odd.jsonl"
        for number in range(20):
            (folder / f"damaged{number}.jsonl").write_bytes(changed_lines(rng.choice(self._seeds.small), rng))
        match rng.randrange(9):
            case 0:
                odd.symlink_to(folder / "nowhere")
            case 1:
                odd.symlink_to(odd)
            case 2:
                os.mkfifo(odd)
            case 3:
                odd.mkdir()
            case 4:
                odd.symlink_to("/dev/zero")
            case 5:
                (folder / "odd\udcff\n.jsonl").write_bytes(whole)
            case 6:
                (folder / ("x" * 240 + ".jsonl")).write_bytes(changed_bytes(whole, rng))
            case _:
                odd.write_bytes(changed_lines(self._seeds.recordings[1], rng))
        options = [
            [], ["--json"], ["--trend"], ["--trend", "--json"], ["--since", rng.choice(TEXTS)],
            ["--model", rng.choice(TEXTS)], ["--limit", str(rng.choice(NUMBERS))],
            ["--sql", rng.choice(SELECTS), "--json"], ["--sql", rng.choice((*SELECTS, *TEXTS))],
        ]  # fmt: skip
        return ["history", str(folder), *rng.choice(options)]

    def command_line(self, rng: random.Random) -> list[str]:
        file = self._file("run.jsonl", b"\n".join(rng.choice(self._seeds.small)) + b"\n")
        odd = [*(text for text in TEXTS if "\x00" not in text and "\ud800" not in text), *map(str, NUMBERS)]
        words = [
            file, "fp32", "int8", "--arm", "--json", "--control", "--changed", "--threads", "--seed", "--budget", "--n",
            "--precision", "--batch", "--replicates", "--fail-if", "time>+3%", "time>+nan%", "cause:x", "--top",
            "--arms", "fp32+threads=" + "9" * 5000, "int8@onnxruntime", "fp32@", "+", "--experiments", "--agreement",
            "--table", "--perf-stat", "--out", str(self._folder / "x" / "run.jsonl"), "-o", "--work", "--by", "--depth",
            "/dev/null", str(self._folder), "--labels", "--images", "--model", "net.py:build", "x.onnx", *odd,
        ]  # fmt: skip
        # A run of a model that exists would measure: its first word is always a name that stands for none.
        command = rng.choice([name for name in COMMANDS if name not in ("doctor", "completion")])
        first = {
            "run": ["no-such-model"],
            "export": ["fp32", "--model", "no-such-model", "-o", str(self._folder / "e")],
        }
        given = rng.choices(words, k=rng.randrange(6))
        if command == "run":
            given = [word for word in given if not word.startswith("--arm")]
        if command in ("layers", "explain", "report", "bundle", "compare") and rng.random() < 0.7:
            given = [file, *given]
        return [command, *first.get(command, []), *given]


SELECTS = (
    "select model, model from comparisons", "select * from comparisons", "select 1, 1", "select 'nan'::float",
    "select count(*) from recordings", "drop table comparisons", "select * from nothing", "select x'00'::blob, [1, 2]",
    "select 1e400", "select interval '1 day', date '2020-01-01'", "select * from read_csv('/etc/passwd')",
)  # fmt: skip


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
    """Whether the word stands in the input as a name, which is repeated as it is."""
    given = "".join(Path(word).read_text(errors="replace") for word in arguments if Path(word[:200]).is_file())
    return word in given or "select" in " ".join(arguments)


def main() -> None:
    """Feed so many inputs, and print what was found."""
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
