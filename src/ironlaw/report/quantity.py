"""Numbers as they are printed: with a unit, and with the digits that are known."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from ironlaw.estimate import Estimate
from ironlaw.missing import Maybe, Missing, is_known

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
_SUPERSCRIPT = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_MOST_DECIMALS = 6


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit, and how many base units one of it holds."""

    unit: str
    size: float


# Base units: ns, occurrences, bytes, Hz, the fraction 1. MB is 1e6 bytes, as in the SI.
TIME = (Scale("ns", 1), Scale("µs", 1e3), Scale("ms", 1e6), Scale("s", 1e9))
COUNT = (Scale("", 1), Scale("k", 1e3), Scale("M", 1e6), Scale("G", 1e9))
BYTES = (Scale("B", 1), Scale("kB", 1e3), Scale("MB", 1e6), Scale("GB", 1e9))
FREQUENCY = (Scale("Hz", 1), Scale("MHz", 1e6), Scale("GHz", 1e9))
MILLISECONDS = TIME[2]
MEGABYTES = BYTES[2]
PERCENT = Scale("%", 0.01)
DECIBEL = Scale("dB", 1)
PLAIN = Scale("", 1)


def scale_for(ladder: tuple[Scale, ...], values: Iterable[Maybe[float]]) -> Scale:
    """The unit in which the largest of the values is at least 1, for a column that shares one unit."""
    largest = max((abs(value) for value in values if is_known(value) and math.isfinite(value)), default=0.0)
    fitting = [scale for scale in ladder if largest >= scale.size]
    return fitting[-1] if fitting else ladder[0]


def known_decimals(estimate: Estimate) -> int:
    """Decimals that the interval justifies; negative when not even the units are known.

    The half-width of the interval is rounded to one digit, to two where it starts with 100 to 354: the rule
    of the Particle Data Group (Review of Particle Physics, Introduction, section 5.3).
    """
    half = estimate.half_width
    if not math.isfinite(half) or half == 0:
        return significant_decimals(estimate.value, digits=2 if half else 4)
    exponent = math.floor(math.log10(half))
    leading = half / 10.0**exponent
    return min(_MOST_DECIMALS, (1 if leading < 3.55 else 0) - exponent)


def significant_decimals(value: float, *, digits: int = 3) -> int:
    """Decimals that show a number without an interval to this number of digits; never rounds before the point."""
    if value == 0 or not math.isfinite(value):
        return 0
    return min(_MOST_DECIMALS, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def decimal(value: float, decimals: int) -> str:
    """A number with this number of decimals, a true minus sign and no negative zero."""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{round(value, decimals):.{max(0, decimals)}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", MINUS)


def number(value: float, scale: Scale = PLAIN, *, digits: int = 3) -> str:
    """A number in a unit, without the unit, to three digits unless said otherwise."""
    scaled = value / scale.size
    return decimal(scaled, significant_decimals(scaled, digits=digits))


def with_unit(text: str, scale: Scale) -> str:
    """A printed number and its unit, kept on one line."""
    return f"{text}\N{NO-BREAK SPACE}{scale.unit}" if scale.unit else text


def amount(value: float, ladder: tuple[Scale, ...], *, digits: int = 3) -> str:
    """A number in the unit that suits it, with the unit."""
    scale = scale_for(ladder, [value])
    return with_unit(number(value, scale, digits=digits), scale)


@dataclass(frozen=True, slots=True)
class Shown:
    """An estimate as printed: the value and the two ends, all with the same decimals and no unit."""

    value: str
    low: str
    high: str

    def __str__(self) -> str:
        return f"{self.value} {self.interval}"

    @property
    def interval(self) -> str:
        """The interval in brackets."""
        return f"[{self.low}, {self.high}]"


def shown(estimate: Estimate, scale: Scale = PLAIN, *, null: float | None = None, at_least: int = 0) -> Shown:
    """An estimate in a unit with its known digits.

    `at_least` this many digits of the value are kept however wide the interval is: a time is never printed as 0.
    `null` is the value that means no effect (1 for a ratio, 0 for a difference): digits are added until an
    interval that excludes it does not look as if it touched it.
    """
    scaled = estimate.through(lambda value: value / scale.size)
    decimals = known_decimals(scaled)
    if at_least and scaled.value:
        decimals = max(decimals, min(_MOST_DECIMALS, at_least - 1 - math.floor(math.log10(abs(scaled.value)))))
    if null is not None and scaled.excludes(null):
        while decimals < _MOST_DECIMALS and _touches(scaled, null, decimals):
            decimals += 1
    texts = [decimal(value, decimals) for value in (scaled.value, scaled.low, scaled.high)]
    # Rounding alone leaves 1e-17 where nothing changed; its zeros are no digits that anybody knows.
    return Shown("0", "0", "0") if all(float(text.replace(MINUS, "-")) == 0 for text in texts) else Shown(*texts)


def _touches(estimate: Estimate, null: float, decimals: int) -> bool:
    return decimal(null, decimals) in (decimal(estimate.low, decimals), decimal(estimate.high, decimals))


def once_or(estimate: Maybe[Estimate], once: Maybe[float]) -> Estimate | float | Missing:
    """The number with its interval; else the one that was read once; else why there is none."""
    if isinstance(estimate, Missing) and is_known(once):
        return once
    return estimate


def ratio(estimate: Estimate | float) -> str:
    """A ratio and its interval: 2.70× [2.60, 2.80]; without an interval when it was read once."""
    if isinstance(estimate, float | int):
        return f"{number(estimate)}{TIMES}"
    text = shown(estimate, null=1.0)
    return f"{text.value}{TIMES} {text.interval}"


def measured(estimate: Estimate, scale: Scale) -> Shown:
    """Something that is above zero by its nature, as a time is: two digits at least, also where it is hardly known."""
    return shown(estimate, scale, at_least=2)


def quantity(estimate: Estimate | float, scale: Scale, *, null: float | None = None) -> str:
    """A value with its unit and its interval: 29.0 ms [28.1, 29.9]; without one when it was read once.

    Without a `null` it is something that is above zero by its nature.
    """
    if isinstance(estimate, float | int):
        return with_unit(number(estimate, scale), scale)
    text = measured(estimate, scale) if null is None else shown(estimate, scale, null=null)
    return f"{with_unit(text.value, scale)} {text.interval}"


def growth(estimate: Estimate | float, scale: Scale) -> str:
    """How much something grew, every number with its sign: +0.8 % [−1.0, +2.6]; what rounds to nothing has none."""
    if isinstance(estimate, float | int):
        return with_unit(_signed(number(estimate, scale)), scale)
    text = shown(estimate, scale, null=0.0)
    return f"{with_unit(_signed(text.value), scale)} [{_signed(text.low)}, {_signed(text.high)}]"


def _signed(text: str) -> str:
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def percent(fraction: float, *, digits: int = 2) -> str:
    """A fraction as a percentage: 45 %."""
    return with_unit(number(fraction, PERCENT, digits=digits), PERCENT)


def align_points(cells: list[str]) -> list[str]:
    """Printed numbers padded so that their decimal points are below each other in a right-aligned column."""
    longest = max((len(_decimals(cell)) for cell in cells if _is_number(cell)), default=0)
    return [cell + " " * (longest - len(_decimals(cell))) if _is_number(cell) else cell for cell in cells]


def _is_number(cell: str) -> bool:
    return cell.replace(MINUS, "").replace(".", "").isdecimal()


def _decimals(cell: str) -> str:
    return cell[cell.index(".") :] if "." in cell else ""


@dataclass(slots=True)
class Footnotes:
    """The reasons for the dashes of one table, numbered in order of appearance."""

    reasons: list[str] = field(default_factory=list)

    def mark(self, missing: Missing) -> str:
        """A dash with the number of its reason; equal reasons share one."""
        if missing.reason not in self.reasons:
            self.reasons.append(missing.reason)
        return DASH + superscript(self.reasons.index(missing.reason) + 1)

    def lines(self) -> list[tuple[str, str]]:
        """Each number with its reason."""
        return [(superscript(place), reason) for place, reason in enumerate(self.reasons, start=1)]


def superscript(place: int) -> str:
    """A raised number."""
    return str(place).translate(_SUPERSCRIPT)
