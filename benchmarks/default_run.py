"""The figures of a default run: what it counts, how narrow its interval is, how much of it is decided.

    python -m benchmarks.default_run [--recording FILE] [--out FILE]

Wanted, in the default budget: at least half of the wall time after preparing in counted inferences, 8 replicates,
int8+fused against fp32 within 2 % where the control's own interval is, 4 of 5 experiments decided, and 6 s to start a
replicate of 14 arms. With --recording, those of a run that was made before.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.figures import Document, explained, half_width, machine, measured, share_of, speed_up

DECIDED = ("confirmed", "refuted")


def decided(document: Document) -> str:
    """How many of the experiments on causes were decided."""
    causes = [cause for one in document["comparisons"] for cause in one["causes"]]
    outcomes = [cause["outcome"] for cause in causes if "value" in (cause["effect"] or {})]
    count = sum(outcome in DECIDED for outcome in outcomes)
    return f"{count} of {len(outcomes)} experiments decided" if outcomes else "no experiment ran"


def starts(recording: Path) -> str:
    """Seconds from a replicate's first to its last arm that had started, with those that its interpreters took."""
    arms: dict[int, list[str]] = defaultdict(list)
    began_s: dict[int, float] = {}
    ended_s: dict[int, float] = {}
    before_s = 0.0
    for line in recording.read_text().splitlines():
        fact = json.loads(line)
        if "interpreter" in fact:
            began_s.setdefault(fact["interpreter"]["replicate"], before_s)
        elif "started" in fact:
            replicate = fact["started"]["replicate"]
            arms[replicate].append(fact["started"]["arm"])
            ended_s[replicate] = fact["at_s"]
        before_s = fact["at_s"]
    listed = [f"{ended_s[one] - began_s[one]:.1f} s for {len(names)}" for one, names in sorted(arms.items())]
    return "starting a replicate of that many arms: " + ", ".join(listed)


def main() -> None:
    """Run, or read, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, help="of a run that was made before")
    parser.add_argument("--out", type=Path, help="keep the recording here")
    parser.add_argument("--budget", type=float, help="instead of the default")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        out = given.recording or given.out or Path(folder) / "default.jsonl"
        budget = [] if given.budget is None else ["--budget", f"{given.budget:g}"]
        document = explained(out) if given.recording else measured(budget, out)
        print(machine(document))
        run = document["run"]
        print(f"{run['wall_s']:.1f} s, {run['replicates']} replicates; {share_of(run)}")
        print(f"int8+fused against fp32: {speed_up(document, 'int8+fused')}")
        print(f"fp32 against itself: {half_width(document['control_check']['speedup'])}")
        print(decided(document))
        print(starts(out))


if __name__ == "__main__":
    main()
