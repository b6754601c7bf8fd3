"""An explanation as one HTML file that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from ironlaw.causes import cause_of
from ironlaw.concern import Weight
from ironlaw.explanation import (
    Association,
    Explanation,
)
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from ironlaw.report import splitting, words
from ironlaw.report.associations import counter_title, covariance_text
from ironlaw.report.attached import OPERATORS_HEADING, next_command, next_sentence
from ironlaw.report.columns import (
    ArmsTable,
    added_arms,
    arms_table,
    asked_comparisons,
    cell_text,
    control_name,
    widest_first,
)
from ironlaw.report.document import to_document
from ironlaw.report.doubts import control_sentence, cut_sentence, doubts
from ironlaw.report.facts import machine_facts, method_facts
from ironlaw.report.failures import stopped_arms
from ironlaw.report.figures.comparisons import association_map, rounds_strip, time_bars
from ironlaw.report.figures.drawing import Drawing
from ironlaw.report.figures.icicle import icicle
from ironlaw.report.figures.sensitivity import answers_views
from ironlaw.report.figures.vary import varied_view
from ironlaw.report.gaps import gap_sentence, gaps
from ironlaw.report.generation import HEADING as GENERATION_HEADING
from ironlaw.report.generation import PAGE_HEADINGS, generation_page
from ironlaw.report.graph_diff import HEADING as DIFF_HEADING
from ironlaw.report.graph_diff import diff_of, diff_rows, same_sentence
from ironlaw.report.guesses import guesses, guesses_heading
from ironlaw.report.page_sections import PageCell, section
from ironlaw.report.palette import page_palette
from ironlaw.report.paragraph import paragraph, summary
from ironlaw.report.quantity import BYTES, Footnotes, amount, shown
from ironlaw.report.raw import packed
from ironlaw.report.recommendation import (
    FRONT_HEADING,
    front_sentence,
    mixed_sentences,
    next_best_sentences,
    recommendation_sentence,
    untried_sentence,
)
from ironlaw.report.run_time import run_bar
from ironlaw.report.vary import explanation_at
from ironlaw.report.verdicts import effect_text, prediction_text, share_text
from ironlaw.report.waterfall import compared_with_waterfall, waterfall_heading, waterfall_rows
from ironlaw.text import plain, plain_json

if TYPE_CHECKING:
    import jinja2

# The sentences that the templates ask for by name.
_SAID = (
    diff_of,
    diff_rows,
    same_sentence,
    explanation_at,
    control_sentence,
    cut_sentence,
    effect_text,
    stopped_arms,
    front_sentence,
    guesses_heading,
    mixed_sentences,
    next_best_sentences,
    next_command,
    next_sentence,
    paragraph,
    prediction_text,
    recommendation_sentence,
    share_text,
    untried_sentence,
)

# A page that would be larger with the recording in it is written without.
_LARGEST_PAGE_BYTES = 6_000_000


def render(explanation: Explanation, recording: Recording | None) -> str:
    """The whole page. Without a recording there are no pictures of single turns, and no raw data to download."""
    from markupsafe import Markup

    script = _page_file("report.js")
    template = template_environment().get_template("report.html.jinja")
    content = {
        "palette": Markup(page_palette()),
        "style": Markup(_page_file("report.css")),
        "script": Markup(script),
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "title": _title(explanation),
        "control": control_name(explanation),
        "machine": machine_facts(explanation),
        "method": method_facts(explanation, recording),
        "document": Markup(
            _inside_script(plain_json(json.dumps(to_document(explanation), ensure_ascii=False, allow_nan=False)))
        ),
        **fragment_content(explanation, recording, prefix=""),
    }
    raw = None if recording is None else packed(recording)
    page = template.render(content, raw=_carried(raw))
    return page if len(page.encode()) <= _LARGEST_PAGE_BYTES else template.render(content, raw=_refused(raw))


def template_environment() -> jinja2.Environment:
    """The templates' environment: every string is escaped, and an undefined name is an error."""
    import jinja2
    from markupsafe import Markup

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("ironlaw.report", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["plain"] = plain
    made.filters["breakable"] = _breakable
    made.filters["with_code"] = _with_code
    made.globals.update(
        words=words,
        splitting=splitting,
        **{said.__name__: said for said in _SAID},
        DIFF_HEADING=DIFF_HEADING,
        FRONT_HEADING=FRONT_HEADING,
        GENERATION_HEADING=GENERATION_HEADING,
        GENERATION_HEADINGS=PAGE_HEADINGS,
        OPERATORS_HEADING=OPERATORS_HEADING,
        cause_of=cause_of,
        correlation_text=_correlation_text,
        covariance_text=covariance_text,
        counter_title=counter_title,
        is_known=is_known,
        svg=Markup,
    )
    return made


def fragment_content(explanation: Explanation, recording: Recording | None, *, prefix: str) -> dict[str, Any]:
    """What the page and a notebook both show, under the names that the templates use; `prefix` begins every id."""
    document = to_document(explanation)
    table = arms_table(explanation)
    asked = compared_with_waterfall(explanation, asked_comparisons(explanation))
    return {
        "explanation": explanation,
        "summary": summary(explanation, asked),
        "table": table,
        **_rows(table, document),
        "bars": time_bars(explanation, name=f"{prefix}bars"),
        "more_bars": time_bars(explanation, name=f"{prefix}more-bars", of_experiments=True),
        "sections": [
            section(comparison, explanation, document, explanation.comparisons.index(comparison), prefix=prefix)
            for comparison in widest_first(asked)
        ],
        "generation": generation_page(explanation),
        "guesses": guesses(explanation),
        "answers": answers_views(explanation, prefix=prefix),
        "icicles": _icicles(explanation, prefix),
        "strips": _strips(recording, explanation, prefix) if recording else [],
        "map": association_map(_asked_associations(explanation), name=f"{prefix}associations"),
        "associations": [item for item in explanation.associations if is_known(item.correlation)],
        "varied": varied_view(explanation, prefix=prefix),
        "waterfall": waterfall_rows(explanation),
        "waterfall_heading": waterfall_heading().rstrip(":"),
        "run_bar": run_bar(explanation.run, name=f"{prefix}run"),
        "gaps": [gap_sentence(gap) for gap in gaps(table.lost, asked)],
        "doubts": doubts(explanation),
        "doubted": {plain(item.arm) for item in explanation.concerns if item.weight is not Weight.NOTES},
    }


def _rows(table: ArmsTable, document: dict[str, Any]) -> dict[str, Any]:
    """The table's rows with their cells: the arms requested, and those that experiments added; with their footnotes."""
    asked, added = Footnotes(), Footnotes()
    rows = [
        (row, _arm_cells(table, document, place, added if row.is_added else asked))
        for place, row in enumerate(table.rows)
    ]
    return {
        "asked_rows": [(row, cells) for row, cells in rows if not row.is_added],
        "added_rows": [(row, cells) for row, cells in rows if row.is_added],
        "footnotes": asked.lines(),
        "added_footnotes": added.lines(),
    }


def _strips(recording: Recording, explanation: Explanation, prefix: str) -> list[Drawing]:
    """Every turn of the arms requested and, when experiments added some, of those."""
    drawn = [rounds_strip(recording, explanation, name=f"{prefix}rounds")]
    if added_arms(explanation):
        drawn.append(rounds_strip(recording, explanation, name=f"{prefix}more-rounds", of_experiments=True))
    return [drawing for drawing in drawn if drawing is not None]


def _asked_associations(explanation: Explanation) -> list[Association]:
    added = added_arms(explanation)
    return [item for item in explanation.associations if item.arm not in added]


def _breakable(name: str) -> Any:
    """A name that may wrap before a plus or after a dot."""
    from markupsafe import Markup, escape

    return Markup(str(escape(plain(name))).replace("+", "<wbr>+").replace(".", ".<wbr>"))


def _with_code(text: str) -> Any:
    """A sentence whose parts between backticks are set as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _page_file(name: str) -> str:
    return resources.files("ironlaw.report").joinpath("page", name).read_text(encoding="utf-8")


def _inside_script(text: str) -> str:
    """JSON that cannot end the script element it is in, or begin a comment there."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _title(explanation: Explanation) -> str:
    named = explanation.plan.model if is_known(explanation.plan) else explanation.source or "a published table"
    model = plain(", ".join(map(_without_folders, named.split(", "))))
    return f"{model} on {plain(explanation.machine.cpu)}" if is_known(explanation.machine) else model


def _without_folders(model: str) -> str:
    """A file without the folders in front of it; the plan below has them."""
    return model.rpartition("/")[2] if model.startswith(("/", "./", "../", "~")) else model


# The field of the JSON document that each column of the table of arms shows.
_ARM_FIELDS = {
    "time_per_inference": "time_ms",
    "speedup": "speedup",
    "user_time": "user_ms",
    "kernel_time": "kernel_ms",
    "instructions": "instructions",
    "ipc": "ipc",
    "cache_misses": "cache_misses",
    "cache_miss_percent": "cache_miss_percent",
    "context_switches": "context_switches",
    "page_faults": "page_faults",
    "size": "size_mb",
    "accuracy": "accuracy",
}


def _arm_cells(table: ArmsTable, document: dict[str, Any], place: int, footnotes: Footnotes) -> list[PageCell]:
    return [
        PageCell(
            text=cell_text(column.cells[place], footnotes),
            value=_data_value(document["arms"][place][_ARM_FIELDS[column.key]]),
        )
        for column in table.columns
    ]


def _data_value(value: Any) -> str:
    if isinstance(value, dict):
        return _data_value(value["value"]) if "value" in value else ""
    return repr(value)


def _icicles(explanation: Explanation, prefix: str) -> list[Drawing]:
    """A picture of what each requested arm executed, where that is known."""
    added = added_arms(explanation)
    return [
        icicle(arm, arm.executed, name=f"{prefix}icicle-{place}")
        for place, arm in enumerate(explanation.arms)
        if arm.arm not in added and not isinstance(arm.executed, Missing)
    ]


def _correlation_text(correlation: Any) -> str:
    if isinstance(correlation, Missing):
        return f"not known: {plain(correlation.reason)}"
    return str(shown(correlation, null=0.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """The recording as it goes into the page, or why it does not."""

    base64: str
    refusal: str


def _carried(raw: bytes | None) -> Raw | None:
    return None if raw is None else Raw(base64=base64.b64encode(raw).decode(), refusal="")


def _refused(raw: bytes | None) -> Raw | None:
    if raw is None:
        return None
    size = amount(len(raw), BYTES)
    return Raw(base64="", refusal=f"The recording itself ({size}, compressed) is too large for this page.")
