"""The script states which code executes; the whole pipeline must locate it, and call it by its name."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ironlaw.analysis.assemble import explain
from ironlaw.analysis.verdicts.planner import Wanted
from ironlaw.arm import Arm
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.explanation import Comparison, Explanation, Outcome
from ironlaw.explanation.account import Category
from ironlaw.measure.scripted import ArmScript, Script
from ironlaw.missing import Missing
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.recording import assemble
from ironlaw.report.paragraph import paragraph
from ironlaw.running.advice import advise_wanted
from tests.scripted import COMPUTES_INT8, SOUND, own, run_script


def code(where: str, symbol: str, count: int, **known: object) -> CodeSite:
    fields = {"instructions": InstructionClass.INTEGER, "work": LoopWork.CONTROL, "mode": SampleMode.USER} | known
    return CodeSite(object=where, symbol=symbol, offset=0, count=count, **fields)  # type: ignore[arg-type]


GEMM = code(
    "libtorch_cpu.so", "mkl_blas_avx512_sgemm_kernel_0_b0", 600,
    instructions=InstructionClass.AVX512, work=LoopWork.MULTIPLY_ADD,
)  # fmt: skip
MORE = 0.5  # of the plain law, that the planted code adds
PLANTED = {
    "exceptions": code("libgcc_s.so.1", "_Unwind_Find_FDE", 300),
    "interpreter": code("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault", 300),
    "reorder and copy": code(
        "libtorch_cpu.so", "at::native::direct_copy_kernel()", 300,
        instructions=InstructionClass.AVX2, work=LoopWork.MOVE,
    ),
    "page faults": code("[kernel]", "do_anonymous_page", 300, mode=SampleMode.KERNEL,
                        instructions=InstructionClass.UNKNOWN, work=LoopWork.UNKNOWN),
    "unnamed kernels": code("[generated]", "loop 0a0b0c0d", 300, instructions=InstructionClass.SSE,
                            work=LoopWork.MULTIPLY_ADD),
}  # fmt: skip


def explained(script: Script, *arms: Arm) -> tuple[Explanation, Comparison]:
    plan = Plan(
        model="scripted",
        arms=with_control(arms),
        schedule=Schedule(replicates=8, rounds=4, inferences=960, budget_s=None),
        ceilings=False,
        code=True,
    )
    kept = run_script(plan, script, advise_wanted(Wanted(causes=())))
    explanation = explain(assemble(kept))
    return explanation, explanation.comparisons[0]


def law(*sites: CodeSite, slower: float = 1.0) -> ArmScript:
    return replace(SOUND, user_instructions=SOUND.user_instructions * slower, code=sites)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_code_is_located_and_nothing_else_is(name: str) -> None:
    script = Script(arms={"a": law(GEMM), "b": law(GEMM, PLANTED[name], slower=1 + MORE)}, turn_noise=0.002)
    explanation, comparison = explained(script, own("a"), own("b"))
    assert not isinstance(comparison.account, Missing)
    differing = [row.category.value for row in comparison.account.categories if row.saved_ns.excludes(0.0)]
    assert differing == [name]
    assert f"largest loss shown is in {name}" in paragraph(comparison, explanation)


def test_two_equal_arms_differ_in_no_category() -> None:
    script = Script(arms={"a": law(GEMM, *PLANTED.values()), "b": law(GEMM, *PLANTED.values())}, turn_noise=0.002)
    _, comparison = explained(script, own("a"), own("b"))
    assert not isinstance(comparison.account, Missing)
    assert not [row for row in comparison.account.categories if row.saved_ns.excludes(0.0)]


def test_exceptions_of_the_slower_arm_are_a_signature() -> None:
    script = Script(arms={"a": law(GEMM), "b": law(GEMM, PLANTED["exceptions"], slower=1 + MORE)}, turn_noise=0.002)
    _, comparison = explained(script, own("a"), own("b"))
    verdicts = {verdict.cause: verdict for verdict in comparison.causes}
    assert verdicts["exception-unwinding"].outcome is Outcome.CONSISTENT
    assert "unwinds C++ exceptions" in verdicts["exception-unwinding"].reason


@pytest.mark.parametrize(
    ("site", "cause", "said"),
    [
        (
            code("libmine.so", "scalar_conv", 300, instructions=InstructionClass.SSE, work=LoopWork.MULTIPLY_ADD),
            "reference-kernel",
            "b multiplies and adds in scalars or 128 bits for NN % of its time (most of it in scalar_conv)",
        ),
        (
            code("libgomp.so.1", "gomp_team_barrier_wait_end", 300),
            "thread-oversubscription",
            "b spins in the thread pool of libgomp.so.1 for NN % of its threads' time",
        ),
    ],
)
def test_code_of_the_slower_arm_is_a_signature(site: CodeSite, cause: str, said: str) -> None:
    script = Script(arms={"a": law(GEMM), "b": law(GEMM, site, slower=1 + MORE)}, turn_noise=0.002)
    _, comparison = explained(script, own("a"), own("b"))
    verdicts = {verdict.cause: verdict for verdict in comparison.causes}
    assert verdicts[cause].outcome is Outcome.CONSISTENT
    share = re.search(r"(\d+) %", verdicts[cause].reason)
    assert share is not None
    assert verdicts[cause].reason == said.replace("NN", share[1])
    assert int(share[1]) == pytest.approx(100 / 3, abs=3)  # of some hundred samples


@pytest.mark.parametrize(("work", "is_wrong"), [(LoopWork.MULTIPLY_ADD, True), (LoopWork.INTEGER_MULTIPLY_ADD, False)])
def test_asked_for_int8_and_ran_float_is_proved_by_samples(work: LoopWork, is_wrong: bool) -> None:
    """The census of an engine that shows no operators holds none: what executed decides."""
    census = {name: value for name, value in SOUND.census.items() if name != "int8_operators"}
    kernel = code("[generated]", "loop 0a0b0c0d", 600, instructions=InstructionClass.AVX512, work=work)
    script = Script(
        arms={"a": replace(law(GEMM), census=census), "my-int8": replace(law(kernel), census=census)},
        turn_noise=0.002,
    )
    explanation, _ = explained(script, own("a"), own("my-int8"))
    said = [concern.text for concern in explanation.concerns if concern.slug == "not-quantized"]
    assert bool(said) is is_wrong
    assert not is_wrong or "samples that multiply and add, 0 do so in integers" in said[0]


ONE_BY_ONE = code(
    "libtorch_cpu.so", "c10::quint8 at::native::quantize_val<c10::quint8>(double, long, float)", 300,
    instructions=InstructionClass.SCALAR, work=LoopWork.CONVERSION,
)  # fmt: skip
BY_VECTORS = replace(ONE_BY_ONE, instructions=InstructionClass.AVX2)
QUANTIZING = code(
    "libtorch_cpu.so", "void fbgemm::QuantizeAvx2<unsigned char>(float const*, unsigned char*, long)", 300,
    instructions=InstructionClass.AVX2, work=LoopWork.CONVERSION,
)  # fmt: skip


@pytest.mark.parametrize(
    ("site", "law_of_b", "suspected"),
    [
        (ONE_BY_ONE, COMPUTES_INT8, "unoptimised-op"),
        (ONE_BY_ONE, SOUND, ""),  # float arms have no quantized operators
        (BY_VECTORS, COMPUTES_INT8, ""),
        (QUANTIZING, COMPUTES_INT8, "quantize-dequantize"),
    ],
)
def test_a_quantized_operator_of_single_numbers_is_no_quantizing_of_tensors(
    site: CodeSite, law_of_b: ArmScript, suspected: str
) -> None:
    """Of PyTorch's int8 additions of unlike layouts it was said that they quantize and dequantize."""
    slower = replace(law_of_b, user_instructions=SOUND.user_instructions * (1 + MORE), code=(GEMM, site))
    script = Script(arms={"a": law(GEMM), "b": slower}, turn_noise=0.002)
    _, comparison = explained(script, own("a"), own("b"))
    said = {one.cause: one.reason for one in comparison.causes if one.outcome is Outcome.CONSISTENT}
    assert said.keys() & {"unoptimised-op", "quantize-dequantize"} == ({suspected} - {""})
    assert suspected != "unoptimised-op" or re.fullmatch(
        r"b computes one number at a time, outside of products, for \d\d % of its time \(most of it in .*_val.*",
        said[suspected],
    )


def test_what_no_rule_takes_is_shown_with_its_name() -> None:
    odd = code("libmine.so", "mystery", 300)
    script = Script(arms={"a": law(GEMM), "b": law(GEMM, odd, slower=1 + MORE)}, turn_noise=0.002)
    _, comparison = explained(script, own("a"), own("b"))
    assert not isinstance(comparison.account, Missing)
    assert [name for name, _ in comparison.account.unmatched] == ["libmine.so mystery"]
    assert Category.OTHER in {row.category for row in comparison.account.rows}
