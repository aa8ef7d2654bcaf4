"""Well-known sets of small images, their training splits, fetched through torchvision."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn.functional import interpolate

from gan_runner.data import Data, Decision, Reading, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.readers.idx import read_idx
from gan_runner.datasets.readers.paths import Location, expand_path, file_faults
from gan_runner.datasets.readers.torchvision import fetch, torchvision
from gan_runner.errors import DataError, printable

SplitName = Literal["train", "test"]

DIGIT_NAMES = tuple("0123456789")
FASHION_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
_PREFIX: dict[SplitName, str] = {"train": "train", "test": "t10k"}


class LabeledImages(NamedTuple):
    """Images uint8 [N, C, H, W], labels int64 [N], and what the labels stand for."""

    images: Tensor
    labels: Tensor
    class_names: tuple[str, ...]


class Torchvision(Dataset):
    """A set in torchvision's layout under `root`, downloaded if it's missing and that is allowed.

    `image_size: null` keeps the native size.
    """

    root: Location
    download: bool
    image_size: int | None = Field(ge=4, le=1024)
    flip: bool
    native: ClassVar[tuple[int, int, int]]

    def space(self) -> Space:
        channels, height, width = self.native
        return Space("images", (channels, self.image_size or height, self.image_size or width))

    def check_present(self) -> None:
        if not self.download:
            self._download_missing(self._files(self._folder, "train"), self._folder)

    @property
    def _folder(self) -> Path:
        return expand_path(self.root, key="dataset.root", wanted="a folder")

    def load(self, cache: Path, track: Track) -> Data:
        root = self._folder
        if root.exists() and not root.is_dir():
            raise DataError(f"not a folder, {self._setting}. Name a folder.")
        return self._load_split(root, "train")

    def held_out(self, cache: Path, track: Track) -> Data | None:
        """The test split, if its files are there."""
        root = self._folder
        if not all(file.is_file() for file in self._files(root, "test")):
            return None
        return self._load_split(root, "test")

    def _load_split(self, root: Path, split: SplitName) -> Data:
        images, labels, class_names = self._read(root, split)
        channels, height, width = images.shape[1:]
        reading = Reading(
            source=f"{type(self).__name__}, {split} split, folder {printable(root)}",
            stored=f"uint8 [{len(images)}, {channels}, {height}, {width}]",
            labels="the set's own",
        )
        resized = _resize(images, self.image_size)
        if resized is not images:
            size = f"{self.image_size} x {self.image_size} px"
            text = f"images are scaled from {width} x {height} px to {size}"
            remedy = "As they are: dataset.image_size=null"
            reading = reading.with_decisions(Decision(text, remedy, doubtful=False))
        return Data(resized, self.space(), labels, class_names, reading)

    @property
    def flips(self) -> bool:
        return self.flip

    @abstractmethod
    def _files(self, root: Path, split: SplitName) -> list[Path]:
        """The files of a split."""

    @abstractmethod
    def _read(self, root: Path, split: SplitName) -> LabeledImages:
        """A split at its native size."""

    @property
    def _setting(self) -> str:
        return f"dataset.root={printable(self.root)}"

    def _download_missing(self, files: Sequence[Path], root: Path) -> None:
        """Download the files if one is missing. Raises DataError if `download` is false."""
        missing = [file for file in files if not file.is_file()]
        if missing and not self.download:
            what = f"missing {printable(missing[0])}"
            remedy = "Put it there, or have it downloaded with dataset.download=true"
            raise DataError(f"{what}, {self._setting}. {remedy}")
        if missing:
            fetch(type(self).__name__, root)

    def _damaged_error(self, path: Path, reason: str) -> DataError:
        remedy = "Delete the file and have it downloaded again with dataset.download=true"
        return DataError(f"damaged {printable(path)}: it {reason}, {self._setting}. {remedy}")


class IDX(Torchvision):
    """MNIST and its kin: four files of bytes."""

    @property
    @abstractmethod
    def _class_names(self) -> tuple[str, ...]: ...

    def _files(self, root: Path, split: SplitName) -> list[Path]:
        folder, prefix = root / type(self).__name__ / "raw", _PREFIX[split]
        return [folder / f"{prefix}-images-idx3-ubyte", folder / f"{prefix}-labels-idx1-ubyte"]

    def _read(self, root: Path, split: SplitName) -> LabeledImages:
        # read here, and not by torchvision, which believes the headers and is slow to import
        files = self._files(root, split)
        self._download_missing(files, root)
        images_file, labels_file = files
        images = self._read_idx(images_file, shape=self.native[1:])
        labels = self._read_idx(labels_file, shape=())
        if len(labels) != len(images):
            raise self._damaged_error(
                labels_file, f"has {len(labels)} labels for {len(images)} images"
            )
        if labels.max() >= len(self._class_names):
            reason = f"has a label {labels.max()} where there are {len(self._class_names)} classes"
            raise self._damaged_error(labels_file, reason)
        return LabeledImages(
            torch.from_numpy(images)[:, None], torch.from_numpy(labels).long(), self._class_names
        )

    def _read_idx(self, path: Path, *, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        try:
            with file_faults(path, setting=self._setting):
                return read_idx(path, shape=shape)
        except ValueError as reason:
            raise self._damaged_error(path, str(reason)) from None


class MNIST(IDX):
    """60,000 handwritten digits, gray 28 x 28. LeCun et al. 1998."""

    native = (1, 28, 28)

    @property
    def _class_names(self) -> tuple[str, ...]:
        return DIGIT_NAMES


class FashionMNIST(IDX):
    """60,000 pictures of clothes, gray 28 x 28. Xiao et al. 2017."""

    native = (1, 28, 28)

    @property
    def _class_names(self) -> tuple[str, ...]:
        return FASHION_NAMES


class CIFAR10(Torchvision):
    """50,000 photographs of ten things, color 32 x 32. Krizhevsky 2009."""

    native = (3, 32, 32)

    def _files(self, root: Path, split: SplitName) -> list[Path]:
        return list(self._digests(root))

    def _read(self, root: Path, split: SplitName) -> LabeledImages:
        source, digests = torchvision().datasets.CIFAR10, self._digests(root)
        self._download_missing(list(digests), root)
        with file_faults(root / source.base_folder, setting=self._setting):
            self._check_digests(digests)
            stored = source(root, train=split == "train")
        images = torch.from_numpy(stored.data).permute(0, 3, 1, 2)
        return LabeledImages(images, torch.tensor(stored.targets), tuple(stored.classes))

    def _digests(self, root: Path) -> dict[Path, str]:
        """The published md5 of every file, of both splits and of the names of the classes."""
        source = torchvision().datasets.CIFAR10
        listed = dict([*source.train_list, *source.test_list])
        listed[source.meta["filename"]] = source.meta["md5"]
        return {root / source.base_folder / name: md5 for name, md5 in listed.items()}

    def _check_digests(self, digests: dict[Path, str]) -> None:
        # the files are pickles: only those with the published digests are ever opened
        intact = torchvision().datasets.utils.check_integrity
        for path, md5 in digests.items():
            if not intact(path, md5):
                raise self._damaged_error(path, "differs from the published file")


def _resize(images: Tensor, size: int | None) -> Tensor:
    """uint8 images [N, C, size, size], bilinear and antialiased."""
    if size is None or images.shape[2:] == (size, size):
        return images
    return interpolate(images, size=(size, size), mode="bilinear", antialias=True)
