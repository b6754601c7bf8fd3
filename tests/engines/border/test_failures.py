"""What engines raise is in the line with the reason."""

from __future__ import annotations

import pytest

from ironlaw.engines.border.failures import explained
from ironlaw.errors import ArmFailed

CONVERTER = """Check 'false' failed at src/frontends/common_translators/src/unconverted_ops_report.cpp:151:
FrontEnd API failed with OpConversionFailure:
Model wasn't fully converted. Failed operations detailed log:
-- aten.linalg_lu.default with a message:
No translator found
Summary:
-- No conversion rule found for operations: aten.linalg_lu.default
"""


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (CONVERTER, "openvino: aten.linalg_lu: RuntimeError: No conversion rule found for operations: aten.linalg_lu"),
        ("Check 'a == b' failed at src/x.cpp:1:\nshapes differ\n", "openvino: RuntimeError: shapes differ"),
        (
            "Exception from src/inference/src/cpp/core.cpp:132:\nno such device",
            "openvino: RuntimeError: no such device",
        ),
        ("Exception from src/core.cpp:132:\nstd::bad_alloc", "openvino: out of memory"),
        ("Exception from src/core.cpp:132:\nFailed to allocate 784896000 bytes of memory", "openvino: out of memory"),
        ("plain\nand more", "openvino: RuntimeError: plain"),
        ("Check 'a' failed at src/x.cpp:1:", "openvino: RuntimeError: Check 'a' failed at src/x.cpp:1:"),
    ],
)
def test_the_place_in_an_engines_source_is_not_the_reason(raised: str, said: str) -> None:
    with pytest.raises(ArmFailed) as caught, explained("openvino"):
        raise RuntimeError(raised)
    assert caught.value.message.startswith(said)


def failing(deep: Exception) -> None:
    """A conversion that fails since something below it did."""
    raise ValueError("conversion failed") from deep


def test_a_lack_of_memory_is_reported_as_such_however_deep() -> None:
    with pytest.raises(ArmFailed, match="int8: out of memory") as caught, explained("int8"):
        failing(MemoryError())
    assert "memory" in caught.value.hint
