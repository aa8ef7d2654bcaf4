"""Pictures one after the other, as a GIF file."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from gan_runner.sampling.pictures.png import Picture


def encode_gif(pictures: Sequence[Picture], *, frame_ms: int) -> bytes:
    """Pictures [H, W, C] as the content of a file that shows them for ever, `frame_ms` each."""
    frames = [Image.fromarray(p.squeeze(-1) if p.shape[-1] == 1 else p) for p in pictures]
    frames = [frame.convert("RGB") for frame in frames]
    content = io.BytesIO()
    frames[0].save(
        content,
        format="gif",
        save_all=True,
        append_images=frames[1:],
        duration=frame_ms,
        loop=0,
    )
    return content.getvalue()
