"""Memory that was mapped over other frames stays with its owner."""

from __future__ import annotations

import gc
import weakref

from ironlaw.engines.border.frames import never_freed


class Owner:
    """Of memory on the heap."""


def test_the_owner_of_mapped_memory_outlives_its_last_name() -> None:
    owner, other = Owner(), Owner()
    kept, freed = weakref.ref(owner), weakref.ref(other)
    never_freed(owner)
    del owner, other
    gc.collect()
    assert freed() is None
    assert kept() is not None
