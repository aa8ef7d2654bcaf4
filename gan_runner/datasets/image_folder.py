"""A folder of pictures, one sub-folder for each class if there are classes."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch

from gan_runner.config.overrides import override
from gan_runner.data import Data, Reading
from gan_runner.datasets.base import Track
from gan_runner.datasets.class_folders import LabelsSetting, folder_classes
from gan_runner.datasets.companions import companions, fitting
from gan_runner.datasets.folder_reading import (
    label_files,
    left_out,
    left_out_decisions,
    not_images,
    stored_text,
)
from gan_runner.datasets.image_faults import ignoring
from gan_runner.datasets.pictures import Pictures
from gan_runner.datasets.readers.image_cache import NamedResults, load_or_decode
from gan_runner.datasets.readers.listing import ImageFile, Listing, list_below
from gan_runner.datasets.readers.paths import Location, expand_path, file_faults, refuse_missing
from gan_runner.datasets.readers.picture_counts import PictureCounts
from gan_runner.decoding.processes import ProcessEndedError, decode_files
from gan_runner.errors import ConfigError, DataError, printable

FORMAT = 3  # of the cached array; with a new number, images are decoded again


class ImageFolder(Pictures):
    """Pictures below `root` (PNG, JPEG, WebP, BMP, GIF, TIFF, PPM and its like, JPEG 2000, TGA),
    squared, scaled and decoded once into the cache.

    The first-level sub-folder is the class of an image, where folders look like classes or `labels`
    says so. `ignore`: files and folders to leave out, by their paths or patterns of these. `range`:
    the stored values that become black and white.
    """

    root: Location | None
    labels: LabelsSetting
    ignore: tuple[str, ...]

    def check_present(self) -> None:
        refuse_missing(self._folder, setting=self._setting)

    @property
    def _folder(self) -> Path:
        return expand_path(self.root, key="dataset.root", wanted="a folder of images")

    def load(self, cache: Path, track: Track) -> Data:
        root = self._folder
        listing = self._list(root)
        with warnings.catch_warnings():
            # Pillow's are of odd metadata and great sizes; what it can't decode, it raises
            warnings.simplefilter("ignore")
            stored = load_or_decode(
                cache / f"image_folder-{self._key(root, listing.images)}",
                shape=self.space().shape,
                decode=lambda: self._decode_all(root, listing.images, track),
            )
        counts = stored.counts
        if counts.count == 0:
            what = "too large" if counts.too_large and not counts.damaged else "damaged"
            raise DataError(f"all images are {what}, {self._setting}. Replace them.")
        names = [file.name for file in listing.images if file.name not in counts.left_out]
        found = folder_classes(names, self.labels, root=str(self.root))
        labels = torch.tensor(found.indices) if found.classes else None
        reading = self._reading(listing, counts, labels="sub-folders" if found.classes else "")
        are_settled = found.are_parts or self.labels == "folders"
        related = companions(names, folders_are_settled=are_settled)
        pictures = self.picture_decisions(counts)
        beside = label_files(listing) if self.labels == "auto" and not found.classes else []
        reading = reading.with_decisions(*found.decisions, *beside, *related, *pictures)
        return Data(torch.from_numpy(stored.images), self.space(), labels, found.classes, reading)

    @property
    def _setting(self) -> str:
        return f"dataset.root={printable(self.root)}"

    def _list(self, root: Path) -> Listing:
        with file_faults(root, setting=self._setting):
            if root.exists() and not root.is_dir():
                raise DataError(f"not a folder, {self._setting}. Name the folder of the images.")
            listing = list_below(root)
        if not listing.images:
            others = not_images(listing)
            what = f"no images among its files ({others})" if others else "no images"
            remedy = "Put PNG, JPEG, WebP, BMP, GIF, TIFF, PPM, JPEG 2000 or TGA files there, or"
            raise DataError(f"{what}, {self._setting}. {remedy} into a sub-folder for each class.")
        self._leave_out_ignored(listing)
        return listing

    def _leave_out_ignored(self, listing: Listing) -> None:
        """Move what `ignore` names out of the images. Raises ConfigError for what fits nothing."""
        names = [image.name for image in listing.images]
        for pattern in self.ignore:
            found = fitting(pattern, names)
            shown = override("dataset.ignore", [pattern])
            if not found:
                raise ConfigError(f"no image fits, {shown} with {self._setting}. Remove it.")
            listing.ignored |= found
        listing.images = [image for image in listing.images if image.name not in listing.ignored]
        if not listing.images:
            shown = override("dataset.ignore", self.ignore)
            raise ConfigError(f"no image is left, {shown} with {self._setting}. Ignore fewer.")

    def _reading(self, listing: Listing, counts: PictureCounts, *, labels: str) -> Reading:
        return Reading(
            source=f"folder {printable(self.root)}",
            stored=stored_text(counts),
            labels=labels,
            left_out=left_out(listing, counts),
            decisions=tuple(left_out_decisions(listing, counts)),
            held_out=0,
        )

    def _key(self, root: Path, files: Sequence[ImageFile]) -> str:
        """The name of the cached array: a digest of everything that it depends on."""
        # the folder too: files of the same names, sizes and times are not the same files
        folder = str(root.resolve())
        settings = [self.image_size, self.channels, self.range, self.on_damaged]
        decisive = [FORMAT, folder, *settings, files]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:32]

    def _decode_all(self, root: Path, files: Sequence[ImageFile], track: Track) -> NamedResults:
        """Names and pixels in the files' order; why there are none for an image that may be left
        out."""
        names, size = [file.name for file in files], sum(file.size for file in files)
        wanted, faults = self.wanted, self.faults(self._setting)
        try:
            with decode_files(root, names, wanted, size=size) as results:
                pairs = zip(names, results, strict=True)
                for name, result in track(pairs, description="decoding images", total=len(names)):
                    yield name, faults.accept(result, name=name, path=f"{root}/{name}")
        except ProcessEndedError as ended:
            first = str(ended.sources[0])
            remedy = ignoring(self.ignore, first)
            raise faults.ended_error(ended, first=first, remedy=remedy) from None
