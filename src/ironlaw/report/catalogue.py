"""The page of the catalogue, made of the causes: `python -m ironlaw.report.catalogue > docs/catalogue.md`."""

from __future__ import annotations

from itertools import groupby

from ironlaw.cause import Cause, Part
from ironlaw.causes import CAUSES, TESTED
from ironlaw.engines import ENGINES
from ironlaw.experiment import Switch
from ironlaw.factors import FACTORS

_INTRODUCTION = """# The catalogue of causes

What makes an int8, fused or compiled network faster or slower than its float version on a CPU, and what makes people
believe so wrongly. The slug is the id in machine-readable output. Numbers in the examples are of
[the machine of "The blog post revisited"](post.md).

A cause with a switch is tested in every run whose readings point to it, and can be confirmed; the column *tested by*
names the switch and the engines whose arms it can change. One cause alone is requested by name:

```sh
ironlaw run --experiments {two}
ironlaw run --experiments none
```

A level *by name* tests the cause in arms that are requested: `--arms int8,int8+FACTOR=LEVEL`. What cannot be switched
is at most *consistent with* the readings, or bounded. The page is made from the files of `src/ironlaw/causes/`: see
[how to add a cause](causes.md).
"""
_HEADINGS = {
    Part.FALSE_CONCLUSION: "False conclusions, checked first",
    Part.FASTER: "Why it is faster",
    Part.SLOWER: "Why it is slower, or gains nothing",
}


def page() -> str:
    """The whole page, in Markdown."""
    faster = [slug for slug in TESTED if CAUSES[slug].part is Part.FASTER]
    return (
        "\n".join([_INTRODUCTION.format(two=",".join(faster[:2])), "\n\n".join(_table(part) for part in Part)]) + "\n"
    )


def _table(part: Part) -> str:
    rows = [
        f"| `{cause.slug}` | {cause.mechanism} | {tested_by(cause)} | {cause.example} |"
        for cause in CAUSES.values()
        if cause.part is part
    ]
    head = ["| cause | how it works | tested by | an example |", "|---|---|---|---|"]
    return "\n".join([f"## {_HEADINGS[part]}", "", *head, *rows])


def tested_by(cause: Cause) -> str:
    """What tests a cause and where, or what is known of it without an experiment."""
    said = [f"{_spelled(list(levels))} in {engines}" for engines, levels in groupby(cause.switches, _engines)]
    if cause.crossed:
        said += [f"`{factor}` crossed with `{cause.crossed}`" for factor in cause.factors]
    if cause.other_levels:
        by_name = (
            f"{_spelled(list(levels))} in {engines}" for engines, levels in groupby(cause.other_levels, _engines)
        )
        said.append("by name: " + ", ".join(by_name))
    if not said and cause.factors:
        said.append("by name: " + ", ".join(f"`{factor}`" for factor in cause.factors))
    if _overrides(cause, "concern"):
        said.append("a check of every arm")
    if _overrides(cause, "bound"):
        said.append("a bound, no experiment")
    if cause.does or any(_overrides(cause, hook) for hook in ("consistent", "consistent_beside")):
        said.append("what else shows it is consistent with it" if cause.is_tested else "readings consistent with it")
    return "; ".join(said) or ("a check of the recording" if cause.part is Part.FALSE_CONCLUSION else "no experiment")


def _spelled(switches: list[Switch]) -> str:
    """Switches that the same engines take: each factor with its first level, and the other levels after it."""
    said: list[str] = []
    for _, levels in groupby(switches, lambda switch: switch.factor):
        first, *rest = levels
        said.append(" or ".join([f"`{first}`", *(f"`{switch.level}`" for switch in rest)]))
    return ", ".join(said)


def _engines(switch: Switch) -> str:
    """The engines that take the switch in some precision."""
    factor = FACTORS[switch.factor]
    taking = [name for name, engine in ENGINES.items() if any(engine.takes(factor, one) for one in engine.offers)]
    return "every engine" if len(taking) == len(ENGINES) else ", ".join(taking)


def _overrides(cause: Cause, hook: str) -> bool:
    return getattr(type(cause), hook) is not getattr(Cause, hook)


if __name__ == "__main__":
    print(page(), end="")
