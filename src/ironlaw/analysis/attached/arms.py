"""The arms in attached files: their names, and which are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ironlaw.attachment import AttachedFile, Attachment
from ironlaw.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedArm:
    """One arm: its name, and what a file shows about it."""

    name: str
    attachment: Attachment


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedPairs:
    """All arms, and the indices of those to compare; `alone` are labels that only one file has."""

    arms: tuple[AttachedArm, ...]
    pairs: tuple[tuple[int, int], ...]
    alone: tuple[str, ...] = ()


def attached_pairs(files: Sequence[AttachedFile]) -> AttachedPairs:
    """Find the arms. The first file is the control of the others; of several benchmarks in each, those with the same
    label are compared.

    Within a single file, the first benchmark is the control of the others; if it ran each on several variants (models),
    the first variant is.

    Raises:
        BadInput: there are fewer than two arms, two of one name, or none that belong together.
    """
    if len(files) == 1:
        return _within(files[0])
    if all(len(file.found) == 1 for file in files):
        arms = tuple(AttachedArm(name=file.name, attachment=file.found[0]) for file in files)
        _require_distinct(arms)
        return AttachedPairs(arms=arms, pairs=tuple((0, place) for place in range(1, len(arms))))
    return _by_label(files)


def _within(file: AttachedFile) -> AttachedPairs:
    if len(file.found) < 2:
        raise BadInput(
            f"{file.name} is {file.found[0].title}, of one arm; a comparison needs two",
            hint=f"ironlaw explain {file.name} OTHER",
        )
    arms = tuple(AttachedArm(name=_named(found) or file.name, attachment=found) for found in file.found)
    _require_distinct(arms)
    if len({found.variant for found in file.found}) > 1:
        return _paired(arms, [found.label for found in file.found], first=len(arms), files=[file])
    return AttachedPairs(arms=arms, pairs=tuple((0, place) for place in range(1, len(arms))))


def _named(found: Attachment) -> str:
    return ": ".join(part for part in (found.variant, found.label) if part)


def _by_label(files: Sequence[AttachedFile]) -> AttachedPairs:
    # A file of one variant is that variant, whatever it is called; several in a file are matched by their names.
    keys = [
        (found.label, found.variant if len({one.variant for one in file.found}) > 1 else "")
        for file in files
        for found in file.found
    ]
    arms = tuple(
        AttachedArm(
            name=": ".join(part for part in (file.name, key[1], key[0]) if part),
            attachment=found,
        )
        for (file, found), key in zip(((file, found) for file in files for found in file.found), keys, strict=True)
    )
    _require_distinct(arms)
    return _paired(arms, keys, first=len(files[0].found), files=files)


def _paired(
    arms: Sequence[AttachedArm], keys: Sequence[object], *, first: int, files: Sequence[AttachedFile]
) -> AttachedPairs:
    """Pair arms with the same key, each with the first of them, which is among the `first` arms."""
    places: dict[object, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    pairs = [(members[0], other) for members in places.values() if members[0] < first for other in members[1:]]
    if not pairs:
        raise BadInput(
            f"{' and '.join(file.name for file in files[:2])} have no benchmark of one name",
            hint="; ".join(f"{file.name} holds {_listed(file)}" for file in files[:2]),
        )
    alone = tuple(arms[members[0]].name for members in places.values() if len(members) == 1)
    kept = sorted({place for pair in pairs for place in pair})
    return AttachedPairs(
        arms=tuple(arms[place] for place in kept),
        pairs=tuple((kept.index(one), kept.index(other)) for one, other in pairs),
        alone=alone,
    )


def _listed(file: AttachedFile, most: int = 5) -> str:
    labels = [found.label or "one without a name" for found in file.found]
    return ", ".join(labels[:most]) + (f" and {len(labels) - most} more" if len(labels) > most else "")


def _require_distinct(arms: Sequence[AttachedArm]) -> None:
    names = [arm.name for arm in arms]
    for name in names:
        if names.count(name) > 1:
            raise BadInput(
                f"two arms are called {name!r}", hint="name each file once, and give each benchmark a name of its own"
            )
