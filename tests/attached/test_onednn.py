"""Verbose logs of oneDNN: of the installed version, and older formats as their guides describe them."""

from __future__ import annotations

import math

import pytest

from ironlaw.analysis.attached.explain import explain_attached
from ironlaw.attachment import TimedWhole
from ironlaw.errors import BadInput
from ironlaw.layer import Form
from ironlaw.missing import is_known

from .files import DATA, explained, file_of, one

LEVEL_1, LEVEL_2 = "onednn-3.12-level-1.txt", "onednn-3.12-level-2.txt"

PROBLEM = "mb1_ic32oc64_ih56oh56kh3sh1dh0ph1_iw56ow56kw3sw1dw0pw1"
VERSION_1_1 = f"""dnnl_verbose,info,DNNL v1.1.0 (commit abc)
dnnl_verbose,exec,cpu,reorder,jit:uni,undef,src_f32::blocked:abcd:f0 dst_f32::blocked:aBcd16b:f0,num:1,1x32x56x56,0.5
dnnl_verbose,exec,cpu,convolution,jit:avx512_common,forward_inference,src_f32::blocked:aBcd16b:f0 \
wei_f32::blocked:ABcd16b16a:f0 bia_f32::blocked:a:f0 dst_f32::blocked:aBcd16b:f0,alg:convolution_direct,{PROBLEM},1.5
"""
VERSION_2 = f"""onednn_verbose,info,oneDNN v2.6.0 (commit abc)
onednn_verbose,info,cpu,runtime:OpenMP,nthr:4
onednn_verbose,info,cpu,isa:Intel AVX-512 with Intel DL Boost
onednn_verbose,exec,cpu,reorder,jit:uni,undef,src_f32::blocked:abcd:f0 dst_u8::blocked:acdb:f0,attr-oscale:0:0.5 ,,\
1x32x56x56,0.25
onednn_verbose,exec,cpu,convolution,brgconv:avx512_core_vnni,forward_inference,src_u8::blocked:acdb:f0 \
wei_s8::blocked:AcdB64b4a:f8 bia_f32::blocked:a:f0 dst_u8::blocked:acdb:f0,attr-post-ops:eltwise_relu ,\
alg:convolution_direct,{PROBLEM},0.75
"""
VERSION_3_1 = f"""onednn_verbose,info,oneDNN v3.1.0 (commit abc)
onednn_verbose,1693533460193.346924,primitive,create:cache_miss,cpu,convolution,jit:avx2,forward_inference,\
src_f32:a:blocked:aBcd8b::f0 wei_f32:a:blocked:ABcd8b8a::f0 dst_f32:a:blocked:aBcd8b::f0,attr-scratchpad:user ,\
alg:convolution_direct,{PROBLEM},3.5
onednn_verbose,1693533460194.346924,primitive,exec,cpu,convolution,jit:avx2,forward_inference,\
src_f32:a:blocked:aBcd8b::f0 wei_f32:a:blocked:ABcd8b8a::f0 dst_f32:a:blocked:aBcd8b::f0,attr-scratchpad:user ,\
alg:convolution_direct,{PROBLEM},2.5
"""


def test_the_installed_versions_log_has_a_node_for_each_primitive_of_a_repeat() -> None:
    read = one(LEVEL_1)
    rows = [line.split(",") for line in (DATA / LEVEL_1).read_text().splitlines() if ",exec," in line]
    assert is_known(read.nodes)
    assert is_known(read.times)
    each = len(rows) // 3
    assert len(read.nodes) == each
    for place, node in enumerate(read.nodes):
        took = [float(row[-1]) for row in rows[place::each]]
        assert node.ns == pytest.approx(1e6 * sum(took) / 3)
        assert node.call.operator == rows[place][5]
    assert sum(read.times.each_ns) == pytest.approx(1e6 * sum(float(row[-1]) for row in rows))
    assert read.stated["version of oneDNN"] == "3.12.0"
    assert read.stated["threads"] == "1"
    assert "AMX" in read.stated["instruction sets"]


def test_a_depthwise_convolution_is_known_by_its_problem() -> None:
    (comparison,) = explained(LEVEL_1, LEVEL_2).comparisons
    assert is_known(comparison.ledger)
    kinds = {row.layer: row.kind for row in comparison.ledger.rows}
    assert kinds["convolution"] == "depth-wise"
    assert kinds["reorder"] == "reorder"


def test_creating_is_counted_and_in_no_time() -> None:
    created = [line for line in (DATA / LEVEL_2).read_text().splitlines() if ",create:" in line]
    missed = [line for line in created if "cache_miss" in line]
    (note,) = [note for note in one(LEVEL_2).notes if "were created" in note]
    assert note.startswith(f"{len(created)} primitives were created, {len(missed)} of them not from the cache")
    took = math.fsum(float(line.rpartition(",")[2]) for line in created)
    assert f"in {took:.3g} ms" in note


def test_a_log_whose_first_repeat_is_in_the_time_says_so() -> None:
    once = VERSION_2.splitlines(keepends=True)
    head, repeat = "".join(once[:3]), "".join(once[3:])
    (first_in,) = file_of(head + repeat * 3).found
    (first_out,) = file_of(head + once[3] + repeat * 3).found
    assert first_in.included == "its first repeat: the log marks no warming up"
    assert (first_out.included, first_out.left_out != "") == ("", True)


@pytest.mark.parametrize(
    ("log", "kernel", "ms"),
    [
        (VERSION_1_1, "jit:avx512_common f32", 2.0),
        (VERSION_2, "brgconv:avx512_core_vnni u8-s8", 1.0),
        (VERSION_3_1, "jit:avx2 f32", 2.5),
    ],
)
def test_older_formats_are_read(log: str, kernel: str, ms: float) -> None:
    (read,) = file_of(log).found
    assert is_known(read.nodes)
    assert is_known(read.times)
    node = next(node for node in read.nodes if node.call.operator == "convolution")
    assert node.call.kernels[0] == kernel
    assert node.call.inputs[0].shape == (1, 32, 56, 56)
    assert node.call.outputs[0].shape == (1, 64, 56, 56)
    assert node.call.parameters[0].shape == (64, 32, 3, 3)
    assert read.times.each_ns == pytest.approx((ms * 1e6,))
    assert read.timed is TimedWhole.UNKNOWN


def test_a_reorder_between_number_formats_is_a_conversion() -> None:
    (read,) = file_of(VERSION_2).found
    assert is_known(read.nodes)
    first = read.nodes[0].call
    assert first.operator == "reorder, quantize"
    assert first.inputs == (Form((1, 32, 56, 56), "float32"),)
    assert first.outputs == (Form((1, 32, 56, 56), "uint8"),)
    assert read.census["quantize_operators"] == 1
    assert read.census["int8_operators"] == 1
    assert read.stated["threads"] == "4"


def test_reference_implementations_are_suspected() -> None:
    slow = VERSION_2.replace("brgconv:avx512_core_vnni", "ref:any").replace(",0.75", ",75")
    explanation = explain_attached([file_of(VERSION_1_1, "fp32.txt"), file_of(slow, "int8.txt")])
    (comparison,) = explanation.comparisons
    found = {verdict.cause: verdict for verdict in comparison.causes}
    assert "ref:any" in found["reference-kernel"].reason


def test_other_versions_threads_and_instruction_sets_are_a_concern() -> None:
    first = VERSION_2.replace("nthr:4", "nthr:8").replace("v2.6.0", "v2.7.1")
    explanation = explain_attached([file_of(first, "a.txt"), file_of(VERSION_2, "b.txt")])
    said = [one.text for one in explanation.concerns if one.slug == "unequal-arms"]
    assert said == [
        "the files state different version of oneDNN: 2.7.1 in a.txt, 2.6.0 in b.txt",
        "the files state different threads: 8 in a.txt, 4 in b.txt",
    ]


def test_lines_of_the_program_between_and_cut_lines_are_left_out_and_counted() -> None:
    lines = (DATA / LEVEL_1).read_text().splitlines()
    lines.insert(9, "epoch 1: loss 0.5")
    lines.append(lines[-1][: len(lines[-1]) // 2])
    (read,) = file_of("\n".join(lines)).found
    assert is_known(read.times)
    assert len(read.times.each_ns) == 3
    assert any("1 lines are cut" in note for note in read.notes)


def test_a_log_without_a_primitive_is_refused() -> None:
    with pytest.raises(BadInput, match=r"^a\.txt, line 2, column 1: no primitive ran"):
        file_of("onednn_verbose,info,oneDNN v2.6.0\n", "a.txt")
