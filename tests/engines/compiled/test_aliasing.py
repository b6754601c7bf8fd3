"""weights=mapped and weights=aliased in compiled packages: the block of constants is found, and its pages repeat."""

from __future__ import annotations

import ctypes
import mmap
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ironlaw.engines import ENGINES
from ironlaw.engines.compiled import aliasing
from ironlaw.engines.compiled import execution as engine
from ironlaw.engines.compiled.aliasing import PackedConstant
from ironlaw.errors import ArmFailed
from ironlaw.missing import Missing

from .. import small

PAGE = mmap.PAGESIZE
VECTOR = PackedConstant(kind="float32", bytes=40, from_start=0, in_block=0)
MATRIX = PackedConstant(kind="float32", bytes=3 * PAGE, from_start=40, in_block=64)
CODES = PackedConstant(kind="int8", bytes=3 * PAGE, from_start=40 + 3 * PAGE, in_block=64 + 3 * PAGE)
CONSTANTS = (VECTOR, MATRIX, CODES)
CODE = """
    constants_info_[0].name = "bias";
    constants_info_[0].dtype = cached_torch_dtype_float32;
    constants_info_[0].data_size = 40;
    constants_info_[0].from_folded = false;
    constants_info_[1].dtype = cached_torch_dtype_float32;
    constants_info_[1].data_size = 4096;
    constants_info_[1].from_folded = true;
    constants_info_[2].dtype = cached_torch_dtype_int64;
    constants_info_[2].data_size = 80;
    constants_info_[2].from_folded = false;
"""


def test_constants_lie_apart_in_the_block_and_together_in_the_library(tmp_path: Path) -> None:
    package = tmp_path / "prepared.pt2"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("prepared/data/x.wrapper.cpp", CODE)
    assert aliasing.constants_of(package) == (
        PackedConstant(kind="float32", bytes=40, from_start=0, in_block=0),
        PackedConstant(kind="int64", bytes=80, from_start=40, in_block=64),
    )


def test_a_package_that_states_no_constants_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "prepared.pt2", "w") as archive:
        archive.writestr("prepared/data/x.wrapper.cpp", "int main() {}")
    with pytest.raises(ArmFailed, match="states no constants"):
        aliasing.constants_of(tmp_path / "prepared.pt2")


def test_only_whole_pages_of_float_constants_are_mapped() -> None:
    assert aliasing._pages(CONSTANTS, 100 * PAGE) == [(101 * PAGE, 2 * PAGE)]


class Loaded:
    """What a loaded package has: constants in a library's file, and blocks that are copied from it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stored = torch.randint(0, 256, (sum(one.bytes for one in CONSTANTS),), dtype=torch.uint8).numpy().tobytes()
        path = folder / "library"
        path.write_bytes(stored)
        with path.open("rb") as file:
            self.library = mmap.mmap(file.fileno(), 0, flags=mmap.MAP_PRIVATE)
        self.stored, self.blocks = stored, list[mmap.mmap]()
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.library))
        monkeypatch.setattr(aliasing, "_library_constants", lambda: start)
        monkeypatch.setattr(aliasing, "anonymous", lambda: [(self.address(one), len(one)) for one in self.blocks])

    @staticmethod
    def address(block: mmap.mmap) -> int:
        return ctypes.addressof(ctypes.c_char.from_buffer(block))

    def copies(self) -> int:
        block, last = mmap.mmap(-1, 8 * PAGE), CONSTANTS[-1]
        for one in CONSTANTS:
            start = 16 + one.in_block
            block[start : start + one.bytes] = self.stored[one.from_start : one.from_start + one.bytes]
        assert 16 + last.in_block + last.bytes <= len(block)
        self.blocks.append(block)
        return self.address(block) + 16


def test_the_block_is_found_by_its_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(tmp_path, monkeypatch)
    block = loaded.copies()
    assert aliasing._block(CONSTANTS) == block


def test_a_block_that_differs_in_one_byte_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(tmp_path, monkeypatch)
    place = loaded.copies() + CODES.in_block + 5
    ctypes.c_uint8.from_address(place).value ^= 1
    with pytest.raises(ArmFailed, match="in memory 0 times"):
        aliasing._block(CONSTANTS)


def test_two_equal_blocks_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = Loaded(tmp_path, monkeypatch)
    loaded.copies()
    loaded.copies()
    with pytest.raises(ArmFailed, match="in memory 2 times"):
        aliasing._block(CONSTANTS)


@pytest.mark.parametrize(
    ("after", "repeats", "refused"),
    [
        ([1.0, 2.0], True, "does not read its weights"),
        ([1.0, float("inf")], True, "infinite"),
        ([1.0, 3.0], False, "answers differently"),
    ],
)
def test_answers_show_whether_the_pages_are_read(after: list[float], repeats: bool, refused: str) -> None:
    with pytest.raises(ArmFailed, match=refused):
        aliasing._check([torch.tensor([1.0, 2.0])], [torch.tensor(after)], repeats=repeats)


@pytest.mark.hardware
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(isinstance(ENGINES["compiled"].installed(), Missing), reason="no C++ compiler")
def test_aliased_weights_of_a_package_repeat_every_frame(tmp_path: Path) -> None:
    net = nn.Sequential(nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 512)).eval()
    inputs = [(torch.randn(4, 512),)]
    model = replace(small.two(), module=net, inputs=inputs, calibration=inputs, probes=inputs)
    _, program, answers = small.run(engine, "fp32@compiled+weights=aliased", model, tmp_path)
    assert program.applied["weights"] == "2.1 MB of weights over 0.26 MB of memory"
    assert torch.isfinite(answers[0]).all()
