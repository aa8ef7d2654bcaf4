"""From an image file to pixels."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from gan_runner.decoding import stored_picture
from gan_runner.decoding.members import Member, MemberError
from gan_runner.decoding.other_files import FIRST_BYTES, find_other_file
from gan_runner.decoding.stored_picture import DEPTHS, Header, StoredPicture
from gan_runner.decoding.values import Limits, histogram, scale_to_bytes

if TYPE_CHECKING:
    from PIL import Image

T = TypeVar("T")
Pixels = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000")
_UNMARKED = {".tga": ("TGA",)}
"""Formats without a mark at their beginning, by the ends of names: any bytes could be one."""
_MOST_READ_BYTES = 4 << 20
_KEPT = 3  # times the wanted size, which keeps all detail that scaling doesn't average away
_NO_JPEG = "Use its original, as a PNG, or read all as pictures: dataset.label_maps=null"
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class Decoded(NamedTuple):
    """Pixels uint8 [C, size, size], and how they were stored."""

    pixels: Pixels
    stored: StoredPicture


class Damaged(NamedTuple):
    """The reason why a file isn't an image, and the remedy if it's another than for most."""

    reason: str
    remedy: str = ""


class TooLarge(NamedTuple):
    """Why an image is too large to be decoded: its size and the limit."""

    reason: str


class OutOfRange(NamedTuple):
    """The values of an image, which don't fit those that its depth makes black and white."""

    low: float
    high: float
    depth: str


class InColors(NamedTuple):
    """A label map in colors, where numbers of classes are wanted."""

    mode: str


Failure = Damaged | TooLarge | OutOfRange | InColors | OSError
"""Why there is no image, or the error of a machine that can't read the file."""
Result = Decoded | Failure
"""An image, or why there is none."""


Half = Literal["left", "right"]
LabelMapKind = Literal["numbers", "colors"]
"""What the pixels of a label map are: numbers of classes, of palettes or gray values, or colors of
classes."""


class Wanted(NamedTuple):
    """The images that are made of files: [channels, size, size], and the stored values that become
    black and white; None: those of the depth of each file.

    `half`: the one that is taken of pictures side by side. `label_map`: pixels are classes, of
    which none are made between others; numbers in one channel, or colors in three.
    """

    size: int
    channels: int
    limits: Limits | None = None
    half: Half | None = None
    label_map: LabelMapKind | None = None


class WantedWhole(NamedTuple):
    """How files become images in their own size; of both fields as `Wanted` has them."""

    limits: Limits | None = None
    label_map: LabelMapKind | None = None


class _File(NamedTuple):
    """An image file as Pillow opens it: a path, or bytes. Its name ends in `suffix`."""

    where: Path | bytes
    suffix: str

    def open(self) -> IO[bytes]:
        return BytesIO(self.where) if isinstance(self.where, bytes) else self.where.open("rb")

    def open_read(self) -> IO[bytes]:
        """The same with its bytes in memory, unless they are many: Pillow reads a file twice, and
        most of it in small parts."""
        if isinstance(self.where, bytes):
            return BytesIO(self.where)
        file = self.where.open("rb", buffering=0)
        if os.fstat(file.fileno()).st_size > _MOST_READ_BYTES:
            return BufferedReader(file)
        with file:
            return BytesIO(file.read())


class _Square(NamedTuple):
    """Pixels uint8 [C, size, size], and what they were made of: the opened image, its header, the
    values that it had (None if they were bytes); whether it was turned."""

    pixels: Pixels
    image: Image.Image
    header: Header
    values: NDArray[Any] | None
    is_turned: bool


class _OutOfRangeError(Exception):
    """Values from the first argument to the second one."""


class _Bytes(NamedTuple):
    """An image of 8 bits, and the values that it had; None if they were as they are."""

    image: Image.Image
    values: NDArray[Any] | None = None


def try_decode(source: Path | Member, wanted: Wanted) -> Result:
    """The first image in a file, upright, its middle square scaled to uint8
    [channels, size, size].

    Without a channel for it, transparency becomes white.
    """
    return _try(source, wanted, _describe)


def try_decode_pixels(source: Path | Member, wanted: Wanted) -> Pixels | Failure:
    """The pixels of `try_decode` alone, in less time."""
    return _try(source, wanted, lambda square, _: square.pixels)


def try_decode_whole(path: Path, wanted: WantedWhole) -> Pixels | Failure:
    """The first image in a file, upright, in its own size: uint8 [H, W, C], gray or color with its
    alpha if it has some; a label map as `Wanted` has it."""
    return _guarded(path, lambda image: _decode_whole(image, wanted))


def _try(
    source: Path | Member, wanted: Wanted, result: Callable[[_Square, Wanted], T]
) -> T | Failure:
    def decode(image: Image.Image) -> T | Failure:
        square = _decode(image, wanted)
        return result(square, wanted) if isinstance(square, _Square) else square

    return _guarded(source, decode)


def _guarded(source: Path | Member, decode: Callable[[Image.Image], T | Failure]) -> T | Failure:
    """What `decode` makes of the opened file, or why it can't."""
    try:
        if isinstance(source, Path):
            return _decode_file(_File(source, source.suffix.lower()), decode)
        return _decode_file(_File(source.read(), source.suffix), decode)
    except MemberError as error:
        return Damaged(str(error))
    except OSError as error:
        return error


def _decode_file(file: _File, decode: Callable[[Image.Image], T | Failure]) -> T | Failure:
    """Raises OSError if the machine can't read the file."""
    from PIL import Image

    try:
        with file.open_read() as opened, Image.open(opened, formats=_formats(file)) as image:
            return decode(image)
    except OSError as error:
        # only errors of the system have a number, unlike Pillow's own
        if error.errno not in (None, errno.ENOENT):
            raise
        return Damaged(_explain_damage(file, error))
    except Image.DecompressionBombError:
        return TooLarge(_explain_size(file))
    except Exception as error:  # decoders raise whatever a stranger's bytes provoke
        return Damaged(f"{type(error).__name__}: {error}")


def _decode(image: Image.Image, wanted: Wanted) -> _Square | Failure:
    from PIL import ImageOps

    header = stored_picture.read_header(image)
    # a TIFF is turned when it's loaded; the tag of a PNG may come after its pixels
    lies = stored_picture.orientation_of(image) if header.format == "TIFF" else 1
    # lets a JPEG skip detail that scaling would average away
    if min(image.size) >= 2 * _KEPT * wanted.size:
        image.draft(None, (_KEPT * wanted.size, _KEPT * wanted.size))
    image.load()
    turns = stored_picture.orientation_of(image)
    upright = image if turns == 1 else ImageOps.exif_transpose(image)
    if turns > 4:
        header = header._replace(width=header.height, height=header.width)
    if wanted.half is not None:
        if header.width % 2:
            return Damaged(f"a width of {header.width} px, which has no two equal halves")
        middle, first = upright.width // 2, wanted.half == "left"
        box = (0 if first else middle, 0, middle if first else 2 * middle, upright.height)
        upright, header = upright.crop(box), header._replace(width=header.width // 2)
    if wanted.label_map is None:
        made = _square(upright, header, wanted)
    else:
        made = _label_square(upright, header, wanted.label_map, wanted.size)
    if not isinstance(made, _Bytes):
        return made
    shape = (wanted.size, wanted.size, wanted.channels)
    # as np.asarray has it, in less time
    pixels = np.frombuffer(made.image.tobytes(), np.uint8).reshape(shape).transpose(2, 0, 1)
    pixels = np.ascontiguousarray(pixels)  # read several times from here on
    return _Square(pixels, image, header, made.values, max(lies, turns) > 1)


def _decode_whole(image: Image.Image, wanted: WantedWhole) -> Pixels | Failure:
    from PIL import ImageOps

    header = stored_picture.read_header(image)
    image.load()
    upright = image if stored_picture.orientation_of(image) == 1 else ImageOps.exif_transpose(image)
    if wanted.label_map is not None:
        classes = _label_values(upright, header, wanted.label_map)
        if not isinstance(classes, np.ndarray):
            return classes
        return np.ascontiguousarray(classes if classes.ndim == 3 else classes[..., None])
    made = _in_bytes(upright, header, wanted.limits)
    if not isinstance(made, _Bytes):
        return made
    picture = made.image
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    gray_or_color = "L" if picture.mode in ("1", "L", "LA") else "RGB"
    pixels = np.asarray(picture.convert(gray_or_color + "A" * has_alpha))
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else pixels[..., None])


def _square(upright: Image.Image, header: Header, wanted: Wanted) -> _Bytes | Failure:
    """The middle square of a picture, scaled."""
    from PIL import Image, ImageOps

    in_bytes = _in_bytes(upright, header, wanted.limits)
    if not isinstance(in_bytes, _Bytes):
        return in_bytes
    converted = _convert_mode(in_bytes.image, MODES[wanted.channels])
    size = (wanted.size, wanted.size)
    if converted.size != size:
        converted = ImageOps.fit(converted, size, Image.Resampling.LANCZOS)
    return _Bytes(converted, in_bytes.values)


def _label_square(
    upright: Image.Image, header: Header, kind: LabelMapKind, size: int
) -> _Bytes | Failure:
    """The middle square of a label map: of the classes that lie there, no others."""
    from PIL import Image, ImageOps

    values = _label_values(upright, header, kind)
    if not isinstance(values, np.ndarray):
        return values
    return _Bytes(ImageOps.fit(Image.fromarray(values), (size, size), Image.Resampling.NEAREST))


def _label_values(
    upright: Image.Image, header: Header, kind: LabelMapKind
) -> Pixels | Damaged | InColors:
    """The classes of a label map: their numbers, uint8 [H, W], or their colors, [H, W, 3]."""
    if header.format == "JPEG":
        return Damaged("a JPEG, whose compression changes the classes of a label map", _NO_JPEG)
    return _label_colors(upright, header) if kind == "colors" else _label_numbers(upright, header)


def _label_colors(upright: Image.Image, header: Header) -> Pixels | Damaged:
    if not header.depth.startswith(("8-bit", "16-bit color")):
        return Damaged(f"its pixels are {header.mode}, those of other label maps are colors")
    if stored_picture.is_transparent(upright):
        return Damaged("a label map with transparent parts, which are of no class")
    return np.array(upright.convert("RGB"))  # a copy that may be written to, as torch wants it


def _label_numbers(upright: Image.Image, header: Header) -> Pixels | Damaged | InColors:
    values = np.asarray(upright)
    if values.ndim == 3 and (values == values[..., :1]).all():
        values = values[..., 0]  # gray in three channels
    if values.ndim == 3:
        return InColors(header.mode)
    if values.dtype.kind == "f":
        return Damaged(f"no label map: its pixels are {header.mode}, not numbers of classes")
    if values.min() < 0 or values.max() > 255:
        return Damaged(f"a label map with a class {values.max()}, above 255")
    return values.astype(np.uint8)


def _in_bytes(
    image: Image.Image, header: Header, limits: Limits | None
) -> _Bytes | Damaged | OutOfRange:
    """An image of 8 bits, or why its values can't be taken for some."""
    try:
        return _as_bytes(image, header.depth, limits)
    except _OutOfRangeError as values:
        low, high = values.args
        if not np.isfinite(high - low):
            return Damaged("values that are NaN or infinite")
        return OutOfRange(low, high, header.depth)


def _as_bytes(image: Image.Image, depth: str, limits: Limits | None) -> _Bytes:
    """An image whose values are 0..255, in one of Pillow's modes of 8 bits.

    Raises _OutOfRangeError where it has others than its depth makes black to white.
    """
    from PIL import Image

    if depth in ("16-bit", "32-bit", "float"):
        values = np.asarray(image)
        low, high = float(values.min()), float(values.max())
        lowest, highest = limits or DEPTHS[depth]
        is_beyond = limits is None and not lowest <= low <= high <= highest
        if is_beyond or not np.isfinite(high - low):
            raise _OutOfRangeError(low, high)
        return _Bytes(Image.fromarray(scale_to_bytes(values, (lowest, highest))), values)
    if limits is None:
        return _Bytes(image)
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        gray_or_color = "L" if image.mode == "1" else "RGB"
        image = image.convert("RGBA" if has_alpha else gray_or_color)
    values = np.asarray(image if "A" not in image.getbands() else image.convert(image.mode[:-1]))
    if depth == "16-bit color":  # of which Pillow keeps the upper half of the bits
        values = values * np.uint16(257)
    stored = np.arange(256) * (257 if depth == "16-bit color" else 1)
    scaled = scale_to_bytes(stored, limits).tolist()
    as_they_are = list(range(256))
    tables = [as_they_are if band == "A" else scaled for band in image.getbands()]
    return _Bytes(image.point([entry for table in tables for entry in table]), values)


def _convert_mode(image: Image.Image, mode: str) -> Image.Image:
    from PIL import Image

    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        if "A" not in mode:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
    return image if image.mode == mode else image.convert(mode)


def _describe(square: _Square, wanted: Wanted) -> Decoded:
    pixels, image, header, values, is_turned = square
    limits = wanted.limits
    clipped = 0.0 if limits is None or values is None else float((values > limits[1]).mean())
    spread, step = stored_picture.spread_of(pixels), 1.0
    if values is None:
        values, step = stored_picture.without_alpha(pixels), DEPTHS[header.depth][1] / 255
    stored = StoredPicture(
        header=header,
        is_turned=is_turned,
        is_transparent=stored_picture.is_transparent(image),
        is_gray=stored_picture.is_gray(image, pixels, spread),
        has_frames=stored_picture.has_frames(image),
        low=step * float(values.min()),
        high=step * float(values.max()),
        clipped=clipped,
        histogram=histogram(stored_picture.without_alpha(spread)),
        hash=stored_picture.hash_of(pixels),
        colors=stored_picture.few_colors(image),
    )
    return Decoded(pixels, stored)


def _formats(file: _File) -> tuple[str, ...]:
    """Those that a file may have."""
    return FORMATS + _UNMARKED.get(file.suffix, ())


def _explain_damage(file: _File, error: OSError) -> str:
    """Why a file isn't a picture: what it is instead, or what Pillow says of it."""
    is_link = isinstance(file.where, Path) and file.where.is_symlink()
    if error.errno == errno.ENOENT and is_link:
        return "a link to a file that isn't there"
    with file.open() as opened:
        start = opened.read(FIRST_BYTES)
    if not start:
        return "an empty file"
    other = find_other_file(start)
    if other is not None:
        return other.kind
    # which goes on with how it was opened
    is_unknown = str(error).startswith("cannot identify")
    return "not an image, or a damaged one" if is_unknown else str(error)


def _explain_size(file: _File) -> str:
    """The size of an image that Pillow refuses to open, and its limit."""
    from PIL import Image

    limit = f"limit {2 * (Image.MAX_IMAGE_PIXELS or 0):,} px"
    for name in _formats(file):
        factory, accept = Image.OPEN[name]
        try:
            with file.open() as opened:
                if accept is None or accept(opened.read(16)):
                    opened.seek(0)
                    width, height = factory(opened, "").size
                    return f"{width:,} x {height:,} px, {limit}"
        except Exception:  # another format, or a stranger's bytes
            continue
    return limit


def read_upright_size(path: Path) -> tuple[int, int] | None:
    """The width and the height of the picture in a file, upright, by its header alone; None where
    that can't be read."""
    from PIL import Image

    try:
        with Image.open(path, formats=_formats(_File(path, path.suffix.lower()))) as image:
            # a PNG would be decoded in search of it
            may_turn = image.format != "PNG" or "exif" in image.info
            turns = stored_picture.orientation_of(image) if may_turn else 1
            width, height = image.size
            return (height, width) if turns > 4 else (width, height)
    except Exception:  # decoders raise whatever a stranger's bytes provoke
        return None
