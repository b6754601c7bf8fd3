"""The one mapping from settings to a plan: which arms, how much is measured, what is tested."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ironlaw import protocol
from ironlaw.arm import HANDED_OVER, Arm
from ironlaw.engines import ENGINES, PLAIN, engines_of_file
from ironlaw.errors import BadInput, offer_closest
from ironlaw.missing import is_known
from ironlaw.phase import WHOLE
from ironlaw.plan import CEILINGS_S, DEFAULT_ARMS, Plan, Schedule, with_control
from ironlaw.point import points_of
from ironlaw.running.settings import Settings
from ironlaw.variant import ENGINE, GIVEN, PHASE, PRECISION, THREADS, Variant

DEFAULT_BUDGET_S = 120.0
SEARCH_BUDGET_S = 600.0
# More than any budget buys that a person waits for; how many there are is decided as the run goes.
MOST_REPLICATES = 200
_FACTORY = re.compile(r":[^\W\d]\w*\+")  # after a file or a module, before levels


def plan_of(settings: Settings) -> Plan:
    """Return the plan of a run from its settings.

    Raises:
        BadInput: a number is out of range, or two arms have one name.
    """
    return Plan(
        model=model_of(settings),
        arms=with_control(arms_of(settings)),
        schedule=schedule_of(settings),
        seed=settings.seed,
        threads=settings.threads,
        batch=settings.batch,
        agreement=settings.agreement,
        images=settings.images,
        inputs=settings.inputs,
        labels=settings.labels,
        counters=settings.counters,
        ceilings=_needs_ceilings(settings) and schedule_of(settings).affords_ceilings(CEILINGS_S),
        layers=settings.layers,
        code=settings.code,
    )


def _needs_ceilings(settings: Settings) -> bool:
    """Whether the plan uses the machine's ceilings: for bounds of causes, or for rates of generating text."""
    return bool(experiments_of(settings)) or any(arm.variant.level(PHASE) != WHOLE for arm in arms_of(settings))


def model_of(settings: Settings) -> str:
    """The model, or the programs where nothing runs the model."""
    arms = arms_of(settings)
    if any(arm.factory is None for arm in arms):
        return settings.model
    return ", ".join(dict.fromkeys(map(_source, arms)))


def _source(arm: Arm) -> str:
    """The source of a program; one given from Python is in a folder that is deleted afterwards."""
    return arm.base if arm.factory is None or arm.factory.endswith(HANDED_OVER) else arm.factory


def arms_of(settings: Settings) -> tuple[Arm, ...]:
    """The arms requested, at every point of what is varied.

    Raises:
        BadInput: an arm has a level of its own of what is varied.
    """
    arms, points = _arms_of_one_point(settings), points_of(dict(settings.vary))
    own = next((arm for arm in arms if THREADS in dict(arm.variant.changed)), None)
    if own is not None and THREADS in dict(settings.vary):
        raise BadInput(f"{own.name} has its own number of threads, and --vary sets it", hint="leave one of the two out")
    return tuple(arm.at(point) for point in points for arm in arms) if points else arms


def _arms_of_one_point(settings: Settings) -> tuple[Arm, ...]:
    """The arms requested; if none are, the defaults of the model, the search or the protocol."""
    if settings.search and not settings.arms:
        return searched_arms()
    if settings.protocol is not None:
        return protocol.arms()
    if settings.arms:
        return in_phases(settings.arms, settings.model)
    of_file = _engines_of(settings.model)
    if not of_file:
        return tuple(Arm.of(name) for name in DEFAULT_ARMS)
    return in_phases(tuple(Arm.of(f"{GIVEN}@{name}") for name in _installed(of_file) or of_file), settings.model)


def _installed(engines: Sequence[str]) -> list[str]:
    """Those of the engines that can run a given file here."""
    return [name for name in engines if not ENGINES[name].lacks(GIVEN)]


def _engines_of(source: str) -> tuple[str, ...]:
    """The engines that run a model file as it is, also of a file that a package holds; none for what is no file."""
    from ironlaw.models.sources import file_of

    return engines_of_file(file_of(source) or source)


def in_phases(arms: tuple[Arm, ...], model: str = "") -> tuple[Arm, ...]:
    """Each arm that runs a language model's file, in the phase that it names.

    An arm that names none runs in every phase that others name or, if none does, in those of its engine; the arms of
    one phase follow each other. `model` is what arms without a program of their own run.
    """
    own = {arm.name: _phases(arm, model) for arm in arms}
    open_ones = [arm for arm in arms if own[arm.name] and arm.variant.level(PHASE) == WHOLE]
    if not open_ones:
        return arms
    named = [arm.variant.level(PHASE) for arm in arms if own[arm.name] and arm not in open_ones]
    levels = list(dict.fromkeys(named or [level for arm in open_ones for level in own[arm.name]]))
    placed = [
        _in_phase(arm, level) if arm in open_ones else arm
        for level in levels
        for arm in arms
        if own[arm.name] and arm.variant.level(PHASE) in (WHOLE, level) and (named or level in own[arm.name])
    ]
    return (*placed, *(arm for arm in arms if not own[arm.name]))


def _phases(arm: Arm, model: str) -> tuple[str, ...]:
    """The phases of the engine, where the arm runs a file that generates text."""
    from ironlaw.models.sources import generates

    if arm.variant.level(PRECISION) != GIVEN or not generates(arm.factory or model):
        return ()
    return ENGINES[arm.variant.level(ENGINE)].phases


def _in_phase(arm: Arm, level: str) -> Arm:
    variant = arm.variant.with_level(PHASE, level)
    is_named = arm.name != str(arm.variant)
    return replace(arm, variant=variant, name=f"{arm.name}+{PHASE}={level}" if is_named else str(variant))


def experiments_of(settings: Settings) -> tuple[str, ...]:
    """The causes to test; a search tests none, and a protocol's arms are its experiments.

    None where something is varied: the time goes to where the difference turns, and a share holds at one point.
    """
    is_without = settings.search or settings.protocol is not None or settings.vary
    return () if is_without else settings.experiments


def schedule_of(settings: Settings) -> Schedule:
    """How much is measured; with a number of inferences only the count ends the run, unless a budget is given too."""
    inferences, budget_s, replicates = settings.inferences, settings.budget_s, settings.replicates
    if settings.protocol is not None and inferences is None and budget_s is None:
        inferences = protocol.INFERENCES
    tests_nothing = settings.protocol is not None or bool(settings.vary) or not settings.experiments
    if budget_s is None and inferences is None and settings.search:
        budget_s = SEARCH_BUDGET_S
    elif budget_s is None and inferences is None:
        budget_s = DEFAULT_BUDGET_S
    if replicates is None and (settings.precision is not None or settings.until_settled):
        replicates = MOST_REPLICATES  # with something to reach, the budget is the only other end
    if replicates is None and inferences is not None:
        replicates = 8 if tests_nothing else 12
    elif replicates is None:
        replicates = MOST_REPLICATES  # what the budget cannot start is not started
    return Schedule(
        replicates=replicates,
        inferences=inferences,
        precision=settings.precision,
        until_settled=settings.until_settled,
        budget_s=budget_s,
    )


def variants_named(names: str | Sequence[str]) -> tuple[Arm, ...]:
    """Arms from variants: a list of them, or one text with commas between.

    Raises:
        BadInput: one is not a variant, or there is none.
    """
    parts = names.split(",") if isinstance(names, str) else names
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise BadInput(f"the arms are {names!r}, not names of variants", hint='for example ["fp32", "int8"]')
    arms = tuple(Arm.of(name) for name in parts if name.strip())
    if not arms:
        raise BadInput("there is no arm to run", hint="fp32,int8 names two")
    return arms


def own_arm(name: str, source: str) -> Arm:
    """An arm that runs a program of the user's as it is.

    A model file runs in the engine whose name follows, as in net.onnx@NAME, else in the first one that takes it and is
    installed. Levels of factors may follow: file.py:factory+grad=on, net.onnx+threads=2, net.onnx@NAME+threads=2.

    Raises:
        BadInput: the engine that is named does not run such a file, or a level does not exist.
    """
    source, levels = _without_levels(source)
    file, at, engine = source.rpartition("@")
    if at and _engines_of(file):
        if engine not in _engines_of(file):
            raise BadInput(
                f"{engine} runs no {Path(file).suffix} files", hint=offer_closest(engine, list(_engines_of(file)))
            )
        source = file
    else:
        of_file = _engines_of(source)
        engine = next(iter(_installed(of_file) or of_file), PLAIN)
    named = "+".join((f"{GIVEN}@{engine}", *levels))
    return Arm(name=name, variant=Variant.parse(named), factory=source)


def _without_levels(source: str) -> tuple[str, list[str]]:
    """A source, and the levels written after its factory, its file or its engine.

    A file's own name may hold a plus; the levels begin at the first one after a name that is a model file's.
    """
    if source.endswith(HANDED_OVER) or engines_of_file(source):
        return source, []
    pluses = [place for place, letter in enumerate(source) if letter == "+"]
    for plus in pluses:
        file, _, engine = source[:plus].rpartition("@")
        if engines_of_file(source[:plus]) or (engines_of_file(file) and engine):
            return source[:plus], source[plus + 1 :].split("+")
    factory = _FACTORY.search(source)  # a level may hold a colon as well: phase=decode:8
    if factory is None:
        return source, []
    return source[: factory.end() - 1], source[factory.end() :].split("+")


def parse_own_arm(text: str) -> Arm:
    """An arm from NAME=SOURCE.

    Raises:
        BadInput: it is not that.
    """
    name, equals, source = text.partition("=")
    if not (name and equals and source):
        example = f"a={text}" if engines_of_file(text) else "a=model.py:build"
        raise BadInput(f"--arm {text!r} is not NAME=FILE.py:FACTORY or NAME=MODEL.onnx", hint=f"--arm {example}")
    return own_arm(name, source)


def searched_arms() -> tuple[Arm, ...]:
    """The arms a search begins with: those of the engines that are installed."""
    from ironlaw.analysis.verdicts.search import candidates

    return candidates([name for name, declared in ENGINES.items() if is_known(declared.installed())])
