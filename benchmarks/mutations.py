"""Break 67 lines of the half that thinks, one at a time, and check that the tests beside each notice.

    python -m benchmarks.mutations            all of them
    python -m benchmarks.mutations holm gap   those whose file, text or tests contain a word

Each line is broken in a copy of the sources; nothing of the checkout changes. A mutation that no test notices survives:
then a test is missing, or the table says under `excused` why the broken line computes the same. Exit 1 with survivors.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = ROOT / "src" / "ironlaw"
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Mutation:
    """A text that occurs once in a file, what it becomes, and the tests that ought to notice."""

    file: str
    old: str
    new: str
    tests: str
    excused: str = ""

    def broken(self, text: str) -> str:
        """The file's text with the line broken.

        Raises:
            ValueError: the line is not there exactly once: the table is out of date.
        """
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} holds {self.old!r} {text.count(self.old)} times")
        return text.replace(self.old, self.new)


def _of(file: str, tests: str, *changes: tuple[str, str]) -> tuple[Mutation, ...]:
    return tuple(Mutation(file, old, new, tests) for old, new in changes)


_S, _V, _L = "analysis/statistics", "analysis/verdicts", "analysis/iron_law"
_TS, _TV, _TL = (f"tests/{folder}" for folder in (_S, _V, _L))
MUTATIONS: tuple[Mutation, ...] = (
    *_of(
        f"{_V}/family.py", f"{_TV}/test_family.py",
        ("(count - place) * p_values[key]", "p_values[key]"),
        ("largest = max(largest, ", "largest = max(0.0, "),
        ("2 * float(stdtr", "1 * float(stdtr"),
        ("if len(values) < 2:", "if len(values) < 1:"),
        ("ddof=1", "ddof=0"),
    ),
    *_of(
        f"{_V}/judgement.py", f"{_TV}/test_judgement.py {_TV}/test_negligible.py",
        ("return Outcome.UNDECIDED, self.among.reason", 'return Outcome.CONFIRMED, ""'),
        ("        if len(item.parts) < FEWEST_REPLICATES:", "        if len(item.parts) < 2:"),
        ("or len(item.parts) < FEWEST_REPLICATES", "or len(item.parts) < 2"),
        ("min(abs(whole.low), abs(whole.high))", "max(abs(whole.low), abs(whole.high))"),
        ("NEGLIGIBLE_SHARE = 0.05", "NEGLIGIBLE_SHARE = 0.1"),
        ("outcome is Outcome.UNDECIDED and self._explains_little(item)", "self._explains_little(item)"),
        ("if self._is_within(signed_parts(item), self.on.smallest):", "if False:"),
        ("in_time is not None and self._is_within(signed_in_time(item), self.on.smallest)", "False"),
        ("if effect.high < 0:", "if False:"),
        ("if effect.low <= 0:", "if False:"),
        ("if in_time is not None and in_time.low <= 0:", "if False:"),
        ("if any(self.on.is_equal_in(", "if False and any(self.on.is_equal_in("),
        ("cause_of(item.cause).if_slower_loses) and", "cause_of(item.cause).if_slower_loses) and False and"),
        ("if by_noise >= self.rule.error:", "if False:"),
        ("max(self.among.get((*self.arms, item.key), 0.0), _p_value(item))", "_p_value(item)"),
        ("return max(p_value(", "return min(p_value("),
        ("item.sign * part for part in item.parts", "part for part in item.parts"),
    ),
    *_of(
        f"{_V}/bench.py", f"{_TV}/test_judgement.py",
        ("loss.low > on.smallest", "loss.low < on.smallest"),
    ),
    *_of(
        f"{_V}/in_time.py", f"{_TV}/test_in_time.py",
        ("share.value * difference_ns, low=low", "share.value, low=low"),
        ("sorted((share.low", "list((share.low"),
        ("opposed = any(", "opposed = False and any("),
        ("min(1.0, max(0.0, share.value))", "share.value"),
        ("if isinstance(left, Estimate) and left.excludes(0.0):", "if isinstance(left, Estimate):"),
    ),
    *_of(
        f"{_V}/shares.py", f"{_TV}/test_shapley.py",
        ("steps.append(mean_of(step))", "steps.append(0.0)"),
        ("value - right[key]", "value + right[key]"),
        ("-abs(mean_of(item.parts))", "abs(mean_of(item.parts))"),
    ),
    *_of(
        f"{_S}/interval.py", f"{_TS}/test_interval.py",
        ("mean = math.fsum(values) / count", "mean = math.fsum(values) / (count + 1)"),
        ("t_quantile(count - 1,", "t_quantile(count,"),
        ("float(values.std(ddof=1))", "float(values.std(ddof=0))"),
        ("high=mean + half", "high=mean + 2 * half"),
        ("(values[first] + values[second]) / 2", "(values[first] + values[second]) / 3"),
        ("(ways[rank:] + ways[:-rank]) / 2", "(ways[rank:] + ways[:-rank]) / 3"),
        ('side="right")) - 1', 'side="right"))'),
    ),
    *_of(
        f"{_S}/stopping.py", f"{_TS}/test_stopping.py",
        ("if count < FEWEST_REPLICATES:", "if False:"),
        ("return wanted - count", "return wanted"),
        ("_half_width(count, spread, STOPPING_CONFIDENCE) <=", "_half_width(count, spread, STOPPING_CONFIDENCE) >="),
    ),
    *_of(
        f"{_S}/smallest.py", f"{_TS}/test_smallest.py",
        ("/ math.sqrt(replicates)", "/ replicates"),
        ("math.expm1(half)", "half"),
    ),
    *_of(
        f"{_L}/lmdi.py", f"{_TL}/test_lmdi.py",
        ("(large - small) / np.log1p(excess)", "(large + small) / 2"),
        ("return self.control.ln_wall - self.changed.ln_wall", "return self.changed.ln_wall - self.control.ln_wall"),
        ("Term.FREQUENCY: -(user + kernel)", "Term.FREQUENCY: (user + kernel)"),
        ("Term.INSTRUCTIONS: user * np.log", "Term.INSTRUCTIONS: kernel * np.log"),
    ),
    *_of(
        f"{_L}/misleading.py", "tests/test_event.py tests/analysis/test_assemble.py",
        ("ipc < -VISIBLE_MOVE and ln_ratio > VISIBLE_MOVE", "ipc < -VISIBLE_MOVE"),
        ("control <= 0 or changed <= 0", "control < 0 or changed < 0"),
    ),
    *_of(
        "recording.py", "tests/test_recording.py",
        ("fact.schema > SCHEMA", "fact.schema > SCHEMA + 1"),
        ('line.endswith(b"\\n") and number > 1', "False"),
        ("bool(by_kind[_Cut]) or not by_kind[Ended]", "not ended"),
    ),
    *_of(
        "estimate.py", f"{_TV}/test_judgement.py {_TV}/test_in_time.py {_TS}/test_interval.py",
        ("return not self.low <= value <= self.high", "return not self.low <= value"),
        ("-bound < self.low and self.high < bound", "self.high < bound"),
        ("low=-self.high, high=-self.low", "low=-self.low, high=-self.high"),
    ),
    *_of(
        "event.py", "tests/test_event.py tests/analysis/test_gaps.py",
        ("if self.running_ns < self.enabled_ns:", "if False:"),
        ("if self.enabled_ns == 0:", "if False:"),
    ),
    *_of(
        "event.py", "tests/test_event.py",
        ("MOST_CYCLES_PER_NS = 10.0", "MOST_CYCLES_PER_NS = 1000.0"),
        ("MOST_INSTRUCTIONS_PER_CYCLE = 20.0", "MOST_INSTRUCTIONS_PER_CYCLE = 2000.0"),
    ),
    *_of(
        "measure/rounds.py", "tests/measure/test_rounds.py",
        ("(item + shift) % size", "(item + 0 * shift) % size"),
    ),
    *_of(
        "analysis/scheduling/dimension.py", "tests/analysis/scheduling/test_dimension.py",
        ("quotient + (place < remainder)", "quotient + (place <= remainder)"),
    ),
    *_of(
        "measure/pmu/perf_event.py", "tests/measure/pmu/test_perf_event.py",
        ("pairs[2 * i + 1]: pairs[2 * i]", "pairs[2 * i]: pairs[2 * i + 1]"),
        ("count, enabled_ns, running_ns, *pairs = ", "count, running_ns, enabled_ns, *pairs = "),
    ),
    *_of(
        "measure/train_mode.py", "tests/measure/test_train_mode.py",
        ("float(part.p) > 0", "True"),
        ('getattr(part, "running_mean", None) is not None', "True"),
        ("return not _same(first, again) or _same(first, evaluated)", "return _same(first, evaluated)"),
    ),
    Mutation(
        f"{_L}/lmdi.py", "return np.where(small > 0, mean, 0.0)", "return mean", f"{_TL}/test_lmdi.py",
        excused="with nothing on one side the mean is already x / infinity, with nothing on both the smaller: 0",
    ),
)  # fmt: skip


def passes(mutation: Mutation, *, broken: bool) -> bool:
    """Whether the mutation's tests pass on a copy of the sources, with its line broken or as it is."""
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder) / "ironlaw"
        shutil.copytree(SOURCES, copy, ignore=shutil.ignore_patterns("__pycache__"))
        file = copy / mutation.file
        if broken:
            file.write_text(mutation.broken(file.read_text()))
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutation.tests.split()]
        environment = {**os.environ, "PYTHONPATH": folder, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            ran = subprocess.run(
                command, cwd=ROOT, env=environment, timeout=LIMIT_S, capture_output=True, text=True, check=False
            )
        except subprocess.TimeoutExpired:
            return False  # it hangs: that is noticed
    if ran.returncode > 1:
        raise RuntimeError(f"{' '.join(command)} could not run:\n{ran.stdout[-2000:]}")
    return ran.returncode == 0


def chosen(words: Iterable[str]) -> tuple[Mutation, ...]:
    """The mutations that a word fits; all without words."""
    words = tuple(words)
    found = [one for one in MUTATIONS if any(word in f"{one.file} {one.old} {one.tests}" for word in words)]
    return tuple(found) if words else MUTATIONS


def main(words: Iterable[str]) -> int:
    """Run them, and print each with what became of it."""
    bad, todo = 0, chosen(words)
    for first in {mutation.tests: mutation for mutation in todo}.values():
        if not passes(first, broken=False):
            print(f"{first.tests} fail as the sources are: nothing can be said")
            return 1
    for number, mutation in enumerate(todo, start=1):
        alive = passes(mutation, broken=True)
        bad += alive and not mutation.excused
        said = "survives" + (f", excused: {mutation.excused}" if mutation.excused else "") if alive else "noticed"
        print(f"{number}/{len(todo)} {said}: {mutation.file}: {mutation.old} -> {mutation.new}", flush=True)
    print(f"{len(todo)} lines broken, {bad} of them unnoticed without an excuse")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
