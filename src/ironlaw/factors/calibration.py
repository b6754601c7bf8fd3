"""calibration: whether the observers of a static int8 model saw data."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor


class Calibration(Factor):
    """Without calibration every scale is 1 and every zero point 0: the speed of a broken model."""

    name = "calibration"
    summary = "data shown to the observers before conversion"
    plain = "images"
    levels = ("images", "none")
    shapes_model = True
    of_int8 = True
    acts_on = ActsOn.ENGINE
    may_move = "the answers, entirely; the time only where it depends on values"


FACTOR = Calibration()
