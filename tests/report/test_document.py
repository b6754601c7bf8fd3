from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ironlaw.missing import Missing
from ironlaw.report.document import to_document, to_json
from tests.report import explanations
from tests.report.published import published_table
from tests.report.test_terminal import ALL


def arm(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in document["arms"] if row["arm"] == name)


def comparison(document: dict[str, Any], changed: str) -> dict[str, Any]:
    return next(row for row in document["comparisons"] if row["changed"] == changed)


@pytest.mark.parametrize("name", ALL)
def test_json_is_the_document_and_strict(name: str) -> None:
    explanation = ALL[name]()

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    assert json.loads(to_json(explanation), parse_constant=refuse) == to_document(explanation)


def test_contract_holds_its_fields() -> None:
    document = to_document(explanations.with_pmu())
    assert document["schema"] == 1
    assert {"machine", "arms", "comparisons", "concerns", "recommendation"} <= document.keys()
    assert {
        "arm",
        "time_ms",
        "ipc",
        "cache_miss_percent",
        "context_switches",
        "page_faults",
        "size_mb",
        "top1_agreement",
        "sqnr_db",
    } <= document["arms"][0].keys()
    assert {"control", "changed", "difference", "speedup", "split", "causes", "ledger", "text"} <= document[
        "comparisons"
    ][0].keys()


def test_arm_is_given_in_the_units_of_its_names() -> None:
    row = arm(to_document(explanations.with_pmu()), "int8")
    assert row["time_ms"] == pytest.approx(14.2)
    assert row["size_mb"] == pytest.approx(4.2422)
    assert row["cache_miss_percent"] == pytest.approx(5.0)
    assert row["sqnr_db"] == pytest.approx(21.4)


def test_gap_is_an_object_with_its_reason() -> None:
    row = arm(to_document(explanations.without_pmu()), "int8")
    assert row["ipc"] == {"missing": explanations.NO_PMU.reason}


def test_comparison_gives_speedup_split_and_causes() -> None:
    row = comparison(to_document(explanations.with_pmu()), "int8+fused")
    assert row["difference"] == "faster"
    assert row["speedup"]["value"] == pytest.approx(2.7)
    assert row["split"]["instructions"]["ms"] == pytest.approx(8.0)
    assert row["split"]["instructions"]["ln"] == pytest.approx(0.434)
    assert row["split"]["utilisation"] == {"missing": "task clock was not read"}
    cause = row["causes"][0]
    assert cause["cause"] == "page-faults"
    assert cause["outcome"] == "confirmed"
    assert cause["experiment"] == ["fp32", "fp32+malloc=retain"]
    assert cause["effect"]["value"] == pytest.approx(1.5)
    assert cause["share"] == pytest.approx(0.41)
    assert row["causes"][3]["experiment"] is None
    assert row["ledger"][0]["layer"] == "features.0.conv"
    assert row["ledger"][0]["instructions_ms"] == pytest.approx(0.05)


def test_published_table_has_values_and_no_intervals() -> None:
    document = to_document(published_table())
    assert document["arms"][0]["time_ms"] == pytest.approx(89806.3)
    assert "missing" in document["arms"][0]["time_ms_interval"]
    row = document["comparisons"][0]
    assert row["speedup"]["value"] == pytest.approx(89.8063 / 54.4425)
    assert "missing" in row["speedup"]["low"]
    assert row["split"]["cpi"]["ln"] == pytest.approx(0.1591, abs=1e-4)
    assert row["counterfactuals"][0]["time_ms"]["value"] == pytest.approx(76600, abs=5)


def test_names_from_outside_are_kept_as_they_are() -> None:
    document = to_document(explanations.with_hostile_names())
    assert document["arms"][0]["arm"] == explanations.HOSTILE


def test_work_on_a_batch_is_never_called_an_image() -> None:
    explanation = explanations.with_pmu()
    assert not isinstance(explanation.plan, Missing)
    batched = replace(explanation, plan=replace(explanation.plan, batch=8))
    texts = [comparison["text"] for comparison in to_document(batched)["comparisons"]]
    assert all("per batch of 8" in text or "per" not in text for text in texts)
    assert not any("image" in text for text in texts)
