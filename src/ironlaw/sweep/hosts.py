"""Hosts: what a plan requires, what a node reports, and whether the two match."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ironlaw.errors import BadInput
from ironlaw.machine import Machine

ANY_TEXT = "any"
# Key -> the values a node has under it; one architecture, but many instruction-set extensions.
Labels: TypeAlias = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Host:
    """One entry of `hosts`: any node, or those with a label, written `key:value`."""

    key: str = ""
    value: str = ""

    @classmethod
    def parse(cls, text: str) -> Host:
        """The host of `any` or `key:value`.

        Raises:
            BadInput: it is neither.
        """
        key, colon, value = (part.strip() for part in text.partition(":"))
        if key == ANY_TEXT and not colon:
            return cls()
        if not (key and value):
            raise BadInput(f"{text!r} is not a host", hint="isa:avx512_vnni, arch:aarch64, cpu:NAME, or any")
        return cls(key=key, value=value)

    def __str__(self) -> str:
        return f"{self.key}:{self.value}" if self.key else ANY_TEXT

    def fits(self, labels: Labels) -> bool:
        """Whether a node with these labels matches this host."""
        return not self.key or self.value.lower() in labels.get(self.key, frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A place that can measure one cell at a time."""

    name: str  # as shown to the user
    id: str
    labels: Labels

    def __str__(self) -> str:
        return self.name


def labels_of(machine: Machine, given: Mapping[str, str]) -> Labels:
    """What the machine is, in lower case; a label that the node was started with replaces what was read."""
    read = {
        "arch": frozenset({machine.architecture.lower()}),
        "cpu": frozenset({machine.cpu.lower()}),
        "isa": frozenset(flag.lower() for flag in machine.isa),
    }
    return read | {key: frozenset({value.lower()}) for key, value in given.items()}
