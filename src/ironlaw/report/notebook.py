"""An explanation inside a notebook: the same tables, sentences and pictures, as a fragment of HTML."""

from __future__ import annotations

import hashlib

from ironlaw.explanation import Explanation
from ironlaw.recording import Recording
from ironlaw.report.document import to_json
from ironlaw.report.html import fragment_content, template_environment
from ironlaw.report.palette import notebook_palette


def to_fragment(explanation: Explanation, recording: Recording | None) -> str:
    """What a notebook shows for an explanation: scoped style, no script, ids of its own."""
    from markupsafe import Markup

    name = "ironlaw" + hashlib.sha256(to_json(explanation).encode()).hexdigest()[:12]
    palette = Markup(notebook_palette(f"#{name}"))
    content = fragment_content(explanation, recording, prefix=name)
    return template_environment().get_template("notebook.html.jinja").render(name=name, palette=palette, **content)
