"""From a recording, or someone's numbers, to an explanation; pure: no clock, no files, no chance."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ironlaw.answer import Answer
    from ironlaw.recording import Recording


class _ExplainPackage(ModuleType):
    """This package, callable: importing it puts it in the place of the function `ironlaw.explain`, as a submodule is
    set on its parent, and the second call of that function would otherwise find a module that cannot be
    called."""

    def __call__(self, recording: Recording, *, control: str | None = None, changed: str | None = None) -> Answer:
        """What a recording says; see ironlaw.explain.assemble.explain."""
        from ironlaw.answer import Answer
        from ironlaw.explain.assemble import explain

        return Answer.of(explain(recording, control=control, changed=changed), recording)


sys.modules[__name__].__class__ = _ExplainPackage
