"""perf script and perf report, as accounts by code."""

from __future__ import annotations

import math

import pytest

from ironlaw.analysis.attached.explain import explain_attached
from ironlaw.errors import BadInput
from ironlaw.explanation import Explanation
from ironlaw.explanation.account import Category
from ironlaw.missing import Missing, is_known

from .files import DATA, explained, file_of, one

SCRIPT_A, SCRIPT_B, REPORT_A, REPORT_B = (
    f"perf-{kind}-6.1-{name}.txt" for kind in ("script", "report") for name in "ab"
)
CHAINS, CHILDREN = "perf-script-6.1-call-chains.txt", "perf-report-6.1-children.txt"


def test_the_time_of_a_script_is_its_samples_times_their_period() -> None:
    read = one(SCRIPT_A)
    lines = (DATA / SCRIPT_A).read_text().splitlines()
    assert is_known(read.times)
    assert is_known(read.code)
    assert read.code.samples == len(lines)
    assert read.times.mean_ns == len(lines) * 2004008
    assert read.times.is_cpu_time
    assert math.fsum(share for _, share in read.code.sites) == pytest.approx(1)


def test_of_a_call_chain_the_innermost_frame_counts() -> None:
    read = one(CHAINS)
    assert is_known(read.code)
    blocks = [block for block in (DATA / CHAINS).read_text().split("\n\n") if block.strip()]
    assert read.code.samples == len(blocks)
    symbols = {site.symbol for site, _ in read.code.sites}
    assert "__d_lookup_rcu" in symbols
    assert "walk_component" not in symbols


def test_a_report_gives_the_shares_that_it_lists_and_says_what_it_does_not_list() -> None:
    read = one(REPORT_A)
    assert is_known(read.code)
    shares = {site.symbol or site.object: share for site, share in read.code.sites}
    assert shares["gc_collect_main"] == pytest.approx(0.1338, abs=1e-4)
    assert shares["[not listed]"] > 0.2  # the fixture lists no row below 0.25 %
    assert is_known(read.times)
    assert read.times.mean_ns == 2785571120


def test_of_children_and_self_the_second_is_the_share() -> None:
    read = one(CHILDREN)
    assert is_known(read.code)
    shares = {site.symbol: share for site, share in read.code.sites}
    assert shares["_PyEval_EvalFrameDefault"] < 0.2


@pytest.mark.parametrize(("control", "changed"), [(SCRIPT_A, SCRIPT_B), (REPORT_A, REPORT_B)])
def test_the_account_adds_up_to_the_difference(control: str, changed: str) -> None:
    (comparison,) = explained(control, changed).comparisons
    assert is_known(comparison.account)
    assert is_known(comparison.once)
    saved = math.fsum(row.saved_ns.value for row in comparison.account.rows)
    assert saved == pytest.approx(comparison.once.control_ns - comparison.once.changed_ns)
    assert comparison.account.total_ns == pytest.approx(saved)


def test_categories_are_those_of_a_recording() -> None:
    arm = explained(SCRIPT_A, SCRIPT_B).arms[0]
    assert is_known(arm.executed)
    assert arm.executed.categories[Category.INTERPRETER] > 0.4
    assert arm.executed.categories[Category.KERNEL] > 0
    assert sum(arm.executed.categories.values()) == pytest.approx(1)


def test_a_name_decides_where_the_instructions_are_unknown() -> None:
    lines = [
        f"python 1 {place}.5: 1000 cpu-clock: 7f00 mkl_blas_avx512_sgemm_kernel+0x4 (/v/libtorch_cpu.so)"
        for place in range(40)
    ]
    explanation = explained_texts("\n".join(lines), (DATA / SCRIPT_A).read_text())
    executed = explanation.arms[0].executed
    assert is_known(executed)
    assert executed.categories == {Category.MATRIX: pytest.approx(1)}


def stripped(tool: str, *, symbol: str, count: int = 40) -> str:
    """Samples of a library whose inner functions have no symbol: ONNX Runtime's, as published."""
    if tool == "script":
        where = "(/v/onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so)"
        return "\n".join(f"python 1 {at}.5: 1000 cpu-clock: 1926a6a {symbol} {where}" for at in range(count))
    rows = "    90.00%  python  onnxruntime_pybind11_state.so  [.] 0x0000000001926a6a\n"
    rows += "    10.00%  python  libpython3.11.so.1.0  [.] _PyEval_EvalFrameDefault\n"
    head = f"# Samples: {count}  of event 'cpu-clock'\n# Event count (approx.): 1000000\n# Overhead Command Symbol\n"
    return head + rows


@pytest.mark.parametrize(("tool", "share"), [("script", 1.0), ("report", 0.9)])
def test_unnamed_code_of_an_engine_is_other_and_not_its_framework(tool: str, share: float) -> None:
    """It may be kernels: dispatch overhead would be a wrong explanation."""
    slow = stripped(tool, symbol="[unknown]")
    explanation = explained_texts(slow, slow.replace("1000", "500"))
    executed = explanation.arms[0].executed
    assert is_known(executed)
    assert executed.categories[Category.OTHER] == pytest.approx(share)
    assert Category.FRAMEWORK not in executed.categories
    assert "dispatch-overhead" not in {verdict.cause for verdict in explanation.comparisons[0].causes}
    (note,) = {concern.text for concern in explanation.concerns if "without symbols" in concern.text}
    assert note.startswith(f"{share:.0%} of the samples")
    assert "onnxruntime_pybind11_state" in note


def test_named_code_of_an_engine_remains_its_framework() -> None:
    named = stripped("script", symbol="OrtGetApiBase+0x4")
    explanation = explained_texts(named, named.replace("1000", "500"))
    executed = explanation.arms[0].executed
    assert is_known(executed)
    assert executed.categories == {Category.FRAMEWORK: pytest.approx(1)}
    assert not any("without symbols" in concern.text for concern in explanation.concerns)


def explained_texts(control: str, changed: str) -> Explanation:
    return explain_attached([file_of(control, "a"), file_of(changed, "b")])


def test_samples_of_cycles_have_shares_and_no_time() -> None:
    cycles = (DATA / SCRIPT_A).read_text().replace("cpu-clock", "cycles:u")
    explanation = explained_texts(cycles, (DATA / SCRIPT_B).read_text())
    (comparison,) = explanation.comparisons
    assert isinstance(comparison.ln_ratio, Missing)
    assert "the samples count cycles, which is no time" in comparison.ln_ratio.reason
    assert is_known(explanation.arms[0].executed)


def test_samples_of_two_events_are_refused() -> None:
    text = (DATA / SCRIPT_A).read_text()
    with pytest.raises(BadInput, match="it holds samples of 2 events: cpu-clock, cycles"):
        file_of(text.replace("cpu-clock", "cycles", 1), "a")


def test_few_samples_are_no_account() -> None:
    short = "\n".join((DATA / SCRIPT_A).read_text().splitlines()[:10])
    (comparison,) = explained_texts(short, short.replace("a", "b")).comparisons
    assert isinstance(comparison.account, Missing)
