"""A folder of pictures, one sub-folder for each class if there are classes."""

from __future__ import annotations

from pathlib import Path

import torch

from gan_runner.data import Data, Reading
from gan_runner.datasets.base import Track
from gan_runner.datasets.class_folders import LabelsSetting, folder_classes
from gan_runner.datasets.companions import companions
from gan_runner.datasets.decoded_folder import decode_folder
from gan_runner.datasets.folder_listing import BY_CLASS, list_images
from gan_runner.datasets.folder_reading import (
    label_files,
    left_out,
    left_out_decisions,
    stored_text,
)
from gan_runner.datasets.pictures import Pictures
from gan_runner.datasets.readers.listing import Listing
from gan_runner.datasets.readers.paths import Location, expand_path, refuse_missing
from gan_runner.datasets.readers.picture_counts import PictureCounts
from gan_runner.errors import printable


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
        listing = list_images(root, self.ignore, setting=self._setting, place=BY_CLASS)
        stored = decode_folder(
            root,
            listing.images,
            self.wanted,
            cache=cache,
            decisive=[self.image_size, self.channels, self.range, self.on_damaged],
            faults=self.faults(self._setting),
            ignore=self.ignore,
            track=track,
        )
        counts = stored.counts
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

    def _reading(self, listing: Listing, counts: PictureCounts, *, labels: str) -> Reading:
        return Reading(
            source=f"folder {printable(self.root)}",
            stored=stored_text(counts),
            labels=labels,
            left_out=left_out(listing, counts),
            decisions=tuple(left_out_decisions(listing, counts)),
            held_out=0,
        )
