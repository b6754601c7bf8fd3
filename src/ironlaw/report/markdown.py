"""An explanation as Markdown, for an issue or a pull request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ironlaw.causes import cause_of
from ironlaw.explanation import NOT_RECORDED, Comparison, Explanation
from ironlaw.missing import Missing, is_known
from ironlaw.recording import Recording
from ironlaw.report import splitting, words
from ironlaw.report.account import account_sentences, named_rows
from ironlaw.report.attached import OPERATORS_HEADING, next_command, next_sentence, operator_lines
from ironlaw.report.columns import ArmRow, arms_table, asked_comparisons, cell_text, widest_first
from ironlaw.report.doubts import control_sentence, cut_sentence, doubts
from ironlaw.report.facts import machine_facts, method_facts
from ironlaw.report.failures import stopped_arms
from ironlaw.report.gaps import gap_sentence, gaps
from ironlaw.report.generation import HEADING as GENERATION_HEADING
from ironlaw.report.generation import PAGE_HEADINGS, generation_page
from ironlaw.report.graph_diff import HEADING as DIFF_HEADING
from ironlaw.report.graph_diff import diff_of, diff_rows, same_sentence
from ironlaw.report.guesses import guesses, guesses_heading
from ironlaw.report.paragraph import paragraph
from ironlaw.report.quantity import MILLISECONDS, Footnotes, quantity
from ironlaw.report.recommendation import (
    FRONT_HEADING,
    front_sentence,
    mixed_sentences,
    next_best_sentences,
    recommendation_sentence,
    untried_sentence,
)
from ironlaw.report.vary import (
    ALONG_HEADING,
    alone_sentences,
    explanation_at,
    open_sentence,
    series_sentences,
    varied_headings,
    varied_of,
    verdict_text,
)
from ironlaw.report.vary import HEADING as VARIED_HEADING
from ironlaw.report.vary import table_rows as varied_rows
from ironlaw.report.verdicts import effect_text, prediction_text, share_text
from ironlaw.report.waterfall import waterfall_heading, waterfall_rows
from ironlaw.text import plain


def to_markdown(explanation: Explanation, recording: Recording | None = None, *, n: int | None = None) -> str:
    """The table, the answers with their causes, the doubts, and the machine, in GitHub's Markdown."""
    comparisons = widest_first(asked_comparisons(explanation))
    blocks = [f"**{escaped(cut_sentence())}**"] if explanation.was_cut else []
    blocks += varied_blocks(explanation)
    blocks += arms_blocks(explanation, n=n)
    blocks += generation_blocks(explanation)
    for comparison in comparisons:
        blocks += comparison_blocks(comparison, explanation)
    blocks += waterfall_blocks(explanation)
    blocks += guess_blocks(explanation)
    blocks += concern_blocks(explanation)
    if explanation.front:
        blocks += [f"{FRONT_HEADING}:", _listed([front_sentence(point) for point in explanation.front])]
    blocks += [f"Blocks left in float: {escaped(said)}" for said in mixed_sentences(explanation)]
    blocks += [escaped(untried)] if (untried := untried_sentence(explanation)) else []
    if is_known(explanation.recommendation):
        blocks.append(f"**{escaped(recommendation_sentence(explanation.recommendation))}**")
        if explanation.recommendation.how:
            blocks.append(code_block(explanation.recommendation.how))
        others = next_best_sentences(explanation.recommendation, explanation)
        blocks += [_listed(others)] if others else []
    blocks += next_blocks(explanation)
    blocks.append(folded("Machine and method", facts_block(explanation, recording)))
    return "\n\n".join(blocks) + "\n"


def varied_blocks(explanation: Explanation) -> list[str]:
    """The table of the points and the verdicts along each setting; nothing where nothing was varied."""
    varied = varied_of(explanation)
    if varied is None:
        return []
    said = [
        f"**{escaped(verdict_text(series))}.** {escaped(' '.join(series_sentences(series)))}"
        for series in varied.series
    ] or [escaped(sentence) for sentence in alone_sentences(explanation, varied)]
    return [
        f"### {VARIED_HEADING if varied.series else ALONG_HEADING}",
        *said,
        table(varied_headings(explanation), varied_rows(explanation, varied), right_from=2),
        escaped(open_sentence(varied)),
    ]


def _listed(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(said)}" for said in sentences)


def escaped(text: str) -> str:
    """Text in which nothing is markup and no user is mentioned."""
    text = plain(text).replace("&", "&amp;")
    text = re.sub(r"([\\`*<>|~])", r"\\\1", text)
    text = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", text)  # inside a word an underscore is one
    text = re.sub(r"\](?=[(\[])", r"\\]", text)
    text = re.sub(r"(?<![\w])@", "&#64;", text)
    text = re.sub(r"(?<![\w&])#(?=\d)", r"\\#", text)
    return re.sub(r"^([#+\-=\[])", r"\\\1", text)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int = 1) -> str:
    """A table of escaped cells; columns from `right_from` on are aligned to the right."""
    rule = ["---" if place < right_from else "---:" for place in range(len(headings))]
    lines = [[escaped(cell) for cell in line] for line in (headings, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in (lines[0], rule, *lines[1:]))


def code_block(text: str) -> str:
    """Text set as code, behind a fence that it does not contain."""
    shown = "\n".join(plain(line) for line in text.splitlines())
    longest = max((len(ticks) for ticks in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{shown}\n{fence}"


def folded(title: str, content: str) -> str:
    """Content that opens when its title is pressed."""
    return f"<details>\n<summary>{escaped(title)}</summary>\n\n{content}\n\n</details>"


def arms_blocks(explanation: Explanation, *, n: int | None = None) -> list[str]:
    """The table of the arms, its footnotes and what it lost."""
    arms, footnotes = arms_table(explanation, n=n), Footnotes()
    headings = ["arm", *(f"{column.title}, {column.unit}" if column.unit else column.title for column in arms.columns)]
    rows = [
        (
            row,
            [
                _named(row),
                *(cell_text(column.cells[place], footnotes) for column in arms.columns),
            ],
        )
        for place, row in enumerate(arms.rows)
    ]
    asked, added = ([cells for row, cells in rows if row.is_added is wanted] for wanted in (False, True))
    blocks = [table(headings, asked)]
    if added:
        blocks.append(
            folded(
                f"{len(added)} more arm{'s' if len(added) > 1 else ''}, added by experiments", table(headings, added)
            )
        )
    blocks += [f"{mark} {escaped(reason)}" for mark, reason in footnotes.lines()]
    blocks += [escaped(gap_sentence(gap)) for gap in gaps(arms.lost, asked_comparisons(explanation))]
    for stopped in stopped_arms(explanation):
        blocks.append(escaped(stopped.sentence) + (f" Fix: {escaped(stopped.fix)}" if stopped.fix else ""))
    if is_known(explanation.plan):
        blocks.append(escaped(control_sentence(explanation)))
    return blocks


def generation_blocks(explanation: Explanation) -> list[str]:
    """Rates, bytes and ceilings of the arms in a phase of generating text; nothing where there is none."""
    page = generation_page(explanation)
    if page is None:
        return []
    notes = [f"{mark} {escaped(reason)}" for mark, reason in page.footnotes]
    said = [_listed(page.sentences)] if page.sentences else []
    return [f"### {GENERATION_HEADING}", table(PAGE_HEADINGS, page.rows), *notes, *said]


def comparison_blocks(comparison: Comparison, explanation: Explanation) -> list[str]:
    """One comparison: the answer, its causes, its split, its counterfactuals."""
    heading = f"{plain(comparison.changed)} against {plain(comparison.control)}"
    blocks = [
        f"### {escaped(heading)}",
        *graph_blocks(comparison),
        escaped(paragraph(comparison, explanation_at(explanation, comparison.changed))),
    ]
    if comparison.causes:
        rows = [
            [
                f"{words.OUTCOME_SIGNS[verdict.outcome]} {words.OUTCOME_WORDS[verdict.outcome]}",
                cause_of(verdict.cause).title,
                prediction_text(verdict) or "no experiment",
                effect_text(verdict) or "–",
                share_text(verdict.share) or "–",
                verdict.reason,
            ]
            for verdict in comparison.causes
        ]
        blocks.append(table(["verdict", "cause", "prediction", "measured", "share", "why"], rows, right_from=9))
    blocks += split_blocks(comparison)
    blocks += account_blocks(comparison)
    blocks += operator_blocks(comparison)
    if said := splitting.what_if_sentence(comparison, explanation.plan):
        blocks.append(escaped(said))
    return blocks


def _named(row: ArmRow) -> str:
    return f"{row.name} ({row.remark})" if row.remark else row.name


def graph_blocks(comparison: Comparison) -> list[str]:
    """What differs between two given files; nothing of other arms."""
    diff = diff_of(comparison)
    if diff is None:
        return []
    unit, rows = diff_rows(diff)
    titles = [f"{plain(name)}, {unit}" if unit else plain(name) for name in (comparison.control, comparison.changed)]
    cells = [[row.what, row.count, row.control, row.changed, row.names] for row in rows]
    said = escaped(f"{DIFF_HEADING}: {same_sentence(diff)}")
    return [said, *([table(["change", "nodes", *titles, "names"], cells, right_from=9)] if cells else [])]


def split_blocks(comparison: Comparison) -> list[str]:
    """The split by the iron law, or why there is none; nothing when it was not requested."""
    split = splitting.split_of(comparison)
    if isinstance(split, Missing):
        return [] if split in (NOT_RECORDED, comparison.ln_ratio) else [escaped(f"No split: {split.reason}.")]
    rows = [(row.title, row.size, row.share) for row in splitting.split_rows(split)]
    if not rows:
        return []
    return [table(["by the iron law", "saved", "share"], rows), *map(escaped, splitting.split_remarks(split))]


def account_blocks(comparison: Comparison) -> list[str]:
    """The difference by what code executed, folded; nothing where code was not sampled."""
    account = comparison.account
    if isinstance(account, Missing):
        return []
    rows = [
        [one.name, *(quantity(time, MILLISECONDS) for time in (one.row.control_ns, one.row.changed_ns)),
         quantity(one.row.saved_ns, MILLISECONDS, null=0.0)]
        for one in named_rows(account)
    ]  # fmt: skip
    headings = ["code", plain(comparison.control), plain(comparison.changed), "saved [95 %]"]
    said = "\n\n".join(escaped(sentence) for sentence in account_sentences(account))
    return [folded("By executed code", f"{table(headings, rows)}\n\n{said}")]


def operator_blocks(comparison: Comparison) -> list[str]:
    """Times by operator and kernel, folded; nothing where no file with them is attached."""
    unit, lines = operator_lines(comparison)
    if not lines:
        return []
    headings = ["operator", "calls", *(f"{plain(name)}, {unit}" for name in (comparison.control, comparison.changed))]
    rows = [[line.name, line.times, *line.cells] for line in lines]
    return [folded(OPERATORS_HEADING, table([*headings, f"saved, {unit}"], rows))]


def next_blocks(explanation: Explanation) -> list[str]:
    """The command that would test what attached files suggest; nothing of a recording."""
    said = next_sentence(explanation)
    return [f"**{escaped(said)}**", code_block(next_command(explanation))] if said else []


def waterfall_blocks(explanation: Explanation) -> list[str]:
    """From the blog post's speed-up to the fair one; nothing without its protocol."""
    rows = [[row.name, row.factor] for row in waterfall_rows(explanation)]
    return [f"### {escaped(waterfall_heading())}", table(["step", "factor"], rows)] if rows else []


def guess_blocks(explanation: Explanation) -> list[str]:
    """Published guesses, each with its answer and the evidence; nothing where nothing was tested."""
    rows = [[guess.guess, guess.answer, " ".join(guess.evidence)] for guess in guesses(explanation)]
    return [f"### {guesses_heading()}", table(["guess", "answer", "evidence"], rows, right_from=9)] if rows else []


def concern_blocks(explanation: Explanation) -> list[str]:
    """Every doubt with its fix."""
    return [
        f"- {escaped(doubt.sentence)}" + (f" Fix: {escaped(doubt.concern.fix)}" if doubt.concern.fix else "")
        for doubt in doubts(explanation)
    ]


def facts_block(explanation: Explanation, recording: Recording | None) -> str:
    """Machine and method as a table."""
    facts = [*machine_facts(explanation), *method_facts(explanation, recording)]
    return table(["", ""], facts, right_from=9)
