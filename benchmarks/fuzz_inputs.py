"""Damaged inputs for the command line: which there are, what they are made from, and the words that name them."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fuzz_damage import NESTED, NUMBERS, TEXTS, changed_bytes, changed_lines
from ironlaw.cli import COMMANDS

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeds:
    """What is changed: well-formed inputs of each kind."""

    small: list[list[bytes]]  # two arms in few replicates: most inputs are made of these, since they are explained soon
    recordings: list[list[bytes]]
    tables: list[bytes]
    perf: list[bytes]
    attached: dict[str, list[bytes]]  # files of other tools, by the tool that the name of each begins with
    plans: list[bytes]

    @classmethod
    def gather(cls) -> Seeds:
        """From the tests' data and scripted recordings."""
        from tests.analysis.scripted_layers import recorded
        from tests.analysis.stated import SPLIT_GROUP, Law, Noise, recording
        from tests.recorded_lines import lines_of
        from tests.scripted import SOUND, burdened, own
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
        engines = {"fp32": burdened(faults), "fp32+fused": SOUND, "int8+fused": SOUND}
        tested = with_experiments(tuple(map(Arm.of, engines)), Script(arms=engines), replicates=5, ceilings=True)
        programs = Script(arms={"a": burdened(faults), "b": SOUND})
        given = with_experiments((own("a"), own("b")), programs, replicates=5)
        data, attached = ROOT / "tests/analysis/data", dict[str, list[bytes]]()
        for path in sorted((ROOT / "tests/attached/data").iterdir()):
            attached.setdefault(path.name.partition("-")[0], []).append(path.read_bytes())
        del attached["README.md"]
        return cls(
            small=[lines_of(one) for one in few],
            recordings=[*map(lines_of, (small, without, recorded(), tested, given)), *golden],
            tables=[(ROOT / "tests/commands/data/post.csv").read_bytes(), b"arm;time_s;ipc\na;1,5;0,5\nb;2,5;1\n"],
            perf=[path.read_bytes() for path in sorted(data.iterdir()) if path.name != "README.md"],
            attached=attached,
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
OFTEN = {"recording": 30, "table": 24, "perf-stat": 16, "attached": 12, "plan": 14, "history": 1, "command-line": 15}
SELDOM = 0.04  # of recordings are large, and as many are drawn as HTML, Markdown or a terminal's page


class Inputs:
    """Makes inputs in a folder: the words of a command line, and the files that they name."""

    def __init__(self, folder: Path, seeds: Seeds) -> None:
        self._folder, self._seeds = folder, seeds
        self.kinds: dict[str, Callable[[random.Random], list[str]]] = {
            "recording": self.recording, "table": self.table, "perf-stat": self.perf_stat, "attached": self.attached,
            "plan": self.plan, "history": self.history, "command-line": self.command_line,
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

    def attached(self, rng: random.Random) -> list[str]:
        """Two files of one tool, the first of them damaged: or, seldom, of two tools."""
        tools = sorted(self._seeds.attached)
        tool = rng.choice(tools)
        other = rng.choice(tools) if rng.random() < SELDOM else tool
        first, second = rng.choice(self._seeds.attached[tool]), rng.choice(self._seeds.attached[other])
        files = [self._file("a", changed_bytes(first, rng)), self._file("b", second)]
        if rng.random() < SELDOM:
            return ["bundle", *files, "-o", str(self._folder / "out.md")]
        return ["explain", *files, *self._shown(rng)]

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
