"""Pictures as JPEG and WebP files, and pictures one after the other as GIF and WebP files.

Every function raises ConfigError for a picture that is larger than its format allows.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from PIL import Image

from gan_runner.errors import ConfigError
from gan_runner.sampling.pictures.png import Picture

_LARGEST_SIDE = {"jpeg": 65_500, "webp": 16_383, "gif": 65_535}  # pixels, of the formats
_JPEG_QUALITY = 95  # above, files grow and pictures hardly gain: so says Pillow's documentation


def encode_jpeg(picture: Picture) -> bytes:
    """A picture [H, W, 1 or 3] as the content of a file, with the full resolution of colors."""
    return _encode([_to_image(picture)], "jpeg", quality=_JPEG_QUALITY, subsampling="4:4:4")


def encode_webp(pictures: Sequence[Picture], *, frame_ms: int) -> bytes:
    """A picture [H, W, C] as the content of a file without loss; of more, the file shows them for
    ever, `frame_ms` each."""
    return _encode([*map(_to_image, pictures)], "webp", frame_ms, lossless=True, exact=True)


def encode_gif(pictures: Sequence[Picture], *, frame_ms: int) -> bytes:
    """Pictures [H, W, C] as the content of a file that shows them for ever, `frame_ms` each."""
    return _encode([_to_image(picture).convert("RGB") for picture in pictures], "gif", frame_ms)


def _to_image(picture: Picture) -> Image.Image:
    return Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def _encode(
    frames: list[Image.Image], form: str, frame_ms: int | None = None, **settings: Any
) -> bytes:
    width, height = frames[0].size
    if max(width, height) > _LARGEST_SIDE[form]:
        raise ConfigError(
            f"a picture of {width:,} x {height:,} pixels is larger than {form.upper()} allows, "
            f"{_LARGEST_SIDE[form]:,}. Use a .png file, fewer samples or a smaller --scale."
        )
    if len(frames) > 1:
        more = {"append_images": frames[1:], "duration": frame_ms, "loop": 0}
        settings |= {"save_all": True, **more}
    content = io.BytesIO()
    frames[0].save(content, format=form, **settings)
    return content.getvalue()
