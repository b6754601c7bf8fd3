"""Failures at the border to engines: output is suppressed, and exceptions become the arm's failure."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator

from ironlaw.errors import ArmFailed
from ironlaw.models.weights import first_line

# In the words of C++, of torch and the kernel, and of OpenVINO.
_LACK_OF_MEMORY = ("std::bad_alloc", "can't allocate memory", "Cannot allocate memory", "Failed to allocate")
# What OpenVINO puts before the reason.
_PLACE = re.compile(r"Check '.*' failed at |FrontEnd API failed|Exception from \S+:\d+:$")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep exporters and converters from printing their progress."""
    was = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(was)


@contextlib.contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn any exception of an engine while preparing an arm into that arm's failure, with the operator it names."""
    try:
        yield
    except ArmFailed:
        raise
    except Exception as error:  # noqa: BLE001  # the border to an engine: its failures are the arm's
        raise failure(what, error, hint="try another engine, or leave this arm out") from None


def failure(what: str, error: Exception, *, hint: str) -> ArmFailed:
    """An engine's exception as the arm's failure; `hint` applies to all reasons except lack of memory."""
    if _is_lack_of_memory(error):
        return ArmFailed(
            f"{what}: out of memory", hint="give it more memory (a container's limit counts), or run a smaller model"
        )
    return ArmFailed(f"{what}: {operator_in(error)}{innermost(error)}", hint=hint)


def _is_lack_of_memory(error: BaseException | None) -> bool:
    if error is None:
        return False
    said = any(words in str(error) for words in _LACK_OF_MEMORY)
    return isinstance(error, MemoryError) or said or _is_lack_of_memory(error.__cause__)


def operator_in(error: BaseException) -> str:
    """The operator that an exception names, as `name: `; empty if it names none."""
    patterns = (r"\b(?:aten|quantized|torchvision|prims)(?:\.|::)\w+", r"(?:Node|Op|operator|op_type)[ :(']+(\w+)")
    for said in _chain(error):
        for pattern in patterns:
            found = re.search(pattern, said)
            if found:
                return f"{found.group(found.lastindex or 0)}: "
    return ""


def innermost(error: BaseException) -> str:
    """The message of the first cause of an exception, in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {_informative_line(error)}"[:300]


def _informative_line(error: BaseException) -> str:
    """The line with the reason: OpenVINO's messages start with the location in its source, and end with a summary."""
    lines = [line.strip(" -") for line in str(error).splitlines()]
    informative = [line for line in lines if line and not _PLACE.match(line)]
    unknown = [line for line in informative if line.startswith("No conversion rule found")]
    return next(iter((*unknown, *informative)), first_line(error))


def _chain(error: BaseException | None) -> Iterator[str]:
    if error is not None:
        yield from _chain(error.__cause__)
        yield str(error)
