"""Code without a name, judged beside what lies around it: a kernel is more than the loop that multiplies."""

from __future__ import annotations

import bisect
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from ironlaw.account import Category
from ironlaw.analysis.account.categories import category_of, is_unnamed
from ironlaw.code import CodeSite, InstructionClass, LoopWork

# Generated kernels of oneDNN and FBGEMM take some thousand bytes, and lie on pages of their own or densely.
_REACH_BYTES = 8192
_GENERATED = "[generated]"
# Of a function's samples: a function that multiplies and adds in fewer of them does something else besides.
_LEAST_SHARE = 0.1
_HOT_SHARE = 0.02  # of an arm's samples: what calls kernels spreads over many functions
_COMPUTES = (LoopWork.ARITHMETIC, LoopWork.CONVERSION, LoopWork.MULTIPLY_ADD)


def categorised(sites: Sequence[CodeSite]) -> list[tuple[CodeSite, Category]]:
    """Each site of one sampling turn with its category.

    In code without names, loops that convert, store and count belong to the kernel whose products they finish: they are
    taken to it where they lie in the same function (by the unwind table) or, in generated code and assembly that have
    no entry there, close by.
    """
    categories = {site: category_of(site) for site in sites}
    if depthwise_is_generated(sites):
        for site in sites:
            if categories[site] is Category.KERNELS and _is_avx2_of_bytes(site):
                categories[site] = Category.DEPTHWISE
    functions = _kernel_functions(sites, categories)
    anchors: dict[str, list[tuple[int, Category]]] = defaultdict(list)
    for site in sites:
        if not site.function and is_unnamed(site) and categories[site] in _KERNELS:
            bisect.insort(anchors[site.object], (site.offset, categories[site]), key=lambda anchor: anchor[0])
    hot = _hot_scalar_functions(sites)
    found = [(site, _beside(site, categories[site], functions, anchors)) for site in sites]
    return [
        (site, Category.OTHER if own is Category.FRAMEWORK and (site.object, site.function) in hot else own)
        for site, own in found
    ]


_KERNELS = (Category.KERNELS, Category.DEPTHWISE)


def depthwise_is_generated(sites: Sequence[CodeSite]) -> bool:
    """Whether unnamed AVX2 loops over bytes are FBGEMM's depth-wise kernel.

    It generates that one for AVX2 on every CPU, and calls it from fbgemm::depthwise_*; its matrix kernels use the
    widest instructions there are. So they are where it packs no matrix, or where its unnamed code has VNNI too.
    """
    names = [site.symbol for site in sites if "fbgemm::" in site.symbol]
    has_depthwise = any(re.search(r"fbgemm::depthwise", name) for name in names)
    has_matrix = any(re.search(r"fbgemm::(Pack[AB]|fbgemmPacked|ExecuteKernel)", name) for name in names)
    has_vnni = any(site.instructions is InstructionClass.VNNI and is_unnamed(site) for site in sites)
    return has_depthwise and (has_vnni or not has_matrix)


def _is_avx2_of_bytes(site: CodeSite) -> bool:
    return (
        site.object == _GENERATED
        and site.instructions is InstructionClass.AVX2
        and site.work is LoopWork.INTEGER_MULTIPLY_ADD
    )


def _kernel_functions(sites: Sequence[CodeSite], categories: dict[CodeSite, Category]) -> set[tuple[str, int]]:
    """Functions of stripped libraries that are kernels, as object and where they begin."""
    all_samples: Counter[tuple[str, int]] = Counter()
    multiplying: Counter[tuple[str, int]] = Counter()
    for site in sites:
        if site.function and is_unnamed(site):
            place = site.object, site.function
            all_samples[place] += site.count
            if categories[site] is Category.KERNELS:
                multiplying[place] += site.count
    return {place for place, count in multiplying.items() if count >= _LEAST_SHARE * all_samples[place]}


def _hot_scalar_functions(sites: Sequence[CodeSite]) -> set[tuple[str, int]]:
    """Functions of stripped libraries that compute in scalars for long: an operator, unknown which."""
    counts: Counter[tuple[str, int]] = Counter()
    for site in sites:
        if site.function and is_unnamed(site) and site.instructions is InstructionClass.SSE and site.work in _COMPUTES:
            counts[site.object, site.function] += site.count
    whole = sum(site.count for site in sites)
    return {place for place, count in counts.items() if count >= _HOT_SHARE * whole}


def _beside(
    site: CodeSite,
    own: Category,
    functions: set[tuple[str, int]],
    anchors: Mapping[str, Sequence[tuple[int, Category]]],
) -> Category:
    if not is_unnamed(site) or own in _KERNELS:
        return own
    if site.function:
        return Category.KERNELS if (site.object, site.function) in functions else own
    around = anchors.get(site.object, ())
    place = bisect.bisect_left(around, site.offset, key=lambda anchor: anchor[0])
    near = around[max(0, place - 1) : place + 1]
    closest = min(near, key=lambda anchor: abs(anchor[0] - site.offset), default=None)
    if closest is None or abs(closest[0] - site.offset) > _REACH_BYTES:
        return own
    return closest[1]
