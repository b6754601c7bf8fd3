"""The signals that end a run: Ctrl-C, SIGTERM, SIGHUP. The first ends it; none disturbs its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from ironlaw.missing import Maybe, Missing

_Handler = Callable[[int, FrameType | None], object] | signal.Handlers

_HANDLED: dict[signal.Signals, _Handler] = {
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
    signal.SIGHUP: signal.SIG_DFL,
}


class Signalled(KeyboardInterrupt):
    """A signal ended the run."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number.name)
        self.number = number


def signal_of(interrupt: KeyboardInterrupt) -> Maybe[str]:
    """The name of the signal that was received."""
    if isinstance(interrupt, Signalled):
        return interrupt.number.name
    return Missing("it was interrupted by something other than a signal")


class Interruption:
    """While it is entered, the first of the signals raises Signalled and those that follow only count.

    Signals that already have a handler, or are ignored as under nohup, are left alone. Outside the main thread, which
    alone receives signals, it does nothing.
    """

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self._is_closing = False
        self._taken: list[signal.Signals] = []

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._taken = [number for number, default in _HANDLED.items() if signal.getsignal(number) == default]
        for number in self._taken:
            signal.signal(number, self._come)
        return self

    def close(self) -> None:
        """Raise no signals from now on, while the measurements are saved."""
        self._is_closing = True

    def __exit__(self, *raised: object) -> None:
        for number in self._taken:
            signal.signal(number, _HANDLED[number])

    def _come(self, number: int, frame: FrameType | None) -> None:
        if self.first is not None:
            return
        self.first = signal.Signals(number)
        if not self._is_closing:
            raise Signalled(self.first)
