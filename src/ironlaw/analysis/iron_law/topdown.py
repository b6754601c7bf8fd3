"""Cycles by top-down category: the events that each CPU has for them, and the assumptions.

Source: Yasin, ISPASS 2014; formulas: the Linux kernel's tools/perf/pmu-events (x86 amdzen4, amdzen5 pipeline.json) and
the Intel perf-metrics documentation; Zen 2/3: AMD PPR for family 17h and 19h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ironlaw.analysis.turns import Floats
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing

# Gives an event's occurrences per occurrence of another one, per replicate, or why it cannot.
PerEvent = Callable[[str, str], Maybe[Floats]]

ZEN_4_FAMILY, ZEN_5_FAMILY = 0x19, 0x1A
APPROXIMATE = "CPI by category is approximate on this CPU: it has no slot events; the backend's part is the remainder"
BOTH_MODES = "CPI by category was counted over user and kernel mode together"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """The categories' shares of all slots, per replicate; they add up to 1. `assumptions` lists what is approximate."""

    shares: dict[str, Floats]
    assumptions: tuple[str, ...] = ()


def slot_shares(per: PerEvent, machine: Maybe[Machine]) -> Maybe[Shares]:
    """The top-down categories of one arm by the events in its recording: Intel's, Zen 4's, or Zen 2/3's."""
    reasons = []
    for way in (_intel, _zen_4, _zen_2):
        for mode, note in ((":u", ()), ("", (BOTH_MODES,))):
            found = way(per, machine, mode)
            if isinstance(found, Missing):
                reasons.append(found.reason)
                continue
            return Shares(shares=_normalised(found.shares), assumptions=(*found.assumptions, *note))
    return Missing("the recording has no top-down events")


def _normalised(shares: dict[str, Floats]) -> dict[str, Floats]:
    """Normalise shares to add up to exactly 1 in each replicate; categories that never occur are left out."""
    total = np.sum(list(shares.values()), axis=0)
    return {name: share / total for name, share in shares.items()}


def _intel(per: PerEvent, machine: Maybe[Machine], mode: str) -> Maybe[Shares]:
    """Ice Lake and later: slots and the level-1 metrics that the PMU computes itself."""
    names = {
        "retiring": "topdown-retiring",
        "bad speculation": "topdown-bad-spec",
        "frontend": "topdown-fe-bound",
        "backend": "topdown-be-bound",
    }
    shares: dict[str, Floats] = {}
    for category, event in names.items():
        share = per(event + mode, "slots" + mode)
        if isinstance(share, Missing):
            return share
        shares[category] = share
    memory = per("topdown-mem-bound" + mode, "slots" + mode)
    if not isinstance(memory, Missing):
        backend = shares.pop("backend")
        shares["backend memory"] = np.minimum(memory, backend)
        shares["backend core"] = backend - shares["backend memory"]
    return Shares(shares=shares)


def _zen_4(per: PerEvent, machine: Maybe[Machine], mode: str) -> Maybe[Shares]:
    """Zen 4 and 5: empty dispatch slots by reason; 6 or 8 slots per cycle."""
    if isinstance(machine, Missing):
        return machine
    width = {ZEN_4_FAMILY: 6, ZEN_5_FAMILY: 8}.get(machine.family if isinstance(machine.family, int) else -1)
    if width is None:
        return Missing("the CPU family is not one with Zen 4's slot events")
    prefix = "de_no_dispatch_per_slot."
    rates = {}
    for event in (
        prefix + "no_ops_from_frontend",
        prefix + "backend_stalls",
        "ex_ret_ops",
        "de_src_op_disp.all",
        prefix + "smt_contention",
    ):
        rate = per(event + mode, "cycles" + mode)
        if isinstance(rate, Missing):
            return rate
        rates[event] = rate / width
    retiring = rates["ex_ret_ops"]
    return Shares(
        shares={
            "retiring": retiring,
            "bad speculation": np.maximum(rates["de_src_op_disp.all"] - retiring, 0.0),
            "frontend": rates[prefix + "no_ops_from_frontend"],
            "backend": rates[prefix + "backend_stalls"],
            "smt contention": rates[prefix + "smt_contention"],
        }
    )


def _zen_2(per: PerEvent, machine: Maybe[Machine], mode: str) -> Maybe[Shares]:
    """Zen 2 and 3: cycles without ops, dispatched and retired ops; the remainder is assigned to the backend."""
    dispatched = per("de_dis_uops_from_decoder" + mode, "cycles" + mode)
    retired = per("ex_ret_cops" + mode, "cycles" + mode)
    if isinstance(retired, Missing):
        retired = per("ex_ret_ops" + mode, "cycles" + mode)
    empty = per("de_dis_uop_queue_empty_di0" + mode, "cycles" + mode)
    for rate in (dispatched, retired, empty):
        if isinstance(rate, Missing):
            return rate
    assert not isinstance(dispatched, Missing)
    assert not isinstance(retired, Missing)
    assert not isinstance(empty, Missing)
    width = 6
    retiring = np.minimum(retired / width, 1.0)
    wasted = np.clip((dispatched - retired) / width, 0.0, 1.0 - retiring)
    frontend = np.clip(empty, 0.0, 1.0 - retiring - wasted)
    return Shares(
        shares={
            "retiring": retiring,
            "bad speculation": wasted,
            "frontend": frontend,
            "backend": 1.0 - retiring - wasted - frontend,
        },
        assumptions=(APPROXIMATE,),
    )
