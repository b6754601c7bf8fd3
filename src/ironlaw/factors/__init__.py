"""Every factor ironlaw can vary: one file each, found by looking into this folder."""

from __future__ import annotations

import importlib
import pkgutil

from ironlaw.factor import Factor

# What a variant's name starts with; the other factors follow in the order of their names.
_FIRST = ("precision", "engine", "fusion")


def _found() -> dict[str, Factor]:
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    factors: list[Factor] = [module.FACTOR for module in modules]
    rank = {name: place for place, name in enumerate(_FIRST)}
    factors.sort(key=lambda factor: (rank.get(factor.name, len(rank)), factor.name))
    return {factor.name: factor for factor in factors}


FACTORS: dict[str, Factor] = _found()
