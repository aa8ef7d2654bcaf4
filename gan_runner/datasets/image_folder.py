"""A folder of pictures, one sub-folder for each class if there are classes."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, TypeVar

import torch
from pydantic import Field

from gan_runner.data import Data, Decision, Reading, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.readers.decoding import Damaged, Pixels, decode
from gan_runner.datasets.readers.image_cache import load_or_decode
from gan_runner.datasets.readers.listing import ImageFile, class_indices, class_of, images_below
from gan_runner.datasets.readers.paths import Location, expand_path, file_faults, refuse_missing
from gan_runner.errors import DataError, printable

FORMAT = 1  # of the cached array; with a new number, images are decoded again
MOST_AHEAD = 256  # images that are decoded before they are wanted
MOST_NAMED = 3  # damaged images in a warning

Item = TypeVar("Item")
Result = TypeVar("Result")


class ImageFolder(Dataset):
    """PNG, JPEG, WebP and BMP files below `root`, squared, scaled and decoded once into the cache.

    The first-level sub-folder is the class of an image, unless images lie in the root itself.
    """

    root: Location | None
    image_size: int = Field(ge=4, le=2048)
    channels: int = Field(ge=1, le=4)
    flip: bool
    on_damaged: Literal["error", "skip"]

    def space(self) -> Space:
        return Space("images", (self.channels, self.image_size, self.image_size))

    def check_present(self) -> None:
        refuse_missing(self._folder, setting=self._setting)

    @property
    def _folder(self) -> Path:
        return expand_path(self.root, key="dataset.root", wanted="a folder of images")

    def load(self, cache: Path, track: Track) -> Data:
        root = self._folder
        files = self._files(root)
        with warnings.catch_warnings():
            # Pillow's are of odd metadata and great sizes; what it can't decode, it raises
            warnings.simplefilter("ignore")
            stored = load_or_decode(
                cache / f"image_folder-{self._key(root, files)}",
                shape=self.space().shape,
                decode=lambda: self._decode_all(root, files, track),
            )
        images, left_out = torch.from_numpy(stored.images), set(stored.left_out)
        if len(left_out) == len(files):
            raise DataError(f"all images are damaged, {self._setting}. Replace them.")
        names = [file.name for file in files if file.name not in left_out]
        indices, classes = class_indices(names)
        labels = torch.tensor(indices) if classes else None
        doubts = (*_unlabeled_warning(names), *_damaged_warning(stored.left_out, len(files)))
        decisions = tuple(Decision(f"{doubt}, {self._setting}", "") for doubt in doubts)
        return Data(images, self.space(), labels, classes, Reading(decisions=decisions))

    def held_out(self, cache: Path, track: Track) -> Data | None:
        return None

    @property
    def flips(self) -> bool:
        return self.flip

    @property
    def _setting(self) -> str:
        return f"dataset.root={printable(self.root)}"

    def _files(self, root: Path) -> list[ImageFile]:
        with file_faults(root, setting=self._setting):
            if root.exists() and not root.is_dir():
                raise DataError(f"not a folder, {self._setting}. Name the folder of the images.")
            files = images_below(root)
        if not files:
            remedy = "Put PNG, JPEG, WebP or BMP files there, or into a sub-folder for each class."
            raise DataError(f"no images, {self._setting}. {remedy}")
        return files

    def _key(self, root: Path, files: Sequence[ImageFile]) -> str:
        """The name of the cached array: a digest of everything that it depends on."""
        # the folder too: files of the same names, sizes and times are not the same files
        folder = str(root.resolve())
        decisive = [FORMAT, folder, self.image_size, self.channels, self.on_damaged, files]
        return hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:32]

    def _decode_all(
        self, root: Path, files: Sequence[ImageFile], track: Track
    ) -> Iterator[tuple[str, Pixels | None]]:
        """Names and pixels in the files' order; None for a damaged image that may be left out."""
        with ThreadPoolExecutor() as pool:
            results = _map_in_order(pool, lambda file: self._try_decode(root / file.name), files)
            pairs = zip(files, results, strict=True)
            for file, result in track(pairs, description="decoding images", total=len(files)):
                yield file.name, self._pixels_or_none(file.name, result)

    def _try_decode(self, path: Path) -> Pixels | Damaged:
        with file_faults(path, setting=self._setting):
            return decode(path, size=self.image_size, channels=self.channels)

    def _pixels_or_none(self, name: str, result: Pixels | Damaged) -> Pixels | None:
        if not isinstance(result, Damaged):
            return result
        if self.on_damaged == "skip":
            return None
        what = f"damaged image {printable(name)} ({printable(result.reason)})"
        remedy = "Remove it, or leave out what is damaged with dataset.on_damaged=skip."
        raise DataError(f"{what}, {self._setting}. {remedy}")


def _map_in_order(
    pool: ThreadPoolExecutor, work: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[Result]:
    """Results in the order of the items, few enough ahead to fit in memory."""
    for start in range(0, len(items), MOST_AHEAD):
        yield from pool.map(work, items[start : start + MOST_AHEAD])


def _unlabeled_warning(names: Sequence[str]) -> list[str]:
    tops = [class_of(name) for name in names]
    loose = tops.count(None)
    if loose in (0, len(names)):
        return []
    return [f"no labels: {loose} of {len(names)} images lie in the folder itself, not in a class"]


def _damaged_warning(damaged: Sequence[str], total: int) -> list[str]:
    if not damaged:
        return []
    shown = ", ".join(map(printable, damaged[:MOST_NAMED]))
    shown += ", ..." if len(damaged) > MOST_NAMED else ""
    return [f"{len(damaged)} of {total} images are damaged and left out ({shown})"]
