"""The base of data sets of picture files, wherever these lie: how a picture becomes an example."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, final

from pydantic import Field

from gan_runner.data import Data, Decision, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.folder_reading import picture_decisions
from gan_runner.datasets.image_faults import ImageFaults
from gan_runner.datasets.readers.intensities import RangeSetting
from gan_runner.datasets.readers.picture_counts import PictureCounts
from gan_runner.decoding.images import Wanted


class Pictures(Dataset):
    """Pictures, squared and scaled. `range`: the stored values that become black and white."""

    image_size: int = Field(ge=4, le=2048)
    channels: int = Field(ge=1, le=4)
    flip: bool
    range: RangeSetting
    on_damaged: Literal["error", "skip"]

    @final
    def space(self) -> Space:
        return Space("images", (self.channels, self.image_size, self.image_size))

    @final
    def held_out(self, cache: Path, track: Track) -> Data | None:
        return None

    @property
    @final
    def flips(self) -> bool:
        return self.flip

    @property
    def wanted(self) -> Wanted:
        """What a file is decoded to."""
        limits = None if self.range == "auto" else self.range
        return Wanted(self.image_size, self.channels, limits)

    def faults(self, setting: str) -> ImageFaults:
        """The errors of files that can't be decoded; `setting` is where they lie."""
        return ImageFaults(setting, skips=self.on_damaged == "skip")

    def picture_decisions(self, counts: PictureCounts) -> list[Decision]:
        """What was decided of the pictures, by what is counted of them."""
        limits = self.wanted.limits
        return picture_decisions(
            counts, channels=self.channels, size=self.image_size, limits=limits
        )
