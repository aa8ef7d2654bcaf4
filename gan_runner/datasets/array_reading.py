"""The notes on an array: doubts about what its axes and its numbers mean."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.data import Decision, LeftOut
from gan_runner.datasets.number_doubts import (
    Padding,
    describe_dates,
    describe_times,
    find_outliers,
    find_padding,
    find_sentinels,
    look_like_dates,
)
from gan_runner.datasets.readers.array import (
    LIKELY_LABELS,
    ArrayFile,
    setting_of_array,
    type_name,
)
from gan_runner.datasets.readers.intensities import Values, range_decisions
from gan_runner.datasets.repetitions import find_repeated
from gan_runner.decoding.values import Limits, histogram
from gan_runner.errors import plural

Samples = NDArray[Any]

MOST_SEEN = 4096  # examples of which values, repetitions and kinds of numbers are looked at
_MOST_SEARCHED_BYTES = 1 << 30
_MOST_NAMED = 5
_SMALLEST_IMAGE = 8
_FEW_VALUES, _FEW_CODES = 20, 20
_SHORTEST_SERIES = 8
_VOCABULARY = 500  # different numbers
_MOST_RELATED = 0.3  # the correlation of neighbors
_MOST_SEARCHED_NUMBERS = 1 << 22


def stored_text(samples: Samples) -> str:
    """Such as "float64 [400, 3]"."""
    return f"{type_name(samples.dtype)} {list(samples.shape)}"


def left_out(file: ArrayFile) -> tuple[LeftOut, ...]:
    """The arrays of the file that weren't read."""
    if not file.others:
        return ()
    total = len(file.others) + 1 + bool(file.labels_name)
    names = tuple(map(str, file.others[:_MOST_NAMED]))
    return (LeftOut(len(file.others), total, "arrays", "not named", names),)


def array_decisions(file: ArrayFile, *, labels_wanted: bool) -> list[Decision]:
    """Doubts about arrays that weren't read, where they could be meant."""
    count, decisions = len(file.samples), []
    for array in file.others:
        fits = array.shape[:1] == (count,)
        is_label = len(array.shape) == 1 or array.name.casefold() in LIKELY_LABELS
        if fits and is_label and labels_wanted and not file.labels_name:
            text = f"array {array} isn't read"
            remedy = f"If it has the labels: {setting_of_array('labels', array.name)}"
            decisions.append(Decision(text, remedy))
        elif len(array.shape) > 1 and array.name.casefold() not in LIKELY_LABELS:
            text = f"array {array} isn't read, {file.samples_name} is"
            remedy = f"To read it: {setting_of_array('samples', array.name)}"
            decisions.append(Decision(text, remedy, doubtful=fits))
    return decisions


def image_decisions(
    samples: Samples, pixels: NDArray[np.uint8], limits: Limits, *, is_given: bool, is_guess: bool
) -> list[Decision]:
    """Doubts about images as they are stored, and as pixels uint8 [N, H, W, C]. `is_given`: the
    limits were set. `is_guess`: three axes could be something else."""
    count = len(pixels)
    decisions = _axes_doubts(samples) if is_guess and samples.ndim == 3 else []
    if samples.dtype.kind == "b":
        decisions.append(Decision("False becomes black, True white", "", doubtful=False))
    seen = pixels[:: max(1, count // MOST_SEEN)]
    values = _values_of(
        samples, _without_alpha(seen), is_large=pixels.nbytes > _MOST_SEARCHED_BYTES
    )
    decisions += range_decisions(
        values,
        limits,
        of=f"{count} images",
        whole=samples.dtype.kind != "f",
        is_given=is_given,
    )
    return decisions + _repetitions(pixels)


def _values_of(samples: Samples, seen: NDArray[np.uint8], *, is_large: bool) -> Values:
    """The values of images; of a spread of them, where they are so many that they stay on disk."""
    searched = samples[:: max(1, len(samples) // MOST_SEEN)] if is_large else samples
    searched = _without_alpha(searched) if samples.ndim == 4 else searched
    return Values(float(searched.min()), float(searched.max()), histogram(seen))


def _without_alpha(images: Samples) -> Samples:
    """Images [N, H, W, C] without the channel that isn't a color."""
    return images[..., :-1] if images.shape[-1] in (2, 4) else images


def number_decisions(samples: Samples, kind: str) -> list[Decision]:
    """Doubts about finite vectors [N, D] or sequences [N, T, D]."""
    size = samples.shape[-1]
    seen = samples[:: max(1, len(samples) // MOST_SEEN)]
    rows = seen.reshape(-1, size)
    decisions = _axes_of_numbers(samples, kind)
    flattened = _flattened_image(rows) if kind == "vectors" else None
    if flattened is not None:
        decisions.append(flattened)
    else:
        decisions += _codes(rows, kind)
        decisions += _odd_dimensions(rows) if kind == "vectors" else []
        decisions += _values_that_mean_else(samples, seen, kind)
    remedy = "Keep one of each if that wasn't meant, and its label: "
    remedy += "numpy.unique(x, axis=0, return_index=True)[1] are their places"
    repeated = find_repeated(samples.reshape(len(samples), -1))
    return (
        decisions + repeated.decisions(kind, remedy, least=0) + _constant_dimensions(samples, kind)
    )


def _values_that_mean_else(samples: Samples, seen: Samples, kind: str) -> list[Decision]:
    """Numbers that fill up, stand for missing values or are dates."""
    padding = _find_padding(seen, kind)
    filling = None if padding is None else padding.value
    decisions = [] if padding is None else [_padding_decision(padding, len(seen), kind)]
    every = max(1, samples.size // _MOST_SEARCHED_NUMBERS)
    rows = samples[::every].reshape(-1, samples.shape[-1])
    sentinels: dict[float, list[int]] = defaultdict(list)
    outliers: dict[float, list[int]] = defaultdict(list)
    dates: dict[int, str] = {}
    times = {}
    for place, column in enumerate(rows.T.astype(np.float64)):
        values = column if filling is None else column[column != filling]
        found = find_sentinels(values)
        for value in found:
            sentinels[value].append(place)
        values = values[~np.isin(values, found)] if found else values
        if len(values) < _FEW_VALUES or values.min() == values.max():
            continue
        for value in find_outliers(values):
            outliers[value].append(place)
        if form := look_like_dates(values):
            dates[place] = form
        elif text := describe_times(values):
            times[place] = text
    decisions += _sentinel_decisions(samples, sentinels) + _outlier_decisions(outliers)
    return decisions + _time_decisions(dates, times)


def _find_padding(seen: Samples, kind: str) -> Padding | None:
    """The padding of sequences; also of vectors that look like sequences of one dimension."""
    if kind == "sequences":
        return find_padding(seen)
    ends = np.concatenate([seen[:, :2], seen[:, -2:]], axis=1)
    if seen.shape[1] < _SHORTEST_SERIES or any(len(np.unique(end)) <= 2 for end in ends.T):
        return None  # the ends of vectors with categories in one-hot form are 0, too
    if any(map(_are_whole, ends.T)) and not _are_whole(seen):
        return None  # and those with counts behind measurements
    found = find_padding(seen[:, :, None])
    return None if found is None or found.lengths <= 2 or found.value is None else found


def _padding_decision(padding: Padding, total: int, kind: str) -> Decision:
    place = "end" if padding.at_end else "begin"
    many = f"{padding.number} of {total} {kind} {place} with"
    if padding.value is None:
        text = f"{many} one step again and again, as if that filled them up"
    else:
        text = f"{many} {padding.value:g} again and again, as if that filled them up"
    return Decision(text, f"It would be learned as data. If so, {cutting(padding)}")


def filling_text(padding: Padding) -> str:
    """What NaN does that fills up sequences."""
    place = "end" if padding.at_end else "begin"
    return f"{padding.number} {place} with NaN, as sequences that are filled up to one length:"


def cutting(padding: Padding) -> str:
    """What to do about sequences that are filled up."""
    part = f"x[:, :{padding.least}]" if padding.at_end else f"x[:, -{padding.least}:]"
    return "save only those that are full" + (
        f", or what all have: {part}" if padding.least > 1 else ""
    )


def _sentinel_decisions(samples: Samples, sentinels: dict[float, list[int]]) -> list[Decision]:
    """Numbers far from all others, by the places of their dimensions."""
    if not sentinels:
        return []
    parts, chosen = [], np.zeros(len(samples), bool)
    for value, places in list(sentinels.items())[:_MOST_NAMED]:
        has_it = (samples[..., places] == value).reshape(len(samples), -1).any(axis=1)
        chosen |= has_it
        number = plural(int(has_it.sum()), "sample")
        parts.append(f"{value:.12g} in {_dimensions_text(places)} ({number})")
    text = f"numbers apart from all others are taken as they are: {'; '.join(parts)}"
    return [
        Decision(
            text,
            f"If they stand for missing values, save the array without these samples, "
            f"{chosen.sum()} of {len(samples)}, or with values in their place",
        )
    ]


def _outlier_decisions(outliers: dict[float, list[int]]) -> list[Decision]:
    """Numbers beside which all others of their dimensions are nearly one."""
    if not outliers:
        return []
    parts = [
        f"{value:.12g} in {_dimensions_text(places)}"
        for value, places in list(outliers.items())[:_MOST_NAMED]
    ]
    text = "beside a few numbers all others of their dimension are nearly one, and so they would "
    text += f"be learned: {'; '.join(parts)}"
    return [Decision(text, "If they are errors, save the array without these samples")]


def _time_decisions(dates: dict[int, str], times: dict[int, str]) -> list[Decision]:
    decisions = []
    if dates:
        problem, remedy = describe_dates(list(dates.values()))
        places = list(dates)
        text = f"{_dimensions_text(places)} {_look(places)} {problem}"
        decisions.append(Decision(text, f"Save them as {remedy}"))
    if times:
        by_unit: dict[str, list[int]] = defaultdict(list)
        for place, text in times.items():
            by_unit[text.partition(",")[0]].append(place)
        parts = [
            f"{_dimensions_text(places)} {_look(places)} like times ({times[places[0]]})"
            for places in by_unit.values()
        ]
        text = f"{' and '.join(parts)}: an hour or a day of the week, which they hide, isn't "
        text += "learned"
        decisions.append(
            Decision(text, "Save these as dimensions if they matter, or leave the times out")
        )
    return decisions


def _axes_doubts(samples: Samples) -> list[Decision]:
    """Whether three axes are images [N, H, W]."""
    count, height, width = samples.shape
    text = f"three axes are read as {count} gray images of {width} x {height} px"
    if width <= 4 and samples.dtype == np.uint8:
        remedy = "A single picture [H, W, C] isn't a data set: save many as [N, H, W, C]"
        return [Decision(text, remedy)]
    looks_else = height != width or min(height, width) < _SMALLEST_IMAGE
    if samples.dtype.kind == "u" and not looks_else:
        return []
    remedy = "For sequences [N, T, D]: dataset.kind=sequences"
    return [Decision(text, remedy, doubtful=looks_else and samples.dtype.kind != "u")]


def _repetitions(pixels: NDArray[np.uint8]) -> list[Decision]:
    remedy = "Remove what is repeated if that wasn't meant"
    repeated = find_repeated(pixels.reshape(len(pixels), -1))
    return repeated.decisions("images", remedy)


def _axes_of_numbers(samples: Samples, kind: str) -> list[Decision]:
    """Whether the axes are in another order."""
    if kind == "vectors":
        count, size = samples.shape
        if count >= 2 and size >= 10 * count:
            text = f"{count} vectors of {size} dimensions"
            remedy = "If the samples are along the second axis, save the transposed array: x.T"
            return [Decision(text, remedy)]
    elif samples.shape[2] >= 10 * samples.shape[1]:
        count, steps, size = samples.shape
        text = f"sequences of {steps} steps in {size} dimensions"
        remedy = "If the steps are along the last axis, save x.transpose(0, 2, 1)"
        return [Decision(text, remedy)]
    return []


def _flattened_image(rows: Samples) -> Decision | None:
    """Whether vectors look like the pixels of square images."""
    size = rows.shape[1]
    sides = [(c, math.isqrt(size // c)) for c in (1, 3) if size % c == 0]
    found = [(c, side) for c, side in sides if c * side * side == size]
    if size < _SMALLEST_IMAGE**2 or not found:
        return None
    low, high = float(rows.min()), float(rows.max())
    in_bytes = _are_whole(rows) and low >= 0 and 1 <= high <= 255
    in_unit = 0.5 < high <= 1 and (0 <= low < 0.05 or -1 <= low < -0.9)
    # features that were scaled to [0, 1] reach both ends, each of them
    is_scaled = bool((rows.min(axis=0) == low).all() and (rows.max(axis=0) == high).all())
    if not in_bytes and (is_scaled or not in_unit):
        return None
    channels, side = found[0]
    text = f"vectors of {size} dimensions look like flattened images of {side} x {side} px"
    shape = f"x.reshape(-1, {side}, {side})"
    if channels == 3:
        shape = f"x.reshape(-1, {side}, {side}, 3), or x.reshape(-1, 3, {side}, {side})"
        shape += ".transpose(0, 2, 3, 1) if the colors come one after another"
    return Decision(text, f"To train on images, save {shape}")


def _codes(rows: Samples, kind: str) -> list[Decision]:
    """Whether whole numbers [M, D] look like codes of categories, such as token ids."""
    if rows.dtype.kind == "b":
        return [_code_decision("False and True are read as measurements, 0 and 1")]
    if not _are_whole(rows) or rows.size < _FEW_VALUES or rows.min() < 0:
        return []
    distinct, low, high = len(np.unique(rows)), float(rows.min()), float(rows.max())
    if (distinct, low, high) == (2, 0, 1) and (rows.sum(axis=1) == 1).all():
        return [Decision("rows are one-hot", "", doubtful=False)]
    if distinct > 1 and (distinct <= _FEW_CODES or _are_of_one_vocabulary(rows, distinct, kind)):
        text = f"{distinct} different whole numbers from {low:g} to {high:g} are read as "
        return [_code_decision(f"{text}measurements")]
    if rows.dtype.kind in "iu":
        text = "whole numbers are read as measurements: samples will have decimals"
        return [Decision(text, "", doubtful=False)]
    return []


def _are_of_one_vocabulary(rows: Samples, distinct: int, kind: str) -> bool:
    """Whether each dimension reaches as far as the others, and values come again and again."""
    size, high = rows.shape[1], float(rows.max())
    reach = float((rows.max(axis=0) >= 0.5 * high).mean())
    is_dense = distinct >= 0.25 * high and rows.size >= 4 * distinct
    if size == 1:
        return kind == "sequences" and is_dense
    if rows.dtype.kind in "iu" and reach > 0.9 and _is_unordered(rows):
        return True
    return reach > 0.5 and (is_dense or (size >= 8 and reach > 0.9 and rows.size >= 2 * distinct))


def _is_unordered(rows: Samples) -> bool:
    """Whether a large vocabulary is spread over the places of a text: their numbers begin alike and
    say nothing of each other, unlike those of a signal."""
    size, lows = rows.shape[1], rows.min(axis=0)
    if size < _SHORTEST_SERIES or len(rows) < _FEW_VALUES or len(np.unique(rows)) < _VOCABULARY:
        return False
    here, beside = (part.ravel().astype(np.float64) for part in (rows[:, :-1], rows[:, 1:]))
    is_alike = bool((lows <= 0.1 * rows.max()).mean() > 0.9)
    return is_alike and abs(float(np.corrcoef(here, beside)[0, 1])) < _MOST_RELATED


def _code_decision(text: str) -> Decision:
    remedy = "If they are codes of categories or tokens, save them one-hot, or use a table: "
    return Decision(text, f"{remedy}dataset=table")


def _odd_dimensions(rows: Samples) -> list[Decision]:
    """Whether a dimension of vectors looks like a label or a running number."""
    count, size = rows.shape
    if count < _FEW_VALUES or size < 2:
        return []
    decisions = []
    numbers = [i for i in range(min(size, 64)) if _counts_up(rows[:, i])]
    if numbers and len(numbers) < size:
        text = f"{_dimensions_text(numbers)} {'goes' if len(numbers) == 1 else 'go'} up from "
        text += "sample to sample in equal steps"
        remedy = "If it numbers the samples, leave it out"
        decisions.append(Decision(text, remedy))
    last, others = rows[:, -1], rows[:, :-1]
    is_label = _are_whole(last) and 1 < len(np.unique(last)) <= _FEW_CODES and last.min() >= 0
    if is_label and not _are_whole(others):
        text = f"the last dimension has {len(np.unique(last))} different whole numbers and is read "
        remedy = "If it is the label: numpy.savez(FILE, samples=x[:, :-1], labels=x[:, -1])"
        decisions.append(Decision(f"{text}as a measurement", remedy))
    return decisions


def _constant_dimensions(samples: Samples, kind: str) -> list[Decision]:
    axes = tuple(range(samples.ndim - 1))
    constant = np.flatnonzero(samples.min(axis=axes) == samples.max(axis=axes)).tolist()
    size = samples.shape[-1]
    if len(samples) < 2 or not constant:
        return []
    if len(constant) == size:
        return [Decision(f"all {kind} are equal", "Is it the right file?")]
    text = f"{len(constant)} of {size} dimensions never change ({_numbers_text(constant)})"
    return [Decision(text, "", doubtful=False)]


def _are_whole(values: Samples) -> bool:
    if values.dtype.kind in "biu":
        return True
    return bool((np.isfinite(values) & (values == np.rint(values))).all())


def _counts_up(values: Samples) -> bool:
    steps = np.diff(values.astype(np.float64))
    return bool(steps[0] > 0 and (steps == steps[0]).all())


def _look(places: list[int]) -> str:
    return "looks" if len(places) == 1 else "look"


def _dimensions_text(places: list[int]) -> str:
    """Dimensions by their numbers, which begin at 1 as in the reading report."""
    number = "dimension" if len(places) == 1 else f"{len(places)} dimensions:"
    return f"{number} {_numbers_text(places)}"


def _numbers_text(places: list[int]) -> str:
    shown = ", ".join(str(place + 1) for place in places[:_MOST_NAMED])
    return f"{shown}, ..." if len(places) > _MOST_NAMED else shown
