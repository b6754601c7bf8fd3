"""What an engine's folder declares about it. Planning, help and reports use this without importing the engine."""

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

    `reads` names the factors that preparing reads in this precision, and `opens` those that loading reads: arms that
    differ in these share what is prepared. `loads` names the modules that every process of
    such an arm imports, `uses` those that it imports if the program does, and `makes` the packages that only preparing
    needs. `extra` is the extra of ironlaw that installs these (empty: the engine's own). `stays`: such an arm is loaded
    where it runs, whatever other arms of the engine are.
    """

    reads: tuple[str, ...] = ()
    opens: tuple[str, ...] = ()
    loads: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    makes: tuple[str, ...] = ()
    extra: str = ""
    stays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A prepared arm exported by an engine: files, the first of which is loaded, and the values for its template.

    Paths are relative to the folder of the prepared model, and the same beside the exported script.
    """

    files: tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What an engine declares; its name is that of its folder.

    `offers`: its precisions. `options`: the factors that it reads when it loads a model, in any precision.
    `shows_module`: its programs expose the torch module that they run, so that factors can change it. `files`: the
    suffixes of model files that it runs unchanged. `loads`: the modules that every process of its arms imports.
    `tools`: commands of which it needs one; `tools_hint` installs one. `recorded`: further packages whose versions a
    recording keeps. `candidates`: the arms that a search starts with, without the engine's name; `variations`: the
    levels that it tries on the best of them. `remedy`: what a user changes to run a model in it. `telemetry_off`: what
    disables its telemetry. `scripted`: the factors that the script of an exported arm sets, besides those in the model
    itself. `operators`: the roles of its operators, where their names differ from the role's; an operator that is not
    listed is a kind of its own. `names_code`: environment variables that make its libraries write a perf map (the names
    of generated code) while an arm's code is sampled. `moves`: an arm may be loaded on other CPUs than it runs on,
    because the engine pins none of its threads to the CPUs that it finds while loading. `leaves_by`: by precision,
    the factor that leaves layers in float one by one, which can be replayed; `recalibrations`: by precision, the levels
    that a search tries on an int8 arm that agrees less than requested, those that help most often first; one
    may be another precision. `longer`: by such a level, how many times as long as the arm itself it takes to prepare,
    where that is several times.
    `one_of`: packages of which it needs one. `imports_first`: modules of its folder that an interpreter imports before
    `loads`. `variables`: by factor, the environment variable by which an interpreter knows the level of its arms before
    it imports anything; such arms have an interpreter of their own. `phases`: the levels of the factor phase in which a
    file is measured if none is named (engines of language models).
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
    leaves_by: Mapping[str, str] = field(default_factory=dict)
    recalibrations: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    longer: Mapping[tuple[str, str], float] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    imports_first: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    is_plain: bool = False  # the engine of a variant that names none

    def takes(self, factor: Factor, precision: str) -> bool:
        """Whether a factor has an effect on an arm of this engine in a precision."""
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
        return (*offer.reads, *offer.opens, *self.options)

    def may_move(self, precision: str) -> bool:
        """Whether such an arm may be loaded on other CPUs than it runs on."""
        return self.moves and not self.offers.get(precision, Offer()).stays

    def imports(self, precision: str) -> tuple[str, ...]:
        """The modules that an interpreter imports for every such arm, before its twins are forked."""
        return (*self.imports_first, *self.loads, *self.offers.get(precision, Offer()).loads)

    def environment(self, levels: Mapping[str, str]) -> dict[str, str]:
        """The variables that an interpreter of arms with these levels (factor -> level) is started with."""
        return {self.variables[factor]: level for factor, level in levels.items() if factor in self.variables}

    def uses(self, precision: str) -> tuple[str, ...]:
        """The installed modules that such an arm imports if its program does."""
        offer = self.offers.get(precision, Offer())
        return tuple(name for name in offer.uses if importlib.util.find_spec(name))

    def runs_with(self, precision: str) -> tuple[str, ...]:
        """The packages that a process of such an arm always imports."""
        offer = self.offers.get(precision, Offer())
        return tuple(dict.fromkeys(map(_root, (*self.loads, *offer.loads))))

    def packages_of(self, precision: str) -> tuple[str, ...]:
        """The packages that a process of such an arm imports, always or if its program does."""
        return (*self.runs_with(precision), *self.uses(precision))

    def packages(self) -> tuple[str, ...]:
        """All packages that the engine may use."""
        imported = (name for offer in self.offers.values() for name in (*offer.loads, *offer.makes))
        roots = (name.partition(".")[0] for name in (*self.loads, *imported, *self.recorded, *self.one_of))
        return tuple(dict.fromkeys(roots))

    def lacks(self, precision: str) -> tuple[str, ...]:
        """The packages that an arm in a precision needs and this environment does not have."""
        offer = self.offers.get(precision, Offer())
        needed = (*self.loads, *offer.loads, *offer.makes)
        absent = [name for name in map(_root, needed) if importlib.util.find_spec(name) is None]
        if self.one_of and not any(map(importlib.util.find_spec, self.one_of)):
            absent.append(" or ".join(self.one_of))
        return tuple(dict.fromkeys(absent))

    def remedy_for(self, lacking: tuple[str, ...], precision: str) -> str:
        """The command that installs the missing packages."""
        offer = self.offers.get(precision, Offer())
        own = {_root(name) for name in self.loads}
        extra = offer.extra if offer.extra and not own & set(lacking) else self.extra
        return f"pip install 'ironlaw[{extra}]'"

    def refuse_absent(self, precision: str) -> None:
        """Check that everything an arm in a precision needs is installed.

        Raises:
            BadInput: a package is missing; the message names it and the extra that installs it.
        """
        if lacking := self.lacks(precision):
            raise BadInput(
                f"{' and '.join(lacking)} not installed, for {precision} in {self.title}",
                hint=self.remedy_for(lacking, precision),
            )

    def installed(self) -> Maybe[bool]:
        """True if the engine can run at least one precision here; otherwise what is missing, and the command that
        installs it.
        """
        lacking = {precision: self.lacks(precision) for precision in self.candidate_precisions()}
        if all(lacking.values()):
            precision, names = next(iter(lacking.items()))
            return Missing(f"{' and '.join(names)} not installed: {self.remedy_for(names, precision)}")
        if self.tools and not any(shutil.which(os.path.expandvars(tool)) for tool in self.tools):
            return Missing(self.tools_hint)
        return True

    def candidate_precisions(self) -> tuple[str, ...]:
        """The precisions that a search starts with; all of them if the engine names none."""
        return tuple(dict.fromkeys(text.partition("+")[0] for text in self.candidates)) or tuple(self.offers)


def _root(module: str) -> str:
    return module.partition(".")[0]
