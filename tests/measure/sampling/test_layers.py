"""Samples put into the layers that ran at their time."""

from __future__ import annotations

import time
from array import array
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ironlaw.arm import Arm
from ironlaw.code import SampledBy
from ironlaw.fact import CounterCheck, Meter
from ironlaw.layer import LayerCode, NodeProfile, Probe
from ironlaw.measure.layers.reading import Course, Trace
from ironlaw.measure.layers.turns import LayerReader
from ironlaw.measure.messages import LayerTurn, SurveyLayers, TwinSetup
from ironlaw.measure.sampling.layers import LayerSampler, calls_at, spans_of
from ironlaw.measure.sampling.perf_samples import Sample
from ironlaw.measure.sampling.resolver import Resolver
from ironlaw.missing import Missing, is_known
from ironlaw.program import Program


def at(*times: int) -> list[Sample]:
    return [Sample(pointer=0, thread=1, time_ns=time_ns, in_kernel=False) for time_ns in times]


class Stated:
    """A sampler that returns stated samples at the times of the turn."""

    kernel, lost, period_ns, threads, inherits = True, 2, 1_000_003, frozenset[int](), True

    def __init__(self) -> None:
        self.taken: list[Sample] = []

    def attach(self) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...

    def take(self) -> list[Sample]:
        return self.taken


def test_a_sample_falls_into_the_layer_that_ran_at_its_time() -> None:
    # Two inferences of two layers: start, enter and leave of each, end.
    noted = Trace(times=array("q", [0, 10, 20, 25, 40, 50, 100, 110, 120, 125, 140, 150]))
    samples = at(5, 10, 19, 20, 30, 45, 60, 115, 149, 150, 99)
    assert calls_at(samples, spans_of(noted, 2)) == [2, 0, 0, 2, 1, 2, -1, 0, 2, -1, -1]


def test_a_program_without_layers_is_one() -> None:
    noted = Trace(times=array("q", [0, 10, 20, 30]))
    assert calls_at(at(5, 15, 25), spans_of(noted, 0)) == [0, -1, 0]


@settings(max_examples=100, derandomize=True)
@given(
    lengths=st.lists(st.integers(1, 50), min_size=6, max_size=60).filter(lambda taken: len(taken) % 6 == 0),
    moments=st.lists(st.integers(-10, 3000), max_size=50),
)
def test_samples_of_an_inference_are_of_one_of_its_parts(lengths: list[int], moments: list[int]) -> None:
    edges = np.cumsum(lengths)
    rows = edges.reshape(-1, 6)
    found = calls_at(at(*moments), spans_of(Trace(times=array("q", edges.tolist())), 2))
    for moment, call in zip(moments, found, strict=True):
        is_inside = any(row[0] <= moment < row[-1] for row in rows)
        assert (call >= 0) is is_inside
        assert call <= 2


def sampler_of(profile: NodeProfile | None = None, *, by: SampledBy = SampledBy.CPU_CLOCK) -> LayerSampler:
    """A sampler of a program whose one layer does nothing, or of one that its engine profiles."""
    program = Program(infer=lambda: None, inputs=[()], profile=None if profile is None else lambda inputs: profile)
    setup = TwinSetup(
        arm=Arm.of("fp32"), model="m", images=None, inputs=None, labels=None, batch=1, seed=0, threads=1, cpus=(0,),
        replicate=0, check=CounterCheck(meter=Meter.CLOCK, slots=Missing("no PMU"), groups=()), code=True, fd=-1,
        log="",
    )  # fmt: skip
    reader = LayerReader(program, setup, Course())
    if profile is not None:
        reader.survey(SurveyLayers(()))
    return LayerSampler(reader, Resolver(), (Stated(), by))


TURN = LayerTurn(round=0, position=0, probe=Probe.CODE, group=-1, inferences=1)


def taken(sampler: LayerSampler, samples: list[Sample]) -> LayerCode:
    assert isinstance(sampler.sampler, tuple)
    stated = sampler.sampler[0]
    assert isinstance(stated, Stated)
    stated.taken = samples
    return sampler.turn(TURN, [()])


def profile_of(**known: Any) -> NodeProfile:
    return NodeProfile(calls=(), calls_ns=(), wall_ns=1, **known)


def test_samples_outside_of_inferences_are_left_out_and_lost_ones_stated() -> None:
    fact = taken(sampler_of(), at(time.perf_counter_ns() - 10))
    assert (fact.sites, fact.within, fact.lost) == ((), (), 2)


def test_a_profile_without_starts_gives_no_code_and_its_reason() -> None:
    fact = taken(sampler_of(profile_of()), at(1))
    assert isinstance(fact.sites, Missing)
    assert "when a layer started" in fact.sites.reason


def test_samples_of_a_timer_have_no_time_to_be_placed_by() -> None:
    fact = taken(sampler_of(by=SampledBy.TIMER), at(0))
    assert isinstance(fact.sites, Missing)
    assert "time" in fact.sites.reason


def test_every_sample_within_a_profile_is_of_one_site() -> None:
    samples = [Sample(pointer, 1, time_ns, in_kernel=False) for pointer, time_ns in ((1, 5), (1, 15), (2, 16))]
    fact = taken(sampler_of(profile_of(spans=((1, 10, 20), (0, 0, 10)))), samples)  # in any order
    assert is_known(fact.sites)
    assert sum(site.count for site in fact.sites) == 3
    assert {call: count for call, _, count in fact.within} == {0: 1, 1: 2}


def test_a_program_that_fails_while_it_is_sampled_costs_the_code_alone() -> None:
    sampler = sampler_of()
    sampler.reader.program.infer = lambda: 1 / 0
    fact = sampler.turn(TURN, [()])
    assert isinstance(fact.sites, Missing)
    assert "ZeroDivisionError" in fact.sites.reason
