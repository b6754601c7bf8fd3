"""Checks that the factors, levels, arms and layers that a recording's facts refer to exist."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from ironlaw.errors import BadInput
from ironlaw.fact import ArmPrepared, Census, Fact
from ironlaw.factors import FACTORS
from ironlaw.file_graph import FileGraph
from ironlaw.layer import LayerCall, LayerCode, LayerGraph, LayerReading
from ironlaw.missing import is_known
from ironlaw.plan import Plan

_NEWER = "if a newer version recorded it: pip install --upgrade ironlaw"


def check_references(fact: Fact) -> None:
    """Check that what a fact refers to exists, as far as the fact alone shows.

    Raises:
        BadInput: a reference is dangling.
    """
    if isinstance(fact, Plan):
        _check_plan(fact)
    elif isinstance(fact, ArmPrepared | Census):
        _check_graph(fact.graph)
    elif isinstance(fact, LayerGraph) and is_known(fact.calls):
        _check_calls(fact.calls)
    elif isinstance(fact, LayerReading):
        _check_reading(fact)
    elif isinstance(fact, LayerCode):
        _check_code(fact)


def _check_graph(graph: FileGraph) -> None:
    """Check what feeds the nodes of a file.

    Raises:
        BadInput: a node is fed by one that is not there.
    """
    for node in graph.nodes:
        if any(place >= len(graph.nodes) for place in node.fed_by):
            raise BadInput(f"the node {node.name!r} is fed by one that is not there", hint="record again: ironlaw run")


def _check_plan(plan: Plan) -> None:
    """Check the names in a plan.

    Raises:
        BadInput: a factor or level that this version does not have, or an arm that is not in the plan.
    """
    names = {arm.name for arm in plan.arms}
    levels = [pair for arm in plan.arms for pair in arm.variant.changed]
    levels += [(switch.factor, switch.level) for experiment in plan.experiments for switch in experiment.switches]
    for factor, level in levels:
        if factor not in FACTORS or not FACTORS[factor].accepts(level):
            raise BadInput(f"this version knows no {factor[:40]}={level[:40]}", hint=_NEWER)
    if not all(experiment.switches for experiment in plan.experiments):
        raise BadInput("the plan has an experiment without a switch", hint=_NEWER)
    named = [arm.repeats for arm in plan.arms if arm.repeats is not None]
    named += [name for experiment in plan.experiments for name in (experiment.arm, experiment.applied)]
    named += [experiment.beside for experiment in plan.experiments if experiment.beside]
    for name in named:
        if name not in names:
            raise BadInput(f"the plan has no arm called {name[:80]!r}", hint=_NEWER)


def _check_calls(calls: tuple[LayerCall, ...]) -> None:
    """Check that each call is fed by calls that exist, without cycles.

    Raises:
        BadInput: a call is fed by one that does not exist, or by one that it feeds.
    """
    for call in calls:
        if any(source >= len(calls) for source in call.fed_by):
            raise BadInput(f"{call.name[:80]} is fed by a call beyond the last one", hint=_NEWER)
    feeds = {place: [source for source in call.fed_by if source >= 0] for place, call in enumerate(calls)}
    try:
        TopologicalSorter(feeds).prepare()
    except CycleError as error:
        raise BadInput(f"{calls[error.args[1][0]].name[:80]} is fed by what it feeds", hint=_NEWER) from None


def _check_reading(reading: LayerReading) -> None:
    """Check that a layer turn has every quantity for every call, and for the inferences as a whole.

    Raises:
        BadInput: a quantity is incomplete.
    """
    length = len(reading.calls_ns)
    if any(len(each) != length for each in (reading.before_ns, *reading.probed.values())):
        raise BadInput(f"a layer turn of {length} calls has readings of another number of calls", hint=_NEWER)
    if not reading.probed.keys() <= reading.probed_whole.keys() & reading.probed_alone.keys():
        raise BadInput("a layer turn lacks the whole of what was probed", hint=_NEWER)


def _check_code(code: LayerCode) -> None:
    """Check that the samples within layers are of sites that there are.

    Raises:
        BadInput: they are not.
    """
    sites = len(code.sites) if is_known(code.sites) else 0
    if any(site >= sites for _, site, _ in code.within):
        raise BadInput(f"a sample within a layer is of a site beyond the last of {sites}", hint=_NEWER)
