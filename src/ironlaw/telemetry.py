"""What libraries report to their makers of their own accord, and what makes each stop."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryOff:
    """What keeps a library from reporting anything; it must be in place before the library is imported.

    `variables` are those of the environment that it documents for the purpose. `withheld` are modules that do nothing
    but report, and without which it works: importing them fails, as where they are not installed.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()


def together(switches: Iterable[TelemetryOff]) -> TelemetryOff:
    """All of them at once."""
    variables: dict[str, str] = {}
    withheld: list[str] = []
    for switch in switches:
        variables |= switch.variables
        withheld += switch.withheld
    return TelemetryOff(variables=variables, withheld=tuple(dict.fromkeys(withheld)))


def withhold(modules: Iterable[str]) -> None:
    """Let importing these fail in this process, and in those forked from it."""
    for name in modules:
        sys.modules[name] = None  # type: ignore[assignment]  # documented: such an import raises ModuleNotFoundError
