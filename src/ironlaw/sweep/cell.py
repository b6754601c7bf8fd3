"""A cell: one recording of a sweep, named after its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace

import msgspec

from ironlaw.running.settings import Settings
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
class Cell:
    """One recording to be made: all arms of one model, at one number of threads and one batch, on one host.

    `shared` is what all cells of a sweep have in common; its model, threads and batch are not read. `contents` is a
    digest of the user's files that it measures.
    """

    model: Model
    threads: int
    batch: int
    host: Host
    shared: Settings
    contents: str = ""

    @property
    def id(self) -> str:
        """A digest of everything that decides what is measured, and of nothing else."""
        settings = self.settings()
        # Only what was chosen, so that a setting which ironlaw gains later leaves the ids of today's cells alone.
        chosen = {
            field.name: value for field in fields(Settings) if (value := getattr(settings, field.name)) != field.default
        }
        content = (chosen, settings.experiments, str(self.host), self.contents)
        return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:16]

    @property
    def file_name(self) -> str:
        """The name of its recording: readable, and found again by its id."""
        words = (self.model.name, self.model.shape, f"t{self.threads}", f"b{self.batch}", str(self.host))
        # File systems end names at 255 bytes; the id, which decides, is always whole.
        readable = "-".join(_safe(word) for word in words if word).encode()[:200].decode(errors="ignore")
        return f"{readable}-{self.id}.jsonl"

    def __str__(self) -> str:
        shape = f" {self.model.shape}" if self.model.shape else ""
        return f"{self.model.name}{shape}, threads {self.threads}, batch {self.batch}, host {self.host}"

    def settings(self) -> Settings:
        """What to measure, as for any other run."""
        return replace(self.shared, model=self.model.source, threads=self.threads, batch=self.batch)


def _safe(word: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in word)
