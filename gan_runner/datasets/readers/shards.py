"""Images and their labels in tar and zip files, as WebDataset and StyleGAN have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.datasets.readers.archives import Archive, ArchiveError, Entry, list_archive
from gan_runner.datasets.readers.listing import SUFFIXES, Named
from gan_runner.datasets.readers.members import DTYPE, Members
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.decoding.members import Member, MemberError
from gan_runner.errors import DataError, printable

LABELS_FILE = "dataset.json"  # of StyleGAN's zip

_LABEL, _FACTS = "cls", "json"
_MOST_KINDS = 16  # of images, beyond which it isn't endings that names have behind their points
_MOST_BYTES = 1 << 30  # of a file of labels
_WITHOUT = "Mend it, or use dataset.labels=null"

RawLabel = int | str | None


class Shard(NamedTuple):
    """A file of images: its path, and its name in messages."""

    path: Path
    name: str


class Settings(NamedTuple):
    """What is read of shards. `image`: the ending of images, or auto; `label_field`: the field of a
    .json file that has the label; `setting`: the path as messages show it."""

    image: str
    label_field: str
    with_labels: bool
    setting: str


@dataclass
class Index:
    """The images of all shards, in the order of these and of their places there.

    `shards`: their paths, `shard_names` those in messages. `names`: of images within them.
    `labels`: one for each image, None where it has none. `label_source`: where they come from,
    empty without labels; `classes`: names of integer labels, where the files have them. `cut_off`:
    files that their shard ends within, and why; `rests`: shards that can't be read to their end,
    and why; `endless`: tar files without the zeros that end one. `others`: files that are neither
    images nor labels, by the ends of their names. `image_columns`: the columns of images, each with
    the paths of the files where they lie there.
    """

    shards: list[str] = field(default_factory=list)
    shard_names: list[str] = field(default_factory=list)
    suffixes: list[str] = field(default_factory=list)
    rows: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, DTYPE))
    names: list[str] = field(default_factory=list)
    labels: list[RawLabel] = field(default_factory=list)
    label_source: str = ""
    classes: list[str] = field(default_factory=list)
    cut_off: dict[str, str] = field(default_factory=dict)
    rests: dict[str, str] = field(default_factory=dict)
    endless: list[str] = field(default_factory=list)
    others: dict[str, Named] = field(default_factory=dict)
    image_columns: dict[str, list[str]] = field(default_factory=dict)

    @property
    def members(self) -> Members:
        return Members(self.rows, self.shards, self.suffixes)

    def shard_of(self, index: int) -> str:
        """The path of the file that an image lies in."""
        return self.shards[int(self.rows["shard"][index])]

    def name_of(self, index: int) -> str:
        """Such as "00012.jpg in train-0003.tar"."""
        shard = self.shard_names[int(self.rows["shard"][index])]
        return f"{self.names[index]} in {shard}" if shard else self.names[index]


def build_index(shards: Iterable[Shard], settings: Settings) -> Index:
    """The index of all shards.

    Raises DataError for a shard that can't be read in place, labels that can't be read, and
    several images to a key among which nothing chooses; MachineError where the machine can't read.
    """
    index, parts = Index(), []
    for number, shard in enumerate(shards):
        with file_faults(shard.path, setting=settings.setting), shard.path.open("rb") as file:
            parts.append(_Reader(shard, file, number, index, settings).read())
    index.rows = np.concatenate(parts)
    if all(label is None for label in index.labels):
        index.labels = []
    return index


@dataclass
class _Sample:
    """The files that belong to one key: its images by their endings, its label, its facts."""

    images: dict[str, Entry] = field(default_factory=dict)
    label: Entry | None = None
    facts: Entry | None = None


@dataclass(frozen=True)
class _Reader:
    """Adds the images of one shard to an index."""

    shard: Shard
    file: IO[bytes]
    number: int
    index: Index
    settings: Settings

    def read(self) -> NDArray[np.void]:
        """The rows of its images; all else goes to the index."""
        archive = self._list()
        samples = _group(archive, is_dotted=False)
        kinds = {ending for sample in samples.values() for ending in sample.images}
        if self.settings.image == "auto" and len(kinds) > _MOST_KINDS:
            samples = _group(archive, is_dotted=True)
        chosen = [
            (entry, sample)
            for key, sample in samples.items()
            if (entry := self._choose(key, sample)) is not None
        ]
        if self.settings.with_labels:
            listed = self._listed_labels(archive)
            labels = [self._label(*each, listed) for each in chosen]
            if labels and labels[-1] is None and self._ends_before_label(archive, chosen[-1][0]):
                archive.cut_off[chosen.pop()[0].name] = "the file ends before its label"
                labels.pop()
            self.index.labels.extend(labels)
        self._note(archive)
        self.index.names.extend(entry.name for entry, _ in chosen)
        return self._rows([entry for entry, _ in chosen])

    def _list(self) -> Archive:
        try:
            return list_archive(self.shard.path)
        except ArchiveError as error:
            what, remedy = error.args
            shown = f"{printable(self.shard.name)} can't be read in place: {what}"
            raise DataError(f"{shown}, {self.settings.setting}. {remedy}") from None

    def _choose(self, key: str, sample: _Sample) -> Entry | None:
        """The image of a key. Raises DataError where there are several."""
        if self.settings.image != "auto":
            return sample.images.get(self.settings.image)
        if len(sample.images) > 1:
            endings = ", ".join(map(printable, list(sample.images)[:4]))
            what = f"several images of {printable(key)} in {printable(self.shard.name)} ({endings})"
            remedy = f"Choose one: dataset.image={printable(next(iter(sample.images)))}"
            raise DataError(f"{what}, {self.settings.setting}. {remedy}")
        return next(iter(sample.images.values()), None)

    def _note(self, archive: Archive) -> None:
        """What isn't read, and where the shard ends."""
        index = self.index
        index.shards.append(str(self.shard.path))
        index.shard_names.append(self.shard.name)
        for name, reason in archive.cut_off.items():
            index.cut_off[f"{name} in {self.shard.name}"] = reason
        if archive.rest:
            index.rests[self.shard.name] = archive.rest
        if archive.lacks_end:
            index.endless.append(self.shard.name)
        for entry in archive.entries:
            suffix = PurePosixPath(entry.name).suffix.lower()
            if suffix not in (*SUFFIXES, f".{_LABEL}", f".{_FACTS}"):
                index.others.setdefault(suffix, Named()).add(f"{entry.name} in {self.shard.name}")

    def _rows(self, entries: Sequence[Entry]) -> NDArray[np.void]:
        rows, suffixes = np.zeros(len(entries), DTYPE), self.index.suffixes
        for place, entry in enumerate(entries):
            suffix = PurePosixPath(entry.name).suffix.lower()
            if suffix not in suffixes:
                suffixes.append(suffix)
            kind = suffixes.index(suffix)
            rows[place] = (self.number, kind, entry.packed, entry.offset, entry.size)
        return rows

    def _label(self, image: Entry, sample: _Sample, listed: Mapping[str, Any]) -> RawLabel:
        """The label of an image: of the list of its zip, of its own file, of its facts."""
        if image.name in listed:
            return self._found(listed[image.name], LABELS_FILE, of=image)
        if sample.label is not None:
            text = self._content(sample.label).decode(errors="replace").strip()
            is_number = text.removeprefix("-").isdecimal()
            return self._found(int(text) if is_number else text, f".{_LABEL} files", of=image)
        if sample.facts is not None:
            facts = self._json(sample.facts)
            label = facts.get(self.settings.label_field) if isinstance(facts, dict) else None
            if label is not None:
                source = f"{self.settings.label_field} of .{_FACTS} files"
                return self._found(label, source, of=image)
        return None

    def _ends_before_label(self, archive: Archive, image: Entry) -> bool:
        """Whether a shard that is cut off lacks the label of its last image for that."""
        is_cut = bool(archive.cut_off or archive.rest or archive.lacks_end)
        return is_cut and archive.entries[-1] == image and bool(self.index.label_source)

    def _found(self, label: Any, source: str, *, of: Entry) -> RawLabel:
        """A label that is an integer from 0 or a text. Raises DataError for anything else."""
        if isinstance(label, float) and label.is_integer():
            label = int(label)
        is_class = isinstance(label, int) and not isinstance(label, bool) and label >= 0
        if not is_class and not (isinstance(label, str) and label):
            what = f"the label of {printable(of.name)} in {printable(self.shard.name)} is neither "
            what += f"a class from 0 on nor a text ({printable(json.dumps(label), limit=40)})"
            raise DataError(f"{what}, {self.settings.setting}. {_WITHOUT}")
        self.index.label_source = self.index.label_source or source
        return label  # type: ignore[no-any-return]

    def _listed_labels(self, archive: Archive) -> dict[str, Any]:
        """The labels of StyleGAN's list, by the names of images."""
        entry = next((each for each in archive.entries if each.name == LABELS_FILE), None)
        if entry is None:
            return {}
        content = self._json(entry)
        labels = content.get("labels") if isinstance(content, dict) else None
        if labels is None and isinstance(content, dict):
            return {}
        with suppress(TypeError, ValueError):
            return dict(labels or [])
        raise self._label_error(entry, "its labels aren't pairs of a name and a class")

    def _json(self, entry: Entry) -> Any:
        try:
            return json.loads(self._content(entry))
        except (ValueError, RecursionError) as error:
            raise self._label_error(entry, f"not JSON: {error}") from None

    def _content(self, entry: Entry) -> bytes:
        if entry.size > _MOST_BYTES:
            raise self._label_error(entry, f"{entry.size:,} bytes")
        try:
            member = Member(str(self.shard.path), entry.offset, entry.size, entry.packed, "")
            return member.read_from(self.file)
        except MemberError as error:
            raise self._label_error(entry, str(error)) from None

    def _label_error(self, entry: Entry, reason: str) -> DataError:
        what = f"damaged labels {printable(entry.name)} in {printable(self.shard.name)}"
        return DataError(f"{what} ({printable(reason)}), {self.settings.setting}. {_WITHOUT}")


def _group(archive: Archive, *, is_dotted: bool) -> dict[str, _Sample]:
    """Files by their keys: names up to the first point behind the last slash, or up to the last
    point where names are dotted. Keys are in the order of their first images."""
    samples: dict[str, _Sample] = {}
    without_image: dict[str, _Sample] = {}
    for entry in archive.entries:
        folder, slash, name = entry.name.rpartition("/")
        stem, _, ending = name.rpartition(".") if is_dotted else name.partition(".")
        if not stem or any(map(_is_hidden, folder.split("/"))):
            continue
        key, ending = f"{folder}{slash}{stem}", ending.lower()
        is_image = name.lower().endswith(SUFFIXES)
        sample = samples.get(key) or without_image.get(key) or _Sample()
        if is_image:
            sample.images[ending] = entry
        elif ending == _LABEL:
            sample.label = entry
        elif ending == _FACTS:
            sample.facts = entry
        if is_image and key not in samples:
            samples[key] = sample
        elif not is_image and key not in samples:
            without_image[key] = sample
    return samples


def _is_hidden(folder: str) -> bool:
    return folder.startswith(".") or folder == "__MACOSX"
