"""What brings back what is missing: by the recorded remedy, and for old recordings by the words of the reason."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from ironlaw.analysis.turns import turns_of
from ironlaw.fact import CounterCheck, Meter
from ironlaw.missing import Missing, Remedy, is_known
from ironlaw.report.columns import arms_table
from ironlaw.report.gaps import gap_sentence, gaps
from tests.report import explanations
from tests.scripted import SOUND, own, recorded, stated

REASON = "the counter was off"


@pytest.mark.parametrize("remedy", list(Remedy))
def test_a_gap_s_fix_follows_from_its_remedy_whatever_its_reason_says(remedy: Remedy) -> None:
    whole = explanations.with_pmu()
    arms = tuple(replace(arm, ipc=Missing(f"{REASON}, multiplexed", remedy)) for arm in whole.arms)
    table = arms_table(replace(whole, arms=arms))
    (gap,) = [one for one in gaps(table.lost, ()) if REASON in one.reason]
    assert gap.remedy is remedy
    assert " Fix: " in gap_sentence(gap)
    assert ("stop other users" in gap.step()) is (remedy is Remedy.FREE_PMU)


def test_an_event_that_was_lost_keeps_its_remedy_in_every_arm() -> None:
    recording = recorded((own("a"), own("b")), replace(stated(SOUND, SOUND), pmu=False), replicates=2)
    check = CounterCheck(
        meter=Meter.CLOCK,
        slots=Missing(REASON, Remedy.COUNT),
        groups=(),
        lost={"cycles": REASON},
        remedies={REASON: Remedy.COUNT},
    )
    assert {turns.column("cycles") for turns in turns_of(replace(recording, counters=check)).values()} == {
        Missing(REASON, Remedy.COUNT)
    }


def test_a_gap_without_a_remedy_is_written_and_read_as_it_always_was() -> None:
    assert msgspec.json.encode(Missing(REASON)) == b'{"missing":"the counter was off"}'
    assert msgspec.json.decode(b'{"missing":"x"}', type=Missing) == Missing("x")
    gap = Missing("x", Remedy.EXPOSE_PMU)
    assert msgspec.json.decode(msgspec.json.encode(gap), type=Missing) == gap
    assert not is_known(gap)
