"""Hosts and labels: what a node says of itself, and what a plan may ask for."""

from __future__ import annotations

import pytest

from ironlaw.errors import BadInput
from ironlaw.machine import Machine
from ironlaw.sweep.hosts import Host, labels_of

MACHINE = Machine(architecture="x86_64", cpu="AMD EPYC 9R14", isa=("avx2", "avx512_vnni"))


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("any", True),
        ("arch:x86_64", True),
        ("arch:aarch64", False),
        ("isa:avx512_vnni", True),
        ("isa:AVX2", True),
        ("isa:amx_int8", False),
        ("cpu:amd epyc 9r14", True),
        ("pool:fast", False),
    ],
)
def test_a_host_fits_a_machine_that_is_one(text: str, fits: bool) -> None:
    assert Host.parse(text).fits(labels_of(MACHINE, {})) is fits


def test_a_label_given_to_the_node_replaces_what_was_read() -> None:
    labels = labels_of(MACHINE, {"arch": "aarch64", "pool": "fast"})
    assert Host.parse("arch:aarch64").fits(labels)
    assert not Host.parse("arch:x86_64").fits(labels)
    assert Host.parse("pool:fast").fits(labels)


@pytest.mark.parametrize("text", ["", "arch", "arch:", ":x86_64", "any:"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="is not a host"):
        Host.parse(text)


@pytest.mark.parametrize("text", ["any", "arch:aarch64", "cpu:AMD EPYC 9R14"])
def test_printing_and_parsing_a_host_are_inverse(text: str) -> None:
    assert str(Host.parse(text)) == text
