"""The account of samples in attached files. Categories follow from names, since the files hold no instructions."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from ironlaw.analysis.account.categories import category_of
from ironlaw.analysis.account.executed import FEWEST_SAMPLES, Sampled
from ironlaw.attachment import AttachedCode
from ironlaw.code import CodeSite, InstructionClass, LoopWork
from ironlaw.explanation.account import Category, Code, Executed
from ironlaw.missing import Maybe, Missing

# Rules that ask for what a loop does are tried as if it computed: the name decides alone.
_AS_IF = LoopWork.ARITHMETIC
_BY_NAME = (Category.MATRIX, Category.DEPTHWISE, Category.ELEMENTWISE, Category.REORDER)


def sampled_of(code: Maybe[AttachedCode]) -> Maybe[Sampled]:
    """What an arm executed, by category, or why it is unknown."""
    if isinstance(code, Missing):
        return code
    if code.samples < FEWEST_SAMPLES:
        return Missing(f"fewer than {FEWEST_SAMPLES} samples")
    shares: dict[Code, float] = defaultdict(float)
    for site, share in code.sites:
        shares[_code(site)] += share
    whole = sum(shares.values())
    if not whole > 0:
        return Missing("no sample fell into code that has a name")
    shares = {piece: share / whole for piece, share in shares.items()}
    categories: dict[Category, float] = defaultdict(float)
    for piece, share in shares.items():
        categories[piece.category] += share
    cells = tuple((category, None) for category in Category if category in categories)
    return Sampled(
        replicates=(0,),
        cells=cells,
        shares=np.array([[categories[category] for category, _ in cells]]),
        samples=(code.samples,),
        relative=np.ones(1),
        executed=Executed(
            samples=code.samples,
            replicates=1,
            classes={InstructionClass.UNKNOWN: 1.0},
            categories={category: categories[category] for category, _ in cells},
            code=tuple(sorted(shares.items(), key=lambda item: (-item[1], item[0].object, item[0].name))),
            integer_samples=0,
            float_samples=0,
            adds=Missing("the file does not show what sampling added"),
            kernel_seen=code.kernel_seen,
        ),
    )


def _code(site: CodeSite) -> Code:
    return Code(
        object=site.object,
        name=site.symbol or f"at {site.offset:#x}",
        category=_category(site),
        instructions=InstructionClass.UNKNOWN,
        work=LoopWork.UNKNOWN,
    )


def _category(site: CodeSite) -> Category:
    """The category by name. Without one, what is left of a library may be its kernels as well as what calls them."""
    if not site.symbol:
        found = category_of(site)
        return Category.OTHER if found is Category.FRAMEWORK else found
    by_name = category_of(replace(site, work=_AS_IF))
    return by_name if by_name in _BY_NAME else category_of(site)
