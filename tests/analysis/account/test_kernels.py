"""Code without names goes with the kernel it lies in, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.analysis.account.kernels import categorised
from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.explanation.account import Category

GENERATED = "[generated]"
ORT = "onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so"


def site(
    offset: int,
    work: LoopWork,
    *,
    name: str = GENERATED,
    symbol: str = "",
    kind: InstructionClass = InstructionClass.AVX512,
    function: int = 0,
) -> CodeSite:
    return CodeSite(
        object=name, symbol=symbol, offset=offset, instructions=kind, work=work, mode=SampleMode.USER, count=100,
        function=function,
    )  # fmt: skip


def found(*sites: CodeSite) -> list[Category]:
    return [category for _, category in categorised(sites)]


def test_what_lies_beside_a_generated_loop_that_multiplies_is_of_its_kernel() -> None:
    kernel = site(0x40100, LoopWork.MULTIPLY_ADD, symbol="loop 00000001")
    near = site(0x40900, LoopWork.CONVERSION, symbol="loop 00000002")
    far = site(0x80000, LoopWork.CONVERSION, symbol="loop 00000003")
    assert found(kernel, near, far) == [Category.KERNELS, Category.KERNELS, Category.QUANTIZE]


def test_in_a_stripped_library_the_function_decides_and_not_the_distance() -> None:
    kernel = site(0x1000, LoopWork.MULTIPLY_ADD, name=ORT, function=0x1000)
    same = site(0x9000, LoopWork.MOVE, name=ORT, function=0x1000)
    other = site(0x9100, LoopWork.MOVE, name=ORT, function=0x9080)
    assert found(kernel, same, other) == [Category.KERNELS, Category.KERNELS, Category.REORDER]


def test_a_function_that_seldom_multiplies_is_no_kernel() -> None:
    """A tenth of its samples at least: fewer, and it does something else besides."""
    products = replace(site(0x1000, LoopWork.MULTIPLY_ADD, name=ORT, function=0x1000), count=10)

    def moves(count: int) -> Category:
        return found(products, replace(site(0x1100, LoopWork.MOVE, name=ORT, function=0x1000), count=count))[1]

    assert moves(90) is Category.KERNELS
    assert moves(91) is Category.REORDER


def test_assembly_without_an_entry_goes_by_distance() -> None:
    kernel = site(0x193C97B, LoopWork.INTEGER_MULTIPLY_ADD, name=ORT, kind=InstructionClass.VNNI)
    near = site(0x193BB1E, LoopWork.CONVERSION, name=ORT)
    assert found(kernel, near) == [Category.KERNELS, Category.KERNELS]


def test_avx2_loops_over_bytes_are_depthwise_beside_fbgemms_depthwise_driver() -> None:
    loop = site(0x100, LoopWork.INTEGER_MULTIPLY_ADD, symbol="loop fac47db6", kind=InstructionClass.AVX2)
    driver = site(0, LoopWork.CONVERSION, name="libtorch_cpu.so", symbol="void fbgemm::depthwise_2d_<3, true, true>()")
    packing = site(0, LoopWork.MOVE, name="libtorch_cpu.so", symbol="fbgemm::PackAWithRowOffset<int>::pack()")
    vnni = site(0x90000, LoopWork.INTEGER_MULTIPLY_ADD, symbol="loop f7edaff2", kind=InstructionClass.VNNI)
    assert found(loop)[0] is Category.KERNELS, "alone it may be either"
    assert found(loop, driver)[0] is Category.DEPTHWISE
    assert found(loop, driver, packing)[0] is Category.KERNELS, "its matrix kernel may be AVX2 too"
    assert found(loop, driver, packing, vnni)[0] is Category.DEPTHWISE


def test_a_name_is_believed_whatever_lies_beside() -> None:
    kernel = site(0x100, LoopWork.MULTIPLY_ADD, symbol="jit_brgemm_kernel_t.1")
    reorder = site(0x180, LoopWork.MOVE, symbol="jit_single_blk_kernel.2")
    assert found(kernel, reorder) == [Category.MATRIX, Category.REORDER]


def test_where_onednn_names_its_code_what_has_no_name_is_fbgemms() -> None:
    named = site(0x90000, LoopWork.MULTIPLY_ADD, symbol="jit_brgemm_kernel_t")
    loop = site(0x100, LoopWork.INTEGER_MULTIPLY_ADD, symbol="loop fac47db6", kind=InstructionClass.VNNI)
    narrow = site(0x10000, LoopWork.INTEGER_MULTIPLY_ADD, symbol="loop f7edaff2", kind=InstructionClass.AVX2)
    driver = site(0, LoopWork.CONVERSION, name="libtorch_cpu.so", symbol="void fbgemm::depthwise_2d_<3, true, true>()")
    assert found(loop, named)[0] is Category.KERNELS, "without FBGEMM its library is unknown"
    assert found(loop, driver)[0] is Category.KERNELS, "without names it may be oneDNN's"
    assert found(loop, named, driver)[0] is Category.MATRIX
    assert found(narrow, loop, named, driver)[0] is Category.DEPTHWISE


def test_a_hot_scalar_function_of_a_stripped_library_is_not_called_framework() -> None:
    hot = site(0x100, LoopWork.CONVERSION, name=ORT, function=0x80, kind=InstructionClass.SCALAR)
    calls = site(0x900, LoopWork.CONTROL, name=ORT, function=0x880, kind=InstructionClass.INTEGER)
    assert found(hot, calls) == [Category.OTHER, Category.FRAMEWORK]


def test_a_scalar_function_with_few_of_the_samples_is_not_hot() -> None:
    """Two in a hundred, or it is called framework as the code around kernels is."""

    def scalar(count: int, others: int) -> Category:
        work = site(0x100, LoopWork.CONVERSION, name=ORT, function=0x80, kind=InstructionClass.SCALAR)
        products = site(0x900, LoopWork.MULTIPLY_ADD, name=ORT, function=0x880)
        return found(replace(work, count=count), replace(products, count=others))[0]

    assert scalar(2, 98) is Category.OTHER
    assert scalar(2, 99) is Category.FRAMEWORK


def test_a_softmax_of_bytes_and_a_selection_of_bytes_are_named_by_their_loops() -> None:
    """QLinearSoftmax had 19 % of an int8 MiniLM's samples, QLinearWhere 12 %; neither has a name."""
    softmax = site(0x100, LoopWork.BYTE_TABLE, name=ORT, function=0x80, kind=InstructionClass.SCALAR)
    where = site(0x900, LoopWork.MOVE, name=ORT, function=0x880, kind=InstructionClass.INTEGER)
    assert found(softmax, where) == [Category.NORMALIZATION, Category.REORDER]


def test_thread_local_variables_are_looked_up_by_python_where_it_calls_out_the_most() -> None:
    """CPython 3.12 as a shared library: 43 of 311 samples were in the loader, 28 in what libpython calls it through."""
    lookup = site(0x10, LoopWork.CONTROL, name="ld-linux-x86-64.so.2", symbol="__tls_get_addr")
    python = site(0x20, LoopWork.CONTROL, name="libpython3.12.so.1.0", symbol="[calls of other libraries]")
    engine = site(0x30, LoopWork.CONTROL, name="libtorch_cpu.so", symbol="[calls of other libraries]")
    assert found(lookup, python) == [Category.INTERPRETER, Category.INTERPRETER]
    assert found(lookup, engine) == [Category.FRAMEWORK, Category.FRAMEWORK]
    assert found(lookup, python, engine)[0] is Category.FRAMEWORK, "as many of both: undecided, as before"
