"""The door to matplotlib: figures of a size in pixels, in its own default style, as arrays or SVG.

Nothing here or behind it touches pyplot, whose figures belong to the whole process.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_runner.errors import printable

COLORS = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7"),
    *("#56b4e9", "#d55e00", "#000000", "#7f7f7f"),
)
"""Colors that color-blind readers can tell apart: Okabe & Ito 2008, gray in place of yellow."""

_DPI = 100
_STYLE = {
    "svg.fonttype": "none",  # text stays text
    "font.size": 9,
    "axes.titlesize": 10,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#e3e3e3",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
}


@contextmanager
def new_figure(width: int, height: int, *, layout: str | None = None) -> Iterator[Any]:
    """A `matplotlib.figure.Figure` of that many pixels, to be drawn on within the context.

    There, the style is the same on every machine, whatever a matplotlibrc says.
    """
    matplotlib, figure_type, canvas_type = _library()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a letter that the font lacks becomes a box
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = figure_type(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout=layout)
        canvas_type(figure)
        yield figure


def label_text(text: object, *, limit: int) -> str:
    """A text from outside, in one line and without formulas, however many dollar signs it has."""
    return printable(text, limit).replace("$", r"\$")


def as_array(figure: Any) -> NDArray[np.uint8]:
    """The pixels of a figure, uint8 [H, W, 3]; called within its context."""
    figure.canvas.draw()
    pixels: NDArray[np.uint8] = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    return pixels


def as_svg(figure: Any, *, salt: str) -> str:
    """A figure as an SVG document; called within its context.

    `salt` keeps the names inside it apart from those of other figures on a page.
    """
    matplotlib, _, _ = _library()
    matplotlib.rcParams["svg.hashsalt"] = salt
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    return text.getvalue()


def _library() -> tuple[Any, Any, Any]:
    # imported late: half a second that a command without a picture need not wait
    log = logging.getLogger("matplotlib")
    level = log.level
    log.setLevel(logging.ERROR)  # that it builds a cache of fonts, and where, helps nobody here
    try:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    finally:
        log.setLevel(level)
    return matplotlib, Figure, FigureCanvasAgg
