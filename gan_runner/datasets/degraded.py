"""Images of any data set, and what a degradation makes of them: pairs, or two domains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from gan_runner.config.component import build_component
from gan_runner.data import Data, Decision, Degradation, Space
from gan_runner.datasets.base import Dataset, Track
from gan_runner.datasets.degraded_examples import take_apart, turn, turn_space
from gan_runner.datasets.image_split import TrainTestData, split_data
from gan_runner.errors import ConfigError, Fault

_COMMON = {"per_class": None, "per_class_seed": 0}
"""The settings of every data set, which the outer one has."""

_OF_DATA = re.compile(r"\bdataset\.(?!source\.|degrade\.)")


class Degraded(Dataset):
    """The images of `source` as targets, and what `degrade` makes of them as inputs; with `reverse`
    the other way round. Where they aren't `paired`, inputs are made of one half of the images, and
    the other half is targets. `crop`: the side of the crops that batches have, None for whole
    images. `test_ratio`: the share of images that are held out where the source has no test split
    of its own. That and halves are drawn by `seed`.
    """

    flip_setting = "dataset.source.flip"

    source: dict[str, Any]
    degrade: dict[str, Any]
    paired: bool
    reverse: bool
    crop: int | None = Field(ge=4, le=2048)
    test_ratio: float = Field(ge=0, lt=1)
    seed: int = Field(ge=0)
    # kept by the first reading: files are decoded once
    _read: list[TrainTestData] = PrivateAttr(default_factory=list)

    @cached_property
    def images(self) -> Dataset:
        """The data set of the targets. Raises ConfigError."""
        return build_component({**self.source, **_COMMON}, Dataset, where="dataset.source")

    @cached_property
    def degradation(self) -> Degradation:
        """What makes inputs of them. Raises ConfigError."""
        return build_component(self.degrade, Degradation, where="dataset.degrade")

    def space(self) -> Space | None:
        degradation = self.degradation
        with _names_of_source():
            space = self.images.space()
        if space is None:
            return None
        found = self._with_inputs(space, degradation)
        return turn_space(found) if self.reverse else found

    def check_present(self) -> None:
        with _names_of_source():
            self.images.check_present()

    def load(self, cache: Path, track: Track) -> Data:
        if self.per_class is not None and not self.paired:
            shown = f"dataset.per_class={self.per_class} with dataset.paired=false"
            what = f"no domain of a few images of each class, {shown}"
            raise ConfigError(f"{what}. Use dataset.per_class=null")
        return self._split(cache, track).train

    def held_out(self, cache: Path, track: Track) -> Data | None:
        return self._split(cache, track).test

    @property
    def flips(self) -> bool:
        return self.images.flips

    def _split(self, cache: Path, track: Track) -> TrainTestData:
        if not self._read:
            with _names_of_source():
                data, test = self.images.load(cache, track), self.images.held_out(cache, track)
            whole = self._degraded(data)
            if test is None:
                found = split_data(whole, test_ratio=self.test_ratio, seed=self.seed)
            else:
                found = TrainTestData(whole, self._degraded(test))
            self._read.append(self._arranged(found))
        return self._read[0]

    def _arranged(self, found: TrainTestData) -> TrainTestData:
        """Both parts with their pairs turned or taken apart, as the settings say."""
        train = self._turned(found.train)
        test = None if found.test is None else self._turned(found.test)
        if test is not None and train.reading.held_out is not None:
            train = replace(train, reading=replace(train.reading, held_out=len(test)))
        return TrainTestData(train, test)

    def _turned(self, pairs: Data) -> Data:
        if not self.paired:
            return take_apart(pairs, self.degradation, seed=self.seed, reverse=self.reverse)
        return turn(pairs, self.degradation, seed=self.seed) if self.reverse else pairs

    def _degraded(self, data: Data) -> Data:
        decisions = [
            each._replace(remedy=_OF_DATA.sub("dataset.source.", each.remedy))
            for each in data.reading.decisions
        ]
        left_out = [
            replace(each, why=_OF_DATA.sub("dataset.source.", each.why))
            for each in data.reading.left_out
        ]
        space = self._with_inputs(data.space, self.degradation)
        assert space.inputs is not None
        inputs, targets = (
            " x ".join(map(str, shape))
            for shape in (self.degradation.input_shape(data.examples.shape[1:]), data.space.shape)
        )
        made = ("targets", "inputs") if self.reverse else ("inputs", "targets")
        text = f"{made[0]} [{inputs}] are made of {made[1]} [{targets}] by {self.degradation!r}"
        decisions.append(Decision(text, "", doubtful=False))
        if self.crop is not None:
            text = f"batches are crops of {self.crop} x {self.crop} px at random places"
            remedy = "To have whole images: dataset.crop=null"
            decisions.append(Decision(text, remedy, doubtful=False))
        reading = replace(
            data.reading, decisions=tuple(decisions), left_out=tuple(left_out), held_out=None
        )
        return replace(data, space=space, inputs=self.degradation, reading=reading)

    def _with_inputs(self, space: Space, degradation: Degradation) -> Space:
        """The space of targets with that of their inputs. Raises ConfigError."""
        name = self.source.get("name")
        if space.kind != "images" or space.inputs is not None:
            what = "inputs of its own" if space.inputs is not None else f"{space.kind}, not images"
            remedy = "Choose a set of images: dataset/source=image_folder"
            raise ConfigError(f"a source with {what}, dataset.source.name={name}. {remedy}")
        shape = space.shape
        if self.crop is not None:
            if self.crop > min(shape[1:]):
                size = f"{shape[2]} x {shape[1]} px"
                what = f"crops larger than the images, of {size}, dataset.crop={self.crop}"
                raise ConfigError(f"{what}. Use dataset.crop=null")
            shape = (shape[0], self.crop, self.crop)
        degradation.input_shape(space.shape)  # whole ones are measured
        of_inputs = Space("images", degradation.input_shape(shape))
        return replace(space, shape=shape, inputs=of_inputs)


@contextmanager
def _names_of_source() -> Iterator[None]:
    """The faults of the source, with its settings called as they are here."""
    try:
        yield
    except Fault as fault:
        text = _OF_DATA.sub("dataset.source.", str(fault))
        raise type(fault)(text) from None
