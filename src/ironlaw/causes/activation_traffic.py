"""activation-traffic: fewer bytes of activations move between layers."""

from __future__ import annotations

from ironlaw.cause import Cause, Part


class ActivationTraffic(Cause):
    """Fewer bytes of activations move between layers."""

    slug = "activation-traffic"
    title = "activation traffic"
    mechanism = "fewer bytes of activations move between layers"
    part = Part.FASTER
    order = 310
    example = "bytes moved by early, high-resolution layers; look at the ledger"


CAUSE = ActivationTraffic()
