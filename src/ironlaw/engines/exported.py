"""An arm as files that run without ironlaw: the prepared model, an example, and a script that loads and infers.

Shared code is here and in infer.py.jinja; each engine's folder has the function `export` and a template for loading and
calling its files.

Run as `python -m ironlaw.engines.exported FOLDER DIR` it writes the example beside the model and prints which arguments
are arrays: reading it may need torch, which the command line does not load.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ironlaw.engine import Export, Offer
from ironlaw.engines import ENGINES, Exporting, engine
from ironlaw.errors import BadInput
from ironlaw.factors import FACTORS
from ironlaw.models import inputs, saved
from ironlaw.models.torch_settings import Settings, statements
from ironlaw.variant import ENGINE, PRECISION, Variant

EXAMPLE = "example.npz"
CHECK = "check.npz"  # held-out inputs and what the float network answers
_TEMPLATES = Path(__file__).parent
_TEMPLATE = "infer.py.jinja"
# Levels of these are in the model, or written into every engine's script.
_CARRIED = ("precision", "engine", "threads")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the script states about its origin and its versions."""

    arm: str
    model: str
    variant: Variant
    threads: int
    settings: Settings = field(default_factory=dict)  # torch's own that the model's code changed while it was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The agreement with float that was requested, and whether the inputs of check.npz calibrated int8."""

    least: float
    calibrated: bool


def refuse_unportable(variant: Variant) -> None:
    """Refuse levels that a script cannot apply: those of experiments, and those set before a process starts.

    Raises:
        BadInput: such a level, or an engine without a script; the message names it.
    """
    name = variant.level(ENGINE)
    if not isinstance(engine(name), Exporting):
        others = [other for other in ENGINES if isinstance(engine(other), Exporting)]
        raise BadInput(f"there is no script for arms of {name}", hint=f"export an arm of {', '.join(others)}")
    offer = ENGINES[name].offers.get(variant.level(PRECISION), Offer())
    carried = {*_CARRIED, *offer.reads, *ENGINES[name].scripted}
    for factor, level in variant.changed:
        if factor in carried or (factor, level) == ("malloc", "retain"):
            continue
        remedy = FACTORS[factor].remedy(level)
        raise BadInput(
            f"{factor}={level} is not part of a model and its script",
            hint=f"export the arm without it; to run it so: {remedy}" if remedy else "export the arm without it",
        )


def export_of(variant: Variant, prepared: Path) -> Export:
    """Return what the arm's engine exports from the folder of the prepared model.

    Raises:
        BadInput: this program cannot be exported, or its engine exports none.
    """
    by = engine(variant.level(ENGINE))
    if not isinstance(by, Exporting):
        raise BadInput(
            f"there is no script for arms of {variant.level(ENGINE)}", hint="export an arm of another engine"
        )
    return by.export(variant, prepared)


def left_out(named: Named) -> tuple[str, ...]:
    """The settings of torch, with values, that the script omits because it runs without torch."""
    if "torch" in _packages(named.variant):
        return ()
    return tuple(f"{name} to {value}" for name, value in named.settings.items())


def _packages(variant: Variant) -> tuple[str, ...]:
    """The packages that the script imports."""
    return ("numpy", *ENGINES[variant.level(ENGINE)].packages_of(variant.level(PRECISION)))


def _kept(named: Named) -> Settings:
    """The settings that the script applies. Requested threads override the program's, as in the arm."""
    asked = "threads" in dict(named.variant.changed)
    return {name: value for name, value in named.settings.items() if not (asked and name == "threads")}


def script(named: Named, export: Export, arguments: list[Any], *, check: Check | None = None) -> str:
    """The text of infer.py for what an engine exports; `arguments` as `write_example` gave them. With `check` it checks
    that the arm agrees with float as far as that on the inputs of check.npz.
    """
    import jinja2

    variant, name = named.variant, named.variant.level(ENGINE)
    declared = ENGINES[name]
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=False,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    levels = {
        factor.replace("-", "_"): variant.level(factor) for factor in ("denormals", "layout", "malloc", "precision")
    }
    text = templates.get_template(f"{name}/{_TEMPLATE}").render(
        arm=_in_docstring(named.arm),
        model=_in_docstring(named.model),
        version=version("ironlaw"),
        packages=_packages(variant),
        settings=statements(_kept(named)),
        left_out=left_out(named),
        threads=variant.threads(named.threads),
        file=export.files[0],
        arguments=repr(tuple(arguments)),
        check=check,
        kept="inputs that calibrated int8" if check and check.calibrated else "held-out inputs",
        **levels,
        telemetry_off=declared.telemetry_off,
        **export.values,
    )
    return _without_gaps(text)


def _in_docstring(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")


def _without_gaps(text: str) -> str:
    """Reduce the empty lines that conditions of the template leave to at most two in a row."""
    kept: list[str] = []
    for line in text.splitlines():
        if line.strip() or kept[-2:] != ["", ""]:
            kept.append(line.rstrip())
    return "\n".join(kept) + "\n"


def write_example(prepared: Path, target: Path) -> list[Any]:
    """Write the first input of a prepared model, and return its arguments: names of arrays, or constants.

    Raises:
        BadInput: an argument is neither a tensor nor a plain constant.
    """
    import numpy

    arrays: dict[str, Any] = {}
    arguments: list[Any] = []
    for place, argument in enumerate(saved.load(prepared).inputs[0]):
        if inputs.is_array(argument):
            arrays[f"input{place}"] = inputs.as_array(argument)
            arguments.append(f"input{place}")
        elif argument is None or isinstance(argument, bool | int | float):
            arguments.append(argument)
        else:
            raise BadInput(
                f"input {place} is a {type(argument).__name__}", hint="wrap the model in one that takes tensors"
            )
    numpy.savez(target / EXAMPLE, **arrays)
    return arguments


if __name__ == "__main__":
    print(json.dumps(write_example(Path(sys.argv[1]), Path(sys.argv[2]))))
