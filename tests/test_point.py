"""What can be varied, as it is typed."""

from __future__ import annotations

import pytest

from ironlaw.errors import BadInput
from ironlaw.point import Point, points_of, read_value, read_varied
from ironlaw.running import Settings, plan_of


def test_a_value_is_what_python_reads_and_else_a_text() -> None:
    assert [read_value(text) for text in ("4", "0.5", "True", "None", "tall", "[1]")] == [
        4,
        0.5,
        True,
        None,
        "tall",
        "[1]",
    ]


def test_what_is_varied_is_read_from_texts_as_from_a_mapping() -> None:
    wanted = {"batch": ("1", "4"), "length": ("16", "128")}
    assert read_varied(["batch=1,4", "length=16,128"], name="--vary") == wanted
    assert read_varied({"batch": [1, 4], "length": (16, 128)}, name="vary") == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("batch", "is not SETTING=VALUE"),
        ("batch=1", "1 value;"),
        ("batch=1,1", "a value twice"),
        ("batch=0,1", "not a whole number above 0"),
        ("threads=1,two", "not a whole number above 0"),
        ("batch=" + ",".join(map(str, range(1, 40))), "39 values"),
    ],
)
def test_what_cannot_be_varied_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_varied([text], name="--vary")


def test_a_setting_is_varied_once() -> None:
    with pytest.raises(BadInput, match="twice"):
        read_varied(["batch=1,4", "batch=8,16"], name="--vary")


def test_the_plan_has_every_arm_and_a_control_at_every_point() -> None:
    plan = plan_of(Settings.of({"vary": "batch=1,4"}))
    assert plan.points() == points_of({"batch": ("1", "4")})
    assert [arm.name for arm in plan.arms if arm.repeats] == ["fp32 batch=1 (again)", "fp32 batch=4 (again)"]
    assert {plan.control_of(arm).name for arm in plan.arms if arm.point.value("batch") == "4"} == {"fp32 batch=4"}
    assert not plan.ceilings


def test_threads_are_a_level_of_the_arm_and_share_its_prepared_model() -> None:
    plan = plan_of(Settings.of({"vary": "threads=1,2"}))
    one, two = (plan.arm(f"int8 threads={count}") for count in (1, 2))
    assert (one.variant.threads(7), two.variant.threads(7)) == (1, 2)
    assert one.prepared_as() == two.prepared_as()


def test_a_keyword_makes_a_model_of_its_own() -> None:
    points = points_of({"length": ("16", "128")})
    assert [point.keywords() for point in points] == [{"length": 16}, {"length": 128}]
    plan = plan_of(Settings.of({"vary": "length=16,128"}))
    assert len({arm.prepared_as() for arm in plan.asked()}) == len(plan.asked())


@pytest.mark.parametrize("other", [{"search": True}, {"protocol": "post"}, {"experiments": "page-faults"}])
def test_a_search_a_protocol_and_experiments_are_at_one_point(other: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        Settings.of({"vary": "batch=1,4", **other})


def test_an_arm_with_its_own_threads_is_not_varied_in_them() -> None:
    from ironlaw.running.planning import variants_named

    with pytest.raises(BadInput, match="own number of threads"):
        plan_of(Settings.of({"vary": "threads=1,2"}, arms=variants_named("fp32+threads=2")))


def test_a_point_without_a_setting_keeps_the_others() -> None:
    point = Point(settings=(("batch", "4"), ("length", "16")))
    assert point.without("batch").settings == (("length", "16"),)
    assert str(point) == "batch=4 length=16"
    assert point.batch(1) == 4
