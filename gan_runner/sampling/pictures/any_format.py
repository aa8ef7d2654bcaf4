"""Pictures in the format that the end of a file's name says."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
from PIL import Image

from gan_runner.sampling.pictures.compressed import encode_jpeg, encode_webp
from gan_runner.sampling.pictures.png import Picture, encode_png, to_displayable
from gan_runner.sampling.pictures.translations import palette


def _encode_tiff(picture: Picture) -> bytes:
    return _encode(picture, "tiff", compression="tiff_deflate")


def _encode_bmp(picture: Picture) -> bytes:
    return _encode(to_displayable(picture), "bmp")


def _encode(picture: Picture, form: str, **settings: str) -> bytes:
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    content = io.BytesIO()
    image.save(content, format=form, **settings)
    return content.getvalue()


ENCODERS: Mapping[str, Callable[[Picture], bytes]] = MappingProxyType(
    {
        ".png": encode_png,
        **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif"), encode_jpeg),
        ".webp": lambda picture: encode_webp([to_displayable(picture)], frame_ms=0),
        **dict.fromkeys((".tif", ".tiff"), _encode_tiff),
        ".bmp": _encode_bmp,
    }
)
"""What makes the content of a file of a picture [H, W, C], by the end of its name. Raises
ConfigError for a picture that is larger than its format allows."""

WITHOUT_ALPHA = (".jpg", ".jpeg", ".jpe", ".jfif")


def encode_classes(classes: Picture) -> bytes:
    """A label map [H, W, 1] as the content of a PNG file: its numbers, with a color for each."""
    image = Image.fromarray(classes[..., 0])
    image.putpalette(np.ascontiguousarray(palette(256)).tobytes())
    content = io.BytesIO()
    image.save(content, format="png")
    return content.getvalue()
