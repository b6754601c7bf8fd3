"""An explanation inside a notebook: the same table, sentences and pictures, as a fragment of HTML."""

from __future__ import annotations

import hashlib

from ironlaw.explanation import Explanation
from ironlaw.report.document import to_json
from ironlaw.report.html import environment, fragment_content


def to_fragment(explanation: Explanation) -> str:
    """What a notebook shows for an explanation: scoped style, no script, ids of its own."""
    name = "ironlaw" + hashlib.sha256(to_json(explanation).encode()).hexdigest()[:12]
    template = environment().get_template("notebook.html.jinja")
    return template.render(name=name, **fragment_content(explanation, prefix=name, scope=f"#{name}"))
