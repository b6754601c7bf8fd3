"""The allowed range of each number in a recording. Decoding a line checks it, so that later code can rely on it.

The bounds are wide: every measurable value is inside them, and sums and products of recorded values stay finite.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

MOST = 2**53  # 104 days in ns; the largest number up to which floats hold every whole one
MOST_OF_A_KIND = 1_000_000  # replicates, rounds, layers, CPUs

Amount: TypeAlias = Annotated[int, Meta(ge=0, le=MOST)]  # ns, bytes or occurrences
Positive: TypeAlias = Annotated[int, Meta(ge=1, le=MOST)]
Ordinal: TypeAlias = Annotated[int, Meta(ge=0, le=MOST_OF_A_KIND)]  # the place of a replicate, round, arm, call ...
OrdinalOrNone: TypeAlias = Annotated[int, Meta(ge=-1, le=MOST_OF_A_KIND)]  # -1: none
Number: TypeAlias = Annotated[int, Meta(ge=1, le=MOST_OF_A_KIND)]  # how many: threads, inputs of a batch ...
Word: TypeAlias = Annotated[int, Meta(ge=-MOST, le=MOST)]  # a seed
Real: TypeAlias = Annotated[float, Meta(ge=-1e18, le=1e18)]
NotNegative: TypeAlias = Annotated[float, Meta(ge=0, le=1e18)]
Rate: TypeAlias = Annotated[float, Meta(ge=1e-3, le=1e18)]  # per second; a ceiling of nothing is a gap
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
