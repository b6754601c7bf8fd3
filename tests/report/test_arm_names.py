"""Names of arms above narrow columns."""

from __future__ import annotations

import pytest

from ironlaw.report.arm_names import arm_headings, broken_name

LONG = "int8-dynamic@onnxruntime+float-ops=ConvInteger"


@pytest.mark.parametrize(
    ("names", "widest", "headings"),
    [
        (("fp32", "int8+fused"), 10, ["fp32", "int8+fused"]),
        (("fp32@onnxruntime", "int8@onnxruntime"), 16, ["fp32@onnxruntime", "int8@onnxruntime"]),
        (("fp32@onnxruntime", "int8@onnxruntime"), 10, ["fp32", "int8"]),
        (("fp32@onnxruntime", LONG), 12, ["fp32", "int8-dynamic\n+float-ops=\nConvInteger"]),
        (("int8-dynamic@onnxruntime", LONG), 12, ["int8-dynamic", "int8-dynamic\n+float-ops=\nConvInteger"]),
        (("fp32@openvino", "int8@onnxruntime"), 9, ["fp32\n@openvino", "int8\n@onnxruntime"]),
        (("fp32+malloc=retain", "int8+malloc=retain"), 10, ["fp32", "int8"]),
        (("a@x", "a@x (again)"), 2, ["a", "a \n(again)"]),
    ],
)
def test_what_all_arms_share_is_left_out_where_it_does_not_fit(
    names: tuple[str, ...], widest: int, headings: list[str]
) -> None:
    assert arm_headings(names, widest) == headings


def test_names_that_nothing_else_distinguishes_are_left_whole() -> None:
    assert arm_headings(("m@onnxruntime", "m@openvino"), 20) == ["m@onnxruntime", "m@openvino"]
    assert arm_headings(("+a=1@x", "+a=2@x"), 5) == ["+a=1", "+a=2"]
    assert arm_headings(("m+b=1+a=1", "m+a=1+b=1"), 5) == ["m+b=1\n+a=1", "m+a=1\n+b=1"]


def test_a_name_of_many_lines_ends_in_an_ellipsis() -> None:
    _, long = arm_headings(("fp32@openvino", "int8@openvino+float-nodes=4-7f8c+nncf.ranges=histogram"), 10)
    assert long == "int8\n+float-\nnodes=4-…"


def test_no_letter_is_lost_in_breaking() -> None:
    assert broken_name(LONG, 9).replace("\n", "") == LONG
