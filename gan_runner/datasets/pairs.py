"""Pairs of images, an input and its target, in two folders or side by side in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import torch

from gan_runner.config.overrides import override
from gan_runner.data import Data, LeftOut
from gan_runner.datasets.base import Track
from gan_runner.datasets.decoded_folder import Check
from gan_runner.datasets.folder_listing import list_images
from gan_runner.datasets.readers.listing import ImageFile
from gan_runner.datasets.readers.paths import Location, expand_path, refuse_missing
from gan_runner.datasets.translation import OTHER_SHAPE, Folder, Side, Translation
from gan_runner.decoding.images import Damaged, Decoded, Half, read_upright_size
from gan_runner.errors import ConfigError, DataError, printable

_NAMED = 3
_LEAST_FACTOR = 1.5  # between sizes that are meant to differ; a smaller one is a mistake


class _Pairs(NamedTuple):
    """The files of inputs and of targets that belong together, and those without a partner."""

    inputs: list[ImageFile]
    targets: list[ImageFile]
    left_out: list[LeftOut]


class Pairs(Translation):
    """Pairs of `inputs` and `targets`, which have the same names in two folders but for their
    endings; or in `path`, pictures that hold the input on one `side` and the target on the other.

    Isola et al. 2017, arXiv:1611.07004.
    """

    path: Location | None
    side: Half
    on_mismatched: Literal["error", "skip"]

    def check_present(self) -> None:
        for folder in self._folders():
            refuse_missing(folder[0], setting=folder[1])

    def read(self, cache: Path, track: Track) -> Data:
        if self.path is not None:
            return self._read_halves(cache, track)
        places = self._folders()
        inputs, targets = (_list_folder(root, setting, self.ignore) for root, setting in places)
        pairs = self._match(inputs, targets)
        inputs, targets = inputs._replace(files=pairs.inputs), targets._replace(files=pairs.targets)
        source = (
            f"folders {printable(self.inputs)} (inputs) and {printable(self.targets)} (targets)"
        )
        return self._decode(inputs, targets, cache, track, source=source, left_out=pairs.left_out)

    def _read_halves(self, cache: Path, track: Track) -> Data:
        ((root, setting),) = self._folders()
        folder = _list_folder(root, setting, self.ignore)
        other: Half = "right" if self.side == "left" else "left"
        source = f"folder {printable(self.path)}, pictures with the input on the {self.side}"
        inputs, targets = folder._replace(half=self.side), folder._replace(half=other)
        return self._decode(inputs, targets, cache, track, source=source, left_out=[])

    def _folders(self) -> list[tuple[Path, str]]:
        """Each folder with its setting. Raises ConfigError for too few settings, or too many."""
        ways = "dataset.inputs=FOLDER dataset.targets=FOLDER, or of pictures that hold both side "
        ways += "by side, dataset.path=FOLDER"
        given = {"path": self.path, "inputs": self.inputs, "targets": self.targets}
        named = [key for key, place in given.items() if place is not None]
        if named not in (["path"], ["inputs", "targets"]):
            shown = " with ".join(f"dataset.{key}={printable(given[key])}" for key in named)
            what = "too many folders" if "path" in named else "too few folders"
            raise ConfigError(f"{what}, {shown or 'dataset.inputs=null'}. Name the two: {ways}")
        return [
            (
                expand_path(given[key], key=f"dataset.{key}", wanted="a folder of images"),
                f"dataset.{key}={printable(given[key])}",
            )
            for key in named
        ]

    def _match(self, inputs: Folder, targets: Folder) -> _Pairs:
        """The files of the same names. Raises DataError for those without a partner, unless they
        may be left out, and for names that several files have."""
        by_name = [_by_name(folder) for folder in (inputs, targets)]
        both = sorted(by_name[0].keys() & by_name[1].keys())
        settings = f"{inputs.setting} with {targets.setting}"
        if not both:
            examples = [printable(next(iter(names.values())).name) for names in by_name]
            what = f"no input has the name of a target (as {examples[0]} and {examples[1]})"
            raise DataError(f"{what}, {settings}. Give both files of a pair the same name.")
        left_out = []
        for names, of, missing in zip(
            by_name, ("inputs", "targets"), ("target", "input"), strict=True
        ):
            alone = [names[name].name for name in sorted(names.keys() - set(both))]
            if alone and self.on_mismatched == "error":
                what = f"{len(alone)} of {len(names)} {of} have no {missing} ({_first(alone)})"
                remedy = "Add what is missing, or leave them out: dataset.on_mismatched=skip"
                raise DataError(f"{what}, {settings}. {remedy}")
            if alone:
                shown = tuple(map(printable, alone[:_NAMED]))
                left_out.append(
                    LeftOut(len(alone), len(names), of, f"no {missing} of that name", shown)
                )
        files = [[names[name] for name in both] for names in by_name]
        return _Pairs(files[0], files[1], left_out)

    def _decode(
        self,
        inputs: Folder,
        targets: Folder,
        cache: Path,
        track: Track,
        *,
        source: str,
        left_out: list[LeftOut],
    ) -> Data:
        """Both sides of the pairs of which both can be decoded."""
        first = self.decode(inputs, "inputs", cache=cache, track=track)
        kept = [
            (one, other)
            for one, other in zip(inputs.files, targets.files, strict=True)
            if one.name not in first.counts.left_out
        ]
        wanted = targets._replace(files=[other for _, other in kept])
        partners = {other.name: inputs.root / one.name for one, other in kept}
        check = self._shape_check(partners, targets) if targets.half is None else None
        second = self.decode(
            wanted,
            "targets",
            cache=cache,
            track=track,
            check=check,
            decisive=[self.on_mismatched, str(inputs.root), [one for one, _ in kept]],
        )
        rest = [k for k, (_, other) in enumerate(kept) if other.name not in second.counts.left_out]
        if len(rest) < len(kept):
            first = _select(first, rest)
        return self.join(first, second, paired=True, source=source, left_out=left_out)

    def _shape_check(self, partners: dict[str, Path], targets: Folder) -> Check:
        """A check of targets: whether their proportions are those of their inputs."""

        def check(name: str, target: Decoded) -> Decoded | Damaged:
            header = target.stored.header
            size = read_upright_size(partners[name])
            if size is None or _fits(size, (header.width, header.height)):
                return target
            what = f"{header.width} x {header.height} px for {size[0]} x {size[1]} px"
            if self.on_mismatched == "skip":
                return Damaged(f"{OTHER_SHAPE}, {what}")
            remedy = "Make both cover the same, or leave such pairs out: dataset.on_mismatched=skip"
            shown = f"a target with {OTHER_SHAPE}, {printable(name)} ({what}), {targets.setting}"
            raise DataError(f"{shown}. {remedy}")

        return check


def _list_folder(root: Path, setting: str, ignore: Sequence[str]) -> Folder:
    listing = list_images(root, ignore, setting=setting)
    return Folder(root, setting, listing, listing.images)


def _by_name(folder: Folder) -> dict[str, ImageFile]:
    """The files by their paths without endings. Raises DataError for two of one name."""
    found: dict[str, ImageFile] = {}
    for file in folder.files:
        name = str(PurePosixPath(file.name).with_suffix(""))
        if name in found:
            both = f"{printable(found[name].name)} and {printable(file.name)}"
            remedy = f"Remove one, or leave it out: {override('dataset.ignore', [file.name])}"
            raise DataError(f"two files of one name, {both}, {folder.setting}. {remedy}")
        found[name] = file
    return found


def _fits(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Whether two sizes are the same, in the same proportion, or, where one is much larger, in the
    same but for a pixel."""
    (width, height), (other_width, other_height) = sorted((one, other))
    apart = abs(width * other_height - height * other_width)
    if other_width < _LEAST_FACTOR * width:
        return apart == 0
    return apart <= max(other_width, other_height)


def _select(side: Side, rest: list[int]) -> Side:
    indices = torch.tensor(rest, dtype=torch.int64)
    images = side.images
    chosen = images[indices] if isinstance(images, torch.Tensor) else images.select(indices)
    return side._replace(images=chosen)


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:_NAMED]))
    return f"{shown}, ..." if len(names) > _NAMED else shown
