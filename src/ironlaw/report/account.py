"""The account in words: which rows are shown, what they are called, and what the samples can and cannot say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironlaw.account import Account, AccountRow, Executed
from ironlaw.code import InstructionClass
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing
from ironlaw.report.quantity import MILLISECONDS

SHOWN = 5
CLASS_NAMES = {
    InstructionClass.AMX: "AMX",
    InstructionClass.VNNI: "VNNI",
    InstructionClass.AVX512_BF16: "AVX512-BF16",
    InstructionClass.AVX512_FP16: "AVX512-FP16",
    InstructionClass.AVX512: "AVX-512",
    InstructionClass.AVX2: "AVX2",
    InstructionClass.SSE: "SSE or scalar",
    InstructionClass.SVE: "SVE",
    InstructionClass.I8MM: "I8MM",
    InstructionClass.DOT_PRODUCT: "SDOT",
    InstructionClass.BF16: "BF16",
    InstructionClass.NEON: "NEON",
    InstructionClass.INTEGER: "integer",
    InstructionClass.UNKNOWN: "unknown",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedRow:
    """A row under the name that readers see."""

    name: str
    row: AccountRow


def named_rows(account: Account) -> tuple[NamedRow, ...]:
    """Every row of an account by its name, from the largest difference to the smallest."""
    return tuple(NamedRow(name=row_name(row), row=row) for row in account.rows)


def row_name(row: AccountRow) -> str:
    """The category, with the instructions where it has a row for each class of them."""
    if row.instructions is None:
        return row.category.value
    return f"{row.category.value}, {CLASS_NAMES[row.instructions]}"


def account_document(account: Maybe[Account]) -> Any:
    """The account as JSON: a list of rows in ms per inference, or the reason why there is none."""
    if isinstance(account, Missing):
        return {"missing": account.reason}
    return [
        {
            "category": row.category.value,
            "instructions": None if row.instructions is None else row.instructions.value,
            "control_ms": row.control_ns.value / MILLISECONDS.size,
            "changed_ms": row.changed_ns.value / MILLISECONDS.size,
            "saved_ms": _in_ms(row.saved_ns),
        }
        for row in account.rows
    ]


def executed_document(executed: Maybe[Executed]) -> Any:
    """What an arm executed as JSON: shares of its time by class and category, or the reason why it is not known."""
    if isinstance(executed, Missing):
        return {"missing": executed.reason}
    adds = executed.adds
    return {
        "samples": executed.samples,
        "classes": {kind.value: share for kind, share in executed.classes.items()},
        "categories": {category.value: share for category, share in executed.categories.items()},
        "kernel_sampled": executed.kernel_seen,
        "sampling_adds": {"missing": adds.reason} if isinstance(adds, Missing) else _ends(adds),
    }


def _in_ms(estimate: Estimate) -> dict[str, float]:
    return {name: value / MILLISECONDS.size for name, value in _ends(estimate).items()}


def _ends(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
