"""Files of pictures to files of their translations: which, where to, and through the network in
batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gan_runner.data import Space
from gan_runner.data.label_colors import classes_of_colors, named_colors
from gan_runner.datasets.readers.listing import list_below
from gan_runner.decoding.images import (
    Damaged,
    Failure,
    InColors,
    LabelMapKind,
    OutOfRange,
    Pixels,
    WantedWhole,
    try_decode_whole,
)
from gan_runner.decoding.values import Limits
from gan_runner.errors import ConfigError
from gan_runner.sampling.images import translate_batch
from gan_runner.sampling.pictures.any_format import ENCODERS, WITHOUT_ALPHA, encode_classes
from gan_runner.sampling.translation import Translation
from gan_runner.system.files import write_picture

_MOST_BYTES = 1 << 26  # of pictures that wait for others of their size
_MOST_BYTES_AHEAD = 1 << 25  # of pictures that are read while the network works
_MOST_AHEAD = 64
_THREADS = 4  # that read and write; most of it is done without Python's lock


class Job(NamedTuple):
    """A picture, and the file that its translation is written to."""

    source: Path
    target: Path


class Failed(NamedTuple):
    """A picture that has no translation, and why."""

    source: Path
    reason: str


class Plan(NamedTuple):
    """What there is to do, and what can't be done."""

    jobs: list[Job]
    failed: list[Failed]


def plan(inputs: Sequence[Path], out: Path, space: Space) -> Plan:
    """The pictures among files and below folders, each with a file in `out`: of the same name, and
    in the same sub-folder. Names without a format for outputs of such a space end in .png. What
    lies below `out` is none of them."""
    found: dict[Path, Path] = {}
    failed = []
    for given in inputs:
        try:
            names = [image.name for image in list_below(given).images] if given.is_dir() else None
        except OSError as error:
            failed.append(Failed(given, error.strerror or str(error)))
            continue
        inner = [given / name for name in names or ()]
        own = [path for path in inner if not _is_below(path, out)]
        if names is not None and not own:
            why = "all of its images lie in --out, as outputs do" if inner else None
            failed.append(Failed(given, why or "no images in this folder"))
        elif names is None and not given.exists():
            failed.append(Failed(given, "there is no such file or folder"))
        elif names is None:
            found.setdefault(given, out / _name(Path(given.name), space))
        for path in own:
            found.setdefault(path, out / _name(path.relative_to(given), space))
    return Plan([Job(*pair) for pair in found.items()], failed)


def _is_below(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


def _name(path: Path, space: Space) -> Path:
    suffix = path.suffix.lower()
    kept = suffix in ENCODERS and not (space.shape[0] in (2, 4) and suffix in WITHOUT_ALPHA)
    keeps = suffix == ".png" if space.label_names else kept
    return path if keeps else path.with_suffix(".png")


def translate_files(
    translation: Translation,
    jobs: Iterable[Job],
    *,
    tile: int | None = None,
    limits: Limits | None = None,
) -> Iterator[Failed | None]:
    """Translate pictures and write them; for each None, or why it failed, in any order.

    Pictures of one size go through the network together; files are read and written meanwhile.
    `limits`: the stored values that are black and white, None: those of each file's depth. Raises
    OSError for a file that can't be written, and what `Translation.translate` does.
    """
    names = translation.inputs.label_names
    kind: LabelMapKind = "numbers" if named_colors(names) is None else "colors"
    wanted = WantedWhole(limits, kind if names else None)
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="pictures")
    try:
        read = _read_ahead(threads, jobs, wanted, translation.inputs)
        yield from _translate_all(translation, read, threads, tile)
    finally:
        threads.shutdown(cancel_futures=True)


def _read_ahead(
    threads: ThreadPoolExecutor, jobs: Iterable[Job], wanted: WantedWhole, space: Space
) -> Iterator[tuple[Job, Pixels | Failure]]:
    """The pixels of each job's file, read while the network works: as many ahead as there is
    room for, if they are as large as the largest so far."""
    ahead: deque[tuple[Job, Future[Pixels | Failure]]] = deque()
    largest, room = 1, 1  # until one is known
    for job in jobs:
        ahead.append((job, threads.submit(_read, job.source, wanted, space)))
        while len(ahead) > room:
            first, reading = ahead.popleft()
            pixels = reading.result()
            if isinstance(pixels, np.ndarray):
                largest = max(largest, pixels.nbytes)
                room = max(1, min(_MOST_AHEAD, _MOST_BYTES_AHEAD // largest))
            yield first, pixels
    for job, reading in ahead:
        yield job, reading.result()


def _translate_all(
    translation: Translation,
    read: Iterable[tuple[Job, Pixels | Failure]],
    threads: ThreadPoolExecutor,
    tile: int | None,
) -> Iterator[Failed | None]:
    """Translations are written while the network makes the next ones."""
    waiting = _Waiting(translation)
    written: list[Future[Failed | None]] = []
    for batch in _batches(waiting, read):
        if isinstance(batch, Failed):
            yield batch
            continue
        writing = list(_translate(translation, batch, threads, tile))
        yield from (each.result() for each in written)
        written = writing
    yield from (each.result() for each in written)


def _batches(
    waiting: _Waiting, read: Iterable[tuple[Job, Pixels | Failure]]
) -> Iterator[list[tuple[Job, Pixels]] | Failed]:
    """Pictures that go through the network together, and those that can't be read."""
    for job, pixels in read:
        if isinstance(pixels, np.ndarray):
            yield from waiting.add(job, pixels)
        else:
            yield Failed(job.source, _reason(pixels))
    yield from waiting.rest()


@dataclass
class _Waiting:
    """Pictures that wait for others of their size."""

    translation: Translation
    batches: dict[tuple[int, ...], list[tuple[Job, Pixels]]] = field(default_factory=dict)

    def add(self, job: Job, pixels: Pixels) -> Iterator[list[tuple[Job, Pixels]]]:
        """One more; the batches that are full, or too much to keep."""
        batch = self.batches.setdefault(pixels.shape, [])
        batch.append((job, pixels))
        if len(batch) >= self.translation.images_in_pass(*pixels.shape[:2]):
            yield self.batches.pop(pixels.shape)
        size = sum(len(b) * b[0][1].nbytes for b in self.batches.values())
        if size > _MOST_BYTES:
            yield from self.rest()

    def rest(self) -> Iterator[list[tuple[Job, Pixels]]]:
        """All that still wait."""
        while self.batches:
            yield self.batches.popitem()[1]


def _read(path: Path, wanted: WantedWhole, space: Space) -> Pixels | Failure:
    """A picture in its file; of label maps the place of each class in those of the run."""
    pixels = try_decode_whole(path, wanted)
    if not isinstance(pixels, np.ndarray) or wanted.label_map is None:
        return pixels
    chosen = _classes_of(pixels, space)
    if chosen.min() < 0:
        strange = "-".join(map(str, pixels[chosen < 0][0].reshape(-1).tolist()))
        what = "color" if wanted.label_map == "colors" else "class"
        return Damaged(f"a {what} {strange}, which the run doesn't know")
    return chosen.astype(np.uint8)[..., None]


def _classes_of(pixels: Pixels, space: Space) -> NDArray[np.int64]:
    """The place [H, W] of each class of a label map [H, W, C] in those of a run; -1 for others."""
    colors = named_colors(space.label_names)
    if colors is not None:
        planes = torch.from_numpy(pixels).permute(2, 0, 1)[None]
        found: NDArray[np.int64] = classes_of_colors(planes, colors)[0].numpy()
        return found
    places = np.full(256, -1, np.int64)
    places[_class_numbers(space)] = np.arange(len(space.label_names))
    return places[pixels[..., 0]]


def _class_numbers(space: Space) -> NDArray[np.int64]:
    """The number that files have for each class: that of its name, or its place."""
    names = space.label_names
    is_number = all(name.isdecimal() and int(name) < 256 for name in names)
    return np.array([int(n) for n in names] if is_number else range(len(names)), np.int64)


def _reason(failure: Failure) -> str:
    if isinstance(failure, InColors):
        return f"no label map: its pixels are {failure.mode}, not numbers of classes"
    if isinstance(failure, OutOfRange):
        low, high, depth = failure
        return f"values from {low:g} to {high:g}, outside the range of a {depth} picture"
    if isinstance(failure, OSError):
        return failure.strerror or str(failure)
    return failure.reason


def _translate(
    translation: Translation,
    batch: list[tuple[Job, Pixels]],
    threads: ThreadPoolExecutor,
    tile: int | None,
) -> Iterator[Future[Failed | None]]:
    """Pictures of one size, together."""
    try:
        outputs = translate_batch(translation, np.stack([p for _, p in batch]), tile=tile)
    except ConfigError as error:  # channels that the network doesn't take
        refuse: Callable[[Path, str], Failed | None] = Failed
        yield from (threads.submit(refuse, job.source, str(error)) for job, _ in batch)
        return
    for (job, _), output in zip(batch, outputs, strict=True):
        yield threads.submit(_write, job, output, translation.space)


def _write(job: Job, output: Pixels, space: Space) -> Failed | None:
    """Raises OSError."""
    try:
        content = _encode(output, job.target, space)
    except ConfigError as error:  # larger than the format allows
        return Failed(job.source, str(error))
    job.target.parent.mkdir(parents=True, exist_ok=True)
    write_picture(job.target, content)
    return None


def _encode(output: Pixels, target: Path, space: Space) -> bytes:
    if space.label_names and named_colors(space.label_names) is None:
        return encode_classes(_class_numbers(space)[output].astype(np.uint8))
    return ENCODERS[target.suffix.lower()](output)
