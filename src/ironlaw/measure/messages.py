"""Messages between the recorder and the processes of arms: one JSON line each, over a socket.

The recorder sends orders; the processes return facts, ready for the recording.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from ironlaw.arm import Arm
from ironlaw.errors import IronlawError
from ironlaw.fact import CounterCheck, Fact
from ironlaw.layer import Probe
from ironlaw.lines import decode, encode
from ironlaw.program import PreparedModel


class Prepare(msgspec.Struct, tag="prepare", frozen=True):
    """Make the arm's model and save it under the folder, with what its engine needs to name layers if they are read.

    On the CPUs that are named, where the arm's own are taken. Names of layers for which the engine has to make the arm
    once more are left out where making it took longer than `layers_within_s`.
    """

    folder: str
    layers: bool = False
    cpus: tuple[int, ...] = ()
    layers_within_s: float | None = None


class Load(msgspec.Struct, tag="load", frozen=True):
    """Load what was prepared. There is no answer: a failure is the answer to the start that follows.

    On the CPUs that are named, where the arm's own are taken.
    """

    prepared: PreparedModel
    cpus: tuple[int, ...] = ()


class Start(msgspec.Struct, tag="start", frozen=True):
    """Warm up what was loaded, check it and open the counters.

    `inferences` is how many warm the arm up, where that is known; without it, as many as it takes until their times are
    steady. `checks` says whether the program is checked: its mode, its inputs, the threads that work.
    """

    warm_up_limit_ns: int
    inferences: int | None = None
    checks: bool = True


class Turn(msgspec.Struct, tag="turn", frozen=True):
    """Run inferences under one event group."""

    round: int
    position: int
    group: int
    inferences: int


class MeasureNothing(msgspec.Struct, tag="nothing", frozen=True):
    """Measure a turn like the last one, of a program that does nothing."""


class AskAnswers(msgspec.Struct, tag="answer", frozen=True):
    """Take a census of one inference, run every probe once and return the outputs.

    On the CPUs that are named: nothing is measured by it, and other arms answer meanwhile. With `probes` the first of
    them are run, in that number. As many arms as `sharers` divide what a recording keeps of outputs.
    """

    cpus: tuple[int, ...] = ()
    probes: int | None = None
    sharers: int = 1


class SurveyLayers(msgspec.Struct, tag="survey", frozen=True):
    """Report the layers that one inference calls, and with `prices` what reading them costs by each probe."""

    prices: tuple[Probe, ...] = ()


class LayerTurn(msgspec.Struct, tag="layers", frozen=True):
    """Run inferences, and read each layer; `group` is of the PMU, with that probe."""

    round: int
    position: int
    probe: Probe
    group: int
    inferences: int


class ReplayLayers(msgspec.Struct, tag="replay", frozen=True):
    """Replay the layers of a prepared model within a time; the other fields are those of `ironlaw.plan.Replays`.

    `arm` is the arm that the model was prepared for; it may leave other layers in float than the twin's own arm.
    """

    arm: Arm
    prepared: PreparedModel
    within_s: float
    sets: tuple[tuple[str, ...], ...] = ()
    only_answers: bool = False


class CodeTurn(msgspec.Struct, tag="code", frozen=True):
    """Run inferences while the arm's threads are sampled."""

    round: int
    inferences: int


Order = Prepare | Load | Start | Turn | MeasureNothing | AskAnswers | SurveyLayers | LayerTurn | CodeTurn | ReplayLayers


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSetup:
    """The setup of a forked twin: its arm and the settings of the run."""

    arm: Arm
    replicate: int
    model: str
    images: str | None
    inputs: str | None
    labels: str | None
    seed: int
    threads: int
    batch: int
    cpus: tuple[int, ...]
    check: CounterCheck
    code: bool  # whether its code will be sampled, and generated code needs names
    fd: int  # of its socket, as the interpreter received it
    log: str  # the file that takes what its process prints


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """An interpreter's first order: what to import, before its twins are known."""

    names: tuple[str, ...]
    withheld: tuple[str, ...] = ()  # modules that must not be imported: see ironlaw.telemetry


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """An interpreter's second order: the twins to fork, and what to import before.

    The twins' ends of their sockets are sent with it, in the order of the setups.
    """

    imports: tuple[str, ...]
    setups: tuple[TwinSetup, ...]


class Watching(msgspec.Struct, tag="watching", frozen=True):
    """The interpreter ends with its parent from now on, also while it is stopped."""


class Imported(msgspec.Struct, tag="imported", frozen=True):
    """The interpreter has imported what its first order names; `at_ns` is on the monotonic clock."""

    at_ns: int


class Forked(msgspec.Struct, tag="forked", frozen=True):
    """The interpreter has forked its twins."""


class Died(msgspec.Struct, tag="died", frozen=True):
    """A twin ended; `status` is what waitpid gave, `left` are the commands that it left running and that were ended."""

    arm: str
    status: int
    left: tuple[str, ...] = ()


class Left(msgspec.Struct, tag="left", frozen=True):
    """Every twin has ended; the commands that still ran in sessions of their own, of any arm, and were ended."""

    commands: tuple[str, ...]


class Broken(msgspec.Struct, tag="broken", frozen=True):
    """The interpreter could not start its twins."""

    reason: str


class End(msgspec.Struct, tag="end", frozen=True):
    """Recorder to interpreter: end that arm's twin. Only its parent knows that its number is still its own."""

    arm: str


News = Watching | Imported | Forked | Died | Left | Broken
_ORDERS: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
_NEWS: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)
_ENDS: msgspec.json.Decoder[End] = msgspec.json.Decoder(End)
_MOST_BYTES = 1 << 30  # in a line; the outputs of every probe are some 100 MB at most
_SHOWN_BYTES = 40
_MOST_DESCRIPTORS = 253  # in a message: SCM_MAX_FD, include/net/scm.h of Linux


class Loss(Enum):
    """How a line was lost."""

    CLOSED = "closed"  # the other end was closed
    SLOW = "slow"  # nothing came in time
    GARBLED = "garbled"  # what came is no message


class LineLost(IronlawError):
    """The other end is closed, did not answer in time, or sent something that is no message."""

    def __init__(self, message: str, *, loss: Loss) -> None:
        super().__init__(message, hint="see the arm's own output for the reason")
        self.loss = loss


class Line:
    """One end of a socket that carries JSON lines; and descriptors, to an end that takes them."""

    def __init__(self, end: socket.socket, *, takes_descriptors: bool = False) -> None:
        self._socket = end
        self._socket.settimeout(None)
        self._takes_descriptors = takes_descriptors
        self.descriptors: list[int] = []  # that have come, in the order in which they were sent
        self._waiting = bytearray()
        self._searched = 0  # bytes that wait and hold no newline

    def fileno(self) -> int:
        """Its descriptor."""
        return self._socket.fileno()

    def send(self, message: bytes, descriptors: Sequence[int] = ()) -> None:
        """Send one line, and with it descriptors, if the other end takes them.

        Raises:
            LineLost: the other end is closed.
        """
        rest = message + b"\n"
        try:
            for first in range(0, len(descriptors), _MOST_DESCRIPTORS):
                # The kernel takes no more with a piece of the message, and none without one.
                socket.send_fds(self._socket, [rest[:1]], descriptors[first : first + _MOST_DESCRIPTORS])
                rest = rest[1:]
            self._socket.sendall(rest)
        except OSError:
            raise LineLost("the other end is closed", loss=Loss.CLOSED) from None

    def receive(self, *, timeout_s: float | None = None) -> bytes:
        """The next line, without its newline; `timeout_s` is for the whole of it.

        Raises:
            LineLost: the other end is closed, nothing came in time, or more came than a line can hold.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (line := self.take()) is None:
            if not first_readable(self, deadline_s=deadline_s):
                raise LineLost(f"no answer within {timeout_s:.0f} s", loss=Loss.SLOW)
            self.fill()
        return line

    def take(self) -> bytes | None:
        """A complete received line, without its newline; None if there is none."""
        end = self._waiting.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._waiting)
            return None
        line = bytes(self._waiting[:end])
        del self._waiting[: end + 1]
        self._searched = 0
        return line

    def holds_line(self) -> bool:
        """Whether a complete line was received and not taken yet."""
        return b"\n" in self._waiting

    def fill(self) -> None:
        """Read what was received; wait if nothing was.

        Raises:
            LineLost: the other end is closed, or more came than a line can hold.
        """
        try:
            piece = self._received()
        except OSError:
            piece = b""
        if not piece:
            raise LineLost("the other end is closed", loss=Loss.CLOSED)
        self._waiting += piece
        if self._searched > _MOST_BYTES:
            raise garbled(bytes(self._waiting[:_SHOWN_BYTES]))

    def _received(self) -> bytes:
        if not self._takes_descriptors:
            return self._socket.recv(1 << 20)
        piece, found, _, _ = socket.recv_fds(self._socket, 1 << 20, _MOST_DESCRIPTORS)
        for descriptor in found:  # recv_fds of CPython 3.11 does not pass its flags on, MSG_CMSG_CLOEXEC among them
            os.set_inheritable(descriptor, False)
        self.descriptors += found
        return piece

    def send_order(self, order: Order) -> None:
        """Recorder to twin."""
        self.send(msgspec.json.encode(order))

    def receive_order(self) -> Order:
        """Twin, from recorder."""
        return _ORDERS.decode(self.receive())

    def send_fact(self, fact: Fact) -> None:
        """Twin to recorder."""
        self.send(encode(fact))

    def send_news(self, news: News) -> None:
        """Interpreter to recorder."""
        self.send(msgspec.json.encode(news))

    def receive_news(self, *, timeout_s: float | None) -> News:
        """Recorder, from interpreter.

        Raises:
            LineLost: as `receive`, or what came is no news.
        """
        return decode_news(self.receive(timeout_s=timeout_s))

    def take_end(self) -> End | None:
        """Interpreter, from recorder: an order that has come whole."""
        line = self.take()
        return None if line is None else _ENDS.decode(line)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def first_readable(*lines: Line, deadline_s: float | None) -> Line | None:
    """The first line that has data or was closed; None if the time is over before."""
    poll = select.poll()
    for line in lines:
        poll.register(line.fileno(), select.POLLIN)
    timeout_ms = None if deadline_s is None else max(0.0, deadline_s - time.monotonic()) * 1000
    ready = {descriptor for descriptor, _ in poll.poll(timeout_ms)}
    return next((line for line in lines if line.fileno() in ready), None)


def decode_fact(line: bytes, *, arm: str) -> Fact:
    """A fact that an arm's twin sent.

    Raises:
        LineLost: it is no fact of that arm, since the program wrote to a descriptor that is not its own.
    """
    try:
        fact = decode(line)
    except (msgspec.MsgspecError, StopIteration, UnicodeDecodeError):
        fact = None
    if fact is None or getattr(fact, "arm", arm) not in (arm, ""):
        raise garbled(line)
    return fact


def decode_news(line: bytes) -> News:
    """News that an interpreter sent.

    Raises:
        LineLost: it is none.
    """
    try:
        return _NEWS.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise garbled(line) from None


def garbled(line: bytes) -> LineLost:
    """What to raise about a line that is no message."""
    shown = ascii(line[:_SHOWN_BYTES].decode("latin-1"))
    return LineLost(f"it wrote {shown} to a descriptor of ironlaw", loss=Loss.GARBLED)
