"""All factors ironlaw can vary: one file per factor or family, found by listing this folder."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from ironlaw.factor import Factor

# What a variant's name starts with; the other factors follow in the order of their names.
_FIRST = ("precision", "engine", "fusion")


def _found() -> dict[str, Factor]:
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    factors: list[Factor] = [factor for module in modules for factor in _declared(module)]
    rank = {name: place for place, name in enumerate(_FIRST)}
    factors.sort(key=lambda factor: (rank.get(factor.name, len(rank)), factor.name))
    return {factor.name: factor for factor in factors}


def _declared(module: ModuleType) -> tuple[Factor, ...]:
    """The factor of a file, FACTOR, or those of a family in one file, FACTORS."""
    alone: Factor | None = getattr(module, "FACTOR", None)
    family: tuple[Factor, ...] = () if alone is not None else module.FACTORS
    return family if alone is None else (alone,)


FACTORS: dict[str, Factor] = _found()
