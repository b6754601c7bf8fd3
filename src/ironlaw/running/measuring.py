"""Measure what settings request, into a recording."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ironlaw.engines import ENGINES
from ironlaw.running.advice import advice_for
from ironlaw.running.planning import arms_of, plan_of
from ironlaw.running.settings import Settings
from ironlaw.variant import ENGINE, PRECISION

if TYPE_CHECKING:
    from ironlaw.recording import Recording
    from ironlaw.watcher import Watcher


_MOST_BYTES_OF_STEM = 120  # a file's name has 255 bytes at most, on every usual file system


def check(settings: Settings) -> None:
    """Check before anything starts that the programs, images and labels named by the settings exist.

    Raises:
        BadInput: what is wrong, and what to do.
    """
    from ironlaw.models import given_arrays, sources
    from ironlaw.models.images import check_folder
    from ironlaw.models.labels import check_labels

    for arm in arms_of(settings):
        sources.check_source(arm.factory or settings.model)
        sources.check_inputs(arm.factory or settings.model, settings.inputs)
        sources.check_keywords(arm.factory or settings.model, tuple(arm.point.keywords()))
        ENGINES[arm.variant.level(ENGINE)].refuse_absent(arm.variant.level(PRECISION))
    if settings.images is not None:
        check_folder(settings.images)
    if settings.inputs is not None:
        given_arrays.check(settings.inputs)
    if settings.labels is not None:
        check_labels(settings.labels, images=settings.images)


def measure(settings: Settings, out: Path, *, force: bool = False, watcher: Watcher | None = None) -> Recording:
    """Measure the arms and experiments of the settings into a recording at `out`, which may be incomplete.

    Raises:
        BadInput: something cannot be used, or `out` exists (without force); nothing was measured.
    """
    import ironlaw

    check(settings)
    return ironlaw.record(plan_of(settings), out, force=force, watcher=watcher, advice=advice_for(settings))


def out_for(settings: Settings) -> Path:
    """A new file under ./ironlaw-runs/, named after the model, or the programs where nothing runs it, and the time."""
    arms = arms_of(settings)
    runs_model = any(arm.factory is None for arm in arms)
    return default_out(settings.model if runs_model else "-".join(dict.fromkeys(arm.base for arm in arms)))


def default_out(model: str) -> Path:
    """A new file under ./ironlaw-runs/, named after the model, the time and this process.

    Runs that start in the same second, here or in another process, get different names.
    """
    stem = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in Path(model).name)
    stem = stem.encode()[:_MOST_BYTES_OF_STEM].decode(errors="ignore")
    path = Path("ironlaw-runs") / f"{stem}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.jsonl"
    others = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], others) if not one.exists())
