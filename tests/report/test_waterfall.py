"""The waterfall in words: rows in their order, and no paragraph for every arm of the protocol."""

from __future__ import annotations

import io

from rich.console import Console

from ironlaw import protocol
from ironlaw.explanation import Explanation
from ironlaw.measure.scripted import Script
from ironlaw.report.document import to_document
from ironlaw.report.markdown import to_markdown
from ironlaw.report.terminal import show
from ironlaw.report.waterfall import waterfall_rows

from ..scripted import SOUND, explained


def explanation() -> Explanation:
    script = Script(arms={"fp32": SOUND, "int8": SOUND, "int8+fused": SOUND}, turn_noise=0.001)
    return explained(protocol.arms(), script, replicates=3)


def test_rows_go_from_the_blog_posts_speed_up_over_its_flaws_to_the_fair_one_and_its_parts() -> None:
    names = [row.name.strip() for row in waterfall_rows(explanation())]
    assert names[0] == "the speed-up as the blog post measured it"
    assert names[1] == "of which counting the whole process"
    assert names[6] == "the fair speed-up, which is the product of"
    assert names[-1].startswith("of which precision")


def test_the_terminal_reports_one_comparison_and_the_waterfall() -> None:
    console = Console(file=io.StringIO(), width=80)
    show(explanation(), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "From the blog post's speed-up to the fair one" in text
    assert text.count("Invalid comparison") == 1  # of the one that the waterfall begins with
    assert "By the iron law" not in text
    assert "the split by the iron law" in " ".join(text.split())


def test_markdown_and_json_hold_every_step() -> None:
    made = explanation()
    assert to_markdown(made).count("of which") == len(made.waterfall) - 2
    document = to_document(made)["waterfall"]
    assert [step["step"] for step in document] == [step.name for step in made.waterfall]
    assert document[0]["arms"] == ["fp32+grad=on+input=ones+mode=train+scope=process",
                                   "int8+fused+calibration=none+input=ones+scope=process"]  # fmt: skip
