"""address-translation: fewer, larger pages cover the same memory."""

from __future__ import annotations

from ironlaw.cause import Cause, Part
from ironlaw.experiment import Switch


class AddressTranslation(Cause):
    """Fewer, larger pages cover the same memory."""

    slug = "address-translation"
    title = "address translation"
    mechanism = "fewer, larger pages cover the same memory"
    part = Part.FASTER
    order = 300
    example = (
        "`ironlaw run --arms fp32+malloc=retain,fp32+malloc=retain+pages=huge`: 1.04× [0.95, 1.13] here, so nothing "
        "is shown"
    )
    other_levels = (Switch(cause=slug, factor="pages", level="huge"),)


CAUSE = AddressTranslation()
