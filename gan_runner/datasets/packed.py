"""The base of data sets of images within other files, which may be larger than memory and disk."""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_runner.config.overrides import override
from gan_runner.data import Data, Decision, LeftOut, Reading, StoredExamples
from gan_runner.datasets.base import Track
from gan_runner.datasets.folder_reading import MOST_NAMED, stored_text
from gan_runner.datasets.pictures import Pictures
from gan_runner.datasets.readers.image_cache import (
    IMAGES,
    NamedResults,
    NoRoomError,
    decode_to_disk,
    load_or_count,
)
from gan_runner.datasets.readers.paths import Location, expand_path, file_faults
from gan_runner.datasets.readers.picture_counts import PictureCounts
from gan_runner.datasets.readers.shards import Index, RawLabel, Shard
from gan_runner.datasets.readers.stored_images import (
    MOST_DECODED,
    DecodedImages,
    EncodedImages,
    members_digest,
)
from gan_runner.decoding.images import Failure
from gan_runner.decoding.members import Member
from gan_runner.decoding.pool import DecodingPool
from gan_runner.decoding.processes import ProcessEndedError, decode_files
from gan_runner.errors import ConfigError, DataError, Fault, MachineError, plural, printable
from gan_runner.system.units import size_text

_URL = re.compile(r"(^|/)(https?|s3|gs|hdfs|hf|ftp|pipe):")  # which a command makes a path of

FORMAT = 4  # of what is cached; with a new number, it is made again


@dataclass(frozen=True)
class Found:
    """The images of a data set. `key`: a digest of its files and of what is read of them; `source`
    and `labels`: as a reading has them."""

    index: Index
    key: str
    source: str
    labels: str


class _Labels(NamedTuple):
    """Classes int64 [N] and their names, which are empty where they are their numbers."""

    classes: Tensor | None
    names: tuple[str, ...]


class PackedImages(Pictures):
    """Images within the files at `path`, decoded as those of a folder are.

    `store`: encoded ones are decoded for each batch, decoded ones once, into the cache.
    """

    path: Location | None
    without_labels: ClassVar[str] = "dataset.labels=null"  # the setting

    store: Literal["encoded", "decoded"]

    @abstractmethod
    def find(self, cache: Path, track: Track) -> Found:
        """The images and their labels. Raises DataError and MachineError."""

    @final
    def load(self, cache: Path, track: Track) -> Data:
        found = self.find(cache, track)
        self._check_damage(found.index)
        with warnings.catch_warnings():
            # Pillow's are of odd metadata and great sizes; what it can't decode, it raises
            warnings.simplefilter("ignore")
            counts = self._look_at(found, cache, track)
        kept = self._kept(found.index, counts)
        labels = self._labels(found.index, kept)
        reading = self._reading(found, counts)
        examples = self._examples(found, cache, kept)
        return Data(examples, self.space(), labels.classes, labels.names, reading)

    @final
    def files(self, endings: tuple[str, ...]) -> list[Shard]:
        """The files at `path`, in the order of their names; of a folder those with such endings,
        none if there are none. Raises ConfigError, DataError and MachineError."""
        if self.path is not None and _URL.search(self.path):
            remedy = "Download it first: only files of this machine are read."
            raise ConfigError(f"not a path, {self.setting}. {remedy}")
        path = expand_path(self.path, key="dataset.path", wanted="a file, or a folder of them")
        is_pattern = any(sign in path.name for sign in "*?[")
        with file_faults(path, setting=self.setting):
            if path.is_dir():
                return _below(path, endings)
            if is_pattern and not path.exists():
                found = sorted(each for each in path.parent.glob(path.name) if each.is_file())
                return [Shard(each, each.name) for each in found]
            path.stat()
        return [Shard(path, path.name)]

    @final
    def files_key(self, files: Iterable[Shard], *decisive: object) -> str:
        """A digest of files, by their paths, sizes and times, and of what else decides on what is
        read of them. Raises DataError for one that isn't there any more."""
        facts: list[object] = []
        for shard in files:
            with file_faults(shard.path, setting=self.setting):
                status = shard.path.stat()
            facts.append([str(shard.path.resolve()), status.st_size, status.st_mtime_ns])
        plain = json.dumps([FORMAT, facts, *decisive])
        return hashlib.sha256(plain.encode()).hexdigest()[:32]

    @property
    def setting(self) -> str:
        """The path as messages show it."""
        return f"dataset.path={printable(self.path)}"

    def _check_damage(self, index: Index) -> None:
        """Raise DataError for files that end too early, unless what is damaged is left out."""
        damaged = {**index.cut_off, **index.rests}
        if not damaged or self.on_damaged == "skip":
            return
        (name, reason), *others = damaged.items()
        what = f"damaged {printable(name)} ({reason})"
        what += f" and {len(others)} more" if others else ""
        remedy = "Copy it again, or leave out what is damaged with dataset.on_damaged=skip"
        raise DataError(f"{what}, {self.setting}. {remedy}")

    def _most_seen(self, index: Index) -> int:
        """The number of images that are decoded before training: all, to leave out damaged ones or
        to keep them decoded, or a spread."""
        if self.store == "decoded" or self.on_damaged == "skip":
            return len(index.rows)
        return min(len(index.rows), MOST_DECODED)

    def _look_at(self, found: Found, cache: Path, track: Track) -> PictureCounts:
        """The notes of the images. Raises DataError where none can be decoded, and MachineError
        where decoded ones have no room."""
        index, most = found.index, self._most_seen(found.index)
        every = max(1, -(-len(index.rows) // most))
        if self.store == "decoded":
            try:
                counts = decode_to_disk(
                    self._decoded(found, cache),
                    shape=self.space().shape,
                    count=len(index.rows),
                    decode=lambda: self._decode(index, 1, track),
                )
            except NoRoomError as error:
                raise self.room_error("decoded images", *error.args, cache=cache) from None
        else:
            folder = cache / f"seen_images-{self._key(found.key, every)}"
            counts = load_or_count(
                folder, size=self.image_size, decode=lambda: self._decode(index, every, track)
            )
        if counts.count == 0:
            raise DataError(f"all images are damaged or too large, {self.setting}. Replace them.")
        return counts

    def _decoded(self, found: Found, cache: Path) -> Path:
        """The folder of decoded images."""
        return cache / f"decoded_images-{self._key(found.key, 1)}"

    def _key(self, files: str, every: int) -> str:
        settings = [self.image_size, self.channels, self.range, self.on_damaged, every]
        return hashlib.sha256(json.dumps([FORMAT, files, *settings]).encode()).hexdigest()[:32]

    def _decode(self, index: Index, every: int, track: Track) -> NamedResults:
        """Names and pixels of one image of so many; why there are none for one that may be left
        out."""
        places = np.arange(0, len(index.rows), every)
        members, faults = index.members.select(places), self.faults(self.setting)
        what = "looking at images" if self.store == "encoded" else self._decoding_text(index)
        try:
            with decode_files(Path(), members, self.wanted, size=members.total_bytes) as results:
                pairs = zip(places.tolist(), results, strict=True)
                for place, result in track(pairs, description=what, total=len(places)):
                    path, name = index.shard_of(place), index.name_of(place)
                    yield name, faults.accept(result, name=name, path=path)
        except ProcessEndedError as ended:
            raise self._ended_error(index, ended) from None

    def _decoding_text(self, index: Index) -> str:
        size = len(index.rows) * self.image_size**2 * self.channels
        return f"decoding images, {size_text(size)} in the cache"

    @final
    def room_error(self, images: str, needed: int, free: int, *, cache: Path) -> MachineError:
        """The error of a cache that is too small for so many bytes of images."""
        what = f"{images} take {size_text(needed)} and {size_text(free)} are free"
        remedy = "Make room there, or name another folder with cache=FOLDER"
        if self.store == "decoded":
            remedy += "; images that are decoded for each batch take less: dataset.store=encoded"
        return MachineError(f"{what}, cache={printable(cache)}. {remedy}")

    def _ended_error(self, index: Index, ended: ProcessEndedError) -> MachineError:
        first = ended.sources[0]
        name = _name_of(index, first) if isinstance(first, Member) else str(first)
        return self.faults(self.setting).ended_error(ended, first=name, remedy="")

    def _kept(self, index: Index, counts: PictureCounts) -> NDArray[np.int64]:
        """The places of the images that can be decoded."""
        everything = np.arange(len(index.rows))
        if not counts.left_out:
            return everything
        out = counts.left_out
        return np.array([k for k in everything.tolist() if index.name_of(k) not in out], np.int64)

    def _labels(self, index: Index, kept: NDArray[np.int64]) -> _Labels:
        """The classes of these images. Raises DataError where some of them have none."""
        if not index.labels:
            return _Labels(None, ())
        labels = [index.labels[k] for k in kept.tolist()]
        missing = [k for k, label in zip(kept.tolist(), labels, strict=True) if label is None]
        if missing:
            what = f"{len(missing)} of {len(labels)} images have no label, "
            what += f"such as {printable(index.name_of(missing[0]))}"
            remedy = f"Add what is missing, or use {self.without_labels}"
            raise DataError(f"{what}, {self.setting}. {remedy}")
        if index.classes and all(isinstance(x, int) and x < len(index.classes) for x in labels):
            return _Labels(torch.tensor(labels), tuple(index.classes))
        return _as_classes(labels)

    def _examples(self, found: Found, cache: Path, kept: NDArray[np.int64]) -> StoredExamples:
        members = found.index.members.select(kept)
        digest = members_digest(members, self.wanted)
        if self.store == "decoded":
            path = self._decoded(found, cache) / IMAGES
            return DecodedImages(path, digest=digest, explain=_cache_error(path))
        pool = DecodingPool(self.wanted, files=len(members), size=members.total_bytes)
        return EncodedImages(members, pool, digest=digest, explain=self._explain(found.index))

    def _explain(self, index: Index) -> Callable[[Member, Failure | ProcessEndedError], Fault]:
        """The errors of images that can't be decoded for a batch."""
        faults = self.faults(self.setting)

        def explain(member: Member, failure: Failure | ProcessEndedError) -> Fault:
            name = _name_of(index, member)
            if isinstance(failure, ProcessEndedError):
                return faults.ended_error(failure, first=name, remedy="")
            return faults.error(failure, name=name, path=Path(member.shard))

        return explain

    def _reading(self, found: Found, counts: PictureCounts) -> Reading:
        index, seen = found.index, counts.count + len(counts.left_out)
        spread = f" (of a spread of {seen:,})" if seen < len(index.rows) else ""
        pictures = self.picture_decisions(counts)
        return Reading(
            source=found.source,
            stored=stored_text(counts) + spread,
            labels=found.labels if index.labels else "",
            left_out=_left_out(index, counts),
            decisions=(
                *_damage_decisions(index, counts),
                *_column_decisions(index),
                *self._label_decisions(index),
                *(each._replace(text=each.text + spread) for each in pictures),
                self._store_decision(index),
            ),
            held_out=0,
        )

    def _label_decisions(self, index: Index) -> list[Decision]:
        """The doubt about labels of which some are numbers and some are texts."""
        texts = sum(isinstance(label, str) for label in index.labels)
        numbers = sum(isinstance(label, int) for label in index.labels)
        if not (texts and numbers):
            return []
        text = f"labels of {numbers} images are numbers, those of {texts} are texts: all are taken "
        return [Decision(text + "as texts", f"Mend them, or use {self.without_labels}")]

    def _store_decision(self, index: Index) -> Decision:
        size = size_text(len(index.rows) * self.image_size**2 * self.channels)
        if self.store == "decoded":
            text = f"images are decoded once and take {size} in the cache"
            remedy = "To decode them for each batch: dataset.store=encoded"
        else:
            text = "images are decoded for each batch"
            remedy = f"To decode them once, into {size} in the cache: dataset.store=decoded"
        return Decision(text, remedy, doubtful=False)


def as_found(index: Index, key: str, files: int, path: str | None) -> Found:
    """The images of so many files at a path."""
    source = printable(path) if files == 1 else f"{files} files, {printable(path)}"
    return Found(index, key, source, index.label_source)


def _below(folder: Path, endings: tuple[str, ...]) -> list[Shard]:
    found = [
        Shard(each, name)
        for each in folder.rglob("*")
        if each.name.lower().endswith(endings) and each.is_file()
        if not (name := each.relative_to(folder).as_posix()).startswith(".") and "/." not in name
    ]
    return sorted(found, key=lambda shard: shard.name)


def _name_of(index: Index, member: Member) -> str:
    """The name of a member by where it lies."""
    shard, rows = index.shards.index(member.shard), index.rows
    places = np.flatnonzero((rows["shard"] == shard) & (rows["offset"] == member.offset))
    return index.name_of(int(places[0]))


def _as_classes(labels: Sequence[RawLabel]) -> _Labels:
    """Integers as they are, unless most classes up to the largest would have no images; others by
    their order."""
    if all(isinstance(label, int) for label in labels):
        numbers = np.array(labels, np.int64)
        distinct, places = np.unique(numbers, return_inverse=True)
        if distinct[-1] < 2 * len(distinct):
            return _Labels(torch.from_numpy(numbers), ())
        return _Labels(torch.from_numpy(places), tuple(map(str, distinct.tolist())))
    texts = [str(label) for label in labels]
    names = sorted(set(texts))
    place = {name: k for k, name in enumerate(names)}
    return _Labels(torch.tensor([place[text] for text in texts]), tuple(names))


def _left_out(index: Index, counts: PictureCounts) -> tuple[LeftOut, ...]:
    images = len(index.rows) + len(index.cut_off)
    damaged = [*index.cut_off, *counts.damaged]
    large = [f"{name}, {reason}" for name, reason in counts.too_large.items()]
    files = images + sum(other.count for other in index.others.values())
    found = [
        LeftOut(len(damaged), images, "images", "damaged", _first(damaged)),
        LeftOut(len(large), images, "images", "too large", _first(large)),
        LeftOut(len(index.rests), len(index.shards), "files", "damaged", _first(index.rests)),
    ]
    for suffix, other in sorted(index.others.items()):
        why = f"{printable(suffix) or 'no ending'}, not read"
        found.append(LeftOut(other.count, files, "files", why, _first(other.names)))
    return tuple(each for each in found if each.count)


def _column_decisions(index: Index) -> list[Decision]:
    """The doubt about images in columns of different names, which may be different data sets."""
    if len(index.image_columns) < 2:
        return []
    (first, files), (other, others), *_ = index.image_columns.items()
    text = (
        f"images lie in columns of different names: {printable(first)} in "
        f"{plural(len(files), 'file')}, {printable(other)} in {plural(len(others), 'file')} (the "
        f"first {printable(Path(others[0]).name)})"
    )
    alone = override("dataset.path", others[0])
    return [Decision(text, f"If these are other images, read those that belong together: {alone}")]


def _damage_decisions(index: Index, counts: PictureCounts) -> list[Decision]:
    reasons = {**index.cut_off, **index.rests, **counts.left_out}
    endless = [_end_decision(index)] if index.endless else []
    if not reasons:
        return endless
    first, reason = next(iter(reasons.items()))
    text = f"what is damaged or too large is left out: {len(reasons)} images or ends of files, the "
    text += f"first {printable(first)} ({printable(reason, limit=60)})"
    return [Decision(text, "Replace or remove it"), *endless]


def _end_decision(index: Index) -> Decision:
    count, total = len(index.endless), len(index.shards)
    text = (
        f"{count} of {total} tar files may be cut off between two images: they lack the zeros that "
    )
    text += f"end a tar file (the first {printable(index.endless[0])})"
    return Decision(text, "Compare its size with the original's")


def _first(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(printable, islice(names, MOST_NAMED)))


def _cache_error(path: Path) -> Callable[[OSError], Fault]:
    def explain(error: OSError) -> Fault:
        what = f"can't read decoded images ({error.strerror or error}), {printable(path)}"
        return MachineError(f"{what}. Delete the folder that it is in; they are decoded again.")

    return explain
