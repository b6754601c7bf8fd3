"""Which events are counted on which CPU, and their encodings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironlaw.event import Source
from ironlaw.machine import Machine
from ironlaw.measure.pmu.cpu_events import CpuEvents, events_of_cpu, published_events


def machine(vendor: str, family: int, model: int, *isa: str) -> Machine:
    return Machine(architecture="x86_64", cpu="stated", vendor=vendor, family=family, model=model, isa=isa)


def config(cpu_events: CpuEvents, name: str) -> int:
    return next(extra.event.config for extra in cpu_events.extras() if extra.event.name == name)


def names(cpu_events: CpuEvents) -> set[str]:
    return {extra.event.name for extra in cpu_events.extras()}


def test_an_amd_event_above_255_has_its_upper_bits_where_the_kernel_wants_them(tmp_path: Path) -> None:
    # perf stat -e cpu/event=0x1a0,umask=0x1e/ asks for config 0x100001ea0.
    zen_4 = events_of_cpu(machine("AuthenticAMD", 0x19, 0x11), tmp_path)
    assert config(zen_4, "de_no_dispatch_per_slot.backend_stalls") == 0x1_0000_1EA0


@pytest.mark.parametrize(
    ("family", "model", "has", "lacks"),
    [
        (0x17, 0x01, "branches", "ex_ret_cops"),  # Zen 1
        (0x17, 0x31, "ex_ret_cops", "ex_ret_ops"),  # Zen 2, Rome
        (0x19, 0x01, "de_dis_uop_queue_empty_di0", "de_src_op_disp.all"),  # Zen 3, Milan
        (0x19, 0x50, "de_dis_uop_queue_empty_di0", "de_src_op_disp.all"),  # Zen 3, Cezanne
        (0x19, 0x11, "de_src_op_disp.all", "de_dis_uop_queue_empty_di0"),  # Zen 4, Genoa
        (0x19, 0x61, "de_src_op_disp.all", "de_dis_uop_queue_empty_di0"),  # Zen 4, Raphael
        (0x19, 0x61, "fp_ops_retired_by_type.vector_mac", "sse_avx_ops_retired.sse_avx_vnni"),
        (0x1A, 0x02, "sse_avx_ops_retired.sse_avx_vnni", "de_dis_uop_queue_empty_di0"),  # Zen 5, Turin
    ],
)
def test_amd_families_are_distinguished(tmp_path: Path, family: int, model: int, has: str, lacks: str) -> None:
    found = names(events_of_cpu(machine("AuthenticAMD", family, model), tmp_path))
    assert has in found
    assert lacks not in found


def test_all_floating_point_operations_of_zen_5_leave_out_its_type_bits(tmp_path: Path) -> None:
    # On Zen 5 the upper half of the unit mask selects a type instead of adding one: 0x1f would mean something else.
    umasks = {
        family: config(events_of_cpu(machine("AuthenticAMD", family, 0x11), tmp_path), "fp_ret_sse_avx_ops.all") >> 8
        for family in (0x19, 0x1A)
    }
    assert umasks == {0x19: 0x1F, 0x1A: 0x0F}


def publish(root: Path, pmu: str, **events: str) -> Path:
    folder = root / "sys/bus/event_source/devices" / pmu / "events"
    folder.mkdir(parents=True)
    for name, text in events.items():
        (folder / name.replace("_", "-" if pmu.startswith("cpu") else "_")).write_text(text + "\n")
    return root


def test_intel_s_top_down_tree_is_read_from_sys_and_stays_one_group(tmp_path: Path) -> None:
    root = publish(
        tmp_path,
        "cpu",
        slots="event=0x00,umask=0x4",
        topdown_retiring="event=0x00,umask=0x80",
        topdown_be_bound="event=0x00,umask=0x83",
    )
    tree = events_of_cpu(machine("GenuineIntel", 6, 106), root).sets[0]
    assert [(one.event.name, one.event.config) for one in tree] == [
        ("slots", 0x400),
        ("topdown-retiring", 0x8000),
        ("topdown-be-bound", 0x8300),
    ]


def test_intel_without_slots_has_the_generic_events_only(tmp_path: Path) -> None:
    found = events_of_cpu(machine("GenuineIntel", 6, 85, "avx512_vnni"), tmp_path)
    assert found.sets == ()
    assert all(extra.event.source is not Source.RAW for extra in found.extras())


def test_dot_product_events_need_a_core_that_has_them(tmp_path: Path) -> None:
    root = publish(tmp_path, "cpu", slots="event=0x00,umask=0x4", topdown_retiring="event=0x00,umask=0x80")
    ice_lake = names(events_of_cpu(machine("GenuineIntel", 6, 106, "avx512_vnni"), root))
    sapphire_rapids = names(events_of_cpu(machine("GenuineIntel", 6, 143, "avx_vnni", "amx_int8"), root))
    assert "int_vec_retired.vnni_256" not in ice_lake
    assert {"int_vec_retired.vnni_256", "exe.amx_busy"} <= sapphire_rapids


def test_arm_counts_what_its_core_publishes(tmp_path: Path) -> None:
    root = publish(tmp_path, "armv8_pmuv3_0", stall_slot_backend="event=0x003d", cpu_cycles="event=0x0011")
    arm = Machine(architecture="aarch64", cpu="Neoverse-V1")
    found = events_of_cpu(arm, root)
    assert config(found, "stall_slot_backend") == 0x3D
    assert "stall_slot_frontend" not in names(found)
    assert "cpu_cycles" not in names(found)


def test_a_published_event_with_a_field_of_unknown_place_is_left_out(tmp_path: Path) -> None:
    root = publish(tmp_path, "cpu", mem_loads="event=0xcd,umask=0x1,ldlat=3", bus="event=0x3c,umask=0x1")
    assert {name: event.config for name, event in published_events(root).items()} == {"bus": 0x13C}


@pytest.mark.parametrize("model", [0x01, 0x11, 0x31, 0x61])
@pytest.mark.parametrize("family", [0x17, 0x19, 0x1A])
def test_no_event_stands_twice(tmp_path: Path, family: int, model: int) -> None:
    extras = events_of_cpu(machine("AuthenticAMD", family, model), tmp_path).extras()
    assert len({extra.event.name for extra in extras}) == len(extras)
    assert len({(extra.event.source, extra.event.config) for extra in extras}) == len(extras)
