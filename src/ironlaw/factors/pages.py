"""pages: whether malloc uses pages of 4 KiB or transparent huge pages."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from ironlaw.factor import Factor
from ironlaw.missing import Maybe, Missing
from ironlaw.program import Program

_TUNABLE = "glibc.malloc.hugetlb=1"
_FIRST_GLIBC = (2, 35)  # its news: malloc.hugetlb was added
_ENABLED = "sys/kernel/mm/transparent_hugepage/enabled"


class Pages(Factor):
    """huge: glibc advises the kernel to back its heap with huge pages, which need fewer address translations.

    Source: the manual of glibc, section "Memory Allocation Tunables".
    """

    name = "pages"
    summary = "size of the pages behind malloc's memory"
    plain = "default"
    levels = ("default", "huge")
    remedies: ClassVar = {"huge": f"GLIBC_TUNABLES={_TUNABLE} in the environment"}
    may_move = "page faults (512 pages come with one), resident memory, which cache sets tensors fall into"

    def possible(self, level: str) -> Maybe[bool]:
        """huge needs a glibc that can ask for huge pages, and a kernel that may give them."""
        library, version = platform.libc_ver()
        if library != "glibc" or tuple(int(part) for part in version.split(".")[:2]) < _FIRST_GLIBC:
            return Missing(f"pages=huge sets glibc's malloc.hugetlb (2.35 or later), and this is {library} {version}")
        return may_be_huge(Path("/"))

    def environment(self, level: str) -> Mapping[str, str]:
        """glibc reads its tunables when a process starts."""
        given = os.environ.get("GLIBC_TUNABLES")
        return {"GLIBC_TUNABLES": f"{given}:{_TUNABLE}" if given else _TUNABLE}

    def read_back(self, level: str, program: Program) -> Maybe[str]:
        """The amount of the process's memory in huge pages."""
        return huge_now(Path("/proc/self/smaps_rollup"))


def huge_page_setting(root: Path) -> Maybe[str]:
    """When the kernel gives transparent huge pages: always, madvise (on request) or never."""
    try:
        text = (root / _ENABLED).read_text()
    except OSError as error:
        return Missing(f"/{_ENABLED} cannot be read: {error.strerror}")
    return text.partition("[")[2].partition("]")[0] or Missing(f"/{_ENABLED} marks no setting")


def may_be_huge(root: Path) -> Maybe[bool]:
    """Whether the kernel gives huge pages on request."""
    chosen = huge_page_setting(root)
    if isinstance(chosen, Missing):
        return chosen
    return True if chosen in ("always", "madvise") else Missing(f"transparent huge pages are set to {chosen}")


def huge_now(rollup: Path) -> Maybe[str]:
    """What /proc/PID/smaps_rollup reports about huge pages, in words."""
    try:
        rows = rollup.read_text().splitlines()
    except OSError as error:
        return Missing(f"smaps_rollup cannot be read: {error.strerror}")
    sizes = {name: int(value.split()[0]) >> 10 for name, _, value in (row.partition(":") for row in rows[1:])}
    return f"{sizes['AnonHugePages']} of {sizes['Anonymous']} MiB in huge pages"


FACTOR = Pages()
