"""An engine as its folder declares it: known to planners, help and reports before anything of it is imported."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ironlaw.errors import BadInput
from ironlaw.factor import ActsOn, Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.role import Operators
from ironlaw.telemetry import TelemetryOff


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A precision that an engine offers.

    `reads` names the factors that preparing takes notice of there; `loads` the modules that every process of such an
    arm imports, `uses` those that it imports where the program does, `makes` the packages that only preparing needs,
    `extra` the extra of ironlaw that holds these (empty: the engine's own).
    """

    reads: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What an engine exports of a prepared arm: files, the first of which is loaded, and what its template asks for.

    Files are named from the folder of the prepared model, and lie in the same places beside the script.
    """

    files: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What an engine is, offers and needs; its name is that of its folder.

    `offers` are its precisions. `options` names the factors that it reads whenever it loads a model, in any precision.
    `shows_module` says that its programs keep the torch module inside within reach, so that factors can change it.
    `files` are the suffixes of model files that it runs as they are. `loads` are modules that every process of its arms
    imports; `tools` are commands of which it needs one, and `tools_hint` installs one. `recorded` are further packages
    whose versions a recording keeps. `candidates` are the arms a search begins with, without the engine's name, and
    `variations` the levels that it tries on the best of them. `remedy` is what a user changes to run a model in it,
    `telemetry_off` what keeps it from reporting its use to its makers. `scripted` names the factors whose levels the
    script of an exported arm sets, besides those in the model itself. `operators` says what its names for operators
    stand for, where they differ from a role's own name; any other operator is of a kind of its own. `names_code` are
    variables of the environment by which its libraries write a perf map: the names of the code that they generate,
    while an arm's code is sampled. `moves` says that an arm may be loaded on other CPUs than it runs on: the engine
    pins no thread of its own to those that it finds while it loads.
    """

    title: str
    remedy: str
    offers: Mapping[str, Offer]
    extra: str
    loads: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    shows_module: bool = False
    files: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tools_hint: str = ""
    recorded: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    variations: tuple[tuple[str, str], ...] = ()
    scripted: tuple[str, ...] = ()
    operators: Operators = field(default_factory=dict)
    telemetry_off: TelemetryOff = field(default_factory=TelemetryOff)
    names_code: Mapping[str, str] = field(default_factory=dict)
    moves: bool = False
    is_plain: bool = False  # the engine of a variant that names none

    def takes(self, factor: Factor, precision: str) -> bool:
        """Whether a factor does something to an arm of this engine in a precision."""
        match factor.acts_on:
            case ActsOn.PROCESS:
                return True
            case ActsOn.MODULE:
                return self.shows_module or factor.name in self.reads(precision)
            case ActsOn.ENGINE:
                return factor.name in self.reads(precision)

    def reads(self, precision: str) -> tuple[str, ...]:
        """The factors that the engine itself reads in a precision."""
        offer = self.offers.get(precision, Offer())
        return (*offer.reads, *self.options)

    def imports(self, precision: str) -> tuple[str, ...]:
        """What an interpreter imports for every such arm, before its twins are forked."""
        return (*self.loads, *self.offers.get(precision, Offer()).loads)

    def uses(self, precision: str) -> tuple[str, ...]:
        """What is installed and such an arm imports where its program does."""
        offer = self.offers.get(precision, Offer())
        return tuple(name for name in offer.uses if importlib.util.find_spec(name))

    def runs_with(self, precision: str) -> tuple[str, ...]:
        """The packages that a process of such an arm always imports."""
        offer = self.offers.get(precision, Offer())
        return tuple(dict.fromkeys(map(_root, (*self.loads, *offer.loads))))

    def packages_of(self, precision: str) -> tuple[str, ...]:
        """The packages that a process of such an arm imports, always or where its program does."""
        return (*self.runs_with(precision), *self.uses(precision))

    def packages(self) -> tuple[str, ...]:
        """Every package that the engine may use."""
        imported = (name for offer in self.offers.values() for name in (*offer.loads, *offer.makes))
        roots = (name.partition(".")[0] for name in (*self.loads, *imported, *self.recorded))
        return tuple(dict.fromkeys(roots))

    def lacks(self, precision: str) -> tuple[str, ...]:
        """The packages that an arm in a precision needs and this environment does not have."""
        offer = self.offers.get(precision, Offer())
        needed = (*self.loads, *offer.loads, *offer.makes)
        return tuple(dict.fromkeys(name for name in map(_root, needed) if importlib.util.find_spec(name) is None))

    def remedy_for(self, lacking: tuple[str, ...], precision: str) -> str:
        """The command that installs packages which are lacking."""
        offer = self.offers.get(precision, Offer())
        own = {_root(name) for name in self.loads}
        extra = offer.extra if offer.extra and not own & set(lacking) else self.extra
        return f"pip install 'ironlaw[{extra}]'"

    def refuse_absent(self, precision: str) -> None:
        """Check that what an arm in a precision needs is installed.

        Raises:
            BadInput: names what is not, with the extra that holds it.
        """
        if lacking := self.lacks(precision):
            raise BadInput(
                f"{' and '.join(lacking)} not installed, for {precision} in {self.title}",
                hint=self.remedy_for(lacking, precision),
            )

    def installed(self) -> Maybe[bool]:
        """True when the engine can run some precision here; otherwise what it lacks, and the command for that."""
        lacking = {precision: self.lacks(precision) for precision in self.candidate_precisions()}
        if all(lacking.values()):
            precision, names = next(iter(lacking.items()))
            return Missing(f"{' and '.join(names)} not installed: {self.remedy_for(names, precision)}")
        if self.tools and not any(shutil.which(os.path.expandvars(tool)) for tool in self.tools):
            return Missing(self.tools_hint)
        return True

    def candidate_precisions(self) -> tuple[str, ...]:
        """The precisions in which a search begins, or all where it has none."""
        return tuple(dict.fromkeys(text.partition("+")[0] for text in self.candidates)) or tuple(self.offers)


def _root(module: str) -> str:
    return module.partition(".")[0]
