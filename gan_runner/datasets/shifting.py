"""Numbers as float32 examples that keep their digits: what is large in all of them is taken off."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[Any]

_MOST_DETECTED_DECIMALS = 6
_FINE = 2.0**-12  # of the deviation: numbers in steps of that are as good as exact
_COARSE = 2.0**-8  # of the deviation: steps that show in a histogram
_EPSILON = 2.0**-24  # of the deviation: what float32 keeps of numbers of that size
_LEAST_MERGED = 0.05  # of the numbers that aren't 0
_BLOCK = 64  # columns
_LEAST_GAIN = 4  # an origin that can't save all digits takes the typical number down by so much
_MOST_EXACT = 2**53  # float64 holds all whole numbers up to it
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST = float(np.finfo(np.float32).tiny)


OTHER_UNIT = "Save them in another unit, or less their start"
_LOGARITHMS = "Save their logarithms, which are apart"


class Lost(NamedTuple):
    """The digits of some numbers that float32 can't keep.

    `text`: what of them, as the end of a sentence that begins with their name. `doubtful`: whether
    these digits are likely to mean something, as those of times and identifiers do. `remedy`: the
    start of a sentence.
    """

    text: str
    doubtful: bool
    remedy: str = OTHER_UNIT


class Shifted(NamedTuple):
    """Numbers less their `origin`, float32 [N]; the origin is 0 where float32 keeps them anyway."""

    numbers: NDArray[np.float32]
    origin: float
    lost: Lost | None


def shift(values: Numbers, decimals: int | None, *, may_shift: bool = True) -> Shifted:
    """Numbers [N] of any real type, less what is large in all of them.

    `decimals`: digits after the point that mean something, None where they have no end. Then the
    origin has no more of them, so that rounding to them before it is added is rounding after it.
    Raises OverflowError where numbers are too far apart for 32 bits.
    """
    values = _as_64_bits(values)
    if decimals and (values == np.rint(values)).all():
        decimals = 0  # 1700000000123.0, as pandas writes whole numbers beside missing ones
    if not len(values) or _keeps(values.astype(np.float64), decimals):
        numbers = values.astype(np.float32)
        return Shifted(numbers, 0.0, _find_merged(values, decimals))
    origin = _choose_origin(values, decimals) if may_shift else 0.0
    difference = _subtract(values, origin)
    if np.abs(difference).max() > _LARGEST:
        raise OverflowError
    numbers = difference.astype(np.float32)
    return Shifted(numbers, origin, _find_lost(values, difference, numbers, decimals, origin))


class ShiftedColumns(NamedTuple):
    """Columns less their origins, float32 [N, D]; no origins where none has one. `lost`: what some
    columns, counted from 0, have lost."""

    numbers: NDArray[np.float32]
    origin: tuple[float, ...]
    lost: dict[int, Lost]


def shift_columns(values: Numbers, *, may_shift: bool = True) -> ShiftedColumns:
    """The columns of an array [N, D], each shifted by itself.

    Raises ValueError for numbers that aren't finite, OverflowError as `shift` does.
    """
    count = values.shape[1]
    numbers, origin, lost = np.empty(values.shape, np.float32), [0.0] * count, {}
    for start in range(0, count, _BLOCK):
        # contiguous columns: of an array of a thousand, one by one would take seconds
        for place, column in enumerate(values[:, start : start + _BLOCK].T.copy(), start):
            if not np.isfinite(column).all():
                raise ValueError("numbers aren't finite")
            shifted = shift(column, _find_decimals(column), may_shift=may_shift)
            numbers[:, place], origin[place] = shifted.numbers, shifted.origin
            found = _find_coarse_type(column) or shifted.lost or _find_coarse_samples(column)
            if found is not None:
                lost[place] = found
    return ShiftedColumns(numbers, tuple(origin) if any(origin) else (), lost)


def _find_decimals(values: Numbers) -> int | None:
    """The digits after the point that numbers [N] of an array have, at most 6; None for more, and
    where their type has too few digits itself to say."""
    if values.dtype.kind in "biu":
        return 0
    if values.dtype.itemsize < 8 or np.abs(values).max(initial=0) >= _MOST_EXACT:
        return None
    for decimals in range(_MOST_DETECTED_DECIMALS + 1):
        # nearly always the first few numbers decide
        if all((np.round(p, decimals) == p).all() for p in (values[:64], values)):
            return decimals
    return None


def _find_coarse_type(values: Numbers) -> Lost | None:
    """The digits that numbers [N] lost when saved as float32 or float16, if it shows."""
    if values.dtype.kind != "f" or values.dtype.itemsize >= 8:
        return None
    deviation = _deviation(values.astype(np.float64))
    if float(np.spacing(np.abs(values).max())) <= deviation * _COARSE or not deviation:
        return None
    typical = np.median(np.abs(values)).astype(values.dtype)
    step = float(np.spacing(typical))
    if step <= deviation * _COARSE:
        return None
    text = f"is {values.dtype} in its file, which goes in steps of {step:.3g} around {typical:.6g}"
    return Lost(f"{text}, with a deviation of {deviation:.2g}", doubtful=True)


def _find_coarse_samples(values: Numbers) -> Lost | None:
    """The digits that samples of whole numbers [N] lose, which are written as float64."""
    if values.dtype.kind not in "iu" or values.dtype.itemsize < 8:
        return None
    largest = float(max(-int(values.min()), int(values.max())))
    if largest <= _MOST_EXACT:
        return None
    step = float(np.spacing(largest))
    text = f"has whole numbers up to {largest:.3g}, of which samples, float64, go in steps of "
    doubtful = step > _COARSE * _deviation(_subtract(values, float(values[0])))
    return Lost(f"{text}{step:g}", doubtful)


def _as_64_bits(values: Numbers) -> Numbers:
    """float64, or integers of 64 bits where float64 doesn't hold them all."""
    if values.dtype.kind in "iu" and values.dtype.itemsize == 8 and len(values):
        low, high = int(values.min()), int(values.max())
        # beyond that distance differences don't fit 64 bits
        if max(-low, high) > _MOST_EXACT and high - low < 2**62:
            return values
    return values.astype(np.float64)


def _choose_origin(values: Numbers, decimals: int | None) -> float:
    """The origin that keeps all digits, or those of most numbers; 0 where none does."""
    with np.errstate(over="ignore", invalid="ignore"):
        # a number of the column: the distances to it are multiples of the steps that all go in
        middle = np.partition(values, len(values) // 2)[len(values) // 2]
        candidates = [_shorten(float(middle), values, decimals)]
        candidates.append(_round(float(values.min() / 2 + values.max() / 2), decimals))
        for candidate in candidates:
            if _keeps(_subtract(values, candidate), decimals):
                return candidate
        before, after = (
            float(np.median(np.abs(_subtract(values, origin)))) for origin in (0.0, candidates[0])
        )
    return candidates[0] if after * _LEAST_GAIN <= before else 0.0


def _shorten(middle: float, values: Numbers, decimals: int | None) -> float:
    """The origin near the middle: of numbers without an end one with few digits."""
    deviation = _deviation(_subtract(values, middle))
    if decimals is not None or not 0 < deviation < math.inf:
        return middle
    rounded = _round(middle, -math.floor(math.log10(deviation)))
    return rounded if abs(rounded - middle) <= deviation else middle


def _round(value: float, decimals: int | None) -> float:
    return value if decimals is None else round(value, decimals)


def _subtract(values: Numbers, origin: float) -> NDArray[np.float64]:
    """values - origin, exact where their distances are small."""
    if values.dtype.kind == "f" or not origin:
        return values.astype(np.float64) - origin
    # integers of 64 bits, modulo 2**64: the distances fit
    whole = np.uint64(int(origin) % 2**64)
    return (values.astype(np.uint64) - whole).view(np.int64).astype(np.float64)


def _keeps(difference: NDArray[np.float64], decimals: int | None) -> bool:
    """Whether float32 keeps the digits and the spread of numbers."""
    with np.errstate(over="ignore"):
        stored = difference.astype(np.float32)
    if not np.isfinite(stored).all():
        return False
    return _keeps_digits(difference, stored, decimals) and _keeps_spread(difference, stored)


def _keeps_digits(
    difference: NDArray[np.float64], stored: NDArray[np.float32], decimals: int | None
) -> bool:
    if decimals is None:
        return True
    unit = 10.0**decimals
    return bool((np.rint(difference * unit) == np.rint(stored.astype(np.float64) * unit)).all())


def _keeps_spread(difference: NDArray[np.float64], stored: NDArray[np.float32]) -> bool:
    """Whether the steps of float32 are small beside the deviation, at least around the typical
    number: a few that are far away may be coarse."""
    if difference.min() == difference.max():
        return True
    deviation, size = _deviation(difference), np.abs(stored)
    if deviation < _SMALLEST:
        return False
    steps = (np.spacing(typical(size)) for typical in (np.max, np.median))
    return any(step <= _FINE * deviation for step in steps)


def _deviation(difference: NDArray[np.float64]) -> float:
    """The standard deviation of numbers whose squares may be too large for a float64."""
    largest = float(np.abs(difference).max())
    return float((difference / largest).std()) * largest if largest else 0.0


def _find_merged(values: Numbers, decimals: int | None) -> Lost | None:
    """The numbers so near to 0 beside the deviation that they are learned as one, if they are
    many: those of a column over many orders of magnitude, all of one sign."""
    if decimals is not None or not len(values) or values.min() < 0 < values.max():
        return None
    sizes = np.abs(values[values != 0].astype(np.float64))
    limit = _deviation(values.astype(np.float64)) * _EPSILON
    share = float((sizes < limit).mean()) if len(sizes) else 0.0
    if share < _LEAST_MERGED:
        return None
    what = f"{100 * share:.0f} % of its numbers are nearer to 0 than {limit:.1g}"
    text = f"goes from {sizes.min():.2g} to {sizes.max():.2g}: {what}, and learned as one"
    return Lost(text, doubtful=True, remedy=_LOGARITHMS)


def _find_lost(
    values: Numbers,
    difference: NDArray[np.float64],
    stored: NDArray[np.float32],
    decimals: int | None,
    origin: float,
) -> Lost | None:
    """The digits that aren't kept even less the origin."""
    if not len(values):
        return None
    size = float(np.abs(stored).max())
    if decimals is not None and not _keeps_digits(difference, stored, decimals):
        span = float(difference.max() - difference.min())
        digits = max(1, math.ceil(math.log10(float(np.spacing(np.float32(size)))) + decimals))
        what = "digit" if digits == 1 else f"{digits} digits"
        text = f"spans {span:.2g} in steps of {10.0**-decimals:g}: its last {what} can't be kept"
        return Lost(text, doubtful=decimals == 0 or origin != 0)
    if decimals is not None and values.dtype.kind == "f":
        largest = float(np.abs(values).max())
        if np.spacing(largest) > 10.0**-decimals:
            text = f"has numbers up to {largest:.2g} in steps of {10.0**-decimals:g}"
            return Lost(f"{text}: not even 64 bits keep all their digits", doubtful=True)
    if 0 < _deviation(difference) < _SMALLEST:
        return Lost(f"has a deviation of {_deviation(difference):.2g}: too small for 32 bits", True)
    if not _keeps_spread(difference, stored):
        step, around = np.spacing(np.float32(size)), float(np.median(values))
        text = f"has a deviation of {_deviation(difference):.2g} around {around:.8g}, where it is"
        return Lost(f"{text} kept in steps of {step:.2g}", doubtful=True)
    return None
