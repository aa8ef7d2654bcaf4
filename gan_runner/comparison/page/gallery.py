"""Sample grids of runs at equal steps, and real examples, for a page that holds them itself."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gan_runner.comparison.grouping import Group
from gan_runner.comparison.record import Record
from gan_runner.system.files import open_regular

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_PICTURE_BYTES = 4 << 20  # bytes of a picture
_MAX_SIDE_PIXELS = 4096  # pixels of a side: a small file may unfold to any size
_MOST_STEPS = 12
_FEW_STEPS = 4  # which come before more runs of a group
_MOST_RUNS = 24
_MOST_REALS = 4  # different pictures of real examples
_USUAL_BYTES = 5 << 18  # of all pictures, which keeps a page below 3 MB
_MOST_BYTES = 24 << 20  # of all pictures, where a single one for each group takes more


class Strip(NamedTuple):
    """The pictures of a run as data URLs, one for each step of the gallery, None where it has
    none; the one of its real examples; which direction they show where it has two."""

    group: Group
    record: Record
    pictures: tuple[str | None, ...]
    real: str | None
    direction: str | None = None


class Gallery(NamedTuple):
    """Strips of runs over the same steps, those of one run beside each other, and what was left
    out."""

    steps: tuple[int, ...]
    strips: tuple[Strip, ...]
    notes: tuple[str, ...]


def gallery(groups: Sequence[Group]) -> Gallery:
    """The pictures of some runs of each group, at some of the steps that most of them have."""
    pairs = list(_take_turns(groups))
    every = _steps([record for _, record in pairs[:_MOST_RUNS]])
    shown, steps = _choose(pairs[:_MOST_RUNS], every)
    order = {id(group): place for place, group in enumerate(groups)}
    shown.sort(key=lambda pair: order[id(pair[0])])
    reals = _reals([record for _, record in shown])
    strips = tuple(
        Strip(group, record, tuple(_url(pictures.get(step)) for step in steps), real, direction)
        for (group, record), real in zip(shown, reals, strict=True)
        for direction, pictures in _directions(record)
    )
    notes = []
    if bare := [r.name for group in groups for r in group.records if not r.pictures]:
        notes.append(f"runs without pictures: {', '.join(bare[:_MOST_RUNS])}.")
    if len(pairs) > len(shown):
        notes.append(f"{len(shown)} of {len(pairs)} runs with pictures are shown.")
    if len(every) > len(steps):
        notes.append(f"{len(steps)} of {len(every)} steps are shown.")
    return Gallery(tuple(steps), strips, tuple(notes))


def _directions(record: Record) -> list[tuple[str | None, Mapping[int, Path]]]:
    """The pictures of a run: those of both directions, which are named, where it has two."""
    if not record.ways_back:
        return [(None, record.pictures)]
    return [
        ("inputs to targets and back", record.pictures),
        ("targets to inputs and back", record.ways_back),
    ]


def _reals(records: Sequence[Record]) -> list[str | None]:
    """The real examples of each run, as far as a few pictures show them."""
    urls: list[str | None] = []
    for record in records:
        url = _url(record.real)
        different = {known for known in urls if known is not None}
        urls.append(url if url in different or len(different) < _MOST_REALS else None)
    return urls


def _take_turns(groups: Sequence[Group]) -> Iterator[tuple[Group, Record]]:
    """A run of each group, then another one of each, as long as they have pictures."""
    queues = [(group, [r for r in group.records if r.pictures]) for group in groups]
    for turn in range(max((len(queue) for _, queue in queues), default=0)):
        for group, queue in queues:
            if turn < len(queue):
                yield group, queue[turn]


def _choose(
    pairs: Sequence[tuple[Group, Record]], every: Sequence[int]
) -> tuple[list[tuple[Group, Record]], list[int]]:
    """The runs and the steps whose pictures a page holds: it gives up steps, but for a few, then
    further runs of a group, then steps, and at last groups."""
    shown, steps = list(pairs), _choose_evenly(every, _MOST_STEPS)
    groups = len({id(group) for group, _ in pairs})
    while len(steps) > _FEW_STEPS and _bytes(shown, steps) > _USUAL_BYTES:
        steps = _choose_evenly(every, max(_FEW_STEPS, len(steps) - 2))
    while len(shown) > groups and _bytes(shown, steps) > _USUAL_BYTES:
        shown.pop()
    while len(steps) > 1 and _bytes(shown, steps) > _USUAL_BYTES:
        steps = _choose_evenly(every, len(steps) - 1)
    while _bytes(shown, steps) > _MOST_BYTES:
        shown.pop()
    return shown, steps


def _steps(records: Sequence[Record]) -> list[int]:
    """The steps at which at least half as many runs have a picture as at the most common one."""
    counts: dict[int, int] = {}
    for record in records:
        for step in record.pictures:
            counts[step] = counts.get(step, 0) + 1
    most = max(counts.values(), default=0)
    return sorted(step for step, count in counts.items() if 2 * count >= most)


def _choose_evenly(steps: Sequence[int], most: int) -> list[int]:
    """At most so many steps, evenly, the last one among them."""
    if len(steps) <= most:
        return list(steps)
    if most == 1:
        return [steps[-1]]
    places = {round(i * (len(steps) - 1) / (most - 1)) for i in range(most)}
    return [steps[place] for place in sorted(places)]


def _bytes(shown: Sequence[tuple[Group, Record]], steps: Sequence[int]) -> int:
    paths = [
        pictures[step]
        for _, record in shown
        for _, pictures in _directions(record)
        for step in steps
        if step in pictures
    ]
    return sum(min(_size(path), _MAX_PICTURE_BYTES) for path in paths)


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0


def _url(path: Path | None) -> str | None:
    """A picture as a data URL; None if it is missing, no PNG, or too large."""
    if path is None:
        return None
    try:
        with open_regular(path) as file:
            content = file.read(_MAX_PICTURE_BYTES + 1)
    except OSError:
        return None
    if not content.startswith(_SIGNATURE) or not 24 <= len(content) <= _MAX_PICTURE_BYTES:
        return None
    width, height = struct.unpack(">II", content[16:24])
    if max(width, height) > _MAX_SIDE_PIXELS:
        return None
    return "data:image/png;base64," + base64.b64encode(content).decode()
