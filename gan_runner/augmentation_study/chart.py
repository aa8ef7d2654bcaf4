"""Means with their intervals as a picture: a panel beside another, a colour for each series."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_runner.augmentation_study.intervals import Interval
from gan_runner.sampling.sampling import Picture

_SCALE = 2  # drawn larger and reduced, which smooths every edge
_WIDTH, _HEIGHT = 560, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 64, 52
_SPREAD = 9  # pixels between the marks of two series at one place
_INK, _GRID, _PAPER = (40, 40, 40), (222, 222, 222), (255, 255, 255)
# distinct for colour-blind readers, too: Okabe & Ito 2008
_COLOURS = ((0, 0, 0), (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0))


class Panel(NamedTuple):
    """Series by name, each with an interval or None for every place on the horizontal axis."""

    title: str
    across: str
    places: Sequence[str]
    series: Mapping[str, Sequence[Interval | None]]
    zero: bool  # whether the horizontal line at 0 belongs into the picture


def chart(panels: Sequence[Panel]) -> Picture:
    """Panels side by side, uint8 [H, W, 3]. A series has the same colour in all of them."""
    names = list(dict.fromkeys(name for panel in panels for name in panel.series))
    colours = {name: _COLOURS[k % len(_COLOURS)] for k, name in enumerate(names)}
    image = Image.new("RGB", (_WIDTH * len(panels) * _SCALE, _HEIGHT * _SCALE), _PAPER)
    pen = _Pen(ImageDraw.Draw(image))
    for index, panel in enumerate(panels):
        pen.left = index * _WIDTH
        _draw(pen, panel, colours)
    return np.asarray(image.resize((_WIDTH * len(panels), _HEIGHT), Image.Resampling.LANCZOS))


class _Pen:
    """Draws in the units of one panel."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw
        self.left = 0

    def line(
        self, ends: Sequence[tuple[float, float]], colour: tuple[int, ...], width: int
    ) -> None:
        self._draw.line([self._at(*end) for end in ends], fill=colour, width=width * _SCALE)

    def dot(self, x: float, y: float, colour: tuple[int, ...]) -> None:
        (x, y), reach = self._at(x, y), 4 * _SCALE
        self._draw.ellipse([x - reach, y - reach, x + reach, y + reach], fill=colour)

    def text(self, x: float, y: float, text: str, *, size: int = 13, anchor: str = "mm") -> None:
        font = ImageFont.load_default(size * _SCALE)
        self._draw.text(self._at(x, y), text, fill=_INK, font=font, anchor=anchor)

    def length(self, text: str) -> float:
        return ImageFont.load_default(13 * _SCALE).getlength(text) / _SCALE

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return (self.left + x) * _SCALE, y * _SCALE


def _draw(pen: _Pen, panel: Panel, colours: Mapping[str, tuple[int, int, int]]) -> None:
    shown = [interval for series in panel.series.values() for interval in series if interval]
    ticks = _ticks(
        min([interval.low for interval in shown] + [0.0] * panel.zero),
        max([interval.high for interval in shown] + [0.0] * panel.zero),
    )
    pen.text(_LEFT, 18, panel.title, size=15, anchor="lm")
    pen.text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 14, panel.across)
    for tick in ticks:
        y = _height(tick, ticks)
        is_zero = panel.zero and tick == 0
        pen.line([(_LEFT, y), (_WIDTH - _RIGHT, y)], _INK if is_zero else _GRID, 1)
        pen.text(_LEFT - 8, y, f"{tick:g}", anchor="rm")
    step = (_WIDTH - _LEFT - _RIGHT) / len(panel.places)
    for index, place in enumerate(panel.places):
        pen.text(_LEFT + (index + 0.5) * step, _HEIGHT - _BOTTOM + 16, place)
    x = float(_LEFT)
    for number, (name, series) in enumerate(panel.series.items()):
        colour = colours[name]
        pen.dot(x + 5, 44, colour)
        pen.text(x + 16, 44, name, anchor="lm")
        x += pen.length(name) + 34
        aside = (number - (len(panel.series) - 1) / 2) * _SPREAD
        marks = [
            (_LEFT + (index + 0.5) * step + aside, interval)
            for index, interval in enumerate(series)
            if interval
        ]
        _draw_series(pen, marks, ticks, colour)


def _draw_series(
    pen: _Pen,
    marks: Sequence[tuple[float, Interval]],
    ticks: Sequence[float],
    colour: tuple[int, int, int],
) -> None:
    pale = tuple((channel + 2 * 255) // 3 for channel in colour)
    pen.line([(x, _height(interval.mean, ticks)) for x, interval in marks], pale, 1)
    for x, interval in marks:
        low, high = _height(interval.low, ticks), _height(interval.high, ticks)
        pen.line([(x, low), (x, high)], colour, 2)
        for end in low, high:
            pen.line([(x - 4, end), (x + 4, end)], colour, 1)
        pen.dot(x, _height(interval.mean, ticks), colour)


def _height(value: float, ticks: Sequence[float]) -> float:
    share = (value - ticks[0]) / (ticks[-1] - ticks[0])
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _ticks(low: float, high: float) -> list[float]:
    """Four to nine round numbers that enclose both."""
    span = max(high - low, 1e-6)
    unit = 10.0 ** math.floor(math.log10(span / 4))
    step = next(unit * factor for factor in (1, 2, 5, 10) if span / (unit * factor) <= 6)
    first, last = math.floor(low / step), math.ceil(high / step)
    last = max(last, first + 1)
    return [round(k * step, 10) for k in range(first, last + 1)]
