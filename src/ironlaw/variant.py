"""A variant: one level of every factor, written as what differs from plain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from ironlaw.engines import ENGINES
from ironlaw.errors import BadInput, offer_closest
from ironlaw.factor import Factor
from ironlaw.factors import FACTORS

PRECISION = "precision"
ENGINE = "engine"
THREADS = "threads"
PHASE = "phase"
GIVEN = "given"  # the precision level of a user's own program, which is run as it is


@dataclass(frozen=True, slots=True)
class Variant:
    """The levels that differ from plain, in the order of the factors; `int8+fused`, `fp32+malloc=retain`."""

    changed: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, levels: Mapping[str, str]) -> Variant:
        """The variant with these levels and every other factor plain.

        Raises:
            BadInput: a factor or level does not exist.
        """
        for name, level in levels.items():
            if name not in FACTORS:
                raise BadInput(f"there is no factor {name!r}", hint=offer_closest(name, list(FACTORS)))
            if not FACTORS[name].accepts(level):
                raise BadInput(
                    f"the factor {name} has no level {level!r}",
                    hint=offer_closest(level, list(FACTORS[name].levels)),
                )
        kept = ((name, levels[name]) for name in FACTORS if name in levels)
        return cls(tuple((name, level) for name, level in kept if level != FACTORS[name].plain))

    @classmethod
    def parse(cls, text: str) -> Variant:
        """The variant that `str` would print as this text, in any order of its parts.

        Raises:
            BadInput: a part is not a level of any factor, or a factor is named twice.
        """
        head, *rest = text.strip().split("+")
        precision, at, engine = head.partition("@")
        levels = {PRECISION: precision}
        if at:
            levels[ENGINE] = engine
        for part in rest:
            name, level = _parse_part(part, whole=text)
            if name in levels:
                raise BadInput(f"{text!r} sets {name} twice", hint="name every factor once")
            levels[name] = level
        if not FACTORS[PRECISION].accepts(precision):
            raise BadInput(f"{precision!r} in {text!r} is not a precision", hint=_close_variants(precision))
        return cls.of(levels)

    def __str__(self) -> str:
        text = self.level(PRECISION)
        if self.level(ENGINE) != FACTORS[ENGINE].plain:
            text += f"@{self.level(ENGINE)}"
        for name, level in self.changed:
            if name not in (PRECISION, ENGINE):
                text += "+" + FACTORS[name].alone.get(level, f"{name}={level}")
        return text

    def short(self) -> str:
        """As `str`, but a level of many names by their number and a digest: what an arm is called."""
        shortened = {name: FACTORS[name].short(level) for name, level in self.changed}
        return str(Variant(tuple(shortened.items())))

    def level(self, factor: str) -> str:
        """The level of a factor, plain or not."""
        return dict(self.changed).get(factor, FACTORS[factor].plain)

    def with_level(self, factor: str, level: str) -> Variant:
        """The same variant with one level replaced."""
        return Variant.of({**dict(self.changed), factor: level})

    def takes(self, factor: str) -> bool:
        """Whether a factor has an effect on an arm of this variant's engine and precision."""
        return ENGINES[self.level(ENGINE)].takes(FACTORS[factor], self.level(PRECISION))

    def is_offered(self) -> bool:
        """Whether its engine offers its precision."""
        return self.level(PRECISION) in ENGINES[self.level(ENGINE)].offers

    def shaping(self) -> Variant:
        """Only the levels that engines read when they prepare the model."""
        offer = ENGINES[self.level(ENGINE)].offers.get(self.level(PRECISION))
        read = offer.reads if offer is not None else ()
        return Variant(
            tuple((name, level) for name, level in self.changed if FACTORS[name].shapes_model or name in read)
        )

    def differing(self, other: Variant) -> tuple[str, ...]:
        """The factors in which two variants differ."""
        return tuple(name for name in FACTORS if self.level(name) != other.level(name))

    def should_answer_as(self, other: Variant) -> bool:
        """Whether the two differ in no factor that changes the answers on purpose."""
        return not any(FACTORS[name].changes_answers for name in self.differing(other))

    def corners(self, other: Variant) -> dict[frozenset[str], Variant]:
        """The 2^k combinations of the k levels in which two variants differ, by the factors that have the other's
        level.
        """
        factors = self.differing(other)
        found = {}
        for size in range(len(factors) + 1):
            for group in combinations(factors, size):
                found[frozenset(group)] = Variant.of(
                    {**dict(self.changed), **{factor: other.level(factor) for factor in group}}
                )
        return found

    def threads(self, otherwise: int) -> int:
        """The number of threads of an inference, which is `otherwise` unless the variant sets it."""
        level = self.level(THREADS)
        return int(level) if level.isdecimal() else otherwise

    def pool_threads(self, threads: int) -> int:
        """The size of the engine's thread pool if the arm is pinned to `threads` CPUs."""
        for name, level in self.changed:
            threads = FACTORS[name].pool_threads(level, threads)
        return threads

    def environment(self) -> dict[str, str]:
        """Environment variables that must be set before this variant's interpreter starts."""
        merged: dict[str, str] = {}
        for name, level in self.changed:
            merged.update(FACTORS[name].environment(level))
        return merged


def _words() -> dict[str, tuple[str, str]]:
    return {word: (factor.name, level) for factor in FACTORS.values() for level, word in factor.alone.items()}


def _parse_part(part: str, *, whole: str) -> tuple[str, str]:
    name, equals, level = part.partition("=")
    if not equals:
        words = _words()
        if part not in words:
            raise BadInput(
                f"{part!r} in {whole!r} is not a level of any factor",
                hint=_late_engine(part, whole) or _close_part(part),
            )
        return words[part]
    if name not in FACTORS:
        raise BadInput(f"there is no factor {name!r} (in {whole!r})", hint=offer_closest(name, list(FACTORS)))
    factor = FACTORS[name]
    if not factor.accepts(level):
        raise BadInput(
            f"the factor {name} has no level {level!r} (in {whole!r})",
            hint=_late_engine(part, whole) or offer_closest(level, list(factor.levels)),
        )
    return name, level


def _late_engine(part: str, whole: str) -> str:
    """The variant with the engine of this part in its place; empty where the part names none."""
    engine = part.partition("@")[2]
    if not FACTORS[ENGINE].accepts(engine):
        return ""
    precision, *rest = whole.strip().replace(f"@{engine}", "", 1).split("+")
    return f"the engine follows the precision: {'+'.join([f'{precision}@{engine}', *rest])}"


def _close_part(part: str) -> str:
    spelled = dict.fromkeys(_words())
    spelled |= dict.fromkeys(_spell(factor, level) for factor in FACTORS.values() for level in factor.levels)
    return offer_closest(part, list(spelled))


def _spell(factor: Factor, level: str) -> str:
    return factor.alone.get(level, f"{factor.name}={level}")


def _close_variants(text: str) -> str:
    return offer_closest(text, list(FACTORS[PRECISION].levels))
