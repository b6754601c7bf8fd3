"""A refused file is refused with the place that is wrong: the mark ¦ stands in front of it."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from ironlaw.errors import BadInput

from .files import DATA, file_of

MARK = "¦"


def data(name: str) -> str:
    return (DATA / name).read_text()


def profile(*runs_us: int) -> str:
    """A profile of ONNX Runtime whose runs took that long, a line each; the mark is in front of the last time."""
    lines = ['{"cat": "Session", "name": "model_loading_uri", "dur": 5, "ts": 0}']
    lines += [f'{{"cat": "Session", "name": "model_run", "dur": {us}, "ts": 9}}' for us in runs_us]
    text = "[\n" + ",\n".join(lines) + "\n]"
    at = text.rindex('"dur": ') + len('"dur": ')
    return text[:at] + MARK + text[at:] if runs_us else text + MARK


def trace(*events: str) -> str:
    return '{"traceEvents": [\n' + ",\n".join(events) + "\n]}"


STEP = '{"ph": "X", "cat": "user_annotation", "name": "ProfilerStep#3", "ts": 0, "dur": ¦0}'
AVERAGES = (
    "-----\n{}Name    Self CPU %    Self CPU    # of Calls\n-----\n aten::add    99.00%    {}    {}\n"
    "-----\nSelf CPU time total: 0.000us\n"
)
ONEDNN = "onednn_verbose,v1,primitive,exec,cpu,convolution,jit,forward,src:f32:a:blocked:abcd::f0,,,mb1ic3oc4,{}\n"
COUNTERS = "layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms)\nconv;EXECUTED;Convolution;jit;0.1;0.1\n"
TEXT = " Performance counter stats for 'a':\n\n   1,000      cycles\n\n   {} seconds time elapsed\n"

CASES: list[tuple[str, str]] = [
    (profile(), "before any run of the session ended"),
    (profile(900, 0), "less than a microsecond"),
    (trace('{"ph": "M"}') + MARK, "no operator of torch ran"),
    (trace('{"ph": "X", "cat": "cpu_op", "name": "aten::add", "ts": 0, "dur": 0}', STEP), "a repeat took no time"),
    (trace('{"ph": "X", "cat": "cpu_op", "name": "aten::add", "ts": 0, "dur": ¦0}'), "a repeat took no time"),
    (AVERAGES.format(MARK, "0.000us", 3), "took no time"),
    (AVERAGES.format("", "¦soon", 3), "'soon' is no time"),
    (AVERAGES.format("", "1.000us", "¦few"), "'few' is no number of calls"),
    ("-----\n  ¦Name    Self CPU %    Self CPU    # of Calls\n-----\n", "has no row"),
    (ONEDNN.format("¦0") + ONEDNN.format("0"), "took no time"),
    (COUNTERS + "Total;;;;¦0.0;\n", "is not above 0 ms"),
    (COUNTERS + MARK, "before the row of their total"),
    ("[Step 1/11] Parsing\n[ INFO ] a\n¦", "ends here without a latency"),
    ("[Step 1/11] Parsing\n[ INFO ] a\n[ INFO ]    Average:    ¦0.00 ms\n", "this latency is none"),
    ('{"avg_ns": 5000, "n_gen": 3}\n{"avg_ns": 5000, ¦n_gen": 3}\n', "this line is not JSON"),
    ('{"avg_ns": 5000, "n_gen": 3}\n {"avg_ns": ¦0, "n_gen": 3}\n', "a time is none"),
    ("| model | test | t/s |\n| - | - | - |\n| a | pp512 | ¦fast |\n", "'fast' is no rate"),
    ("| model | test | t/s |\n| - | - | - |\n| a | ¦soon | 3.00 |\n", "names no number of tokens"),
    ('{"counter-value" : "1.0", "event" : "cycles"}\n{"counter-value" : ¦"x", "event" : "a"}\n', "is not a number"),
    ('{"counter-value" : "1.0", "event" : "cycles", "pcnt-running" : ¦-5}\n', "is more than a counter holds"),
    ('{¦"core" : "S0", "counter-value" : "1.0", "event" : "cycles"}\n', "it counts by core"),
    ("5,,cycles,1,100.00\n¦nonsense\n", "is not an output of perf stat"),
    ("5,,cycles,1,100.00\n¦...,,cycles,1,100.00\n", "stands where perf stat prints a number"),
    (TEXT.format("0.5") + MARK + TEXT.format("0.5"), "a second output of perf stat"),
    (TEXT.format(f"¦{'9' * 30}.5"), "stands where perf stat prints a number"),
    ("# Samples: 3  of event 'cpu-clock'\n# Overhead  Symbol\n¦", "without a row of perf report"),
    (
        "# Samples: 3  of event 'cpu-clock'\n# Overhead  Shared Object  Symbol\n   ¦0.00%  a.out  [.] main\n",
        "all its shares are 0 %",
    ),
    ('{"results": ¦[], "command": "mean", "median": 0}', "hyperfine"),
    ('{"benchmarks": ¦[], "runs": 1, "values": 2}', "pyperf"),
    ('{"machine_info": {}, "benchmarks": ¦[]}', "pytest-benchmark"),
]


@pytest.mark.parametrize(("marked", "message"), CASES, ids=[f"{place}-{case[1]}" for place, case in enumerate(CASES)])
def test_the_place_of_what_is_wrong_is_named(marked: str, message: str) -> None:
    before, _, _ = marked.partition(MARK)
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    with pytest.raises(BadInput) as caught:
        file_of(marked.replace(MARK, ""), "a")
    assert caught.value.message.startswith(f"a, line {line}, column {column}: "), caught.value.message
    assert message in caught.value.message


@pytest.mark.parametrize("kept", [0.4, 0.99])
def test_the_place_in_a_compressed_file_is_of_what_was_compressed(kept: float) -> None:
    events: Any = [{"ph": "X", "cat": "cpu_op", "name": f"aten::a{place}", "ts": place} for place in range(50_000)]
    text = trace(*map(json.dumps, events))
    packed = gzip.compress(text.encode())
    with pytest.raises(BadInput, match=r"^t\.gz, line \d+, column \d+: the compression is damaged there") as caught:
        file_of(packed[: int(kept * len(packed))], "t.gz")
    line = int(caught.value.message.split()[2].rstrip(","))
    assert 0.5 * kept * len(events) < line <= len(events)
