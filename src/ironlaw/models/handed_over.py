"""Programs handed over from Python: pickled where they were made, and opened in child processes only.

What a notebook or script defines is pickled by value; what can be imported is imported again, from the same places.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

from ironlaw.errors import ArmFailed, BadInput
from ironlaw.models import saved
from ironlaw.models.weights import first_line


def keep(program: Any, inputs: Any, path: Path, *, name: str) -> None:
    """Write a program, and the inputs it is to be called with (None: photographs), for a child to read.

    Raises:
        BadInput: it is not callable, or holds something that cannot be pickled.
    """
    import cloudpickle

    if not callable(program):
        raise BadInput(
            f"{name} is a {type(program).__name__}, which cannot be called",
            hint="give a module, a function, or the name of a model as text",
        )
    if isinstance(inputs, list) and not (inputs and all(isinstance(one, tuple) for one in inputs)):
        raise BadInput(
            "the inputs are a list that holds other things than tuples of arguments" if inputs else "there is no input",
            hint="inputs=[(x,), (y,)] calls each program with x, then with y",
        )
    try:
        path.write_bytes(cloudpickle.dumps((program, inputs)))
    except (pickle.PicklingError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise BadInput(
            f"{name} cannot be handed to another process: {first_line(error)}",
            hint="keep open files, sessions and locks out of it, or name a file.py:factory that makes it",
        ) from None
    path.with_suffix(".paths.json").write_text(json.dumps([folder or os.getcwd() for folder in sys.path]))


def read(path: Path) -> Any:
    """The program and its inputs; runs what unpickling them runs, so only children call this.

    Raises:
        ArmFailed: what they need cannot be imported, or they raise.
    """
    for folder in json.loads(path.with_suffix(".paths.json").read_text()):
        if folder not in sys.path:
            saved.search_in(folder)  # and in replicates, which read back what was made of the program
    try:
        program, inputs = pickle.loads(path.read_bytes())
    except Exception as error:  # noqa: BLE001  # user code: whatever it raises is this arm's failure
        raise ArmFailed(
            f"{path.stem} cannot be read in its own process: {type(error).__name__}: {first_line(error)}",
            hint="check that its dependencies can be imported in a new process",
        ) from None
    return program if inputs is None else (program, inputs)
