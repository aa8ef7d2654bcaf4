"""The base of data sets of two folders of images: inputs of a translator, and its targets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from math import gcd
from pathlib import Path
from typing import Any, Literal, NamedTuple, final

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from gan_runner.config.overrides import override
from gan_runner.data import Data, Decision, Examples, LeftOut, Reading, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.decoded_folder import Check, LabelColorsError, decode_folder
from gan_runner.datasets.folder_reading import (
    MOST_NAMED,
    left_out,
    left_out_decisions,
    picture_decisions,
    shape_decisions,
    stored_text,
)
from gan_runner.datasets.image_faults import ImageFaults
from gan_runner.datasets.image_split import TrainTestData, split_data
from gan_runner.datasets.label_maps import FoundMaps, find_colors, find_numbers
from gan_runner.datasets.readers.image_cache import CachedImages
from gan_runner.datasets.readers.intensities import RangeSetting
from gan_runner.datasets.readers.listing import ImageFile, Listing
from gan_runner.datasets.readers.paths import Location
from gan_runner.datasets.readers.picture_counts import PictureCounts
from gan_runner.decoding.images import Half, Wanted
from gan_runner.errors import ConfigError, printable

OTHER_SHAPE = "another shape than its input's"
"""The beginning of why a target is left out that doesn't fit its input."""

SideName = Literal["inputs", "targets"]
"""The two sides of a translation."""
SIDES: tuple[SideName, SideName] = ("inputs", "targets")

_LEAST_BLENDS, _BLENDED = 3, 0.25  # colors as of smooth edges that are doubted, their share

_OF_INPUTS = {
    "dataset.image_size": "dataset.input_size",
    "dataset.channels": "dataset.input_channels",
    "dataset.range": "dataset.input_range",
}
"""The settings of inputs by those of targets."""


class Folder(NamedTuple):
    """The files of a side below a folder, which a setting names; the half of each that is taken."""

    root: Path
    setting: str
    listing: Listing
    files: list[ImageFile]
    half: Half | None = None


class Side(NamedTuple):
    """The images of a side, one example each; the space of these, and what was noted of them."""

    images: Examples
    space: Space
    counts: PictureCounts
    decisions: list[Decision]
    left_out: list[LeftOut]


class Translation(Dataset):
    """Inputs and targets, squared and scaled to their own sizes. `crop`: the side of the crops of
    targets that batches have, None for whole ones; inputs are cropped in the same measure.

    `label_maps`: the sides whose pixels are numbers of classes. `range` and `input_range`: the
    stored values that become black and white.
    """

    inputs: Location | None
    targets: Location | None
    image_size: int = Field(ge=4, le=2048)
    input_size: int | None = Field(ge=2, le=2048)
    channels: int = Field(ge=1, le=4)
    input_channels: int = Field(ge=1, le=4)
    crop: int | None = Field(ge=4, le=2048)
    flip: bool
    label_maps: Literal["inputs", "targets", "both"] | None
    range: RangeSetting
    input_range: RangeSetting
    ignore: tuple[str, ...]
    on_damaged: Literal["error", "skip"]
    test_ratio: float = Field(ge=0, lt=1)
    seed: int = Field(ge=0)
    # kept by the first reading: files are decoded once
    _read: list[TrainTestData] = PrivateAttr(default_factory=list)

    @abstractmethod
    def read(self, cache: Path, track: Track) -> Data:
        """All of the data, before it is split, with the space of `join`."""

    @final
    def space(self) -> Space | None:
        if self.label_maps is not None:
            return None
        sizes = self.sizes
        of_inputs = Space("images", (self.input_channels, sizes.input_crop, sizes.input_crop))
        return Space("images", (self.channels, sizes.crop, sizes.crop), inputs=of_inputs)

    @final
    def load(self, cache: Path, track: Track) -> Data:
        return self._split(cache, track).train

    @final
    def held_out(self, cache: Path, track: Track) -> Data | None:
        return self._split(cache, track).test

    @property
    @final
    def flips(self) -> bool:
        return self.flip

    def _split(self, cache: Path, track: Track) -> TrainTestData:
        if not self._read:
            data = self.read(cache, track)
            self._read.append(split_data(data, test_ratio=self.test_ratio, seed=self.seed))
        return self._read[0]

    @property
    def sizes(self) -> Sizes:
        """The sides of images and crops. Raises ConfigError."""
        return fit_sizes(self.image_size, self.input_size or self.image_size, self.crop)

    def decode(
        self,
        folder: Folder,
        side: SideName,
        *,
        cache: Path,
        track: Track,
        check: Check | None = None,
        decisive: Sequence[Any] = (),
    ) -> Side:
        """The images of a side. `decisive`: what the check depends on, plain. Raises what
        `decode_folder` does, and DataError for values that no label map has."""

        def decode_as(wanted: Wanted) -> CachedImages:
            return decode_folder(
                folder.root,
                folder.files,
                wanted,
                cache=cache,
                decisive=[*wanted, self.on_damaged, *decisive],
                faults=ImageFaults(folder.setting, skips=self.on_damaged == "skip"),
                ignore=self.ignore,
                track=track,
                check=check,
            )

        wanted = self._wanted(side, folder.half)
        try:
            stored = decode_as(wanted)
        except LabelColorsError:
            wanted = wanted._replace(channels=3, label_map="colors")
            stored = decode_as(wanted)
        images: Examples = torch.from_numpy(stored.images)
        found: FoundMaps | None = None
        names: tuple[str, ...] = ()
        if wanted.label_map is not None:
            found = self._find_maps(torch.from_numpy(stored.images), side, folder, wanted)
            images, names = found.maps, found.maps.names
        crop = self.sizes.crop if side == "targets" else self.sizes.input_crop
        space = Space("images", (images.shape[1], crop, crop), label_names=names)
        decisions = _decisions(side, wanted, stored.counts, found)
        rest = _note_left_out(folder, stored.counts, side)
        return Side(images, space, stored.counts, [*decisions, *rest.decisions], rest.left_out)

    def _find_maps(
        self, pixels: Tensor, side: SideName, folder: Folder, wanted: Wanted
    ) -> FoundMaps:
        """Raises DataError for values that no label map has."""
        others = {"inputs": "targets", "targets": "inputs"}
        other = others[side] if self.label_maps == "both" else None
        remedy = f"If they are pictures: {override('dataset.label_maps', other)}"
        find = find_colors if wanted.label_map == "colors" else find_numbers
        return find(pixels, setting=folder.setting, remedy=remedy)

    def _wanted(self, side: SideName, half: Half | None) -> Wanted:
        if side == "inputs":
            size, channels, limits = self.sizes.input_size, self.input_channels, self.input_range
        else:
            size, channels, limits = self.image_size, self.channels, self.range
        if self.label_maps in (side, "both"):
            return Wanted(size, 1, None, half, label_map="numbers")
        return Wanted(size, channels, None if limits == "auto" else limits, half)

    def join(
        self,
        inputs: Side,
        targets: Side,
        *,
        paired: bool,
        source: str,
        left_out: Sequence[LeftOut] = (),
    ) -> Data:
        """The data of both sides; `left_out`: what was left out before they were decoded."""
        space = replace(targets.space, inputs=inputs.space)
        decisions = [*targets.decisions, *inputs.decisions]
        if self.crop is not None:
            text = f"batches are crops of {_pixels(targets.space)} at random places of {{}} px"
            of = f"{targets.images.shape[-1]} x {targets.images.shape[-2]}"
            remedy = "To have whole images: dataset.crop=null"
            decisions.append(Decision(text.format(of), remedy, doubtful=False))
        if _is_smaller(inputs.counts, targets.counts) and self.input_size is None:
            decisions.append(_smaller_inputs(inputs.counts, targets.counts, self.image_size))
        reading = Reading(
            source=source,
            stored=f"inputs: {stored_text(inputs.counts)}; targets: {stored_text(targets.counts)}",
            left_out=(*left_out, *inputs.left_out, *targets.left_out),
            decisions=tuple(decisions),
        )
        return Data(targets.images, space, reading=reading, inputs=inputs.images, paired=paired)


class Sizes(NamedTuple):
    """The sides in px of inputs, of the crops of targets, and of those of inputs."""

    input_size: int
    crop: int
    input_crop: int


def fit_sizes(image_size: int, input_size: int, crop: int | None) -> Sizes:
    """The sizes of crops. Raises ConfigError for a crop that is larger than the images, or that
    doesn't end between two pixels of both sides."""
    if crop is None:
        return Sizes(input_size, image_size, input_size)
    step = image_size // gcd(image_size, input_size)
    if crop > image_size:
        what = f"crops larger than the images, dataset.crop={crop} with "
        raise ConfigError(f"{what}dataset.image_size={image_size}. Use dataset.crop=null")
    if crop % step:
        fitting = max(step, crop // step * step)
        what = f"a crop of the targets that is none of the inputs, dataset.crop={crop} with "
        what += f"dataset.image_size={image_size} and dataset.input_size={input_size}"
        raise ConfigError(f"{what}. Use dataset.crop={fitting}")
    return Sizes(input_size, crop, crop * input_size // image_size)


class _Rest(NamedTuple):
    """The files of a side that are left out, and doubts about them."""

    left_out: list[LeftOut]
    decisions: list[Decision]


def _note_left_out(folder: Folder, counts: PictureCounts, side: SideName) -> _Rest:
    misfits = [name for name, why in counts.damaged.items() if why.startswith(OTHER_SHAPE)]
    damaged = {name: why for name, why in counts.damaged.items() if name not in misfits}
    rest = replace(counts, damaged=damaged)
    found = [replace(each, what=f"{side}: {each.what}") for each in left_out(folder.listing, rest)]
    decisions = [_of_side(each, side) for each in left_out_decisions(folder.listing, rest)]
    if misfits:
        total, named = len(folder.files), tuple(map(printable, misfits[:MOST_NAMED]))
        what = "another shape than their inputs"
        found.append(LeftOut(len(misfits), total, side, what, named))
        text = f"{len(misfits)} of {total} {side} have {what} and are left out"
        text += f" ({printable(misfits[0])}: {counts.damaged[misfits[0]]})"
        decisions.append(Decision(text, "Make both of a pair cover the same"))
    return _Rest(found, decisions)


def _decisions(
    side: SideName, wanted: Wanted, counts: PictureCounts, maps: FoundMaps | None
) -> list[Decision]:
    """What was decided of the images of a side, called by its settings."""
    if maps is not None:
        # two maps of one class are the same
        shapes = shape_decisions(replace(counts, repeated=0), wanted.size)
        found = shapes + _map_decisions(maps, wanted)
    else:
        limits = wanted.limits
        found = picture_decisions(counts, channels=wanted.channels, size=wanted.size, limits=limits)
        if counts.modes.keys() == {"palette"}:
            text = "all images have a palette and are read as colors"
            remedy = f"If they are label maps: dataset.label_maps={side}"
            found.append(Decision(text, remedy))
        if counts.few_colors > 1 and counts.gray < counts.count:
            text = f"all images together have {counts.few_colors} colors, as label maps do"
            remedy = f"If they are label maps: dataset.label_maps={side}"
            found.append(Decision(text, remedy))
    return [_of_side(each, side) for each in found]


def _map_decisions(found: FoundMaps, wanted: Wanted) -> list[Decision]:
    names = found.maps.names
    count = len(names)
    text = f"label maps of {count} classes ({', '.join(names)}), one channel for each"
    if wanted.label_map == "colors":
        text = f"label maps in {count} colors ({', '.join(names)}), a class and a channel for each"
    remedy = "To read them as pictures: dataset.label_maps=null"
    decisions = [Decision(text, remedy, doubtful=False)]
    if found.blends >= max(_LEAST_BLENDS, _BLENDED * count):
        text = f"{found.blends} of {count} colors of label maps are rare and lie between two others"
        remedy = "If the maps were scaled or their edges smoothed, use their originals"
        decisions.append(Decision(text, remedy))
    return decisions


def _of_side(decision: Decision, side: SideName) -> Decision:
    """The same of a side, whose settings have names of their own."""
    remedy = decision.remedy
    if side == "inputs":
        for ours, of_inputs in _OF_INPUTS.items():
            remedy = remedy.replace(f"{ours}=", f"{of_inputs}=")
    return decision._replace(text=f"{side}: {decision.text}", remedy=remedy)


def _pixels(space: Space) -> str:
    return " x ".join(map(str, space.shape[:0:-1])) + " px"


def _is_smaller(inputs: PictureCounts, targets: PictureCounts) -> bool:
    """Whether all inputs are smaller than any target."""
    return max(inputs.largest) < min(targets.smallest)


def _smaller_inputs(inputs: PictureCounts, targets: PictureCounts, size: int) -> Decision:
    small, large = (" x ".join(map(str, of.largest)) for of in (inputs, targets))
    text = f"inputs of {small} px are enlarged to the size of targets, of {large} px"
    factor = max(1, round(min(targets.largest) / min(inputs.largest)))
    remedy = f"For super-resolution: dataset.input_size={size // factor}"
    return Decision(text, remedy)
