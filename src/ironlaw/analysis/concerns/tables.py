"""Concerns about a published table: what it leaves open, and which of its columns are unused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ironlaw.causes.cache_fit import CAUSE as CACHE_FIT
from ironlaw.causes.misleading_metric import CAUSE as MISLEADING_METRIC
from ironlaw.concern import Concern, Weight
from ironlaw.errors import offer_closest

# What a table of times and ratios leaves open; each with what would have shown it.
LACKS = (
    (
        "repeats: each time was measured once, so no difference is proven and nothing has an interval",
        "time every arm several times, interleaved, in new processes",
    ),
    ("a control: the same arm twice, to see how large a difference noise alone makes", "run one arm under two names"),
    (
        "counts of instructions and cycles: their ratios between arms are inferred from time x IPC",
        "perf stat -e instructions,cycles",
    ),
    (
        "clock frequency and CPU utilisation: an arm that waits more, or runs at a lower clock, seems to execute more",
        "perf stat -e cycles,task-clock",
    ),
    (
        "user and kernel mode separately, and page faults: the total hides what the allocator costs",
        "perf stat -e instructions:u,instructions:k,page-faults",
    ),
    (
        "what was counted: the inferences alone, or imports, loading and warm-up as well",
        "count only the inferences, and state how many",
    ),
    ("the outputs: nothing shows that the arms compute the same", "compare the outputs on the same inputs"),
)


def table_doubts(
    rates: Mapping[str, float],
    unused: Iterable[str],
    *,
    required: tuple[str, ...],
    optional: tuple[str, ...],
    named: str,
) -> Iterator[Concern]:
    """The concerns about a table: `rates` are its cache-miss rates in percent by arm, `unused` its unknown columns."""
    if rates:
        yield _rate_without_counts(rates)
    for what, fix in LACKS:
        yield Concern(slug="table-lacks", text=f"the table lacks {what}", fix=fix)
    for name in unused:
        yield Concern(
            slug="unused-column",
            text=f"the column {name!r} of {named} is not used",
            fix=f"columns that are: {', '.join((*required, *optional))}; {offer_closest(name, list(optional))}",
            weight=Weight.NOTES,
        )


def _rate_without_counts(rates: Mapping[str, float]) -> Concern:
    read = [f"{arm} {percent:g} %" for arm, percent in rates.items()]
    return Concern(
        slug=MISLEADING_METRIC.slug,
        text=(
            f"the cache-miss rate ({', '.join(read)}) is a share of cache references, and the table does not count "
            "those: misses are rate x references, so the rate can fall while the misses rise. Without the counts it "
            "is no evidence that the cache made the difference"
        ),
        fix=(
            "count them: perf stat -e cache-references,cache-misses; "
            "test it: an arm that differs only in that its weights fit the cache "
            f"(ironlaw run --experiments {CACHE_FIT.slug})"
        ),
    )
