"""The break-even map for programs: JSON, and CSV with one line per place and change. A gap is {"missing": reason}."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

from ironlaw.estimate import Estimate
from ironlaw.explanation.break_even import BreakEvenMap, Gain, Holding, HostOutcome, Place, SignTurn
from ironlaw.missing import Maybe, Missing
from ironlaw.report.break_even import sentences
from ironlaw.report.delimited import spreadsheet_safe
from ironlaw.report.json_values import estimate_value, gap
from ironlaw.report.quantity import MILLISECONDS
from ironlaw.text import plain_json

SCHEMA = 1


def to_document(drawn: BreakEvenMap) -> dict[str, Any]:
    """The whole map as JSON-ready dicts."""
    return {
        "schema": SCHEMA,
        "cells": drawn.cells,
        "measured": drawn.measured,
        "gains": [_gain(gain) for gain in drawn.gains],
        "turns": [_turn(turn) for turn in drawn.turns],
        "holdings": [_holding(holding) for holding in drawn.holdings],
        "absent": [{**_place(item.place), "arm": item.arm or None, "reason": item.reason} for item in drawn.absent],
        "concerns": [{"concern": concern.slug, "text": concern.text, "fix": concern.fix} for concern in drawn.concerns],
    }


def to_json(drawn: BreakEvenMap) -> str:
    """The JSON document as text."""
    return plain_json(json.dumps(to_document(drawn), ensure_ascii=False, indent=2, allow_nan=False))


def to_csv(drawn: BreakEvenMap) -> str:
    """One line per place and change; a gap is an empty cell, an interval two columns."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for gain in drawn.gains:
        place = gain.place
        row = [place.model, place.shape, place.threads, place.batch, place.host, gain.control, gain.changed]
        row += [gain.difference.value, *_ends(gain.speedup)]
        row += ["" if isinstance(gain.once_ns, Missing) else gain.once_ns / MILLISECONDS.size]
        row += _ends(gain.inputs_to_repay)
        writer.writerow([spreadsheet_safe(value) for value in row])
    return out.getvalue()


_COLUMNS = (
    "model", "shape", "threads", "batch", "host", "control", "changed", "difference", "gain", "gain_low", "gain_high",
    "once_ms", "inputs_to_repay", "inputs_to_repay_low", "inputs_to_repay_high",
)  # fmt: skip


def _ends(estimate: Maybe[Estimate]) -> list[Any]:
    if isinstance(estimate, Missing):
        return ["", "", ""]
    return [value if math.isfinite(value) else "" for value in (estimate.value, estimate.low, estimate.high)]


def _place(place: Place) -> dict[str, Any]:
    return {
        "model": place.model,
        "shape": place.shape or None,
        "threads": place.threads,
        "batch": place.batch,
        "host": place.host,
    }


def _gain(gain: Gain) -> dict[str, Any]:
    return {
        **_place(gain.place),
        "control": gain.control,
        "changed": gain.changed,
        "difference": gain.difference.value,
        "gain": estimate_value(gain.speedup),
        "once_ms": gap(gain.once_ns) if isinstance(gain.once_ns, Missing) else gain.once_ns / MILLISECONDS.size,
        "inputs_to_repay": estimate_value(gain.inputs_to_repay),
        "causes": {
            cause: {"outcome": outcome.value, "effect": estimate_value(gain.effects[cause])}
            for cause, outcome in gain.causes.items()
        },
    }


def _turn(turn: SignTurn) -> dict[str, Any]:
    return {
        "axis": turn.axis.value,
        "before": _gain(turn.before),
        "after": _gain(turn.after),
        "text": sentences.turn_sentence(turn),
    }


def _holding(holding: Holding) -> dict[str, Any]:
    return {
        "model": holding.model,
        "control": holding.control,
        "changed": holding.changed,
        "cause": holding.cause or None,
        "hosts": {host: _host(outcome) for host, outcome in holding.hosts.items()},
        "larger_on": list(holding.larger_on),
        "goes_with": list(holding.goes_with),
        "text": sentences.holding_sentence(holding),
    }


def _host(outcome: HostOutcome) -> dict[str, Any]:
    effect = outcome.effect
    return {
        "holds": outcome.holds,
        "of": outcome.of,
        "open": outcome.open,
        "effect": gap(effect) if isinstance(effect, Missing) else {"least": effect[0], "most": effect[1]},
    }
