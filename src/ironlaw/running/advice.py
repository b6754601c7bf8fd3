"""What the recorder is advised between replicates: which experiments to add, whom to retire, whether it is enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ironlaw.running.planning import experiments_of
from ironlaw.running.settings import Settings

if TYPE_CHECKING:
    from ironlaw.fact import Fact
    from ironlaw.measure.recorder import Advice


def advice_for(settings: Settings) -> Advice:
    """What the settings call for between replicates."""
    return advise_search() if settings.search else advise(experiments_of(settings))


def advise(experiments: tuple[str, ...]) -> Advice:
    """The experiments on these causes that the readings call for, and whether the readings are enough."""
    from ironlaw.analysis.statistics.stopping import is_enough
    from ironlaw.analysis.verdicts.planner import Wanted, propose
    from ironlaw.factors import FACTORS
    from ironlaw.measure.recorder import Advice, Proposal
    from ironlaw.recording import assemble

    if not experiments:
        return Advice(is_enough=is_enough)
    wanted = Wanted(causes=experiments, possible=lambda switch: FACTORS[switch.factor].possible(switch.level))

    def more_arms(facts: Sequence[Fact]) -> Proposal:
        arms, experiments = propose(assemble(facts), wanted)
        return Proposal(arms=arms, experiments=experiments)

    # Six arms more are usual where five were asked for, and caches are evicted between the inferences of two of them.
    return Advice(more_arms=more_arms, growth=3.0, is_enough=is_enough)


def advise_search() -> Advice:
    """Between the replicates of a search: whom to retire, and what else to try."""
    import os

    from ironlaw.analysis.verdicts.search import additions, retirable
    from ironlaw.measure.recorder import Advice, Proposal
    from ironlaw.recording import assemble

    cpus = len(os.sched_getaffinity(0))

    def more_arms(facts: Sequence[Fact]) -> Proposal:
        recording = assemble(facts)
        return Proposal(arms=additions(recording, cpus), retired=retirable(recording))

    return Advice(more_arms=more_arms)
