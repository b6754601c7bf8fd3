"""A profile has the nodes that compute, also those below a microsecond, and their time without what came before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ironlaw.engines.openvino.model import SourceModel
from ironlaw.engines.openvino.profile import CountedRequest, profile
from ironlaw.engines.openvino.runtime_graph import computes
from tests.decoder_graphs import decoder_graph

NO_MODEL = SourceModel(types={}, products=frozenset(), quantized=frozenset(), behind={})
# A decoder of two layers (OpenVINO 2026.4, Zen 5): type, kernel, and the mean in us after each of five inferences.
RECORDED = (
    ("Parameter", "unknown_i64", (0, 0, 0, 0, 0)),
    ("ReadValue", "unknown_f32", (4, 3, 3, 2, 2)),
    ("Gather", "ref_any_f32", (2, 1, 1, 1, 0)),
    ("Add", "jit_avx512_f32", (1, 0, 0, 0, 0)),
    ("FullyConnected", "gemm_mlas_f32", (18, 12, 9, 7, 6)),
    ("Reshape", "unknown_f32", (0, 0, 0, 0, 0)),
    ("Transpose", "unknown_f32", (1, 0, 10, 8, 7)),
    ("Relu", "undef", (0, 0, 0, 0, 0)),
    ("Concat", "ref_f32", (2, 1, 1, 0, 0)),
    ("Convert", "ref_i64", (0, 0, 0, 1, 1)),
    ("Assign", "unknown_f32", (2, 2, 1, 1, 1)),
    ("Result", "unknown_f32", (0, 0, 0, 0, 0)),
)


@dataclass
class Played:
    """An inference request with recorded counters; `before` inferences ran when the recording begins."""

    before: int = 0
    ran: int = 0
    states: list[str] = field(default_factory=list)

    def infer(self, arrays: Any, share_inputs: bool = False) -> Any:
        self.ran += 1
        return SimpleNamespace(to_tuple=tuple)

    def reset_state(self) -> None:
        self.states.append("reset")

    @property
    def profiling_info(self) -> list[Any]:
        at = max(0, self.ran - self.before - 1)
        return [
            SimpleNamespace(
                node_name=f"{kind}.{place}",
                node_type=kind,
                exec_type=kernel,
                status="Status.EXECUTED" if means[at] else "Status.NOT_RUN",
                real_time=timedelta(microseconds=means[at]),
            )
            for place, (kind, kernel, means) in enumerate(RECORDED)
        ]


UNNAMED = SimpleNamespace(get_runtime_model=lambda: SimpleNamespace(get_ops=tuple))


def played(inferences: int, before: int = 0) -> Any:
    request = CountedRequest(Played(before=before))
    for _ in range(before):  # what a decoder computes once, before the first inference
        request.infer([])
    return profile(UNNAMED, NO_MODEL, lambda given: ([given],), request, [(0,)] * inferences)


def test_nodes_below_a_microsecond_are_in_every_profile() -> None:
    names = ["ReadValue", "Gather", "Add", "FullyConnected", "Transpose", "Concat", "Convert", "Assign"]
    for inferences in (1, 2, 3, 4):
        assert [call.operator for call in played(inferences).calls] == names


def test_times_are_those_of_the_inferences_and_not_of_the_first_one() -> None:
    """Counters are means of all inferences: 4 * 7 us after four, of which the first took 18."""
    assert played(3).calls_ns == (4_000, 2_000, 0, 10_000, 31_000, 0, 4_000, 2_000)


def test_inferences_that_prepare_a_state_are_counted_too() -> None:
    """Two inferences before the first one: the mean of 18 us is of three of them."""
    assert played(1, before=2).calls_ns[3] == 0  # 4 * 12 us in all, of which 3 * 18 before
    assert played(4, before=2).calls_ns[4] == (7 * 7 - 3 * 1) * 1_000


def test_a_counted_request_passes_on_what_it_does_not_count() -> None:
    request = Played()
    CountedRequest(request).reset_state()
    assert request.states == ["reset"]


@pytest.mark.parametrize(
    ("kind", "kernel", "answer"),
    [
        ("Reorder", "jit_uni", True),
        ("Transpose", "unknown_f32", True),
        ("Split", "unknown_f32", True),
        ("Unsqueeze", "unknown_i8", False),
        ("Reshape", "ref_f32", True),  # it copies
        ("Relu", "undef", False),
        ("Parameter", "unknown_f32", False),
        ("Input", "unknown_f32", False),
    ],
)
def test_views_and_fused_nodes_do_not_compute(kind: str, kernel: str, answer: bool) -> None:
    assert computes(kind, kernel) is answer


def test_every_profile_of_a_decoded_token_has_the_same_nodes(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    from ironlaw.engines.openvino import execution
    from ironlaw.models import open_model
    from ironlaw.variant import Variant

    model = open_model(str(decoder_graph(tmp_path / "decoder.onnx")))
    variant = Variant.parse("given@openvino+phase=decode:8")
    program = execution.load(variant, execution.prepare(variant, model, tmp_path / "made"), model)
    assert program.profile is not None
    first, second, third = (program.profile(program.inputs[:1] * count) for count in (1, 2, 8))
    operators = [call.operator for call in first.calls]
    assert operators.count("ReadValue") == operators.count("Assign") == 4
    assert [call.operator for call in second.calls] == [call.operator for call in third.calls] == operators
