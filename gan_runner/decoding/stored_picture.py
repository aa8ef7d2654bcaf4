"""The form in which a file stores a picture, as far as somebody has to know who trains on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gan_runner.decoding.values import Limits

if TYPE_CHECKING:
    from PIL import Image

DEPTHS: dict[str, Limits] = {
    "8-bit": (0, 255),
    "16-bit": (0, 65535),
    "16-bit color": (0, 65535),
    "32-bit": (0, 65535),
    "float": (0, 1),
}
"""The numbers of a picture, and those that become black and white by default."""

_MODES = {"1": "1-bit", "L": "gray", "LA": "gray with alpha", "P": "palette", "I": "32-bit gray"}
_MODES |= {"F": "float gray", "PA": "palette with alpha"}
_GRAY = ("1", "L", "LA", "I", "F")
_ORIENTATION = 0x0112
_COUNTED_SIDE = 32
MOST_COLORS = 64
"""More colors than that are a picture's, not those of a label map."""


class Header(NamedTuple):
    """The facts that a file gives of its picture. `width` and `height` are upright."""

    format: str
    mode: str
    depth: str
    width: int
    height: int


class StoredPicture(NamedTuple):
    """The form in which a picture was stored, and what its pixels are like.

    `low` and `high`: its values as stored. `clipped`: the share of them above the limits.
    `histogram`: of its pixels without alpha, [256]. `hash`: as `hash_of` has it. `colors`: those of
    a picture in few colors, as numbers, () for others.
    """

    header: Header
    is_turned: bool
    is_transparent: bool
    is_gray: bool
    has_frames: bool
    low: float
    high: float
    clipped: float
    histogram: NDArray[np.int64]
    hash: int
    colors: tuple[int, ...] = ()


def read_header(image: Image.Image) -> Header:
    """The facts that an image file gives of it; to be called before its pixels are loaded."""
    name = "JPEG" if image.format == "MPO" else image.format or ""
    deep_color = not image.mode.startswith("I") and ";16" in _raw_mode(image)
    if deep_color:
        depth = "16-bit color"
    elif image.mode == "I" and (name == "PPM" or (name == "PNG" and ";16" in _raw_mode(image))):
        depth = "16-bit"  # of PNG as older versions of Pillow open it
    else:
        depth = {"I": "32-bit", "F": "float"}.get(image.mode, "8-bit")
        depth = "16-bit" if image.mode.startswith("I;16") else depth
    mode = "16-bit gray" if depth == "16-bit" else _MODES.get(image.mode, image.mode)
    return Header(name, f"16-bit {mode}" if deep_color else mode, depth, *image.size)


def orientation_of(image: Image.Image) -> int:
    """The orientation of the picture in its file, 1 to 8 as EXIF has it: 1 is upright."""
    found = image.getexif().get(_ORIENTATION, 1)
    return int(found) if found in range(1, 9) else 1


def is_transparent(image: Image.Image) -> bool:
    """Whether some pixel isn't opaque."""
    if "transparency" in image.info and "A" not in image.getbands():
        image = image.convert("RGBA")
    if "A" not in image.getbands():
        return False
    return bool(np.asarray(image.getchannel("A")).min() < 255)


def has_frames(image: Image.Image) -> bool:
    """Whether the file holds more pictures than the first."""
    if image.format == "MPO":
        return False  # the same picture again, for a preview or in stereo
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # decoders raise whatever a stranger's bytes provoke; the first one was read
        return True


def is_gray(image: Image.Image, pixels: NDArray[np.uint8], spread: NDArray[np.uint8]) -> bool:
    """Whether a picture has no color: by its pixels [C, H, W] if they have three channels, of which
    `spread_of` tells in most cases."""
    if len(pixels) < 3:
        return image.mode.startswith("I") or image.mode in _GRAY
    # bytes are compared in less time than arrays
    for part in (spread, pixels):
        red, green, blue = (channel.tobytes() for channel in part[:3])
        if not red == green == blue:
            return False
    return True


def spread_of(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels [C, H, W]; of a great picture, a spread of them."""
    side: int = pixels.shape[-1]
    every = max(1, side // _COUNTED_SIDE)
    return np.ascontiguousarray(pixels[:, ::every, ::every])


def few_colors(image: Image.Image) -> tuple[int, ...]:
    """The colors of a picture that has few and keeps them exactly, as a label map does; () for any
    other."""
    if image.mode not in ("RGB", "RGBA") or image.format == "JPEG":
        return ()
    found: list[Any] = image.getcolors(MOST_COLORS) or []  # ends early where there are more
    return tuple(red << 16 | green << 8 | blue for _, (red, green, blue, *_) in found)


def without_alpha(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The channels of pixels [C, H, W] that aren't alpha."""
    return pixels[:-1] if len(pixels) in (2, 4) else pixels


def hash_of(pixels: NDArray[np.uint8]) -> int:
    """64 bits that tell other pixels apart, in this process and those of the same
    PYTHONHASHSEED."""
    return hash(pixels.tobytes())


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", [])
    return str(tiles[0][3]) if tiles else ""
