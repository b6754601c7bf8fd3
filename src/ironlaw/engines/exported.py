"""An arm as files that run without ironlaw: the prepared model, an example, and a script that loads and infers.

Run as `python -m ironlaw.engines.exported FOLDER DIR` it writes the example beside the model and prints which arguments
are arrays: that needs torch, which the command line does not load.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ironlaw.engines import ENGINES
from ironlaw.engines.onnxruntime.execution import session_entries
from ironlaw.errors import BadInput
from ironlaw.factors import FACTORS
from ironlaw.models import inputs, saved
from ironlaw.variant import ENGINE, PRECISION, Variant

EXAMPLE = "example.npz"
_SCRIPT = Path(__file__).with_name("infer.py.jinja")
# The files that an engine needs of what it prepared; the first is the one that is loaded.
_FILES = {
    "eager": ("prepared.pt",),
    "compiled": ("prepared.pt2",),
    "torchscript": ("prepared.torchscript",),
    "onnxruntime": ("prepared.onnx",),
    "openvino": ("prepared.xml", "prepared.bin"),
}
# Levels of these are in the model itself, or written into the script.
_CARRIED = (
    "precision", "engine", "fusion", "threads", "denormals", "layout", "calibration", "quantized-engine",
    "int8-blocks",
    "quantization.format", "quantization.granularity", "quantization.signs", "session.arena", "session.optimization",
    "session.prepacking", "session.qdq", "session.spinning",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the script says about where it comes from, and what it runs with."""

    arm: str
    model: str
    variant: Variant
    threads: int


def refuse_unportable(variant: Variant) -> None:
    """Refuse levels that no script can carry: those of experiments, and what must be set before a process starts.

    Raises:
        BadInput: names the level.
    """
    for name, level in variant.changed:
        if name in _CARRIED or (name, level) == ("malloc", "retain"):
            continue
        remedy = FACTORS[name].remedy(level)
        raise BadInput(
            f"{name}={level} is not part of a model and its script",
            hint=f"export the arm without it; to run it so: {remedy}" if remedy else "export the arm without it",
        )


def model_files(variant: Variant) -> tuple[str, ...]:
    """The names of the prepared files that the script needs.

    Raises:
        BadInput: there is no script for the engine.
    """
    engine = variant.level(ENGINE)
    if engine not in _FILES:
        raise BadInput(f"there is no script for arms of {engine}", hint=f"export an arm of {', '.join(_FILES)}")
    return _FILES[engine]


def script(named: Named, prepared: Path, arguments: list[Any]) -> str:
    """The text of infer.py for what was prepared in a folder; `arguments` as `write_example` gave them."""
    import jinja2

    variant, engine = named.variant, named.variant.level(ENGINE)
    options = jinja2.Environment(
        autoescape=False, undefined=jinja2.StrictUndefined, trim_blocks=False, keep_trailing_newline=True
    )
    levels = {name.replace("-", "_"): variant.level(name) for name in ("denormals", "layout", "malloc", "precision")}
    text = options.from_string(_SCRIPT.read_text(encoding="utf-8")).render(
        arm=_in_docstring(named.arm),
        model=_in_docstring(named.model),
        version=version("ironlaw"),
        engine=engine,
        threads=variant.threads(named.threads),
        file=model_files(variant)[0],
        arguments=repr(tuple(arguments)),
        **levels,
        telemetry_off=ENGINES[engine].telemetry_off,
        **_of_engine(variant, prepared),
    )
    return _without_gaps(text)


def _of_engine(variant: Variant, prepared: Path) -> Mapping[str, Any]:
    """What only one engine's part of the script asks for."""
    match variant.level(ENGINE):
        case "onnxruntime":
            names = {
                "all": "ORT_ENABLE_ALL", "extended": "ORT_ENABLE_EXTENDED",
                "basic": "ORT_ENABLE_BASIC", "none": "ORT_DISABLE_ALL",
            }  # fmt: skip
            return {
                "optimization": names[variant.level("session.optimization")],
                "arena": variant.level("session.arena") == "on",
                "entries": list(session_entries(variant).items()),
                "places": json.loads((prepared / "inputs.json").read_text()),
            }
        case "openvino":
            hint = "bf16" if variant.level(PRECISION) == "bf16" else "f32"
            return {"hint": hint, "places": json.loads((prepared / "places.json").read_text())}
        case "eager":
            about = json.loads((prepared / "eager.json").read_text())
            if "source" in about:
                raise BadInput(
                    "this program cannot be saved: its factory makes it again in every process",
                    hint="keep open files, sessions and locks out of it",
                )
            paths = json.loads((prepared / "prepared.paths.json").read_text())
            given = about["backend"] if variant.level(PRECISION) in ("int8", "int8-dynamic") else "none"
            return {"quantized_engine": given, "search": paths}
        case "torchscript":
            from ironlaw.engines.torch_modules.int8 import preferred_backend

            return {"quantized_engine": preferred_backend() if variant.level(PRECISION) == "int8" else "none"}
        case _:
            return {"quantized_engine": "none"}


def _in_docstring(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")


def _without_gaps(text: str) -> str:
    """At most two empty lines in a row, which leaves of the template's conditions nothing to see."""
    kept: list[str] = []
    for line in text.splitlines():
        if line.strip() or kept[-2:] != ["", ""]:
            kept.append(line.rstrip())
    return "\n".join(kept) + "\n"


def write_example(prepared: Path, target: Path) -> list[Any]:
    """Write the first input of a prepared model; its arguments: the name of an array, or a constant.

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
