"""Start child processes: by this interpreter, importing nothing from the current folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from ironlaw.missing import Maybe, Missing

T = TypeVar("T")


def command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ironlaw.

    Uses -P rather than PYTHONSAFEPATH, which programs started by an arm would inherit.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def variables() -> Mapping[str, str]:
    """This process's environment. If ironlaw is imported from the current folder, PYTHONPATH names that folder."""
    source = str(Path(__file__).resolve().parents[1])
    if source != os.getcwd() or source in os.environ.get("PYTHONPATH", "").split(os.pathsep):
        return os.environ
    paths = [source, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def no_answer(library: str, limit_s: float) -> Missing:
    """The gap where `library` was still being imported after `limit_s`: it may be there, and slow to load."""
    return Missing(f"{library} did not answer within {limit_s:.0f} s")


def ask(module: str, *arguments: str, answer: type[T], library: str, limit_s: float) -> Maybe[T]:
    """The JSON object that a module of ironlaw prints last, run by itself because it imports `library`."""
    words = command(module, *arguments)
    try:
        ended = subprocess.run(words, capture_output=True, check=True, timeout=limit_s, env=variables())
        return msgspec.json.decode(ended.stdout.splitlines()[-1], type=answer)
    except subprocess.TimeoutExpired:
        return no_answer(library, limit_s)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return Missing(f"{library} cannot be imported: {last or f'its process ended with {error.returncode}'}")
    except (msgspec.DecodeError, IndexError):
        return Missing(f"{library} gave no answer")
