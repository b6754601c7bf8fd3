from __future__ import annotations

import csv
import io
import math
from dataclasses import replace

import pytest

from ironlaw.report.delimited import arms_csv, ledger_csv
from ironlaw.report.document import to_document
from ironlaw.report.frame import to_frame
from tests.report import explanations
from tests.report.test_terminal import ALL


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("name", ALL)
def test_arms_have_the_documents_numbers_with_every_digit(name: str) -> None:
    explanation = ALL[name]()
    for row, arm in zip(read(arms_csv(explanation)), to_document(explanation)["arms"], strict=True):
        time_ms = arm["time_ms"]
        if isinstance(time_ms, dict):
            assert row["time_ms"] == ""
        else:
            assert float(row["time_ms"]) == time_ms


def test_gap_is_an_empty_cell() -> None:
    assert {row["ipc"] for row in read(arms_csv(explanations.without_pmu()))} == {""}


def test_interval_has_columns_of_its_own() -> None:
    row = next(row for row in read(arms_csv(explanations.with_pmu())) if row["arm"] == "int8+fused")
    assert float(row["speedup"]) == pytest.approx(2.7)
    assert float(row["speedup_low"]) == pytest.approx(2.7 * math.exp(-0.037))


def test_ledger_has_a_line_per_layer() -> None:
    rows = read(ledger_csv(explanations.with_pmu()))
    assert len(rows) == 53
    assert rows[-1]["layer"] == "unattributed"


def test_name_that_a_spreadsheet_would_run_is_text() -> None:
    whole = explanations.with_pmu()
    arms = (replace(whole.arms[0], arm="=1+1"),)
    assert read(arms_csv(replace(whole, arms=arms)))[0]["arm"] == "'=1+1"


def test_frame_has_a_row_per_arm_and_gaps_that_are_no_numbers() -> None:
    pandas = pytest.importorskip("pandas")
    frame = to_frame(explanations.without_pmu())
    assert frame.loc["int8", "time_ms"] == pytest.approx(14.2)
    assert frame.loc["int8", "ipc"] is pandas.NA
