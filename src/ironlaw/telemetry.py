"""How to disable the telemetry of libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryOff:
    """What disables a library's telemetry; it must be applied before the library is imported.

    `variables` are environment variables that the library documents for the purpose. `withheld` are modules that only
    report and that the library works without: importing them fails, as if they were not installed.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    withheld: tuple[str, ...] = ()


def merged(switches: Iterable[TelemetryOff]) -> TelemetryOff:
    """Merge several into one."""
    variables: dict[str, str] = {}
    withheld: list[str] = []
    for switch in switches:
        variables |= switch.variables
        withheld += switch.withheld
    return TelemetryOff(variables=variables, withheld=tuple(dict.fromkeys(withheld)))


def withhold(modules: Iterable[str]) -> None:
    """Make the import of these modules fail in this process and in its forks."""
    for name in modules:
        sys.modules[name] = None  # type: ignore[assignment]  # documented: such an import raises ModuleNotFoundError
