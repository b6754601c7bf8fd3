"""Huge pages: whether they may be had, and how many were."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.factors.pages import FACTOR, huge_now, may_be_huge
from ironlaw.missing import Missing


@pytest.mark.parametrize(
    ("setting", "given"),
    [
        ("always [madvise] never", True),
        ("[always] madvise never", True),
        ("always madvise [never]", Missing("transparent huge pages are set to never")),
    ],
)
def test_the_kernel_s_setting_decides_whether_huge_pages_may_be_had(
    tmp_path: Path, setting: str, given: bool | Missing
) -> None:
    file = tmp_path / "sys/kernel/mm/transparent_hugepage/enabled"
    file.parent.mkdir(parents=True)
    file.write_text(setting + "\n")
    assert may_be_huge(tmp_path) == given


def test_a_kernel_without_huge_pages_is_named(tmp_path: Path) -> None:
    found = may_be_huge(tmp_path)
    assert isinstance(found, Missing)
    assert found.reason.endswith("transparent_hugepage/enabled cannot be read: No such file or directory")


def test_what_took_effect_is_read_back_in_mebibytes(tmp_path: Path) -> None:
    rollup = tmp_path / "smaps_rollup"
    rollup.write_text("5600-7fff ---p 0 00:00 0 [rollup]\nAnonymous:   417792 kB\nAnonHugePages:  104448 kB\n")
    assert huge_now(rollup) == "102 of 408 MiB in huge pages"
    assert isinstance(huge_now(tmp_path / "none"), Missing)


def test_tunables_that_are_set_already_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert FACTOR.environment("huge") == {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    assert FACTOR.environment("huge") == {"GLIBC_TUNABLES": "glibc.malloc.check=0:glibc.malloc.hugetlb=1"}
