"""The settings of a run: one table, from which the command line takes its options and Python its keywords."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from os import PathLike
from textwrap import fill
from typing import Annotated, Any, Literal, TypedDict, get_type_hints

from ironlaw.arm import Arm
from ironlaw.causes import TESTED
from ironlaw.errors import BadInput, offer_closest
from ironlaw.running.option import Option, ValueKind

DEFAULT_MODEL = "mobilenet_v2"
# In lines of their own, since help that is wrapped breaks a slug at its hyphens.
_SLUGS = fill(", ".join(TESTED), width=44, break_on_hyphens=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is requested; `plan_of` makes it a plan. What is None is chosen there, as `--help` says.

    Without arms the model's default ones are measured. `experiments` are the causes to test.
    """

    model: str = DEFAULT_MODEL
    arms: tuple[Arm, ...] = ()
    images: Annotated[
        str | None,
        Option(
            flag="--images", kind=ValueKind.PATH, metavar="DIR", example="photos",
            help="Folder of JPEG or PNG images to use instead of the bundled ones.",
        ),
    ] = None  # fmt: skip
    inputs: Annotated[
        str | None,
        Option(
            flag="--inputs", kind=ValueKind.PATH, metavar="FILE.npz", example="inputs.npz", named="inputs_file",
            help="Inputs of a model file: arrays by the names of its inputs.",
        ),
    ] = None  # fmt: skip
    labels: Annotated[
        str | None,
        Option(
            flag="--labels", kind=ValueKind.PATH, metavar="FILE", example="labels.csv",
            help="True class of each image, one `name,class` per line.",
        ),
    ] = None  # fmt: skip
    search: Annotated[
        bool,
        Option(
            flag="--search", kind=ValueKind.SWITCH, example="True",
            help="Search engines, precisions and other factors for the best arm; with --arms, begin with these.",
        ),
    ] = False  # fmt: skip
    inferences: Annotated[
        int | None,
        Option(
            flag="--n", kind=ValueKind.COUNT, metavar="N", example="5000",
            help="Inferences per arm; by default the budget decides.",
        ),
    ] = None  # fmt: skip
    precision: Annotated[
        float | None,
        Option(
            flag="--precision", kind=ValueKind.SHARE, metavar="P%", example="2%",
            help="Stop when every interval is within ±P%.",
        ),
    ] = None  # fmt: skip
    until_settled: Annotated[
        bool,
        Option(
            flag="--until-settled", kind=ValueKind.SWITCH, example="True",
            help="Stop when every difference and every experiment is decided.",
        ),
    ] = False  # fmt: skip
    replicates: Annotated[
        int | None,
        Option(
            flag="--replicates", kind=ValueKind.COUNT, example="8", why="at least 5 give an interval worth having",
            help="Fresh interpreters; default: what the budget allows, or with --n 12 (8 without experiments).",
        ),
    ] = None  # fmt: skip
    threads: Annotated[
        int, Option(flag="--threads", kind=ValueKind.COUNT, example="1", help="Threads per inference.")
    ] = 1
    budget_s: Annotated[
        float | None,
        Option(
            flag="--budget", kind=ValueKind.SECONDS, metavar="S", example="100",
            help="Seconds for the whole run; default: 120, with --search 600; none with --n or --protocol.",
        ),
    ] = None  # fmt: skip
    batch: Annotated[int, Option(flag="--batch", kind=ValueKind.COUNT, example="1", help="Inputs per inference.")] = 1
    vary: Annotated[
        tuple[tuple[str, tuple[str, ...]], ...],
        Option(
            flag="--vary", kind=ValueKind.VARIED, metavar="NAME=A,B,...", example="batch=1,4,16",
            help="Measure every arm at each batch, threads or keyword of the factory; repeatable.",
        ),
    ] = ()  # fmt: skip
    agreement: Annotated[
        float,
        Option(
            flag="--agreement", kind=ValueKind.SHARE, metavar="P%", example="99%",
            help="Agreement with the control that a recommendation needs; default: 99%.",
        ),
    ] = 0.99  # fmt: skip
    seed: Annotated[
        int, Option(flag="--seed", kind=ValueKind.WHOLE, example="0", help="Seed of every random choice.")
    ] = 0
    counters: Annotated[
        bool, Option(flag="--no-counters", kind=ValueKind.SWITCH, example="True", help="Do not use hardware counters.")
    ] = True
    layers: Annotated[
        bool, Option(flag="--no-layers", kind=ValueKind.SWITCH, example="True", help="Do not time single layers.")
    ] = True
    code: Annotated[
        bool, Option(flag="--no-code", kind=ValueKind.SWITCH, example="True", help="Do not sample the executed code.")
    ] = True
    experiments: Annotated[
        tuple[str, ...],
        Option(
            flag="--experiments", kind=ValueKind.CAUSES, metavar="all|none|SLUG,...", example="none",
            help=f"Causes to test; default: all of\n\n\b\n{_SLUGS}",
        ),
    ] = TESTED  # fmt: skip
    protocol: Annotated[
        str | None,
        Option(
            flag="--protocol", kind=ValueKind.CHOICE, choices=("post",),
            help="Repeat the blog post's protocol, each of its flaws as an arm.",
        ),
    ] = None  # fmt: skip

    def __post_init__(self) -> None:
        if self.arms and self.protocol is not None:
            raise BadInput("the protocol has arms of its own", hint="name no arms, or leave the protocol out")
        if self.search and self.protocol is not None:
            raise BadInput("a protocol's arms are fixed, and a search adds arms", hint="leave one of the two out")
        if self.search and self.until_settled:
            raise BadInput("a search chooses as long as its budget lasts", hint="leave it or --until-settled out")
        if self.search and (own := next((arm for arm in self.arms if arm.factory is not None), None)):
            raise BadInput(
                f"a search chooses levels of the model that it is given, and {own.name} is a program of its own",
                hint="leave the search out, or name neither programs nor files",
            )
        self._check_varied()

    def _check_varied(self) -> None:
        if not self.vary:
            return
        if self.search or self.protocol is not None:
            what = "a search" if self.search else "a protocol"
            raise BadInput(f"{what} is at one point", hint="leave it or --vary out")
        if self.experiments not in (TESTED, ()):
            raise BadInput(
                "experiments test causes at one point, and this run varies some",
                hint="leave them out, then test where it turned: --batch 16 instead of --vary batch=1,16",
            )

    @classmethod
    def of(
        cls,
        given: Mapping[str, object],
        *,
        model: str = DEFAULT_MODEL,
        arms: tuple[Arm, ...] = (),
        typed: bool = False,
    ) -> Settings:
        """Settings from options by their keywords; those that are None are not given.

        `typed` says that they were typed on a command line, which is how messages then name them.

        Raises:
            BadInput: an option is unknown, or does not take its value.
        """
        known = {option.keyword: (name, option) for name, option in options().items()}
        values: dict[str, Any] = {}
        for keyword, value in given.items():
            if keyword not in known:
                raise BadInput(f"unknown option {keyword!r}", hint=offer_closest(keyword, list(known)))
            name, option = known[keyword]
            if value is not None:
                values[name] = option.read(value, typed=typed)
        return cls(model=model, arms=arms, **values)


class Options(TypedDict, total=False):
    """The table's keywords for type checkers; what is None is not given."""

    images: str | PathLike[str] | None
    inputs_file: str | PathLike[str] | None
    labels: str | PathLike[str] | None
    search: bool
    n: int | None
    precision: float | str | None
    until_settled: bool
    replicates: int | None
    threads: int
    budget: float | None
    batch: int
    vary: str | Sequence[str] | Mapping[str, Sequence[object]] | None
    agreement: float | str | None
    seed: int
    no_counters: bool
    no_layers: bool
    no_code: bool
    experiments: str | tuple[str, ...] | list[str]
    protocol: Literal["post"] | None


@functools.cache
def options() -> dict[str, Option]:
    """The option of each setting that has one, by the setting's name, in the order of `--help`."""
    hints = get_type_hints(Settings, include_extras=True)
    marks = {field.name: getattr(hints[field.name], "__metadata__", ()) for field in fields(Settings)}
    return {name: option for name, found in marks.items() for option in found if isinstance(option, Option)}
