"""The door to matplotlib: figures of a size in pixels, in its own default style, as arrays.

Nothing here or behind it touches pyplot, whose figures belong to the whole process.
"""

from __future__ import annotations

import io
import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gan_runner.data_report.text import number_text
from gan_runner.errors import cut_middle

COLORS = (
    *("#0072b2", "#e69f00", "#009e73", "#cc79a7"),
    *("#56b4e9", "#d55e00", "#000000", "#7f7f7f"),
)
"""Colors that color-blind readers can tell apart: Okabe & Ito 2008, gray in place of yellow."""

_MOST_TICKS = 5  # parts of an axis
_TICK_MARGIN = 0.05  # of an axis: ticks nearer to its ends would touch those of the next
_LETTER, _LETTER_GAP, _LINE = 7, 10, 24  # pixels: a letter of a tick, between two, a line of them
_LONGEST_LABEL = 10  # letters: those of unix seconds

_OWN_FONT = "DejaVu Sans"
_MORE_LETTERS = (
    *("Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans CJK KR", "Source Han Sans"),
    *("IPAGothic", "IPAexGothic", "TakaoGothic", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei"),
    *("Droid Sans Fallback", "Hiragino Sans", "PingFang SC", "Apple SD Gothic Neo", "Yu Gothic"),
    *("MS Gothic", "Microsoft YaHei", "SimHei", "Malgun Gothic", "Arial Unicode MS", "Unifont"),
    *("Noto Sans Devanagari", "Noto Sans Thai", "Noto Sans Bengali", "Noto Sans Tamil"),
    *("Noto Emoji", "Noto Sans Symbols", "Noto Sans Symbols2", "Segoe UI Symbol"),
)
_DPI = 100
_STYLE = {
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
    "svg.hashsalt": "gan-runner",  # names of parts, else other ones each time
}


@contextmanager
def new_figure(width: int, height: int, *, layout: str | None = None) -> Iterator[Any]:
    """A `matplotlib.figure.Figure` of that many pixels, to be drawn on within the context.

    There, the style is the same on every machine, whatever a matplotlibrc says.
    """
    matplotlib, figure_type, canvas_type = _library()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of letters that the fonts lack
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE | {"font.family": list(_fonts())})
        figure = figure_type(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout=layout)
        canvas_type(figure)
        yield figure


def label_text(text: object, *, limit: int) -> str:
    """A text from outside, in one line and without formulas, however many dollar signs it has. A
    letter that no font of this machine has is shown by its number, not as a box like all others."""
    shown = "".join(c if c.isascii() or _is_drawn(c) else _escape(c) for c in str(text))
    return cut_middle(shown, limit).replace("$", r"\$")


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()


@cache
def _is_drawn(letter: str) -> bool:
    """Whether a font has a letter; what isn't printed at all needs none."""
    from matplotlib.font_manager import findfont, get_font

    if not letter.isprintable():
        return True
    return any(get_font(findfont(name)).get_char_index(ord(letter)) for name in _fonts())


@cache
def _fonts() -> tuple[str, ...]:
    """matplotlib's own font, which decides how a picture looks, and behind it those of this machine
    that have more letters."""
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return (_OWN_FONT, *(name for name in _MORE_LETTERS if name in installed))


def set_number_ticks(axes: Any, which: Literal["x", "y"]) -> str:
    """Ticks within the limits of an axis that neither touch each other nor those of the panel
    beside it. What is taken off all their labels, where whole ones would be too long:
    "+ 1153000000000000000", or an empty text."""
    low, high = sorted(getattr(axes, f"get_{which}lim")())
    extent = axes.get_window_extent()  # before the layout makes room for labels: about
    pixels = extent.width if which == "x" else extent.height
    room = (pixels / 2 - _LETTER_GAP) / _LETTER if which == "x" else _LONGEST_LABEL
    off = _common_part(low, high, letters=min(room, _LONGEST_LABEL))
    places, labels = _ticks(low - off, high - off, pixels, upright=which == "y")
    axes.set(**{f"{which}ticks": [each + off for each in places], f"{which}ticklabels": labels})
    return f"+ {off}" if off else ""


def _common_part(low: float, high: float, *, letters: float) -> int:
    """A round number that numbers between two ends have in common; 0 if they are short as they
    are, or would be as long without it."""
    ends = math.floor(low), math.ceil(high)
    if max(len(str(end)) for end in ends) <= letters or max(map(abs, ends)) >= 2**64:
        return 0
    if 10 * (high - low) > max(map(abs, ends)):
        return 0
    unit = 10 ** max(0, math.ceil(math.log10(max(high - low, 1))))
    # of a quarter of the way: the room left of the least number begins another one
    return int((ends[0] + (ends[1] - ends[0]) // 4) // unit * unit)


def _ticks(
    low: float, high: float, pixels: float, *, upright: bool
) -> tuple[list[float], list[str]]:
    """The places and the labels of as many ticks as there is room for."""
    from matplotlib.ticker import MaxNLocator

    span = high - low
    places: list[float] = []
    labels: list[str] = []
    margin = _TICK_MARGIN * span
    for most in range(_MOST_TICKS, 0, -1):
        locator = MaxNLocator(nbins=most, steps=[1, 2, 5, 10], min_n_ticks=1)
        found = locator.tick_values(low, high)
        places = [float(each) for each in found if margin <= each - low <= span - margin]
        labels = [number_text(each, span).replace("-", "\N{MINUS SIGN}") for each in places]
        letters = max(map(len, labels), default=0)
        needed = _LINE if upright else _LETTER * letters + _LETTER_GAP
        if len(places) * needed <= pixels:
            return places, labels
    middle = slice(len(places) // 2, len(places) // 2 + 1)
    return places[middle], labels[middle]


def as_array(figure: Any) -> NDArray[np.uint8]:
    """The pixels of a figure, uint8 [H, W, 3]; called within its context."""
    figure.canvas.draw()
    pixels: NDArray[np.uint8] = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    return pixels


def as_svg(figure: Any) -> bytes:
    """A figure as the content of an SVG file, the same each time; called within its context."""
    content = io.BytesIO()
    figure.savefig(content, format="svg", metadata={"Date": None})
    return content.getvalue()


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
