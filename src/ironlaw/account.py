"""The account: times and their difference by what code executed. It locates time; it explains none."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ironlaw.code import InstructionClass, LoopWork
from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe


class Category(Enum):
    """What a piece of code is for. Every sample falls into one; the order is that of the report."""

    MATRIX = "matrix kernels"
    DEPTHWISE = "depth-wise kernels"
    KERNELS = "unnamed kernels"  # loops that multiply and add, in code without names: matrix or depth-wise
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
    """One category (for matrix and depth-wise kernels one instruction class of it) in two arms, in ns per inference.

    `saved_ns` is control minus changed. The values of all rows add up to the clock's difference exactly.
    """

    category: Category
    instructions: InstructionClass | None  # None: the row is of the whole category
    control_ns: Estimate
    changed_ns: Estimate
    saved_ns: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryRow:
    """What one category saves, in ns per inference, and the classes of its instructions in control and changed.

    Classes have at least a tenth of the category's time in their arm; empty where it has no row for each class.
    """

    category: Category
    saved_ns: Estimate
    control: tuple[InstructionClass, ...] = ()
    changed: tuple[InstructionClass, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A comparison by what code executed: rows from the largest to the smallest difference."""

    rows: tuple[AccountRow, ...]
    categories: tuple[CategoryRow, ...]  # likewise, each category as a whole
    total_ns: float  # control minus changed by the clock: what the rows add up to
    samples: tuple[int, int]  # of control and changed
    unmatched: tuple[tuple[str, float], ...] = ()  # largest symbols no rule takes, with their share of both arms' time


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A piece of code: a symbol, or where it has none what is known of its place, in loops of one kind."""

    object: str
    name: str
    category: Category
    instructions: InstructionClass
    work: LoopWork


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What one arm executed: shares of its time, by category and by instruction class, each adding up to 1.

    `code` are the shares of the single pieces of code, the largest first; those of a category add up to its own.
    `integer_samples` and `float_samples` fell into loops that multiply and add, of which number format the arithmetic
    is. `adds` is how much longer a sampled inference took than one beside it that was not, as a fraction.
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
