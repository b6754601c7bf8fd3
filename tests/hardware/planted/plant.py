"""A plant: two programs, what they differ by, and what else is truly there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PROGRAMS = Path(__file__).with_name("programs.py")
FILES = {
    "compiled": Path(__file__).with_name("compiled_programs.py"),
    "decoders": Path(__file__).with_name("decoder_programs.py"),
    "llamacpp": Path(__file__).with_name("llamacpp_programs.py"),
    "onnxruntime": Path(__file__).with_name("onnx_programs.py"),
    "openvino": Path(__file__).with_name("openvino_programs.py"),
}

# Of a plant, by engine: two packages of Inductor at once take 20 s, and each of an experiment about 14.
BUDGETS_S = {"compiled": 60.0, "onnxruntime": 45.0, "openvino": 45.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """Two programs that differ by one cause, which `control` has unless said otherwise.

    `is_fault` marks a cause that makes the comparison invalid (catalogue, part A): it is named by a validity concern.
    `also` holds causes that are truly there besides, each with the reason: confirming them is not false. They are
    written down here and nowhere else, so that a surprising confirmation is a false one until it is shown in this
    file why it is not. `absent` is a cause that the programs are made not to differ by, though they do differ.
    """

    name: str
    control: tuple[str, str]  # the arm's name, and its factory in programs.py
    changed: tuple[str, str]
    cause: str = ""  # empty: a null, or a plant with an absent cause
    absent: str = ""
    is_fault: bool = False
    also: tuple[tuple[str, str], ...] = ()
    engine: str = ""  # where the factories are those of FILES, which write files for an engine or give it modules
    levels: tuple[str, str] = ("", "")  # behind given@ENGINE or fp32@ENGINE, of control and changed arm
    budget_s: float = 0.0  # 0: as the engine needs
    file: str = ""  # of FILES, where the factories are in another one than the engine's

    @property
    def seconds(self) -> float:
        """How long it may take."""
        return self.budget_s or BUDGETS_S.get(self.engine, 30.0)

    @property
    def source(self) -> Path:
        """The file of its factories."""
        return FILES.get(self.file or self.engine, PROGRAMS)

    def arms(self) -> tuple[tuple[str, str], ...]:
        """Names and sources."""
        return tuple((name, f"{self.source}:{factory}") for name, factory in (self.control, self.changed))
