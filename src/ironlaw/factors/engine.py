"""engine: the software that executes the model."""

from __future__ import annotations

from ironlaw.engines import ENGINES, PLAIN
from ironlaw.factor import Factor


class Engine(Factor):
    """The plain engine unless a variant names another after an @, as in int8@NAME."""

    name = "engine"
    summary = "what executes the model"
    plain = PLAIN
    levels = tuple(ENGINES)
    remedies = {name: declared.remedy for name, declared in ENGINES.items()}  # noqa: RUF012
    shapes_model = True
    may_move = "kernels, layout, allocator, fusion, dispatch"


FACTOR = Engine()
