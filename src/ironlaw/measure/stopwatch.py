"""The wall time of a run by activity: every moment belongs to exactly one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ironlaw.fact import Activity, Spent


class Stopwatch:
    """Adds up the seconds of a run by activity; the sums add up to the elapsed time."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Start in preparing."""
        self._now_s = now_s
        self._activity = Activity.PREPARING
        self._seconds: dict[Activity, float] = {}
        self._since_s = now_s()

    def turn_to(self, activity: Activity) -> None:
        """Change the current activity."""
        self.split({})
        self._activity = activity

    def split(self, parts: Mapping[Activity, float]) -> None:
        """Give parts of the time since the last call to other activities, in seconds; the rest is the current one's.

        Parts that ran in parallel may add up to more than the elapsed time; it is then divided in proportion.
        """
        now_s = self._now_s()
        passed_s, self._since_s = now_s - self._since_s, now_s
        asked_s = sum(parts.values())
        scale = min(1.0, passed_s / asked_s) if asked_s > 0 else 0.0
        for activity, part_s in parts.items():
            self._add(activity, part_s * scale)
        self._add(self._activity, passed_s - asked_s * scale)

    def take(self) -> Spent:
        """The seconds since this was last called."""
        self.split({})
        taken = Spent(seconds={activity: seconds for activity, seconds in self._seconds.items() if seconds > 0})
        self._seconds = {}
        return taken

    def _add(self, activity: Activity, seconds: float) -> None:
        self._seconds[activity] = self._seconds.get(activity, 0.0) + max(0.0, seconds)


class Laps:
    """A clock that returns the seconds since the last call."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        """Start the first lap."""
        self._now_s = now_s
        self._at_s = now_s()

    def lap(self) -> float:
        """The seconds since the last call, or since the start."""
        before_s, self._at_s = self._at_s, self._now_s()
        return self._at_s - before_s
