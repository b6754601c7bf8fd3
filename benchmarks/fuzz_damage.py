"""How well-formed inputs are damaged: bytes, values of JSON, and the facts of a recording."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from typing import Any

NUMBERS: tuple[Any, ...] = (
    -1, 0, 1, 2, -(2**63), 2**31, 2**63, 2**64, 10**30, 1e308, 1e-320, -1e308, 5e-324, 0.5, float("nan"), float("inf"),
)  # fmt: skip
TEXTS = (
    "", " ", "x" * 300, "\x00", "\x1b[31m", "a\nb", "\u202e", "fp32", "int8", "٣", "²", "é", "\ud800", "-1", "1e999",
    "9" * 5000, "../..", "1.20.5", "%", "{", "[[", "a,b", "=", "::",
)  # fmt: skip
NESTED = b"[" * 100_000 + b"]" * 100_000


def changed_bytes(text: bytes, rng: random.Random) -> bytes:
    """The text with some bytes cut, flipped, doubled, or replaced by something unlikely."""
    data = bytearray(text)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                del data[place:]
            case 1:
                del data[place : place + rng.randrange(1, 40)]
            case 2:
                data[place:place] = data[place : place + rng.randrange(1, 200)]
            case 3 if place < len(data):
                data[place] = rng.randrange(256)
            case 4:
                word = rng.choice((*TEXTS, *map(str, NUMBERS)))
                data[place:place] = word.encode("utf-8", "surrogatepass")
            case _:
                numbers = list(re.finditer(rb"\d+(?:\.\d+)?", bytes(data)))
                if numbers:
                    found = rng.choice(numbers)
                    data[found.start() : found.end()] = str(rng.choice(NUMBERS)).encode()
    return bytes(data)


def likely_value(value: Any, rng: random.Random, texts: list[str]) -> Any:
    """Another value of the same type, which passes where only types and laws are checked."""
    match value:
        case bool():
            return not value
        case int():
            return rng.choice((0, 1, 2, 7, 1_000_000, 2**53, value + 1, value * 1000, value // 1000, abs(value - 1)))
        case float():
            return rng.choice((0.0, 1e-3, 0.5, 1.0, 1e18, 1e-300, value * 1000, value / 1000))
        case str():
            return rng.choice((*TEXTS, *texts))
        case list():
            cut = rng.randrange(len(value) + 1)
            return rng.choice((value[:cut], value[cut:], value + value[:cut], value[::-1], []))
        case dict():
            return rng.choice(({}, {"missing": "why"}, dict(list(value.items())[::2])))
        case _:
            return value


def changed_value(value: Any, rng: random.Random) -> Any:
    """Another value in a JSON document's place."""
    match rng.randrange(8):
        case 0 | 1 | 2:
            return rng.choice(NUMBERS)
        case 3 | 4:
            return rng.choice(TEXTS)
        case 5:
            return rng.choice((None, True, [], {}, [value], {"missing": "why"}, {"missing": 3}, [[value, value]]))
        case 6 if isinstance(value, int | float) and not isinstance(value, bool):
            return rng.choice((-value, value * 10**9, value + 1, value // 2))
        case 6 if isinstance(value, list) and value:
            return rng.choice((value[1:], value[::-1], value + value, value[:1] * 3))
        case _:
            return value


def _nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document: the container and the key."""
    for key, inner in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _nodes(inner)


def changed_lines(lines: list[bytes], rng: random.Random) -> bytes:
    """A recording with facts changed, left out, doubled or swapped."""
    lines = list(lines)
    for _ in range(rng.choice((1, 1, 2, 4))):
        # Most lines are readings; the others say more and are changed as often.
        kinds = sorted({line[2:].partition(b'"')[0] for line in lines if line.startswith(b'{"')})
        kind = rng.choice(kinds or [b""])
        places = [place for place, line in enumerate(lines) if line.startswith(b'{"' + kind)] or [0]
        place = rng.choice(places)
        match rng.randrange(10):
            case 0:
                del lines[place]
            case 1:
                lines.insert(rng.randrange(len(lines) + 1), lines[place])
            case 2:
                other = rng.randrange(len(lines))
                lines[place], lines[other] = lines[other], lines[place]
            case 3:
                lines[place] = changed_bytes(lines[place], rng)
            case _:
                everywhere = places if rng.random() < 0.2 else [place]
                lines = _changed_facts(lines, everywhere, rng)
        if not lines:
            return b""
    return b"\n".join(lines) + b"\n"


def _changed_facts(lines: list[bytes], places: list[int], rng: random.Random) -> list[bytes]:
    """The same part of each of these facts, changed in the same way."""
    lines, part = list(lines), rng.random()
    texts = sorted(
        {word.decode() for word in re.findall(rb'"([\w .:+@/-]{1,30})"', b"".join(lines[:12] + lines[-12:]))}
    )
    how = rng.getrandbits(32)
    for place in places:
        try:
            fact = json.loads(lines[place])
            nodes = list(_nodes(fact))
            container, key = nodes[int(part * len(nodes))]
        except (ValueError, IndexError, AttributeError, RecursionError):
            continue
        same = random.Random(how)
        if isinstance(container, dict) and same.random() < 0.1:
            value = container.pop(key)
            if same.random() < 0.6:
                container[same.choice((*TEXTS, *texts))] = value
        else:
            likely = same.random() < 0.75
            value = container[key]
            container[key] = likely_value(value, same, texts) if likely else changed_value(value, same)
        lines[place] = json.dumps(fact).replace('"@nested"', NESTED.decode()).encode("utf-8", "surrogatepass")
    return lines
