"""The category of a piece of code: a table of rules, of which the first match decides.

Each rule has an example: a recorded site that it was made from. Code that matches no rule is *other*, and is shown with
its largest symbols so that a rule can be added.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from ironlaw.code import CodeSite, InstructionClass, LoopWork, SampleMode
from ironlaw.explanation.account import Category

_GENERATED = r"^\[generated\]$"
_ANY = ""
_MULTIPLIES = (LoopWork.INTEGER_MULTIPLY_ADD, LoopWork.MULTIPLY_ADD)
_COMPUTES = (*_MULTIPLIES, LoopWork.CONVERSION, LoopWork.ARITHMETIC, LoopWork.MOVE)
_WIDE = tuple(
    one
    for one in InstructionClass
    if one not in (InstructionClass.SCALAR, InstructionClass.INTEGER, InstructionClass.UNKNOWN)
)
_LIBC = r"^libc[.-]|^ld-linux|^ld-musl|^libm[.-]"
_PYTHON = (
    r"^libpython3|^python3|^_[a-z]+\.cpython-|_umath\.cpython|^_multiarray|^(?!.*llama).*\.abi3\.so$|^array\.cpython"
)
_ENGINES = (
    r"torch|^libc10|onnxruntime|openvino|^libdnnl|^libmkl|^libtbb|^libhwloc|^libgomp|^libiomp|^libomp"
    r"|ggml|llama|torchao"
)
_UNNAMED = _GENERATED + r"|onnxruntime|openvino|libtorch_cpu|ggml|^libmkl|^libdnnl"
_NO_NAME = r"^$|^loop [0-9a-f]+$"


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRule:
    """What a site must match; an empty pattern or tuple matches every site. Patterns are searched, not anchored.

    `near` is matched against the symbol before a site that has no symbol.
    """

    category: Category
    object: str = _ANY
    symbol: str = _ANY
    near: str = _ANY
    instructions: tuple[InstructionClass, ...] = ()
    work: tuple[LoopWork, ...] = ()
    mode: SampleMode = SampleMode.USER
    example: tuple[str, str] = field(default=("", ""))  # object and symbol as they were recorded

    def takes(self, site: CodeSite) -> bool:
        """Whether the site matches this rule."""
        return self.takes_kind(site.object, site.instructions, site.work, site.mode) and self.takes_name(site)

    def takes_kind(self, name: str, instructions: InstructionClass, work: LoopWork, mode: SampleMode) -> bool:
        """Whether the rule applies to this kind of code in an object of that name, whatever the symbol."""
        return (
            mode is self.mode
            and (not self.instructions or instructions in self.instructions)
            and (not self.work or work in self.work)
            and _found(self.object, name)
        )

    def takes_name(self, site: CodeSite) -> bool:
        """Whether the symbol matches or, if there is none, the one before it."""
        return _found(self.symbol, site.symbol) and (
            not self.near or (not site.symbol and _found(self.near, site.near))
        )


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _found(pattern: str, text: str) -> bool:
    return not pattern or _compiled(pattern).search(text) is not None


def _kernel(category: Category, symbol: str, example: str) -> CategoryRule:
    return CategoryRule(category=category, symbol=symbol, mode=SampleMode.KERNEL, example=("[kernel]", example))


def _jit(category: Category, symbol: str, example: str) -> CategoryRule:
    """Rules for code that oneDNN generated, by the name of the generator's class."""
    return CategoryRule(category=category, object=_GENERATED, symbol=symbol, example=("[generated]", example))


def _numpy(category: Category, symbol: str, example: str) -> CategoryRule:
    file = "_multiarray_umath.cpython-311-x86_64-linux-gnu.so"
    return CategoryRule(category=category, object=r"_multiarray_umath\.", symbol=symbol, example=(file, example))


RULES = (
    # The kernel's code.
    _kernel(
        Category.PAGE_FAULTS,
        r"page_fault|fault_around|handle_mm_fault|do_anonymous_page|clear_page|charge|folio_(add|prep|alloc)|vma_lookup"
        r"|unmap_|zap_|free_unref|release_pages|alloc_pages|rmqueue|lruvec|lru_|pte_|pmd_|pud_|tlb|memcg|mem_cgroup"
        r"|__list_del_entry|rmap|swap|madvise|mmap|munmap|brk|get_page_from_freelist|zone|buddy|folio",
        "do_anonymous_page",
    ),
    _kernel(Category.WAITING, r"futex|schedule|hrtimer_nanosleep|do_nanosleep|idle|yield", "futex_wait_queue"),
    _kernel(Category.KERNEL, _ANY, "irqentry_exit_to_user_mode"),
    # Waiting in user mode: pools that spin, locks.
    CategoryRule(
        category=Category.WAITING,
        object=r"gomp|iomp5|libomp|tbb",
        symbol=r"wait|spin|barrier|sleep|yield|pause|^$",
        example=("libgomp.so.1", "gomp_team_barrier_wait_end"),
    ),
    CategoryRule(
        category=Category.WAITING,
        symbol=r"SpinPause|WorkerLoop|blas_thread_server|futex|pthread_cond_(timed)?wait|sched_yield|nanosleep|ggml_barrier|spin_wait",
        example=("libc.so.6", "pthread_cond_wait"),
    ),
    CategoryRule(category=Category.WAITING, work=(LoopWork.SPIN,), example=("libpool.so", "Pool::run()")),
    # C++ exceptions: the unwinder, and what searches its tables.
    CategoryRule(category=Category.EXCEPTIONS, object=r"^libgcc_s", example=("libgcc_s.so.1", "_Unwind_Find_FDE")),
    CategoryRule(
        category=Category.EXCEPTIONS,
        symbol=r"_Unwind_|__cxa_(throw|begin_catch|end_catch|allocate_exception|free_exception|rethrow|get_globals)"
        r"|gxx_personality|dl_iterate_phdr|_dl_find_object|__cxa_demangle",
        example=("libstdc++.so.6", "__gxx_personality_v0"),
    ),
    CategoryRule(
        category=Category.EXCEPTIONS,
        object=r"^libstdc\+\+",
        near=r"__cxa_|__gxx_personality|__cxa_get_globals",
        example=("libstdc++.so.6", "__cxa_get_globals"),
    ),
    # The allocator. C libraries are stripped: their inner functions lie behind the exported ones of the same file.
    CategoryRule(
        category=Category.ALLOCATOR,
        symbol=r"^_*(libc_)?(malloc|calloc|realloc|free|cfree|memalign|aligned_alloc|posix_memalign|mallopt)\b"
        r"|^operator (new|delete)|_int_(malloc|free|realloc)|tcache|^je_|mi_(malloc|free)|tc_(malloc|free|new|delete)",
        example=("libc.so.6", "cfree"),
    ),
    CategoryRule(
        category=Category.ALLOCATOR,
        object=_LIBC,
        near=r"^(__)?(libc_)?(malloc|calloc|realloc|c?free|memalign|valloc|pvalloc|mall|default_morecore|sbrk)",
        example=("libc.so.6", "__default_morecore"),
    ),
    # glibc 2.34 and later: malloc.o follows timer_settime.o, and malloc_consolidate and unlink_chunk are not exported.
    CategoryRule(
        category=Category.ALLOCATOR, object=_LIBC, near=r"^timer_settime", example=("libc.so.6", "timer_settime")
    ),
    CategoryRule(
        category=Category.ALLOCATOR,
        object=r"torch|c10|onnxruntime|openvino|ggml",
        symbol=r"alloc_cpu|free_cpu|DefaultCPUAllocator|StorageImpl::release|BFCArena|CPUAllocator|posix_memalign",
        example=("libc10.so", "c10::alloc_cpu(unsigned long)"),
    ),
    # Code that oneDNN generated and named (ONEDNN_JIT_PROFILE). A kernel keeps all of its loops, also those that
    # convert and store its results. jit_brdgmm multiplies batches of diagonal matrices: a depth-wise convolution.
    _jit(Category.DEPTHWISE, r"dw_conv|brdgmm|depthwise", "jit_uni_dw_conv_fwd_kernel_f32_t.38"),
    _jit(
        Category.REORDER,
        r"single_blk|reorder|direct_copy|_copy_|_trans|relo|comp_pad|im2col|rtus|pack|pbuffer",
        "jit_single_blk_kernel.41",
    ),
    _jit(Category.NORMALIZATION, r"softmax|bnorm|lnorm|_norm|statistics|_mvn_", "jit_uni_mvn_kernel_f32"),
    _jit(Category.MATRIX, r"brgemm|gemm|gemv|conv|inner_product|matmul|tile(cfg|release)", "jit_brgemm_kernel_t.83"),
    _jit(Category.ELEMENTWISE, r"eltwise|binary|pool|uni_kernel|uni_reduce|resampl|prelu|_sum_", "jit_uni_kernel.141"),
    # CPython's perf trampolines, through which it calls each function where a program activated them.
    _jit(Category.INTERPRETER, r"^py::", "py::Module.forward:module.py"),
    # OpenVINO compiles runs of elementwise operators into one kernel.
    _jit(Category.ELEMENTWISE, r"^jit_snippet", "jit_snippet"),
    # FBGEMM and ggml, whose kernels carry the names of formats and of what surrounds them.
    CategoryRule(
        category=Category.DEPTHWISE,
        symbol=r"(?i)depth_?wise|dwconv|dw_conv",
        example=("libtorch_cpu.so", "void fbgemm::depthwise_2d_<3, true, true>(int)"),
    ),
    CategoryRule(
        category=Category.MATRIX,
        symbol=r"fbgemm::(ExecuteKernel|fbgemmPacked|fbgemmConv|fbgemmGroupwiseConv|cblas_gemm|CodeGenBase)",
        example=("libtorch_cpu.so", "void fbgemm::fbgemmPacked<fbgemm::PackAWithQuantRowOffset<unsigned char, int>>()"),
    ),
    CategoryRule(
        category=Category.REORDER,
        symbol=r"fbgemm::(Pack|transpose|.*[iI]m2[cC]ol)",
        example=("libtorch_cpu.so", "fbgemm::PackAWithRowOffset<unsigned char, int>::pack(fbgemm::block_type_t)"),
    ),
    CategoryRule(
        category=Category.MATRIX,
        symbol=r"ggml_vec_dot|ggml_gem[mv]|ggml_compute_forward_mul_mat|llamafile_sgemm|tinyBLAS",
        example=("libggml-cpu.so", "ggml_vec_dot_q4_K_q8_K"),
    ),
    CategoryRule(
        category=Category.ATTENTION,
        symbol=r"ggml_.*flash_attn",
        example=("xllamacpp.abi3.so", "ggml_compute_forward_flash_attn_ext_f16_one_chunk(ggml_compute_params const*)"),
    ),
    # What calls kernels: by its namespace, whatever the name of the operator that is called.
    CategoryRule(
        category=Category.FRAMEWORK,
        object=_ENGINES,
        symbol=r"^(void |bool |auto )?(at::_ops::|ideep::|c10::(impl|Dispatcher|detail|intrusive)|torch::|pybind11"
        r"|dnnl_|dnnl::impl::(memory|primitive|cvt|operator|utils|get_|hash|desc)|aoti_torch|Packed(Conv|Linear)\w*<.*>::apply"
        r"|_?onnxruntime::\w*(Frame|Executor|Session)|std::)",
        example=("libtorch_cpu.so", "at::_ops::batch_norm::call(at::Tensor const&)"),
    ),
    CategoryRule(
        category=Category.NORMALIZATION,
        symbol=r"(?i)batch_?norm|layer_?norm|group_?norm|rms_?norm|soft_?max|instance_?norm|MeanVarianceNormalization",
        example=("libtorch_cpu.so", "at::native::(anonymous namespace)::batch_norm_cpu_kernel(at::Tensor&)"),
    ),
    # One number at a time, inside of the loops of quantized operators: an addition of int8 tensors of unlike layouts.
    CategoryRule(
        category=Category.ELEMENTWISE,
        symbol=r"at::native::(re|de)?quantize_val<",
        example=("libtorch_cpu.so", "c10::quint8 at::native::quantize_val<c10::quint8>(double, long, float)"),
    ),
    CategoryRule(
        category=Category.QUANTIZE,
        symbol=r"(?i)(?<!fake_)(re|de)?quantize(?!d)|ggml_cpu_(b?fp?\d+)_to_(b?fp?\d+)|requant|dequant|qparams|Quantization(Params|Util)|find_?min_?max"
        r"|fused_params|cvt.*(int8|u8|s8)",
        example=("libtorch_cpu.so", "void fbgemm::QuantizeAvx2<unsigned char>(float const*, unsigned char*, long)"),
    ),
    _numpy(Category.MATRIX, r"_(matmul|dot|vecdot)(_|$)", "INT_matmul"),  # by loops of its own, without a BLAS
    _numpy(
        Category.REORDER,
        r"(?i)strided_to|contig_to|_cast|copy|transfer|_take|repeat",
        "_aligned_strided_to_contig_size4",
    ),
    _numpy(
        Category.ELEMENTWISE,
        r"^(FLOAT|DOUBLE|HALF|BOOL|U?(BYTE|SHORT|INT|LONG|LONGLONG))_(?!matmul|dot)\w+|^(npyv?|simd|AVX\w*)_",
        "FLOAT_maximum_AVX512_SKX",
    ),
    CategoryRule(
        category=Category.REORDER,
        symbol=r"(?i)memcpy|memmove|memset|bcopy|copy_kernel|direct_copy|reorder|transpose|permute|im2col|col2im|_copyan"
        r"|_copybn|scopy|ggml_compute_forward_(dup|cpy|cont|[gs]et_rows|concat|repeat|pad)|pack_?[ab]\b|cat_serial|cat_contig|interleave|gather",
        example=("libtorch_cpu.so", "mkl_blas_avx512_sgemm_scopy_right8_ea"),
    ),
    CategoryRule(
        category=Category.MATRIX,
        symbol=r"(?i)gemm|gemv|matmul|brgemm|conv(olution)?[_:d2-]|winograd|inner_product|vec_dot"
        r"|mlas.*kernel|addmm|bmm|dot_kernel|mkl_blas|flash_attention|sdpa",
        work=_COMPUTES,
        example=("libtorch_cpu.so", "mkl_blas_avx512_sgemm_kernel_nocopy_NN_b0"),
    ),
    # The loops around generated kernels: they prepare each call of one.
    CategoryRule(
        category=Category.MATRIX,
        symbol=r"^(void )?dnnl::impl::cpu::.*(convolution|inner_product|matmul|gemm)\w*<.*::(exec|ker|operator\(\))",
        example=(
            "libtorch_cpu.so",
            "dnnl::impl::cpu::x64::brgemm_1x1_convolution_fwd_t<(dnnl::impl::cpu::x64::cpu_isa_t)129009>::exec_ker()",
        ),
    ),
    CategoryRule(
        category=Category.ELEMENTWISE,
        object=_ENGINES,
        symbol=r"(?i)vectorized_loop|VectorizedLoop2d|cpu_kernel_vec|basic_loop|relu|sigmoid|silu|gelu|tanh|hardswish"
        r"|qadd|qmul|binary_kernel|unary_kernel|eltwise|clamp|function_ref<void \(|pool2d|avg_pool|max_pool"
        r"|ggml_(vec|compute_forward)_(?!dot)\w*(add|sub|mul|div|scale|sqr|exp|log|glu|unary|rope|sum|mad|clamp)"
        r"|mean_kernel|sum_kernel|reduce|upsample|interpolate|embedding|sleef|Sleef_|vml|mkl_vml|qcat|cat_nhwc|index_",
        work=_COMPUTES,
        example=("libtorch_cpu.so", "void at::native::AVX2::vectorized_loop<at::native::qadd_kernel<false>>()"),
    ),
    # Inductor compiles a library for each graph; its kernels are named by what they fuse.
    CategoryRule(
        category=Category.ELEMENTWISE,
        symbol=r"^cpp_|^kernel(_cpp_\d+)?$",
        example=("cscpetlpwwepiuqloilum36m.so", "cpp_fused_relu_0"),
    ),
    # Generated code without a name, and stripped libraries: by what the loop does.
    CategoryRule(
        category=Category.KERNELS,
        object=_UNNAMED,
        symbol=_NO_NAME,
        work=_MULTIPLIES,
        example=("[generated]", "loop fac47db6"),
    ),
    CategoryRule(
        category=Category.QUANTIZE,
        object=_UNNAMED,
        symbol=_NO_NAME,
        work=(LoopWork.CONVERSION,),
        instructions=_WIDE,
        example=("[generated]", "loop 10c41101"),
    ),
    CategoryRule(
        category=Category.ELEMENTWISE,
        object=_UNNAMED,
        symbol=_NO_NAME,
        instructions=_WIDE,
        work=(LoopWork.ARITHMETIC,),
        example=("[generated]", "loop 7a3f1472"),
    ),
    CategoryRule(
        category=Category.REORDER,
        object=_UNNAMED,
        symbol=_NO_NAME,
        instructions=_WIDE,
        work=(LoopWork.MOVE,),
        example=("[generated]", "loop e5783fed"),
    ),
    # ONNX Runtime computes mean and variance of a row in one pass (SkipLayerNormalization of 1.30).
    CategoryRule(
        category=Category.NORMALIZATION,
        object=_UNNAMED,
        symbol=_NO_NAME,
        work=(LoopWork.RUNNING_MEAN,),
        example=("onnxruntime_pybind11_state.so", ""),
    ),
    # Its QLinearSoftmax has a table of 256 exponentials: it sums those that a row selects, and divides each by the sum.
    CategoryRule(
        category=Category.NORMALIZATION,
        object=_UNNAMED,
        symbol=_NO_NAME,
        work=(LoopWork.BYTE_TABLE,),
        example=("onnxruntime_pybind11_state.so", ""),
    ),
    # Elements that are moved or selected one at a time (QLinearWhere): what calls kernels moves pointers and sizes.
    CategoryRule(
        category=Category.REORDER,
        object=_UNNAMED,
        symbol=_NO_NAME,
        instructions=(InstructionClass.INTEGER,),
        work=(LoopWork.MOVE,),
        example=("onnxruntime_pybind11_state.so", ""),
    ),
    # Scalar moves as well: of what is generated for tensors nothing is dispatch (jit_uni_reorder_kernel, where named).
    CategoryRule(
        category=Category.REORDER,
        object=_GENERATED,
        symbol=_NO_NAME,
        instructions=(InstructionClass.SCALAR,),
        work=(LoopWork.MOVE,),
        example=("[generated]", "loop ba417f9f"),
    ),
    CategoryRule(
        category=Category.REORDER,
        object=_LIBC,
        near=r"nss_database_lookup|mem(cpy|move|set)|str|bcopy|bzero",
        work=(LoopWork.MOVE, LoopWork.CONTROL, LoopWork.ARITHMETIC),
        example=("libc.so.6", "__nss_database_lookup"),
    ),
    # The interpreter: Python itself and the modules written in C that belong to it.
    CategoryRule(
        category=Category.INTERPRETER,
        object=_PYTHON,
        example=("libpython3.11.so.1.0", "_PyEval_EvalFrameDefault"),
    ),
    # Everything else in an engine's libraries and the C and C++ run time is what calling a kernel takes.
    CategoryRule(
        category=Category.FRAMEWORK,
        object=_ENGINES + r"|^libstdc\+\+|" + _LIBC + r"|^\[vdso\]|pthread|^c[a-z2-7]{40,}.*\.so$",
        example=("libtorch_cpu.so", "at::RecordFunction::RecordFunction(at::RecordScope)"),
    ),
)


@lru_cache(maxsize=4096)
def _rules_for(name: str, instructions: InstructionClass, work: LoopWork, mode: SampleMode) -> tuple[CategoryRule, ...]:
    """The rules for one kind of code, among which the symbol decides. Cached: most sites of an arm are of a few
    kinds.
    """
    return tuple(rule for rule in RULES if rule.takes_kind(name, instructions, work, mode))


@lru_cache(maxsize=65536)
def _category_of(name: str, symbol: str, near: str, kind: tuple[InstructionClass, LoopWork, SampleMode]) -> Category:
    site = CodeSite(
        object=name, symbol=symbol, near=near, offset=0, instructions=kind[0], work=kind[1], mode=kind[2], count=1
    )
    rules = _rules_for(name, *kind)
    return next((rule.category for rule in rules if rule.takes_name(site)), Category.OTHER)


def is_unnamed(site: CodeSite) -> bool:
    """Whether the site has no name, so that only its loop can be judged."""
    return _is_unnamed_object(site.object) and is_nameless(site)


def is_nameless(site: CodeSite) -> bool:
    """Whether nothing names the code: neither a symbol nor who generated it."""
    return _is_no_name(site.symbol)


@lru_cache(maxsize=1024)
def _is_unnamed_object(name: str) -> bool:
    return re.search(_UNNAMED, name) is not None


@lru_cache(maxsize=65536)
def _is_no_name(symbol: str) -> bool:
    return re.search(_NO_NAME, symbol) is not None


def category_of(site: CodeSite) -> Category:
    """The category of the first rule that matches a site."""
    return _category_of(site.object, site.symbol, site.near, (site.instructions, site.work, site.mode))
