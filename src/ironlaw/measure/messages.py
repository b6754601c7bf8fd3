"""What the recorder and the processes of the arms say to each other: one JSON line each over a socket.

The recorder sends orders. What comes back are facts, ready for the recording.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

import msgspec

from ironlaw.arm import Arm
from ironlaw.errors import IronlawError
from ironlaw.fact import CounterCheck, Fact
from ironlaw.layer import Probe
from ironlaw.program import PreparedModel
from ironlaw.recording import decode, encode


class Prepare(msgspec.Struct, tag="prepare", frozen=True):
    """Make the arm's model and save it under the folder, with what its engine needs to tell layers if they are read."""

    folder: str
    layers: bool = False


class Start(msgspec.Struct, tag="start", frozen=True):
    """Load what was prepared, warm up, open the counters."""

    prepared: PreparedModel
    warm_up_limit_ns: int


class Turn(msgspec.Struct, tag="turn", frozen=True):
    """Run inferences under one event group."""

    round: int
    position: int
    group: int
    inferences: int


class Answer(msgspec.Struct, tag="answer", frozen=True):
    """Run every probe once and tell the outputs."""


class Survey(msgspec.Struct, tag="survey", frozen=True):
    """Tell the layers that one inference calls, and with `prices` what reading them costs by each probe."""

    prices: tuple[Probe, ...] = ()


class LayerTurn(msgspec.Struct, tag="layers", frozen=True):
    """Run inferences, and read each layer; `group` is of the PMU, with that probe."""

    round: int
    position: int
    probe: Probe
    group: int
    inferences: int


Order = Prepare | Start | Turn | Answer | Survey | LayerTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What a twin knows from birth: who it is and how the run is set."""

    arm: Arm
    replicate: int
    model: str
    images: str | None
    labels: str | None
    seed: int
    threads: int
    batch: int
    cpus: tuple[int, ...]
    check: CounterCheck
    fd: int  # of its socket, in the interpreter
    log: str  # the file that takes what its process prints


@dataclass(frozen=True, slots=True, kw_only=True)
class Staff:
    """What an interpreter is told: what to import, and the twins to fork."""

    imports: tuple[str, ...]
    posts: tuple[Post, ...]
    withheld: tuple[str, ...] = ()  # modules that must not be imported: see ironlaw.telemetry


class Born(msgspec.Struct, tag="born", frozen=True):
    """The interpreter has imported everything and forked its twins."""

    pids: dict[str, int]
    import_ns: int


class Died(msgspec.Struct, tag="died", frozen=True):
    """A twin ended; `status` is what waitpid gave."""

    arm: str
    status: int


class Broken(msgspec.Struct, tag="broken", frozen=True):
    """The interpreter could not start its twins."""

    reason: str


News = Born | Died | Broken
_ORDERS: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
_NEWS: msgspec.json.Decoder[News] = msgspec.json.Decoder(News)


class LineLost(IronlawError):
    """The other end is gone, or did not answer within its time."""

    def __init__(self, message: str, *, timed_out: bool) -> None:
        super().__init__(message, hint="see the arm's own output for the reason")
        self.timed_out = timed_out


class Line:
    """One end of a socket that carries JSON lines."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._waiting = bytearray()

    def send(self, message: bytes) -> None:
        """Send one line.

        Raises:
            LineLost: the other end is gone.
        """
        try:
            self._socket.settimeout(None)
            self._socket.sendall(message + b"\n")
        except OSError:
            raise LineLost("the other end is gone", timed_out=False) from None

    def receive(self, *, timeout_s: float | None = None) -> bytes:
        """The next line, without its newline.

        Raises:
            LineLost: the other end is gone, or nothing came in time.
        """
        self._socket.settimeout(timeout_s)
        while (end := self._waiting.find(b"\n")) < 0:
            try:
                piece = self._socket.recv(1 << 20)
            except TimeoutError:
                raise LineLost(f"no answer within {timeout_s:.0f} s", timed_out=True) from None
            except OSError:
                piece = b""
            if not piece:
                raise LineLost("the other end is gone", timed_out=False)
            self._waiting += piece
        line = bytes(self._waiting[:end])
        del self._waiting[: end + 1]
        return line

    def send_order(self, order: Order) -> None:
        """Recorder to twin."""
        self.send(msgspec.json.encode(order))

    def receive_order(self) -> Order:
        """Twin, from recorder."""
        return _ORDERS.decode(self.receive())

    def send_fact(self, fact: Fact) -> None:
        """Twin to recorder."""
        self.send(encode(fact))

    def receive_fact(self, *, timeout_s: float | None) -> Fact:
        """Recorder, from twin."""
        fact = decode(self.receive(timeout_s=timeout_s))
        assert fact is not None, "twins run the same version as the recorder"
        return fact

    def send_news(self, news: News) -> None:
        """Interpreter to recorder."""
        self.send(msgspec.json.encode(news))

    def receive_news(self, *, timeout_s: float | None) -> News:
        """Recorder, from interpreter."""
        return _NEWS.decode(self.receive(timeout_s=timeout_s))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()
