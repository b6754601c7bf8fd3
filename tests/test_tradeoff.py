"""What benchmarks/tradeoff.py predicts of replicates of another length."""

import math

import numpy as np
import pytest
from benchmarks.tradeoff import Run, run_of

from ironlaw.analysis.scheduling.components import Components
from ironlaw.analysis.statistics.interval import t_quantile
from ironlaw.analysis.statistics.paired import Pairs, pair
from ironlaw.analysis.turns import ArmTurns, Floats

RUN = Run(
    after_s=110.0, start_s=1.0, round_s=0.2, counted_s=0.15, beside=0.1,
    varied=Components(between=0.0016, within=0.0036, degrees=9.0),
)  # fmt: skip


def test_time_is_spent_on_starts_rounds_and_what_is_beside_them() -> None:
    assert RUN.replicates(5) == pytest.approx(100 / (1.0 + 5 * 0.2))
    assert RUN.counted_share(5) == pytest.approx(50 * 5 * 0.15 / 110)


def test_a_share_is_reached_by_the_rounds_that_it_needs() -> None:
    rounds = RUN.rounds_for(0.5)
    assert rounds is not None
    assert RUN.counted_share(rounds) == pytest.approx(0.5)


def test_no_length_counts_more_than_rounds_do() -> None:
    assert RUN.counted_share(1e9) == pytest.approx(0.15 / 0.2 / 1.1)
    assert RUN.rounds_for(0.7) is None


def test_the_half_width_has_both_variances() -> None:
    assert RUN.half_width(5) == pytest.approx(t_quantile(49, 0.975) * math.sqrt((0.0016 + 0.0036 / 5) / 50))


def test_there_is_no_interval_of_one_replicate_and_a_half() -> None:
    assert math.isinf(RUN.half_width(328))


def test_a_run_of_the_lengths_that_it_had_is_predicted_as_it_was() -> None:
    spent = {"preparing": 10.0, "starting": 2.0, "loading": 1.0, "warming": 1.0, "counted": 12.0, "waiting": 3.0}
    document = {"run": {"wall_s": 31.0, "counted_s": 12.0, "spent": spent}}
    run = run_of(document, _pairs(replicates=4, rounds=6))
    assert run.replicates(6) == pytest.approx(4)
    assert run.counted_share(6) == pytest.approx(12 / 21)
    assert run.beside == pytest.approx(2 / 19)


def test_variances_are_not_made_up_where_no_replicate_has_two_rounds() -> None:
    document = {"run": {"wall_s": 31.0, "counted_s": 12.0, "spent": {"starting": 2.0, "counted": 12.0}}}
    with pytest.raises(SystemExit, match="unknown"):
        run_of(document, _pairs(replicates=4, rounds=1))


def _pairs(*, replicates: int, rounds: int) -> Pairs:
    """Two arms whose ratios vary, seeded."""
    rng = np.random.default_rng(3)
    return pair(_arm("a", rng, replicates, rounds), _arm("b", rng, replicates, rounds))


def _arm(name: str, rng: np.random.Generator, replicates: int, rounds: int) -> ArmTurns:
    count = replicates * rounds
    ones = np.ones(count, dtype=np.int64)
    wall_ns: Floats = 1e6 * np.exp(0.02 * rng.standard_normal(count))
    return ArmTurns(
        arm=name, replicate=np.repeat(np.arange(replicates), rounds), round=np.tile(np.arange(rounds), replicates),
        position=ones, inferences=ones, wall_ns=wall_ns, cpu_ns=wall_ns, columns={},
    )  # fmt: skip
