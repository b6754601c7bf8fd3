"""Start the interpreters of a replicate in parallel, and ahead of time while CPUs are idle."""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ironlaw import child
from ironlaw.errors import step_for
from ironlaw.measure.limits import Limit
from ironlaw.measure.messages import Imports, Launch, TwinSetup
from ironlaw.measure.process_start import new_line
from ironlaw.measure.supervised import Interpreter, TwinProcess
from ironlaw.missing import Missing

Environment = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A requested interpreter: its environment variables, its imports, and the twins it forks."""

    environment: Environment
    imports: tuple[str, ...]
    setups: tuple[TwinSetup, ...]


@dataclass(slots=True, kw_only=True)
class Launched:
    """An interpreter that is starting, or why it could not be launched."""

    environment: Environment
    imports: tuple[str, ...]
    padding: int  # bytes that its environment was made longer by
    log: Path
    began_ns: int
    interpreter: Interpreter | None = None
    is_ahead: bool = False  # it was started before it was needed
    reason: str = ""
    hint: str = ""  # where the system refused to start it
    start_ns: int = 0  # what starting it took, importing and forking included


class Interpreters:
    """Starts interpreters, and keeps those that were started ahead."""

    def __init__(
        self,
        *,
        variables: Mapping[str, str],
        withheld: tuple[str, ...],
        rng: random.Random,
        new_log: Callable[[], Path],
    ) -> None:
        """`variables` are what every one of them has in its environment."""
        self._variables = variables
        self._withheld = withheld
        self._rng = rng
        self._new_log = new_log
        self._ahead: dict[Environment, Launched] = {}
        self.active: list[Interpreter] = []

    def take(self, requests: Iterable[Request]) -> list[Launched]:
        """Return one per request: one started ahead if there is one, else a new one. They import in parallel."""
        return [self._taken(one) or self._launch(one.environment, one.imports) for one in requests]

    def _taken(self, request: Request) -> Launched | None:
        """An interpreter that was started ahead and has imported nothing that its twins do not need."""
        launched = self._ahead.pop(request.environment, None)
        if launched is not None and not set(launched.imports) <= set(request.imports):
            if launched.interpreter is not None:
                launched.interpreter.discard()
            return None
        if launched is not None and launched.interpreter is not None:
            launched.interpreter.resume()  # it was stopped while arms took turns, and is waited for now
        return launched

    def resume(self, cpus: Iterable[int]) -> None:
        """Let those that were started ahead go on importing, on these CPUs."""
        for launched in self._ahead.values():
            if launched.interpreter is not None:
                launched.interpreter.keep_to(cpus)
                launched.interpreter.resume()

    def keep_to(self, cpus: Collection[int]) -> None:
        """Let those that were started ahead import on these CPUs only; without any they wait."""
        if not cpus:
            self.pause()
            return
        for interpreter in self._importing():
            interpreter.keep_to(cpus)

    def pause(self) -> None:
        """Stop those that were started ahead and still import: nothing may run beside what is measured."""
        for interpreter in self._importing():
            interpreter.pause()

    def is_importing(self) -> bool:
        """Whether one that was started ahead takes a CPU."""
        return bool(self._importing())

    def _importing(self) -> list[Interpreter]:
        held = [launched.interpreter for launched in self._ahead.values()]
        return [one for one in held if one is not None and one.is_importing()]

    def start_ahead(self, wanted: Iterable[tuple[Environment, tuple[str, ...]]], *, room: int) -> None:
        """Start interpreters that a later replicate will need, with these environments and imports.

        At most `room` import at once: that takes a CPU for seconds.
        """
        room -= len(self._importing())
        for environment, imports in wanted:
            if room > 0 and environment not in self._ahead:
                launched = self._launch(environment, imports)
                launched.is_ahead = True
                self._ahead[environment] = launched
                room -= 1

    def fork(
        self, launched: Launched, request: Request, limit: Callable[[], Limit]
    ) -> tuple[Launched, list[TwinProcess]]:
        """Wait until it has imported, and make it fork its twins; none if that failed, for the reason that it holds.

        One that was started ahead and is lost by now is replaced.
        """
        twins = self._forked(launched, request, limit())
        if launched.reason and launched.is_ahead:
            launched = self._launch(request.environment, request.imports)
            twins = self._forked(launched, request, limit())
        return launched, twins

    def discard_ahead(self) -> None:
        """End those that no replicate has taken."""
        for launched in self._ahead.values():
            if launched.interpreter is not None:
                launched.interpreter.discard()
        self._ahead.clear()

    def _launch(self, environment: Environment, imports: tuple[str, ...]) -> Launched:
        """Start the process of an interpreter and send it its imports, without waiting."""
        launched = Launched(
            environment=environment,
            imports=imports,
            padding=self._rng.randrange(4096),
            log=self._new_log(),
            began_ns=time.monotonic_ns(),
        )
        try:
            launched.interpreter = self._spawn(launched)
        except OSError as error:
            launched.reason = f"the interpreter did not start: {error.strerror}"
            launched.hint = step_for(error)
            return launched
        launched.interpreter.begin(Imports(names=imports, withheld=self._withheld))
        return launched

    def _spawn(self, launched: Launched) -> Interpreter:
        """Start the process of an interpreter.

        Raises:
            OSError: there are not enough descriptors, processes or space for it.
        """
        with contextlib.ExitStack() as theirs:
            line, end = new_line(theirs)
            with launched.log.open("wb") as printed:
                process = subprocess.Popen(
                    child.command("ironlaw.measure.interpreter", str(end.fileno())),
                    env={
                        **child.variables(),
                        **self._variables,
                        "IRONLAW_PADDING": "x" * launched.padding,
                        **dict(launched.environment),
                    },
                    pass_fds=[end.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        return Interpreter(process, line, launched.log)

    def _forked(self, launched: Launched, request: Request, limit: Limit) -> list[TwinProcess]:
        interpreter = launched.interpreter
        if interpreter is None:
            return []
        self.active.append(interpreter)
        imported_ns = interpreter.imported(limit)
        if isinstance(imported_ns, Missing):
            launched.reason = imported_ns.reason
            interpreter.discard()
            return []
        launched.start_ns = imported_ns - launched.began_ns - interpreter.paused_ns(imported_ns)
        began_ns = time.monotonic_ns()
        try:
            twins = self._fork_twins(launched, request, limit)
        except OSError as error:
            launched.reason = f"the interpreter did not start: {error.strerror}"
            launched.hint = step_for(error)
            return []
        launched.start_ns += time.monotonic_ns() - began_ns
        return twins

    def _fork_twins(self, launched: Launched, request: Request, limit: Limit) -> list[TwinProcess]:
        """Have it fork the twins of a request.

        Raises:
            OSError: there are not enough descriptors.
        """
        interpreter, twins = launched.interpreter, list[TwinProcess]()
        assert interpreter is not None, "it has imported"
        try:
            with contextlib.ExitStack() as theirs:
                ends = []
                for setup in request.setups:
                    line, end = new_line(theirs)
                    twins.append(TwinProcess(setup.arm.name, line, interpreter, Path(setup.log)))
                    ends.append(end.fileno())
                launch = Launch(imports=request.imports, setups=request.setups)
                launched.reason = interpreter.fork(launch, ends, limit)
        finally:
            if launched.reason or len(twins) < len(request.setups):
                for twin in twins:
                    twin.line.close()
                interpreter.discard()
        return [] if launched.reason else twins
