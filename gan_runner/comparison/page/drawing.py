"""Plain drawings as SVG, which need no script: curves with their bands and the ends of both axes,
outlines of histograms. matplotlib would take longer than all else of a page. No text from outside
gets into them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from gan_runner.comparison.page.curves import COLORS, Curve, Points

_WIDTH, _HEIGHT, _LEFT, _BELOW, _EDGE = 540, 250, 88, 24, 12  # pixels


class _Frame(NamedTuple):
    """The ends of both axes."""

    first: float
    last: float
    low: float
    high: float

    def places(self, steps: Points, values: Points) -> str:
        """Points of a curve as x,y in the drawing."""
        across = (steps - self.first) / max(self.last - self.first, 1e-300)
        up = (values - self.low) / max(self.high - self.low, 1e-300)
        x = _LEFT + across * (_WIDTH - _LEFT - _EDGE)
        y = _HEIGHT - _BELOW - up * (_HEIGHT - _BELOW - _EDGE)
        return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def curves_svg(curves: Sequence[Curve | None], *, logarithmic: bool) -> str:
    """Curves in the COLORS of their places, as an SVG element."""
    colored = [(c, color) for c, color in zip(curves, COLORS, strict=False) if c is not None]
    shown = [(_logarithm(c) if logarithmic else c, color) for c, color in colored]
    steps = np.concatenate([curve.steps for curve, _ in shown])
    values = np.concatenate([row for curve, _ in shown for row in curve[1:]])
    ends = (steps.min(), steps.max(), values.min(), values.max())
    frame = _Frame(*(float(end) for end in ends))
    shapes = "".join(_shape(curve, color, frame) for curve, color in shown)
    labels = _labels(frame, logarithmic=logarithmic)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}">{labels}{shapes}</svg>'


def steps_path(
    edges: Sequence[float],
    heights: Sequence[float],
    *,
    size: tuple[int, int],
    above: int,
    logarithmic: bool,
) -> str:
    """The outline of a histogram as the data of an SVG path: heights [B] in [0, 1] between edges
    [B + 1], in a drawing of this size, of which some pixels above are left free."""
    width, bottom = size
    scaled = np.log(edges) if logarithmic else np.asarray(edges, np.float64)
    places = (scaled - scaled[0]) / max(float(scaled[-1] - scaled[0]), 1e-300) * width
    places[-1] = width  # also where all edges are one
    tops = bottom - np.asarray(heights) * (bottom - above)
    steps = (f"V{y:.1f}H{x:.1f}" for x, y in zip(places[1:], tops, strict=True))
    return f"M0 {bottom}{''.join(steps)}V{bottom}Z"


def _logarithm(curve: Curve) -> Curve:
    return Curve(curve.steps, *(np.log10(row) for row in curve[1:]))


def _shape(curve: Curve, color: str, frame: _Frame) -> str:
    """A curve's band and its line."""
    around = np.concatenate([curve.steps, curve.steps[::-1]])
    edges = np.concatenate([curve.greatest, curve.least[::-1]])
    band = f'<polygon points="{frame.places(around, edges)}" fill="{color}" opacity="0.18"/>'
    line = f'<polyline points="{frame.places(curve.steps, curve.mean)}" fill="none"'
    # round ends make a dot of a single point
    return f'{band}{line} stroke="{color}" stroke-width="2" stroke-linecap="round"/>'


def _labels(frame: _Frame, *, logarithmic: bool) -> str:
    low, high = (10**end if logarithmic else end for end in (frame.low, frame.high))
    bottom = _HEIGHT - _BELOW
    placed = (
        (_LEFT - 8, _EDGE + 5, "end", f"{high:.4g}"),
        (_LEFT - 8, bottom, "end", f"{low:.4g}"),
        (_LEFT, _HEIGHT - 6, "start", f"step {frame.first:.10g}"),
        (_WIDTH - _EDGE, _HEIGHT - 6, "end", f"{frame.last:.10g}"),
    )
    line = f'<path d="M{_LEFT} {bottom}H{_WIDTH - _EDGE}" stroke="currentColor" opacity="0.4"/>'
    texts = (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor">{text}</text>'
        for x, y, anchor, text in placed
    )
    return line + "".join(texts)
