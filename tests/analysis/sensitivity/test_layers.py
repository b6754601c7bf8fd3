"""From replays to sensitivities: order, intervals, times from a ledger, columns that die."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ironlaw.analysis.sensitivity.agreement import NOISELESS, answer_agreement, sqnr_db
from ironlaw.analysis.sensitivity.layers import sensitivity
from ironlaw.explanation.sensitivity import NOT_REPLAYED, Sensitivity
from ironlaw.explanation.split import Ledger, LedgerRow
from ironlaw.fact import SCHEMA, Header, kept_places
from ironlaw.missing import Missing
from ironlaw.recording import Recording
from ironlaw.replay import Given, Replay, Use

from .replays import INPUTS, answers, given, kept, layer, replay, uses

ARM = "int8@onnxruntime"


def recorded(*replays: Replay) -> Recording:
    return Recording(header=Header(schema=SCHEMA, ironlaw="", started_utc=""), replays=replays)


def row(name: str, saved_ns: float, *, path: str = "", calls: tuple[str, ...] = ()) -> LedgerRow:
    return LedgerRow(
        layer=name,
        kind="conv",
        fate="both",
        order=0,
        control_ns=1e6 + saved_ns,
        changed_ns=1e6,
        terms={},
        path=path or name,
        changed_layers=calls or (name,),
    )


def ledger(*rows: LedgerRow) -> Ledger:
    return Ledger(rows=rows, disturbed_speedup=Missing("not here"), undisturbed_speedup=Missing("not here"))


def explained(*replays: Replay, times: Ledger | None = None) -> Sensitivity:
    found = sensitivity(recorded(*replays), ARM, times or Missing("no ledger"), "fp32@onnxruntime")
    assert isinstance(found, Sensitivity)
    return found


def test_the_layer_that_costs_the_answers_most_on_choosing_inputs_is_first() -> None:
    loud = layer("loud", 1.0, alone={Use.CHOOSING: given(50.0), Use.HELD_OUT: given(1.0)})
    found = explained(replay(layer("quiet", 2.0), loud))
    assert [one.name for one in found.layers] == ["loud", "quiet"]


def test_agreement_of_classes_is_a_share_with_its_exact_interval() -> None:
    found = answer_agreement(given(1.0, same=INPUTS), None)
    assert found.by_class
    assert not isinstance(found.agreement, Missing)
    # Clopper & Pearson of 32 of 32: 1 - (0.025)^(1/32) below.
    assert found.agreement.low == pytest.approx(0.025 ** (1 / 32))
    assert found.agreement.high == 1
    assert found.least == 1


def test_noise_is_given_in_decibels_and_none_is_a_gap() -> None:
    assert sqnr_db(1000, 10) == pytest.approx(20)
    assert sqnr_db(1000, 0) == NOISELESS
    assert isinstance(sqnr_db(0, 1), Missing)


def test_a_column_that_dies_agrees_by_nothing_however_large_the_others_are() -> None:
    rng = np.random.default_rng(3)
    expected = np.stack([rng.uniform(0, 300, 16), rng.uniform(0, 1, 16)], axis=1)
    dead = expected.copy()
    dead[:, 1] = 0
    noise, signal = float(np.square(dead - expected).sum()), float(np.square(expected).sum())
    changed = Given(inputs=16, signal=signal, noise=noise, cosines=(1.0,) * 16, kept=kept(dead))
    found = answer_agreement(changed, answers(expected))
    assert found.column == 0
    assert found.lost == 1
    assert found.least == 0


def test_a_position_of_which_few_numbers_were_kept_is_no_column_that_died() -> None:
    """A detector's boxes: thousands of positions, few columns; of each position one number for each of 8 inputs."""
    rng = np.random.default_rng(4)
    positions, columns, inputs = 40, 4, 8
    expected = rng.uniform(0, 1, (inputs, positions * columns)) * np.tile([1, 1, 1, 1e-3], positions)
    rounded = expected.copy()
    rounded[:, ::columns][:, :5] = 0.5  # five positions of the first column have one value, the others are kept
    places = list(kept_places(positions * columns, positions))  # about one of each position

    def column(changed: np.ndarray) -> float:
        reference = answers(expected[:, places])
        reference = replace(reference, forms=((positions, columns),))
        noise = float(np.square(changed - expected).sum())
        made = Given(inputs=inputs, signal=1.0, noise=noise, cosines=(1.0,) * inputs, kept=kept(changed[:, places]))
        found = answer_agreement(made, reference).column
        assert isinstance(found, float)
        return found

    assert 0.9 < column(rounded) < 1
    dead = expected.copy()
    dead[:, 3::columns] = 0
    assert column(dead) == 0


def test_an_output_that_is_not_finite_has_no_agreement_and_loses_everything() -> None:
    found = answer_agreement(replace(given(1.0), not_finite=1), None)
    assert isinstance(found.agreement, Missing)
    assert found.lost == float("inf")


def test_times_are_those_of_the_calls_in_the_ledger_by_name_or_by_path_and_operator() -> None:
    add = layer("block + add", 1.0, path="block", operator="Add")
    times = ledger(row("stem ConvClip", 5.0, calls=("stem",)), row("block QLinearAdd", -3.0, path="block"))
    found = {one.name: one.gained_ns for one in explained(replay(layer("stem", 1.0), add), times=times).layers}
    assert found == {"stem": 5.0, "block + add": -3.0}


@pytest.mark.parametrize("operator", ["MatMul", "Gemm"])
@pytest.mark.parametrize("executed", ["MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul", "Gemm"])
def test_a_product_is_found_by_what_the_engine_made_of_it(operator: str, executed: str) -> None:
    times = ledger(row("query", 5.0, path="query", calls=(f"query {executed}",)))
    (found,) = explained(replay(layer(f"query {operator}", 1.0, path="query", operator=operator)), times=times).layers
    assert found.gained_ns == 5.0


def test_a_layer_is_found_where_the_control_has_no_path_for_it() -> None:
    times = ledger(row("Reshape #5", 5.0, calls=("Reshape", "a.dense MatMulIntegerToFloat", "Reshape #2")))
    made = replay(layer("a.dense Gemm", 1.0, path="a.dense", operator="Gemm"))
    (found,) = explained(made, times=times).layers
    assert found.gained_ns == 5.0


def test_a_layer_that_is_not_in_the_ledger_has_no_time() -> None:
    (found,) = explained(replay(layer("stem", 1.0)), times=ledger(row("other", 5.0))).layers
    assert isinstance(found.gained_ns, Missing)


def test_an_arm_that_was_not_replayed_or_cannot_be_has_a_reason() -> None:
    assert sensitivity(recorded(), ARM) == NOT_REPLAYED
    reason = Missing("its graph was rebuilt")
    assert sensitivity(recorded(Replay(arm=ARM, layers=reason)), ARM) == reason


def test_mixtures_are_of_the_arm_whose_layers_were_replayed() -> None:
    from ironlaw.replay import Mixture

    mixed = Replay(arm=ARM, layers=Missing("mixtures"), mixtures=(Mixture(floats=("a",), given=uses(given(3.0))),))
    found = explained(replay(layer("a", 1.0)), mixed, replace(mixed, arm="int8"))
    assert [one.floats for one in found.mixtures] == [("a",)]


def test_a_replay_that_failed_takes_nothing_away_from_one_that_did_not() -> None:
    failed = Replay(arm=ARM, layers=Missing("out of memory"))
    assert [one.name for one in explained(replay(layer("a", 1.0)), failed).layers] == ["a"]


def test_layers_that_could_not_be_replayed_keep_their_reasons() -> None:
    made = replace(replay(layer("a", 1.0)), failed={"b": "no kernel"})
    assert explained(made).failed == {"b": "no kernel"}
