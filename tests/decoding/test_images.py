"""Pictures decoded by short cuts: the same pixels and notes as by the long way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from gan_runner.decoding.images import Decoded, Wanted, try_decode
from gan_runner.decoding.stored_picture import hash_of, is_gray, spread_of

SIZE = 16
RNG = np.random.default_rng(0)


def save_noise(path: Path, sides: tuple[int, int], mode: str) -> Image.Image:
    """A picture of random pixels, as it is in its file."""
    rows = RNG.integers(0, 256, (*sides[::-1], len(mode)), dtype=np.uint8)
    Image.fromarray(rows[..., 0] if len(mode) == 1 else rows).save(path)
    return Image.open(path)


def by_the_long_way(image: Image.Image) -> NDArray[np.uint8]:
    """Drafted, fitted and taken apart whatever its size is."""
    image.draft(None, (3 * SIZE, 3 * SIZE))
    fitted = ImageOps.fit(image, (SIZE, SIZE), Image.Resampling.LANCZOS)
    return np.asarray(fitted).reshape(SIZE, SIZE, -1).transpose(2, 0, 1)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("end", ["jpg", "png"])
@pytest.mark.parametrize(
    "sides", [(16, 16), (16, 24), (15, 17), (95, 96), (96, 96), (97, 192), (400, 300)]
)
def test_pixels_are_those_of_the_long_way(
    sides: tuple[int, int], end: str, mode: str, tmp_path: Path
) -> None:
    image = save_noise(tmp_path / f"a.{end}", sides, mode)
    decoded = try_decode(tmp_path / f"a.{end}", Wanted(SIZE, len(mode)))
    assert isinstance(decoded, Decoded)
    assert np.array_equal(decoded.pixels, by_the_long_way(image))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_stays_where_it_is_wanted(mode: str, tmp_path: Path) -> None:
    image = save_noise(tmp_path / "a.png", (SIZE, SIZE), mode)
    decoded = try_decode(tmp_path / "a.png", Wanted(SIZE, len(mode)))
    assert isinstance(decoded, Decoded)
    assert np.array_equal(decoded.pixels, by_the_long_way(image))


def test_one_colored_pixel_of_a_gray_picture_is_seen() -> None:
    pixels = np.repeat(RNG.integers(0, 255, (1, 128, 128), dtype=np.uint8), 3, 0)
    image = Image.new("RGB", (128, 128))
    assert is_gray(image, pixels, spread_of(pixels))
    for channel in range(3):
        for place in ((0, 0), (3, 5)):  # in what is looked at first, and beyond it
            colored = pixels.copy()
            colored[(channel, *place)] += 1
            assert not is_gray(image, colored, spread_of(colored))


def test_pictures_that_differ_in_one_pixel_have_other_hashes() -> None:
    pixels = np.zeros((1, 32, 32), np.uint8)
    hashes = {hash_of(pixels)}
    for place in range(1024):
        other = pixels.copy()
        other.flat[place] = 1
        hashes.add(hash_of(other))
    assert len(hashes) == 1025
