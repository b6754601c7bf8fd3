"""thread-oversubscription: the thread pool is larger than the CPUs it may use, or another pool spins."""

from __future__ import annotations

from dataclasses import replace

from ironlaw.cause import Cause, Part
from ironlaw.concern import Concern
from ironlaw.experiment import Switch
from ironlaw.explanation.account import Category
from ironlaw.machine import Machine
from ironlaw.missing import Maybe, Missing
from ironlaw.observed import Observed

LEAST_SHARE = 0.1  # of the time of its threads: the ends of parallel loops are waited for in any program
_OFF_CPU = ("", "[kernel]")  # where a thread waits without spinning


class ThreadOversubscription(Cause):
    """The thread pool is larger than the CPUs it may use, or another pool spins."""

    slug = "thread-oversubscription"
    title = "too many threads"
    mechanism = "the thread pool is larger than the CPUs it may use, or another pool spins"
    part = Part.FALSE_CONCLUSION
    order = 100
    example = "`ironlaw run --arms fp32,fp32+threads=4` on two CPUs; or `fp32+oversubscribe=yes`"
    counted_in = "threads of the pool"
    switches = (
        Switch(cause=slug, factor="threads", level="1"),
        Switch(cause=slug, factor="session.spinning", level="off"),
    )
    other_levels = (Switch(cause=slug, factor="oversubscribe", level="yes", adds=True),)
    factors = ("oversubscribe", "session.spinning")
    events = ("context-switches",)

    def shows(self, arm: Observed) -> bool:
        """The pool is larger than the CPUs it may use."""
        return arm.census.get("threads", 0.0) > arm.cpus

    def burden(self, arm: Observed) -> Maybe[float]:
        """Its threads."""
        return arm.census.get("threads", 0.0)

    def excludes(self, arm: Observed) -> str:
        """Every thread has a CPU."""
        return "each of its threads has its own CPU" if "threads" in arm.census and not self.shows(arm) else ""

    def sized(self, switch: Switch, control: Observed, machine: Maybe[Machine]) -> tuple[Switch, ...]:
        """As many threads as CPUs."""
        return (replace(switch, level=str(control.cpus)),) if switch.factor == "threads" else (switch,)

    def is_in_both(self, slower: Observed, faster: Observed) -> bool:
        """Pools of equally many threads can wait for unequal times."""
        return False

    def consistent(self, arm: Observed, machine: Maybe[Machine]) -> str:
        """Samples fall into loops of a pool that waits for work."""
        if isinstance(arm.executed, Missing):
            return ""
        waits = [(code, share) for code, share in arm.executed.code if code.category is Category.WAITING]
        spinning = [(code.object, share) for code, share in waits if code.object not in _OFF_CPU]
        share = sum(share for _, share in spinning)
        pools = " and ".join(dict.fromkeys(name for name, _ in sorted(spinning, key=lambda one: -one[1])))
        spins = f"{arm.arm.name} spins in the thread pool of {pools} for {100 * share:.0f} % of its threads' time"
        return spins if share >= LEAST_SHARE else ""

    def concern(self, arm: Observed, cost: str) -> Concern | None:
        """Threads wait for each other's CPU."""
        if not self.shows(arm):
            return None
        return Concern(
            slug=self.slug,
            text=f"its pool has {arm.census['threads']:.0f} threads on {arm.cpus} CPUs{cost}",
            fix="torch.set_num_threads(number of CPUs it may use)",
            arm=arm.arm.name,
        )


CAUSE = ThreadOversubscription()
