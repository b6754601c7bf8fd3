"""Every cause ironlaw knows: one file each, found by looking into this folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from ironlaw.cause import Cause
from ironlaw.observed import Observed


def _found() -> dict[str, Cause]:
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    causes: list[Cause] = [module.CAUSE for module in modules]
    causes.sort(key=lambda cause: (cause.order, cause.slug))
    return {cause.slug: cause for cause in causes}


CAUSES: dict[str, Cause] = _found()
# Those with an experiment, in the order of the report.
TESTED: tuple[str, ...] = tuple(slug for slug, cause in CAUSES.items() if cause.is_tested)


def cause_of(slug: str) -> Cause:
    """The cause of that name; one of another version's recording is its slug, spelled out."""
    if slug in CAUSES:
        return CAUSES[slug]
    unknown = Cause()
    unknown.slug, unknown.title, unknown.mechanism = slug, slug.replace("-", " "), ""
    return unknown


def cause_behind(factor: str) -> Cause | None:
    """The cause that a difference in the factor is; None where the catalogue has no single one."""
    return next((cause for cause in CAUSES.values() if factor in cause.factors), None)


def cause_between(factor: str, levels: tuple[str, str], arms: Sequence[Observed]) -> Cause | None:
    """The cause that two levels of a factor differ in, by the readings of the arms that have them; None if it is not
    known.
    """
    known = (cause for cause in CAUSES.values() if factor in cause.factors)
    return next((cause for cause in known if cause.is_between(factor, levels, arms)), None)
