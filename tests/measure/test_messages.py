"""Lines between processes, and the descriptors that go with them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from ironlaw.measure.messages import Line


@pytest.fixture
def lines() -> Iterator[tuple[Line, Line]]:
    ours, theirs = socket.socketpair()
    sender, taker = Line(ours), Line(theirs, takes_descriptors=True)
    yield sender, taker
    for descriptor in taker.descriptors:
        os.close(descriptor)
    sender.close()
    taker.close()


def test_descriptors_come_in_their_order_however_many_there_are(lines: tuple[Line, Line]) -> None:
    sender, taker = lines
    sent = [os.memfd_create(f"{number}") for number in range(300)]  # a message takes 253
    sender.send(b"the first line", sent)
    sender.send(b"the second")
    assert taker.receive(timeout_s=9.0) == b"the first line"
    assert taker.receive(timeout_s=9.0) == b"the second"
    names = [os.readlink(f"/proc/self/fd/{descriptor}").split()[0] for descriptor in taker.descriptors]
    assert names == [f"/memfd:{number}" for number in range(300)]
    for descriptor in sent:
        os.close(descriptor)


def test_what_an_arm_starts_does_not_inherit_the_lines_of_others(lines: tuple[Line, Line]) -> None:
    sender, taker = lines
    sent = os.memfd_create("one")
    sender.send(b"", [sent])
    taker.receive(timeout_s=9.0)
    assert [os.get_inheritable(descriptor) for descriptor in taker.descriptors] == [False]
    os.close(sent)
