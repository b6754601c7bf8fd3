"""A cell: one recording of a sweep, named after its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from ironlaw.arm import Arm
from ironlaw.plan import Plan, Schedule, with_control
from ironlaw.sweep.hosts import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What is measured: `source` as `ironlaw run` takes it, `name` and `shape` as the map shows it.

    Models of one name and several shapes are one row of the break-even map.
    """

    source: str
    name: str
    shape: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What all cells of a sweep share. `contents` is a digest of the user's files that take part."""

    arms: tuple[Arm, ...]
    schedule: Schedule
    seed: int = 0
    experiments: tuple[str, ...] = ()
    images: str | None = None
    counters: bool = True
    contents: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One recording to be made: all arms of one model, at one number of threads and one batch, on one host."""

    model: Model
    threads: int
    batch: int
    host: Host
    setting: Setting

    @property
    def id(self) -> str:
        """A digest of everything that decides what is measured, and of nothing else."""
        content = (self.model.source, self.threads, self.batch, str(self.host), self.setting)
        return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:16]

    @property
    def file_name(self) -> str:
        """The name of its recording: readable, and found again by its id."""
        words = (self.model.name, self.model.shape, f"t{self.threads}", f"b{self.batch}", str(self.host))
        return "-".join([*(_safe(word) for word in words if word), self.id]) + ".jsonl"

    def __str__(self) -> str:
        shape = f" {self.model.shape}" if self.model.shape else ""
        return f"{self.model.name}{shape}, threads {self.threads}, batch {self.batch}, host {self.host}"

    def plan(self) -> Plan:
        """What the recorder is to do."""
        setting = self.setting
        return Plan(
            model=self.model.source,
            arms=with_control(setting.arms),
            schedule=setting.schedule,
            seed=setting.seed,
            threads=self.threads,
            batch=self.batch,
            images=setting.images,
            counters=setting.counters,
            ceilings=bool(setting.experiments),
        )


def _safe(word: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in word)
