"""The account in words: which rows are shown, their names, and what the samples can and cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ironlaw.causes import cause_of
from ironlaw.code import InstructionClass
from ironlaw.estimate import Estimate
from ironlaw.explanation import ArmSummary, Comparison, Difference, Outcome
from ironlaw.explanation.account import Account, AccountRow, CategoryRow, Code, Executed, FunctionShare
from ironlaw.missing import Maybe, Missing
from ironlaw.report.quantity import MILLISECONDS, PERCENT, TIME, number, percent, scale_for, shown, with_unit
from ironlaw.text import plain

SHOWN = 5
_CODE_OF_DOCUMENT = 20  # the largest pieces of code of an arm in the document of everything
_LOCATED = 3  # categories in the sentence that locates a difference
_CLASSES = 2  # of instructions, that a category is named with there
_UNMATCHED_FROM = 0.05  # of the time of both arms: from there on, what no rule takes is named
CLASS_NAMES = {
    InstructionClass.AMX: "AMX",
    InstructionClass.VNNI: "VNNI",
    InstructionClass.AVX512_BF16: "AVX512-BF16",
    InstructionClass.AVX512_FP16: "AVX512-FP16",
    InstructionClass.AVX512: "AVX-512",
    InstructionClass.AVX2: "AVX2",
    InstructionClass.SSE: "SSE",
    InstructionClass.SCALAR: "scalar",
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
    """A row and its displayed name."""

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


def account_sentences(account: Account) -> list[str]:
    """What is below an account: how many samples it is from, and the largest code that no rule takes."""
    control, changed = account.samples
    said = [
        f"From {control} and {changed} samples; the rows add up to the difference, and the intervals of what they "
        "save hold for all rows together. They locate time; they do not explain it."
    ]
    others = sum(share for _, share in account.unmatched)
    if others >= _UNMATCHED_FROM:
        named = ", ".join(f"{plain(name)} ({percent(share)})" for name, share in account.unmatched)
        said.append(f"No rule classifies this code: {named}.")
    return said


def located_sentence(comparison: Comparison) -> str:
    """The categories of code with the largest savings (or losses) outside the code of confirmed causes, the first with
    its interval.

    Empty if no difference is shown, code was not sampled, or no category is shown to differ in that direction.
    """
    account, whole = comparison.account, comparison.difference
    if isinstance(account, Missing) or whole not in (Difference.FASTER, Difference.SLOWER):
        return ""
    confirmed = [cause_of(verdict.cause) for verdict in comparison.causes if verdict.outcome is Outcome.CONFIRMED]
    explained = {category for cause in confirmed for category in cause.located_in}
    sign = 1 if whole is Difference.FASTER else -1
    rows = [
        row
        for row in account.categories
        if row.category not in explained and row.saved_ns.excludes(0.0) and row.saved_ns.value * sign > 0
    ]
    if not rows:
        return ""
    of = "In code outside these causes" if explained else "By executed code"
    first, *others = (f"{row.category.value}{_with_classes(row, comparison)}" for row in rows[:_LOCATED])
    said = f"{of}, the largest {'saving' if sign > 0 else 'loss'} shown is in {first}: {_size(rows[0].saved_ns)}."
    following = f" Next: {', '.join(others)}." if others else ""
    return f"{said}{following} This locates the time; it does not explain it."


def _size(saved: Estimate) -> str:
    size = saved if saved.value >= 0 else saved.negated()
    scale = scale_for(TIME, [size.value])
    text = shown(size, scale)
    return f"{with_unit(text.value, scale)} {text.interval}"


def _with_classes(row: CategoryRow, comparison: Comparison) -> str:
    sides = [
        f"{' and '.join(CLASS_NAMES[kind] for kind in kinds[:_CLASSES])} in {plain(arm)}"
        for kinds, arm in ((row.control, comparison.control), (row.changed, comparison.changed))
        if kinds
    ]
    return f" ({'; '.join(sides)})" if sides else ""


def code_name(code: Code) -> str:
    """A piece of code as it is listed: its library, without versions, and its symbol in there, without its result."""
    owner = code.object.partition(".so")[0].partition(".cpython-")[0]
    name = code.name.removeprefix("void ")
    return plain(f"{owner}: {name}" if owner else name)


def code_kind(code: Code) -> str:
    """Its category, with the class of instructions where vectors are what distinguishes kernels."""
    if code.instructions in (InstructionClass.INTEGER, InstructionClass.UNKNOWN):
        return code.category.value
    return f"{code.category.value}, {CLASS_NAMES[code.instructions]}"


def function_name(function: FunctionShare) -> str:
    """A Python function as it is listed: its qualified name, and its file where it is of one."""
    if not function.name:
        return "not known"
    is_of_file = function.file and not function.file.startswith("<")
    return plain(f"{function.name} ({function.file})" if is_of_file else function.name)


def share_cell(share: float) -> str:
    """A share, for a column, to a tenth of a per cent."""
    return with_unit(f"{share / PERCENT.size:.1f}", PERCENT)


def executed_sentence(arm: ArmSummary, executed: Executed) -> str:
    """How many samples an arm's code is known from, and what sampling itself took."""
    times = f"{executed.replicates} replicate{'s' if executed.replicates > 1 else ''}"
    said = f"{plain(arm.arm)}: {executed.samples} samples in {times}"
    if isinstance(executed.adds, Estimate):
        low, high = (number(edge, PERCENT, digits=2) for edge in (executed.adds.low, executed.adds.high))
        said += f"; sampling made an inference longer by {percent(executed.adds.value)} [{low}, {high}]"
    if not executed.kernel_seen:
        said += "; the kernel's code was not sampled, its share is from the kernel's own accounting"
    return f"{said}."


def code_document(arm: ArmSummary) -> dict[str, Any]:
    """All of the code that an arm executed, as JSON."""
    executed = arm.executed
    if isinstance(executed, Missing):
        return {"arm": arm.arm, "executed": {"missing": executed.reason}}
    return {
        "arm": arm.arm,
        "executed": {**executed_document(executed), "code": [code_of_document(*item) for item in executed.code]},
    }


def code_records(arm: ArmSummary) -> list[dict[str, Any]]:
    """All of the code that an arm executed, as flat records."""
    return [] if isinstance(arm.executed, Missing) else [code_of_document(*item) for item in arm.executed.code]


def account_comparison_document(comparison: Comparison) -> dict[str, Any]:
    """One comparison's account, as in the whole document."""
    return {
        "control": comparison.control,
        "changed": comparison.changed,
        "account": account_document(comparison.account),
    }


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
        "code": [code_of_document(*item) for item in executed.code[:_CODE_OF_DOCUMENT]],
        "integer_multiply_add_samples": executed.integer_samples,
        "float_multiply_add_samples": executed.float_samples,
        "replicates": executed.replicates,
        "kernel_sampled": executed.kernel_seen,
        "sampling_adds": {"missing": adds.reason} if isinstance(adds, Missing) else _ends(adds),
        "python_functions": _functions_document(executed.functions),
    }


def _functions_document(functions: Maybe[tuple[FunctionShare, ...]]) -> Any:
    if isinstance(functions, Missing):
        return {"missing": functions.reason}
    return [
        {"function": one.name or None, "file": one.file or None, "share": one.share}
        for one in functions[:_CODE_OF_DOCUMENT]
    ]


def code_of_document(code: Code, share: float) -> dict[str, Any]:
    """A piece of code with its share, as JSON."""
    return {
        "object": code.object,
        "symbol": code.name,
        "category": code.category.value,
        "instructions": code.instructions.value,
        "work": code.work.value,
        "share": share,
    }


def _in_ms(estimate: Estimate) -> dict[str, float]:
    return {name: value / MILLISECONDS.size for name, value in _ends(estimate).items()}


def _ends(estimate: Estimate) -> dict[str, float]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
