"""How long putting samples into categories takes: figures, not a test. `python -m benchmarks.account_speed`.

Two arms of eight replicates with 512 places each, 100,000 samples in all; the second time the rules' answers are known.
What the intervals of every explanation import before any account is made, scipy.special, is a line of its own.
"""

from __future__ import annotations

import time
from dataclasses import replace

from tests.analysis.stated import Law, Noise, recording

from ironlaw.analysis.account.difference import account
from ironlaw.analysis.account.executed import sampled
from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.code import CodeSamples, CodeSite, InstructionClass, LoopWork, SampledBy, SampleMode

REPLICATES, PLACES, SAMPLES = 8, 512, 100_000
KINDS = ((InstructionClass.INTEGER, LoopWork.CONTROL), (InstructionClass.AVX512, LoopWork.MULTIPLY_ADD))


def turn(arm: str, replicate: int) -> CodeSamples:
    """A sampling turn with as many places as an eager network has, under names as long as theirs."""
    each = SAMPLES // (2 * REPLICATES * PLACES) + 1
    sites = tuple(
        CodeSite(
            object="libtorch_cpu.so",
            symbol=f"at::native::(anonymous namespace)::{'nested_template<' * 8}name_{arm}_{place}",
            offset=place,
            instructions=KINDS[place % 2][0],
            work=KINDS[place % 2][1],
            mode=SampleMode.USER,
            count=each,
        )
        for place in range(PLACES)
    )
    return CodeSamples(
        arm=arm, replicate=replicate, round=replicate, inferences=10, wall_ns=10**9, plain_ns=0, cpu_ns=10**9,
        period_ns=3_000_017, by=SampledBy.CPU_CLOCK, sites=sites,
    )  # fmt: skip


def main() -> None:
    """Print the CPU time of an account, twice."""
    arms = ("control", "changed")
    facts = tuple(turn(arm, replicate) for arm in arms for replicate in range(REPLICATES))
    fact = replace(recording({arm: Law() for arm in arms}, Noise()), code_samples=facts)
    began_s = time.process_time()
    t_quantile(len(facts) - 1, 0.975)
    print(f"what intervals import: {time.process_time() - began_s:.3f} s")
    for name in ("first", "again"):
        began_s = time.process_time()
        control, changed = (sampled(fact, arm, None) for arm in arms)
        account(control, changed, control_ns=2e6, changed_ns=1e6)
        print(f"{name}: {time.process_time() - began_s:.3f} s for {SAMPLES} samples at {2 * PLACES} places")


if __name__ == "__main__":
    main()
