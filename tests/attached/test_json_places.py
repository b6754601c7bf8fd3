"""A refused value is named with the line and column at which it stands."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironlaw.attached.json_places import offset_of, stated_path
from ironlaw.errors import BadInput
from tests.fuzzing import fuzzed

from .files import DATA, file_of

KEYS = st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def paths(value: Any, before: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of everything in a value."""
    members: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        members = list(value.items())
    elif isinstance(value, list):
        members = list(enumerate(value))
    return [before] + [path for step, inner in members for path in paths(inner, (*before, step))]


@fuzzed(60)
@given(value=VALUES, indent=st.sampled_from([None, 0, 3]), before=st.sampled_from(["", "x [", "\n\t "]))
def test_the_value_at_the_place_of_a_path_is_that_of_the_path(value: Any, indent: int | None, before: str) -> None:
    text = before + json.dumps(value, indent=indent) + " ]"
    for path in paths(value):
        expected = value
        for step in path:
            expected = expected[step]
        found, _ = json.JSONDecoder().raw_decode(text, offset_of(text, len(before), path))
        assert found == expected


def test_of_fields_of_one_name_the_last_counts() -> None:
    text = '{"a": 1, "b": {}, "a": 2}'
    assert text[offset_of(text, 0, ("a",))] == "2"


def test_a_field_that_is_not_there_is_where_it_should_be() -> None:
    text = '[{"a": [1]}, 5]'
    assert text[offset_of(text, 0, (0, "a", 7)) :] == "[1]}, 5]"
    assert text[offset_of(text, 0, (1, "b")) :] == "5]"


@pytest.mark.parametrize(
    ("message", "path"),
    [
        ("Expected `float`, got `str` - at `$.results[0].times[3]`", ("results", 0, "times", 3)),
        ("Expected `int`, got `str` - at `$.args.sizes[...]`", ("args", "sizes")),
        ("Expected `str` - at `key` in `$[...]`", ()),
        ("Expected `object`, got `array`", ()),
    ],
)
def test_the_path_in_a_message_is_read_as_far_as_it_names_its_steps(message: str, path: tuple[str | int, ...]) -> None:
    assert stated_path(message) == path


NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
PLACES = [
    ("onnxruntime-1.32-fp32.json", rf'"dur": ?(?P<value>{NUMBER})'),
    ("torch-2.14-contiguous.json", rf'"dur": ?(?P<value>{NUMBER})'),
    ("pyperf-2.11.json", rf'"values": ?\[\s*(?P<value>{NUMBER})'),
    ("pytest-benchmark-written.json", rf'"data": ?\[\s*(?P<value>{NUMBER})'),
    ("hyperfine-written.json", rf'"times": ?\[\s*(?P<value>{NUMBER})'),
    ("google-benchmark-written.json", rf'"real_time": ?(?P<value>{NUMBER})'),
    ("llama-bench-written-f16.json", rf'"samples_ns": ?\[\s*(?P<value>{NUMBER})'),
]  # fmt: skip


@pytest.mark.parametrize("wrong", ["-5", '"x"', "{}"])
@pytest.mark.parametrize(("name", "pattern"), PLACES)
@fuzzed(8)
@given(which=st.floats(0, 1, exclude_max=True), is_indented=st.booleans())
def test_a_wrong_value_is_refused_at_its_own_line_and_column(
    name: str, pattern: str, wrong: str, which: float, is_indented: bool
) -> None:
    text = (DATA / name).read_text()
    if is_indented:
        text = json.dumps(json.loads(text), indent=2)
    found = list(re.finditer(pattern, text))
    begin, end = found[int(which * len(found))].span("value")
    line, column = text.count("\n", 0, begin) + 1, begin - (text.rfind("\n", 0, begin) + 1) + 1
    with pytest.raises(BadInput) as caught:
        file_of(text[:begin] + wrong + text[end:], named="a.json")
    stated = re.match(r"a\.json, line (\d+), column (\d+): ", caught.value.message)
    assert stated is not None, caught.value.message
    assert (int(stated[1]), int(stated[2])) == (line, column), caught.value.message


def test_what_is_wrong_within_an_event_is_refused_there() -> None:
    events = json.loads((DATA / "onnxruntime-1.32-fp32.json").read_text())
    place = next(place for place, event in enumerate(events) if "input_type_shape" in event["args"])
    events[place]["args"]["input_type_shape"][0] = {"float": "wrong"}
    text = json.dumps(events, indent=1)
    at = text.rindex("{", 0, text.index('"wrong"'))  # the mapping: the message of what is wrong does not name its key
    line, column = text.count("\n", 0, at) + 1, at - text.rindex("\n", 0, at)
    with pytest.raises(BadInput, match=rf"^a\.json, line {line}, column {column}: not as this format has it"):
        file_of(text, named="a.json")
