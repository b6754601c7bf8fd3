"""A point: the values of varied settings for an arm, as batch=4, threads=2 or a keyword of the model's factory."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

from ironlaw.errors import BadInput

BATCH, THREADS = "batch", "threads"
# Of one setting; each is an arm of every variant, in every round.
_MOST_LEVELS = 32
_EXAMPLE = "--vary batch=1,4,16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The value of each setting that is varied, as it was written; without any, the recording varies nothing."""

    settings: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.settings)

    def __bool__(self) -> bool:
        return bool(self.settings)

    def value(self, name: str) -> str | None:
        """The value of a setting; None where it is not varied."""
        return dict(self.settings).get(name)

    def without(self, name: str) -> Point:
        """The point without one setting: what points that differ in that one alone have in common."""
        return Point(settings=tuple(one for one in self.settings if one[0] != name))

    def batch(self, otherwise: int) -> int:
        """Inputs per inference, where the run's own number is `otherwise`."""
        return int(self.value(BATCH) or otherwise)

    def keywords(self) -> dict[str, object]:
        """The keyword arguments for a factory."""
        return {name: read_value(value) for name, value in self.settings if name not in (BATCH, THREADS)}


NOWHERE = Point()


def read_value(text: str) -> object:
    """Convert a text to a number, a boolean or None if Python reads it as one; otherwise return the text."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, bool | int | float | None) else text


def points_of(varied: Mapping[str, tuple[str, ...]]) -> tuple[Point, ...]:
    """Every combination of the values, in their order; none where nothing is varied."""
    if not varied:
        return ()
    return tuple(Point(settings=tuple(zip(varied, values, strict=True))) for values in product(*varied.values()))


def read_varied(texts: object, *, name: str) -> dict[str, tuple[str, ...]]:
    """Read the values to vary, by setting: from batch=1,4,16, from several of these, or from a mapping of lists.

    Raises:
        BadInput: it is not that, or a value does not fit its setting.
    """
    hint = f"for example {_EXAMPLE}" if name.startswith("-") else 'for example vary="batch=1,4,16"'
    if isinstance(texts, Mapping):
        pairs = [(str(key), _listed(values)) for key, values in texts.items()]
    elif isinstance(texts, str | list | tuple):
        each = [texts] if isinstance(texts, str) else texts
        pairs = [_parsed(text, name, hint) for text in each]
    else:
        raise BadInput(f"{name} is {texts!r}", hint=hint)
    found: dict[str, tuple[str, ...]] = {}
    for setting, values in pairs:
        if setting in found:
            raise BadInput(f"{name} varies {setting} twice", hint=f"once, with all values: {setting}=1,4")
        _require_values(setting, values, name, hint)
        found[setting] = values
    return found


def _listed(values: object) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list | tuple | range) else (str(values),)


def _parsed(text: object, name: str, hint: str) -> tuple[str, tuple[str, ...]]:
    setting, equals, values = str(text).partition("=")
    if not equals or not setting.strip().isidentifier():
        raise BadInput(f"{name} {text} is not SETTING=VALUE,VALUE,...", hint=hint)
    return setting.strip(), tuple(value.strip() for value in values.split(",") if value.strip())


def _require_values(setting: str, values: tuple[str, ...], name: str, hint: str) -> None:
    if len(values) < 2:
        raise BadInput(f"{name} gives {setting} {len(values)} value{'s' * (len(values) != 1)}; two at least", hint=hint)
    if len(values) > _MOST_LEVELS:
        raise BadInput(f"{name} gives {setting} {len(values)} values; {_MOST_LEVELS} at most", hint=hint)
    if len(set(values)) < len(values):
        raise BadInput(f"{name} gives {setting} a value twice", hint=hint)
    for value in values if setting in (BATCH, THREADS) else ():
        if not (value.isdecimal() and len(value) <= 6 and int(value) > 0):
            raise BadInput(f"{name}: {setting}={value} is not a whole number above 0", hint=hint)
