"""What would test a difference is named in a line, however long the names of nodes are."""

from __future__ import annotations

import pytest

from ironlaw.analysis.verdicts.untested import _named
from ironlaw.experiment import Switch


@pytest.mark.parametrize(
    ("factor", "level", "named"),
    [
        ("float-nodes", "conv_1/aten.conv/Conv:conv_14/aten.conv/Conv", "float-nodes of 2"),
        ("float-nodes", "conv_1", "float-nodes=conv_1"),
        ("cache", "cold", "cache=cold"),
    ],
)
def test_levels_that_list_nodes_are_counted(factor: str, level: str, named: str) -> None:
    assert _named(Switch(cause="reference-kernel", factor=factor, level=level)) == named
