"""The account: the times of two arms, and their difference, by the code that executed. It locates time; it does not
explain it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironlaw.code import InstructionClass, LoopWork
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing


class Category(Enum):
    """What a piece of code is for. Every sample has exactly one category; reports list them in this order."""

    __hash__ = object.__hash__  # each member is one object; Enum hashes its name in Python

    MATRIX = "matrix kernels"
    DEPTHWISE = "depth-wise kernels"
    KERNELS = "unnamed kernels"  # loops that multiply and add, in code without names: matrix or depth-wise
    ATTENTION = "attention"  # fused: its products, softmax and sums in one function
    NORMALIZATION = "normalization"
    ELEMENTWISE = "elementwise"
    QUANTIZE = "quantize and dequantize"
    REORDER = "reorder and copy"
    ALLOCATOR = "allocator"
    PAGE_FAULTS = "page faults"
    KERNEL = "other kernel"
    INTERPRETER = "interpreter"
    FRAMEWORK = "framework"
    EXCEPTIONS = "exceptions"
    WAITING = "waiting"
    OTHER = "other"


# What multiplies and adds. They have a row for each instruction class:
# there it is what distinguishes two arms.
KERNEL_CATEGORIES = (Category.MATRIX, Category.DEPTHWISE, Category.KERNELS)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One category in two arms, in ns per inference; matrix and depth-wise kernels have a row per instruction class.

    `saved_ns` is control minus changed; its intervals hold for all rows of an account together in 95 % of cases. The
    rows add up exactly to the difference of the wall times.
    """

    category: Category
    instructions: InstructionClass | None  # None: the row is of the whole category
    control_ns: Estimate
    changed_ns: Estimate
    saved_ns: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """What one category saves, in ns per inference, and the classes of its instructions in control and changed.

    Intervals hold for all categories together. A class is listed if it has at least a tenth of the category's time in
    its arm. Categories without rows per class list none.
    """

    category: Category
    saved_ns: Estimate
    control: tuple[InstructionClass, ...] = ()
    changed: tuple[InstructionClass, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A comparison by executed code: rows sorted by difference, the largest first."""

    rows: tuple[AccountRow, ...]
    categories: tuple[CategoryRow, ...]  # likewise, each category as a whole
    total_ns: float  # control minus changed by the clock: what the rows add up to
    samples: tuple[int, int]  # of control and changed
    unmatched: tuple[tuple[str, float], ...] = ()  # largest symbols no rule takes, with their share of both arms' time


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A piece of code: a symbol (or, without one, what is known of its location), in loops of one instruction class."""

    object: str
    name: str
    category: Category
    instructions: InstructionClass
    work: LoopWork
    is_unnamed: bool = False  # its name is that of its place, or of the bytes it begins with


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionShare:
    """The share of an arm's time that the interpreter spent on one Python function, by samples of their own.

    The shares of all functions add up to the share of the category. `name` is empty where the stack showed none.
    """

    name: str
    file: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What one arm executed: shares of its time by category, and by instruction class. Each of the two adds up to 1.

    `code` holds the share of each piece of code, the largest first; the shares of a category's code add up to the
    category's. `integer_samples` and `float_samples` are the samples in multiply-add loops, by the number format of the
    arithmetic. `adds` is how much longer an inference took with sampling than without, as a fraction.
    """

    samples: int
    replicates: int
    classes: dict[InstructionClass, float]
    categories: dict[Category, float]
    code: tuple[tuple[Code, float], ...]
    integer_samples: int
    float_samples: int
    adds: Maybe[Estimate]
    kernel_seen: bool
    functions: Maybe[tuple[FunctionShare, ...]] = Missing("the interpreter's functions were not sampled")
