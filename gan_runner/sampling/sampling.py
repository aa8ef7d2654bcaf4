"""Samples as arrays and as pictures. Looking never disturbs a run: the streams are its own."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from gan_runner.data.data import Space
from gan_runner.errors import NumbersError
from gan_runner.models.conditioning import bound
from gan_runner.sampling.pictures.curves import curves
from gan_runner.sampling.pictures.pairs import pairs
from gan_runner.sampling.pictures.scatter import scatter
from gan_runner.seeds import derive

Picture = NDArray[np.uint8]  # [H, W, C], C = 1, 3 or 4

_CHUNK = 256
_PICTURE_SIDE = 512  # grids of small images are enlarged to about this many pixels


def latent_points(count: int, latent_size: int, *, seed: int, truncation: float | None) -> Tensor:
    """Points [count, latent_size] from the prior N(0, 1), each seed its own.

    `truncation` T redraws every coordinate beyond T (Brock et al. 2019, section 3.1).
    """
    stream = torch.Generator().manual_seed(derive(seed, "samples"))
    points = torch.randn(count, latent_size, generator=stream)
    while truncation is not None and bool((beyond := points.abs() > truncation).any()):
        points[beyond] = torch.randn(int(beyond.sum()), generator=stream)
    return points


def interpolated(start: Tensor, end: Tensor, count: int) -> Tensor:
    """`count` points [count, D] on the great arc from `start` [D] to `end` [D], both included.

    Spherical interpolation (White 2016, arXiv:1609.04468): the points keep a likely norm.
    """
    cosine = torch.dot(start, end) / (start.norm() * end.norm()).clamp_min(1e-12)
    angle = torch.acos(cosine.clamp(-1.0, 1.0))
    share = torch.linspace(0.0, 1.0, count)[:, None]
    if angle.sin() < 1e-4:  # the arc is a straight line, or any of the many half circles
        return (1 - share) * start + share * end
    return (torch.sin((1 - share) * angle) * start + torch.sin(share * angle) * end) / angle.sin()


def sample(
    generator: nn.Module, latent: Tensor, space: Space, labels: Tensor | None = None
) -> Tensor:
    """Examples for latent points [N, latent_size], as stored: [N, *shape] on the CPU.

    A conditional generator needs the labels [N] of what it is to make. The generator is evaluated
    in evaluation mode and left as it was. Raises NumbersError for a sample that is NaN or Inf.
    """
    device = next(generator.parameters()).device
    chunks = []
    with torch.no_grad(), evaluating(generator):
        for begin in range(0, len(latent), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            of = None if labels is None else labels[part].to(device)
            made = bound(generator, of)(latent[part].to(device))
            decoded = space.decode(made)
            # before decoding, which makes a pixel of anything, and after it, which may overflow
            if not bool(made.isfinite().all() and decoded.isfinite().all()):
                raise NumbersError("a sample is NaN or Inf. Use another checkpoint.")
            chunks.append(decoded.cpu())
    return torch.cat(chunks) if chunks else torch.empty(0, *space.shape)


def evenly(count: int, classes: int) -> Tensor | None:
    """Labels [count] that go through all classes again and again; None without classes."""
    return torch.arange(count) % classes if classes else None


def picture(
    examples: Tensor, space: Space, *, columns: int | None = None, labels: Tensor | None = None
) -> Picture:
    """A picture of examples: a grid of images, a scatter of the first two dimensions of vectors,
    the curves of sequences, the first columns of a table against each other, in the colours of
    their classes."""
    if space.columns is not None:
        return pairs(examples, labels, space.columns, space.offset, space.scale)
    if space.kind == "vectors":
        return scatter(examples.cpu().numpy())
    if space.kind == "sequences":
        return curves(examples.cpu().numpy(), grid_columns=columns)
    return _grid(examples, columns or math.ceil(math.sqrt(len(examples))))


def as_stored(examples: Tensor) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Examples as files have them: images uint8 [N, H, W, C], all else float32."""
    stored = examples.permute(0, 2, 3, 1) if examples.ndim == 4 else examples
    return stored.cpu().contiguous().numpy()


def displayed(image: NDArray[np.uint8]) -> Picture:
    """An image [H, W, C] with a number of channels that a PNG has: 2 are grey and alpha."""
    if image.shape[-1] != 2:
        return image
    return np.concatenate([image[..., :1].repeat(3, axis=-1), image[..., 1:]], axis=-1)


def as_png(picture: Picture) -> bytes:
    """A picture [H, W, C] as the content of a file."""
    image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
    content = io.BytesIO()
    image.save(content, format="png")
    return content.getvalue()


def save_png(picture: Picture, path: Path) -> None:
    """Write a picture [H, W, C] under its final name when it is whole. Raises OSError."""
    temporary = path.with_name(f".{path.name}.partial")
    try:
        temporary.write_bytes(as_png(picture))
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """In evaluation mode, and after it as it was."""
    training = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, was in training.items():
            part.training = was


def _grid(examples: Tensor, columns: int) -> Picture:
    images = as_stored(examples)
    rows = math.ceil(len(images) / columns)
    height, width, channels = images.shape[1:]
    factor = max(1, round(_PICTURE_SIDE / (columns * width)))
    gap = max(1, factor // 2)
    cell_height, cell_width = height * factor + gap, width * factor + gap
    canvas = np.zeros((rows * cell_height + gap, columns * cell_width + gap, channels), np.uint8)
    for index, image in enumerate(images):
        top = gap + index // columns * cell_height
        left = gap + index % columns * cell_width
        enlarged = image.repeat(factor, axis=0).repeat(factor, axis=1)
        canvas[top : top + height * factor, left : left + width * factor] = enlarged
    return displayed(canvas)
