"""phase: which part of generating text an inference is; written phase=prefill:128, phase=decode:32."""

from __future__ import annotations

from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import is_known
from ironlaw.phase import WHOLE, Phase


class PhaseFactor(Factor):
    """prefill:N processes N tokens at once; decode:D one token after D others, whose keys and values are kept.

    The tokens are given, not sampled, so that every arm computes the same; the state is taken back to depth 0, or D,
    before each inference, outside the clock.
    """

    name = "phase"
    summary = "which part of generating text is measured"
    plain = WHOLE
    levels = (WHOLE, "prefill:128", "decode:32")
    acts_on = ActsOn.ENGINE
    may_move = "everything: the phases are two workloads, compared with the same phase of other arms only"

    def accepts(self, level: str) -> bool:
        """Any number of tokens above zero."""
        return level == self.plain or is_known(Phase.read(level))


FACTOR = PhaseFactor()
