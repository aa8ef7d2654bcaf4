"""The stored values of pictures: what becomes black and white, and how much of that is used."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator

from gan_runner.config.overrides import override
from gan_runner.data import Decision
from gan_runner.decoding.values import Limits


def _check_range(limits: Any) -> Any:
    """Limits as a tuple, or auto: one message for everything else."""
    if limits == "auto":
        return limits
    numbers = limits if isinstance(limits, (list, tuple)) else []
    if len(numbers) != 2 or not all(type(each) in (int, float) for each in numbers):
        raise ValueError("Use auto, or two numbers as in [0,255]")
    if not -_LARGEST <= numbers[0] < numbers[1] <= _LARGEST:
        raise ValueError(f"A range goes from its lower to its upper end, at most {_LARGEST:g}")
    return tuple(numbers)


_LARGEST = 1e12
RangeSetting = Annotated[Literal["auto"] | tuple[float, float], BeforeValidator(_check_range)]
"""Limits, or those that follow from the type of the values."""

_SMALL_SPAN = 0.3  # of the limits; 14 bits in 16, and everything darker, lies below
_SMALL_BULK = 1 / 8
_OUTLIERS = 0.001  # of the pixels at either end; hot pixels and marks are fewer


class Values(NamedTuple):
    """The values of pictures: the lowest and the highest as stored, and how many pixels have each
    of 0..255, [256]."""

    low: float
    high: float
    histogram: NDArray[np.int64]

    def bulk(self, limits: Limits) -> Limits:
        """From where to where all but a thousandth of the pixels at either end lie, as stored."""
        shares = np.cumsum(self.histogram) / self.histogram.sum()
        first, last = np.searchsorted(shares, [_OUTLIERS, 1 - _OUTLIERS])
        step = (limits[1] - limits[0]) / 255
        return limits[0] + step * float(first), limits[0] + step * float(last)


def range_decisions(
    values: Values, limits: Limits, *, of: str, whole: bool, is_given: bool, clips: bool = False
) -> list[Decision]:
    """Whether the values use only a small part of their limits. `of`: the pictures, as in "16
    16-bit images"; `whole`: they are whole numbers; `is_given`: the limits were set; `clips`:
    values beyond limits may be."""
    low, high, full = values.low, values.high, limits[1] - limits[0]
    if low == high:
        return [Decision(f"all pixels of {of} are {number(low)}", "Are these the right files?")]
    bulk = values.bulk(limits)
    is_dark = high - low <= _SMALL_SPAN * full or limits[0] < 0 <= low
    if not is_dark and bulk[1] - bulk[0] > _SMALL_BULK * full:
        return []
    few = "" if is_dark else " but for a few pixels"
    low, high = (low, high) if is_dark else bulk
    black, white = map(number, limits)
    source = "dataset.range" if is_given else "their type"
    text = f"{of} use only {number(low)} to {number(high)} of {black} (black) to {white} (white)"
    text += f"{few}, the limits of {source}" if is_given else few
    setting = range_setting(fitting_limits(low, high, whole=whole))
    if few and not clips:
        setting = f"save numpy.clip(x, {number(low)}, {number(high)}), with {setting}"
    return [Decision(text, f"To stretch what is used: {setting}")]


def fitting_limits(low: float, high: float, *, whole: bool) -> Limits:
    """Limits for values from `low` to `high`: those of a number of bits or of [-1, 1], [0, 1] where
    these fit well, else round numbers around them."""
    if low == high:
        return min(low, 0.0), max(high, 0.0) or float(low == 0)
    if whole and 0 <= low <= high / 4:
        in_bits = float(2 ** math.ceil(math.log2(high + 1)) - 1)
        return 0.0, in_bits if 255 < in_bits <= 65535 else high
    if whole:
        return low, high
    if 0.5 < high <= 1 and (0 <= low < 0.5 or -1 <= low < -0.5):
        return (0.0, 1.0) if low >= 0 else (-1.0, 1.0)
    if low >= 0 and 128 < high <= 255:
        return 0.0, 255.0
    low = 0.0 if 0 <= low <= high / 100 else low
    unit = Decimal(1).scaleb(math.floor(math.log10(high - low)) - 2)
    return _to_unit(low, unit, ROUND_FLOOR), _to_unit(high, unit, ROUND_CEILING)


def _to_unit(value: float, unit: Decimal, rounding: str) -> float:
    return float((Decimal(repr(float(value))) / unit).to_integral_value(rounding) * unit)


def range_setting(limits: Limits) -> str:
    """The setting of these limits, as it can be typed in a shell; rounded, so that it contains
    them."""
    low, high = _rounded(limits[0], 12, ROUND_FLOOR), _rounded(limits[1], 12, ROUND_CEILING)
    return override("dataset.range", [_plain(low), _plain(high)])


def _rounded(value: float, digits: int, rounding: str) -> Decimal:
    return Context(prec=digits, rounding=rounding).create_decimal(repr(value))


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def number(value: float) -> str:
    """A value, with as many digits as tell it: 0, 4095, 0.25, and 1.0000001, which isn't 1."""
    digits = 6 if abs(value) < 1e5 else 12
    rounded = [f"{value:.{count}g}" for count in (digits, 9, 12)]
    tells = (text for text in rounded if float(text) == value or not float(text).is_integer())
    return next(tells, repr(float(value)))
