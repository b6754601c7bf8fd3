"""Options: the names of a setting on the command line and in Python, and the values it takes."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from numbers import Integral, Real

from ironlaw.errors import BadInput
from ironlaw.point import read_varied


class ValueKind(Enum):
    """Which values an option takes."""

    COUNT = auto()
    WHOLE = auto()
    SECONDS = auto()
    SHARE = auto()
    SWITCH = auto()
    PATH = auto()
    CAUSES = auto()
    CHOICE = auto()
    VARIED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting as users name it: `--budget 60` on the command line, `budget=60` in Python.

    A switch whose flag begins with "--no-" is true unless it is given.
    """

    flag: str
    kind: ValueKind
    help: str
    metavar: str | None = None
    example: str = ""
    why: str = ""  # instead of an example, where a value is refused
    choices: tuple[str, ...] = ()
    named: str = ""  # in Python, where that is not the flag

    @property
    def keyword(self) -> str:
        """Its name in Python."""
        return self.named or self.flag.removeprefix("--").replace("-", "_")

    @property
    def negates(self) -> bool:
        """Whether giving it makes the setting false."""
        return self.flag.startswith("--no-")

    def read(self, value: object, *, typed: bool) -> object:
        """Convert a value to the setting's type; `typed` if it comes from a command line, else from Python.

        Raises:
            BadInput: it does not take that value.
        """
        name = self.flag if typed else self.keyword
        hint = self.why or f"for example {self._spelled(self.example, typed=typed)}"
        match self.kind:
            case ValueKind.COUNT:
                return int(_above_0(name, _whole(name, value, hint), hint))
            case ValueKind.WHOLE:
                return _whole(name, value, hint)
            case ValueKind.SECONDS:
                return _above_0(name, _finite(name, value, hint), hint)
            case ValueKind.SHARE:
                return self._share(value, typed=typed)
            case ValueKind.SWITCH:
                if not isinstance(value, bool):
                    raise BadInput(f"{name} is {value!r}; it must be True or False", hint=hint)
                return value is not self.negates
            case ValueKind.PATH:
                if not isinstance(value, str | os.PathLike) or not (path := os.fspath(value)):
                    raise BadInput(f"{name} is {value!r}, which is no path", hint=hint)
                return path
            case ValueKind.CAUSES:
                return _causes(name, value, hint)
            case ValueKind.VARIED:
                return tuple(read_varied(value, name=name).items())
            case ValueKind.CHOICE:
                if value not in self.choices:
                    raise BadInput(f"{name} is {value!r}", hint=f"it takes {' or '.join(self.choices)}")
                return value

    def _spelled(self, value: str, *, typed: bool) -> str:
        if typed:
            return f"{self.flag} {value}"
        return f"{self.keyword}={value if _is_literal(value) else repr(value)}"

    def _share(self, value: object, *, typed: bool) -> float:
        """A fraction between 0 and 1, from 0.02, "0.02" or "2%"."""
        name, text = self.flag if typed else self.keyword, str(value).strip()
        hint = f"for example {self._spelled(self.example, typed=typed)}"
        try:
            fraction = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            raise BadInput(f"{name}: {text!r} is not a percentage", hint=hint) from None
        if not 0 < fraction < 1:
            if 1 <= fraction < 100:
                hint = f"{self._spelled(f'{text}%', typed=typed)}, or as a fraction"
            raise BadInput(f"{name} {text} is not between 0 and 100 %", hint=hint)
        return fraction


def _whole(name: str, value: object, hint: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise BadInput(f"{name} is {value!r}, which is not a whole number", hint=hint)
    return int(value)


def _finite(name: str, value: object, hint: str) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise BadInput(f"{name} is {value!r}, which is not a number", hint=hint)
    return float(value)


def _above_0(name: str, number: float, hint: str) -> float:
    if not number > 0:
        raise BadInput(f"{name} is {number:g}; it must be above 0", hint=hint)
    return number


def _causes(name: str, value: object, hint: str) -> tuple[str, ...]:
    from ironlaw.analysis.verdicts.planner import parse_wanted

    if isinstance(value, str):
        return parse_wanted(value)
    if not isinstance(value, Sequence) or not all(isinstance(slug, str) for slug in value):
        raise BadInput(f"{name} is {value!r}; it must be all, none or names of causes", hint=hint)
    return parse_wanted(",".join(value) or "none")


def _is_literal(text: str) -> bool:
    return text in ("True", "False") or text.isdigit()
