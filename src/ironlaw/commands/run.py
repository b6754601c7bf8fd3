"""ironlaw run: measure a model's variants and explain the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ironlaw import protocol
from ironlaw.arm import HANDED_OVER, Arm
from ironlaw.causes import TESTED
from ironlaw.commands.showing import Display, check_writable, show, write_report
from ironlaw.errors import BadInput, ExitCode
from ironlaw.plan import DEFAULT_ARMS, Plan, Schedule, with_control
from ironlaw.variant import ENGINE, GIVEN, PRECISION, Variant

if TYPE_CHECKING:
    from ironlaw.fact import Fact
    from ironlaw.measure.recorder import Advice
    from ironlaw.recording import Recording

DEFAULT_BUDGET_S = 115.0
EXPERIMENTS_BUDGET_S = 225.0
SEARCH_BUDGET_S = 600.0
# The ratio fp32 to int8+fused of MobileNetV2 varies by 1.6 to 2 % between replicates and by 1.4 to 4.2 % over a second
# within one: a replicate that takes 5 s to start is best measured for 2 to 5 s, so time buys replicates first.
MOST_REPLICATES = 18
ONNX_ARMS = ("given@onnxruntime", "given@openvino")


class Percentage(click.ParamType[float]):
    """2% or 0.02."""

    name = "percentage"

    def __init__(self, example: str) -> None:
        self.example = example

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The fraction."""
        if isinstance(value, float):
            return value
        text = str(value).strip()
        option = param.opts[0] if param is not None else "the share"
        try:
            fraction = float(text[:-1]) / 100 if text.endswith("%") else float(text)
        except ValueError:
            raise BadInput(f"{text!r} is not a percentage", hint=f"for example {option} {self.example}") from None
        if not 0 < fraction < 1:
            meant = (
                f"{option} {text}%, or as a fraction" if 1 <= fraction < 100 else f"for example {option} {self.example}"
            )
            raise BadInput(f"{option} {text} is not between 0 and 100 %", hint=meant)
        return fraction


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("model", default="mobilenet_v2")
@click.option("--arms", metavar="A,B,...", help="Variants; the first is what the others are compared with.")
@click.option("--arm", "programs", multiple=True, metavar="NAME=FILE.py:FACTORY", help="A program of your own.")
@click.option("--images", metavar="DIR", help="A folder of JPEG or PNG photographs instead of the shipped ones.")
@click.option("--labels", metavar="FILE", help="The right class of each image: name,class a line.")
@click.option("--search", is_flag=True, help="Try engines, precisions and more; keep the best.")
@click.option("--n", "inferences", type=int, metavar="N", help="Inferences per arm; otherwise the budget decides.")
@click.option("--precision", type=Percentage("2%"), metavar="P%", help="Stop when the interval is that narrow.")
@click.option(
    "--replicates",
    type=int,
    default=None,
    help="Fresh interpreters, as many as the budget can start; without it 12 or, without experiments, 8.",
)
@click.option("--threads", type=int, default=1, show_default=True, help="Threads of one inference.")
@click.option(
    "--budget", type=float, metavar="S", help="Seconds for the whole run; without --n 225, without experiments 115."
)
@click.option("--batch", type=int, default=1, show_default=True, help="Inputs that one inference takes at once.")
@click.option(
    "--agreement", type=Percentage("99%"), metavar="P%", help="Least agreement for a recommendation; else 99%."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of every random choice.")
@click.option("--no-counters", is_flag=True, help="Leave the PMU alone.")
@click.option("--no-layers", is_flag=True, help="Do not read single layers.")
@click.option(
    "--experiments",
    default="all",
    metavar="all|none|SLUG,...",
    help=f"Causes to test; all unless said. {', '.join(TESTED)}.",
)
@click.option("--protocol", type=click.Choice(["post"]), help="The post's own protocol, each of its faults an arm.")
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="The recording.")
@click.option("--force", is_flag=True, help="Replace the recording if it exists.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE.html", help="Write a report as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.option("--quiet", is_flag=True, help="The table, and a sentence for each comparison.")
@click.option("--verbose", is_flag=True, help="Everything that is known.")
def run(model: str, **options: object) -> int:
    """Measure MODEL's variants and say why they differ.

    MODEL is a torchvision, timm or Hugging Face name, package.module:factory, file.py:factory or a .onnx file;
    mobilenet_v2 unless said.

    \b
    ironlaw run
    ironlaw run resnet18 --arms fp32,int8+fused --budget 120
    ironlaw run model.py:build --report why.html
    """
    return execute(Settings.of(model, options))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The command line, understood."""

    model: str
    arms: tuple[Arm, ...]
    schedule: Schedule
    images: str | None
    labels: str | None
    search: bool
    threads: int
    batch: int
    agreement: float
    seed: int
    counters: bool
    layers: bool
    experiments: tuple[str, ...]
    out: Path
    force: bool
    report: Path | None
    display: Display

    @classmethod
    def of(cls, model: str, options: dict[str, object]) -> Settings:
        """Check everything that can be checked before anything starts.

        Raises:
            BadInput: what is wrong, and what to do.
        """
        from ironlaw.analysis.verdicts.planner import parse_wanted
        from ironlaw.models import sources
        from ironlaw.models.images import check_folder
        from ironlaw.models.labels import check_labels

        given = _Options(_with_protocol(options))
        arms, search = wanted_arms(given, model), given.flag("search")
        for arm in arms:
            sources.check(arm.factory or model)
        images = given.text("images")
        if images is not None:
            check_folder(images)
        labels = given.text("labels")
        if labels is not None:
            check_labels(labels, images=images)
        report = given.path("report")
        if report is not None:
            check_writable(report)
        out = given.path("out") or default_out(model)
        if all(arm.factory is not None for arm in arms):
            # Nothing runs the model: the recording is of the programs.
            model = ", ".join(dict.fromkeys(map(_source, arms)))
            out = given.path("out") or default_out("-".join(arm.name for arm in arms))
        return cls(
            model=model,
            arms=arms,
            schedule=choose_schedule(given),
            images=images,
            labels=labels,
            search=search,
            threads=given.whole("threads") or 0,
            batch=given.whole("batch") or 0,
            agreement=0.99 if given.real("agreement") is None else given.real("agreement") or 0.0,
            seed=given.whole("seed") or 0,
            experiments=() if search else parse_wanted(given.text("experiments") or "all"),
            counters=not given.flag("no_counters"),
            layers=not given.flag("no_layers"),
            out=out,
            force=given.flag("force"),
            report=report,
            display=Display(
                as_json=given.flag("as_json"),
                quiet=given.flag("quiet"),
                verbose=given.flag("verbose"),
            ),
        )

    def plan(self) -> Plan:
        """What to run."""
        return Plan(
            model=self.model,
            arms=with_control(self.arms),
            schedule=self.schedule,
            seed=self.seed,
            threads=self.threads,
            batch=self.batch,
            agreement=self.agreement,
            images=self.images,
            labels=self.labels,
            counters=self.counters,
            ceilings=bool(self.experiments),
            layers=self.layers,
        )


def _source(arm: Arm) -> str:
    """Where a program comes from; one that Python code handed over lies in a folder that is gone afterwards."""
    return arm.name if arm.factory is None or arm.factory.endswith(HANDED_OVER) else arm.factory


class _Options:
    """Options by name, each as the type its declaration gives it."""

    def __init__(self, options: dict[str, object]) -> None:
        self._options = options

    def text(self, name: str) -> str | None:
        value = self._options[name]
        return None if value is None else str(value)

    def texts(self, name: str) -> tuple[str, ...]:
        value = self._options[name]
        assert isinstance(value, tuple)
        return tuple(map(str, value))

    def is_before(self, name: str, other: str) -> bool:
        """Whether one was typed before the other: click takes options in the order of the command line."""
        order = list(self._options)
        return order.index(name) < order.index(other)

    def whole(self, name: str) -> int | None:
        value = self._options[name]
        assert value is None or isinstance(value, int)
        return value

    def real(self, name: str) -> float | None:
        value = self._options[name]
        assert value is None or isinstance(value, float)
        return value

    def flag(self, name: str) -> bool:
        return bool(self._options[name])

    def path(self, name: str) -> Path | None:
        value = self._options[name]
        assert value is None or isinstance(value, Path)
        return value


def _with_protocol(options: dict[str, object]) -> dict[str, object]:
    """With --protocol, the arms of the protocol, its number of inferences unless --n or --budget is given, and no
    experiments: its arms are those.

    Raises:
        BadInput: other arms are asked for as well.
    """
    if options["protocol"] is None:
        return options
    if options["arms"] or options["programs"]:
        raise BadInput("--protocol has arms of its own", hint="leave --arms and --arm out")
    limited = options["inferences"] is not None or options["budget"] is not None
    inferences = options["inferences"] if limited else protocol.INFERENCES
    return {**options, "arms": ",".join(protocol.NAMES), "inferences": inferences, "experiments": "none"}


def choose_arms(
    variants: str | None, programs: tuple[str, ...], *, model: str = "", variants_first: bool = False
) -> tuple[Arm, ...]:
    """The arms asked for: variants and the user's own programs in their orders; the default four without either.

    An .onnx file runs in ONNX Runtime as an arm, and as the model in both engines that take one.

    Raises:
        BadInput: something is not a variant, or not NAME=SOURCE.
    """
    own = []
    for text in programs:
        name, equals, source = text.partition("=")
        if not (name and equals and source):
            raise BadInput(f"--arm {text!r} is not NAME=FILE.py:FACTORY", hint="--arm a=model.py:build")
        engine = "onnxruntime" if source.endswith(".onnx") else "eager"
        own.append(Arm(name=name, variant=Variant.of({PRECISION: GIVEN, ENGINE: engine}), factory=source))
    if variants is None and own:
        return tuple(own)
    if variants is None and model.endswith(".onnx"):
        return tuple(Arm.of(name) for name in ONNX_ARMS)
    names = DEFAULT_ARMS if variants is None else [text for text in variants.split(",") if text.strip()]
    of_model = [Arm.of(name) for name in names]
    return (*of_model, *own) if variants_first else (*own, *of_model)


def choose_schedule(given: _Options) -> Schedule:
    """How much is measured; with --n only the count ends the run, unless a budget is given too."""
    inferences, precision = given.whole("inferences"), given.real("precision")
    budget_s = given.real("budget")
    tests_nothing = given.text("experiments") == "none"
    if budget_s is None and inferences is None and given.flag("search"):
        budget_s = SEARCH_BUDGET_S
    elif budget_s is None and inferences is None:
        budget_s = DEFAULT_BUDGET_S if tests_nothing else EXPERIMENTS_BUDGET_S
    replicates = given.whole("replicates")
    if replicates is None and precision is not None:
        replicates = 60  # with a precision to reach, the budget is the only other end
    if replicates is None and inferences is not None:
        replicates = 8 if tests_nothing else 12
    elif replicates is None:
        replicates = MOST_REPLICATES  # what the budget cannot start is not started
    return Schedule(replicates=replicates, inferences=inferences, precision=precision, budget_s=budget_s)


def default_out(model: str) -> Path:
    """A new file under ./ironlaw-runs/, named after the model and the time."""
    stem = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in Path(model).name)
    return Path("ironlaw-runs") / f"{stem}-{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl"


def advise(experiments: tuple[str, ...]) -> Advice:
    """What the recorder is told between replicates: the experiments the readings call for; whether they are enough."""
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


def wanted_arms(given: _Options, model: str) -> tuple[Arm, ...]:
    """The arms that the options ask for.

    Raises:
        BadInput: arms are named beside a search, or are none.
    """
    named = given.text("arms"), given.texts("programs")
    if not given.flag("search"):
        return choose_arms(*named, model=model, variants_first=given.is_before("arms", "programs"))
    if named != (None, ()):
        raise BadInput("--search chooses the arms itself", hint="leave --arms, --arm and --protocol out")
    return searched_arms()


def searched_arms() -> tuple[Arm, ...]:
    """The arms a search begins with: those of the engines that are installed."""
    from ironlaw.analysis.verdicts.search import CANDIDATES, candidates
    from ironlaw.engines import engine
    from ironlaw.missing import is_known

    # torch is a dependency, and asking TorchScript whether torch has it would import it here.
    there = [name for name in CANDIDATES if name in ("eager", "torchscript") or is_known(engine(name).missing_extra())]
    return candidates(there)


def advise_search() -> Advice:
    """What the recorder is told between the replicates of a search: whom to retire, and what else to try."""
    import os

    from ironlaw.analysis.verdicts.search import additions, retirable
    from ironlaw.measure.recorder import Advice, Proposal
    from ironlaw.recording import assemble

    cpus = len(os.sched_getaffinity(0))

    def more_arms(facts: Sequence[Fact]) -> Proposal:
        recording = assemble(facts)
        return Proposal(arms=additions(recording, cpus), retired=retirable(recording))

    return Advice(more_arms=more_arms)


def measured(settings: Settings) -> Recording:
    """Measure, with a bar that shows how far it is."""
    from rich.console import Console

    import ironlaw
    from ironlaw.commands.progress import ProgressBar

    with ProgressBar(Console(stderr=True), quiet=settings.display.quiet) as bar:
        return ironlaw.record(
            settings.plan(),
            settings.out,
            force=settings.force,
            watcher=bar,
            advice=advise_search() if settings.search else advise(settings.experiments),
        )


def execute(settings: Settings) -> int:
    """Measure, explain, show; the exit code."""
    import ironlaw

    display, out = settings.display, settings.out
    recording = measured(settings)
    explanation = ironlaw.explain(recording)
    show(explanation, display=display, n=recording.plan.schedule.inferences)
    if settings.report is not None:
        write_report(explanation, recording, settings.report)
    if not display.as_json:
        click.echo(f"Recording: {out}", err=True)
    return int(exit_code(recording, searched=settings.search))


def exit_code(recording: Recording, *, searched: bool = False) -> ExitCode:
    """3 when an arm that was asked for failed, or the run was cut short; a search goes on without what is refused."""
    from ironlaw.fact import Ended, Ending

    whole = isinstance(recording.ended, Ended) and recording.ended.why is not Ending.INTERRUPTED
    added = {arm.name for arm in recording.plan.arms if arm.serves}
    counted = [failure for failure in recording.failures if not (searched and failure.replicate < 0)]
    failed = any(failure.arm not in added for failure in counted)
    return ExitCode.INCOMPLETE if failed or not whole else ExitCode.DONE
