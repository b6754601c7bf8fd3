"""One arm's readings after at least one replicate, from which the signatures of causes are judged."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ironlaw.arm import Arm
from ironlaw.code import InstructionClass
from ironlaw.experiment import Switch
from ironlaw.explanation.account import Category, Executed
from ironlaw.factors import FACTORS
from ironlaw.factors.weights import FRAME_BYTES
from ironlaw.missing import Maybe, Missing
from ironlaw.variant import PRECISION

# Taken for a model of unknown size: large enough for its weights to be suspected.
SUSPECTED_BYTES = FRAME_BYTES + 1
# Samples in loops that multiply and add, from which on these say in which number format: of 100 without one of the
# other, at most 3 % are of it (95 %). A default run has some 200 samples of an arm, half of them in such loops.
ENOUGH_MULTIPLYING = 100
_KIND = re.compile(r"\((\w+)(?: by [^()]*)?\)$")  # after a node's name, which an engine need not give
FEW_OF_A_FORMAT = 0.01  # of the samples that multiply and add: resizing an image has some in integers
# The factors that leave operators of a quantized model in float.
_BY_TYPE, _BY_NAME = "float-ops", "float-nodes"
LEAVING = (_BY_TYPE, _BY_NAME)
_BY_KERNEL = re.compile(r"^(?P<name>[^+,=]+) \((?P<kind>\w+) by [^()]*\)$")  # without what separates parts of an arm
_MOST_NAMED = 8  # nodes in an arm's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One arm's readings. A check or count that could not be read is not in `checks` or `census`.

    The names of checks are in measure/checks.py, those of counts in measure/census.py.
    """

    arm: Arm
    wall_ns: float
    page_faults: Maybe[float]  # an inference
    checks: dict[str, bool]
    census: dict[str, float]
    cpus: int
    nodes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # behind some of the census, by name
    compilations: Maybe[float] = Missing("were not counted")  # by torch.compile, in a counted inference
    training_layers: tuple[str, ...] = ()  # that compute as in training; none are named in older recordings
    size_bytes: int = SUSPECTED_BYTES  # of the model
    level2_bytes: Maybe[int] = Missing("the sizes of the caches were not recorded")  # of the CPU's own cache
    shapes: tuple[tuple[int, ...], ...] = ()  # of its inputs and outputs; none where they were not recorded
    answers_as_control: bool = False  # bit for bit, as far as that was looked at
    executed: Maybe[Executed] = Missing("code was not sampled")
    spent: Mapping[Category, float] = field(default_factory=dict)  # shares of its time by operators, where attached

    def named(self, count: str, most: int = 3) -> str:
        """The nodes behind a count, in parentheses; empty if none is known."""
        names = self.nodes.get(count, ())
        if not names:
            return ""
        return f" ({', '.join(names[:most])}{' ...' if len(names) > most else ''})"

    def kinds(self, count: str) -> frozenset[str]:
        """The types of the operators behind a count: Conv of `stem (Conv)` and of `stem (Conv by ref)`."""
        found = (_KIND.search(name) for name in self.nodes.get(count, ()))
        return frozenset(one[1] for one in found if one is not None)

    def without_kinds(self, count: str) -> frozenset[str]:
        """The names of the nodes behind a count, without the types and kernels that follow them."""
        return frozenset(_KIND.sub("", node).rstrip() for node in self.nodes.get(count, ()))

    @property
    def computes_int8(self) -> bool:
        """Whether it executed an int8 operator, by the census or by samples; if both are unavailable, by its name."""
        if "int8_operators" in self.census and self.census["int8_operators"] > 0:
            return True
        if self.integer_share is not None:
            return self.integer_share > FEW_OF_A_FORMAT
        if "int8_operators" in self.census:
            return False
        return self.arm.variant.level(PRECISION).startswith("int8")

    @property
    def integer_share(self) -> float | None:
        """The share of its multiply-add samples that is integer arithmetic; None if there are too few samples."""
        if isinstance(self.executed, Missing):
            return None
        both = self.executed.integer_samples + self.executed.float_samples
        return self.executed.integer_samples / both if both >= ENOUGH_MULTIPLYING else None

    def share_of(self, *categories: Category) -> float:
        """The share of its time in code, or in operators, of these categories; 0 if neither is known."""
        if isinstance(self.executed, Missing):
            return sum(self.spent.get(category, 0.0) for category in categories)
        return sum(self.executed.categories.get(category, 0.0) for category in categories)

    @property
    def code_ns(self) -> dict[tuple[str, str, InstructionClass], float]:
        """The time per inference in each piece of code, by object, name and class; empty if code was not sampled."""
        if isinstance(self.executed, Missing):
            return {}
        times: dict[tuple[str, str, InstructionClass], float] = {}
        for one, share in self.executed.code:
            piece = one.object, one.name, one.instructions
            times[piece] = times.get(piece, 0.0) + share * self.wall_ns
        return times

    @property
    def convolves_in_int8(self) -> bool:
        """Whether its convolutions are int8, as far as is known; dynamic quantization leaves them in float."""
        return self.computes_int8 and not self.census.get("dynamic_operators", 0.0)

    @property
    def runs_by_foreign_engine(self) -> bool:
        """Whether its int8 operators run in a library that torch does not prefer on this CPU."""
        return self.checks.get("foreign_quantized_engine", False)

    @property
    def is_given(self) -> bool:
        """Whether it is a user's own program."""
        return self.arm.factory is not None

    @property
    def takes_images(self) -> bool:
        """Whether its first input has four dimensions."""
        return self.census.get("input_rank") == 4

    def level(self, factor: str) -> str:
        """The requested level of a factor."""
        return self.arm.variant.level(factor)


def leaves_only(factor: str, levels: tuple[str, str], count: str, arms: Sequence[Observed]) -> bool:
    """Whether all operators in which two levels of a factor differ are among those that `count` is of, in one of the
    arms; False if the readings name none.
    """
    moved = frozenset.symmetric_difference(*(_names(factor, level) for level in levels))
    found = frozenset[str]().union(*(_counted(factor, count, arm) for arm in arms))
    return bool(moved) and moved <= found


def leaving(cause: str, factor: str, level: str) -> Switch | None:
    """The switch that a level which leaves operators in float is; None for any other level."""
    if factor not in LEAVING or level == FACTORS[factor].plain:
        return None
    return Switch(cause=cause, factor=factor, level=level)


def narrowed(switch: Switch, count: str, arm: Observed) -> Switch:
    """A switch that leaves a type of operators in float, narrowed to the nodes that `count` is of.

    Only where these are named with their kernels, since others of the type may then run by another one, and where they
    are few enough to be named.
    """
    kernels = [found for node in arm.nodes.get(count, ()) if (found := _BY_KERNEL.match(node))]
    names = [found["name"] for found in kernels if found["kind"] == switch.level]
    if switch.factor != _BY_TYPE or not 0 < len(names) <= _MOST_NAMED or not arm.arm.variant.takes(_BY_NAME):
        return switch
    return replace(switch, factor=_BY_NAME, level=FACTORS[_BY_NAME].leaving(names))


def _names(factor: str, level: str) -> frozenset[str]:
    if level == FACTORS[factor].plain:
        return frozenset()
    return frozenset(level.split(":") if factor == _BY_TYPE else map(_as_in_float, FACTORS[factor].left_by(level)))


def _counted(factor: str, count: str, arm: Observed) -> frozenset[str]:
    return arm.kinds(count) if factor == _BY_TYPE else frozenset(map(_as_in_float, arm.without_kinds(count)))


def _as_in_float(name: str) -> str:
    """The name that a node has in the float file: ONNX Runtime's tools append _quant to what they quantize."""
    return name.removesuffix("_quant")
