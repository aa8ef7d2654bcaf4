"""Tiles of the two photographs that come with scikit-learn: nothing to download."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from gan_runner.data import Data, Decision, Reading, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.image_split import TrainTestData
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.datasets.readers.scikit_learn import REMEDY, data_folder
from gan_runner.errors import DataError, MachineError, printable

NAMES = ("china.jpg", "flower.jpg")
HEIGHT, WIDTH = 427, 640
SETTING = "dataset.name=Photos"


class Photos(Dataset):
    """Color tiles of `image_size` px, one at every `stride` px in both directions. Those for
    testing don't overlap and are of a strip down the middle of each photograph, where its subject
    is, `test_ratio` of its width, which no tile for training reaches into."""

    image_size: int = Field(ge=8, le=128)
    stride: int = Field(ge=1, le=128)
    flip: bool
    test_ratio: float = Field(ge=0, le=0.5)
    _read: list[TrainTestData] = PrivateAttr(default_factory=list)

    def space(self) -> Space:
        return Space("images", (3, self.image_size, self.image_size))

    def check_present(self) -> None:
        data_folder(setting=SETTING, kind="images")

    def load(self, cache: Path, track: Track) -> Data:
        return self._split().train

    def held_out(self, cache: Path, track: Track) -> Data | None:
        return self._split().test

    @property
    def flips(self) -> bool:
        return self.flip

    def _split(self) -> TrainTestData:
        if not self._read:
            root = data_folder(setting=SETTING, kind="images")
            photographs = torch.stack([_decode(root / name) for name in NAMES])
            reading = Reading(
                source=f"{' and '.join(NAMES)} of scikit-learn",
                stored=f"JPEG, {WIDTH} x {HEIGHT} px, color",
            )
            self._read.append(self._divided(photographs, reading))
        return self._read[0]

    def _divided(self, photographs: Tensor, reading: Reading) -> TrainTestData:
        """Tiles of whole photographs [N, 3, H, W]: those beside the strip, and those of it."""
        side = self.image_size
        held = max(1, round(self.test_ratio * WIDTH / side)) * side if self.test_ratio else 0
        if not held:
            tiles = _tiles(photographs, side, self.stride)
            reading = replace(reading, held_out=0)
            return TrainTestData(Data(tiles, self.space(), reading=reading), None)
        first = (WIDTH - held) // 2
        left, strip, right = photographs.split([first, held, WIDTH - first - held], dim=3)
        train = torch.cat([_tiles(part, side, self.stride) for part in (left, right)])
        test = _tiles(strip, side, side)
        text = f"the middle {held} of {WIDTH} px of each is held out, in {len(test)} tiles"
        decision = Decision(text, "To train on all: dataset.test_ratio=0", doubtful=False)
        reading = replace(reading.with_decisions(decision), held_out=len(test))
        return TrainTestData(*(Data(part, self.space(), reading=reading) for part in (train, test)))


def _tiles(photographs: Tensor, side: int, stride: int) -> Tensor:
    """Squares of photographs [N, 3, H, W], one at every `stride` px, [M, 3, side, side]."""
    parts = photographs.unfold(2, side, stride).unfold(3, side, stride)
    return parts.permute(0, 2, 3, 1, 4, 5).reshape(-1, 3, side, side)


def _decode(path: Path) -> Tensor:
    """A photograph uint8 [3, H, W]. Raises MachineError, DataError."""
    from PIL import Image  # not where other data are read

    if not path.is_file():
        raise MachineError(f"missing {printable(path)}, {SETTING}. {REMEDY}")
    with file_faults(path, setting=SETTING):
        try:
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(f"damaged {printable(path)}, {SETTING}. {REMEDY}") from error
    if pixels.shape != (HEIGHT, WIDTH, 3):
        height, width = pixels.shape[:2]
        what = f"another picture of {width} x {height} px in {printable(path)}"
        raise DataError(f"{what}, {SETTING}. {REMEDY}")
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).contiguous()
