"""What networks see is undone exactly; a digest tells other data apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from gan_runner.data import Data, Space

IMAGES = Space("images", (1, 2, 4))
VECTORS = Space("vectors", (2,), offset=(10.0, -3.0), scale=(2.0, 0.5))


def numbered_images(count: int) -> Data:
    """Images whose pixels all are their index."""
    examples = torch.arange(count, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 2, 4)
    return Data(examples, IMAGES)


# ---------------------------------------------------------------- what networks see


def test_every_pixel_value_is_between_minus_one_and_one_and_decoded_as_it_was() -> None:
    pixels = torch.arange(256, dtype=torch.uint8).reshape(32, 1, 2, 4)
    seen = IMAGES.encode(pixels)
    assert seen.dtype == torch.float32
    assert (seen.min(), seen.max()) == (-1, 1)
    assert torch.equal(IMAGES.decode(seen), pixels)


def test_outputs_are_rounded_to_the_nearest_pixel_and_bounded() -> None:
    outputs = torch.tensor([-1e9, -1.01, -1.0, -1 + 0.9 / 255, -1 + 1.1 / 255, 0.0, 1.0, 1.01, 1e9])
    pixels = IMAGES.decode(outputs)
    assert pixels.dtype == torch.uint8
    assert pixels.tolist() == [0, 0, 0, 0, 1, 128, 255, 255, 255]


def test_vectors_are_seen_with_their_offset_and_scale_and_decoded_as_they_were() -> None:
    points = torch.tensor([[10.0, -3.0], [12.0, -2.5], [0.0, 100.0]])
    seen = VECTORS.encode(points)
    assert seen.tolist() == [[0, 0], [1, 1], [-5, 206]]
    assert torch.equal(VECTORS.decode(seen), points)


@pytest.mark.parametrize("space", [IMAGES, VECTORS], ids=["images", "vectors"])
def test_neither_way_changes_what_it_was_given(space: Space) -> None:
    kind = torch.uint8 if space is IMAGES else torch.float32
    examples = torch.arange(2 * torch.Size(space.shape).numel()).reshape(2, *space.shape).to(kind)
    before, seen = examples.clone(), space.encode(examples)
    assert torch.equal(examples, before)
    outputs = seen.clone()
    space.decode(outputs)
    assert torch.equal(outputs, seen)


@pytest.mark.parametrize("space", [IMAGES, VECTORS], ids=["images", "vectors"])
def test_outputs_of_half_precision_are_decoded_in_full(space: Space) -> None:
    outputs = torch.rand(5, *space.shape)
    half = outputs.bfloat16()
    assert torch.equal(space.decode(half), space.decode(half.float()))


# ---------------------------------------------------------------- digest


def test_the_digest_changes_with_a_single_pixel_the_order_and_the_count() -> None:
    data = numbered_images(50)
    other = data.examples.clone()
    other[49, 0, 1, 3] ^= 1
    found = {
        data.digest,
        Data(other, IMAGES).digest,
        Data(data.examples.flip(0), IMAGES).digest,
        Data(data.examples[:49], IMAGES).digest,
    }
    assert len(found) == 4
    assert numbered_images(50).digest == data.digest


def test_the_digest_is_computed_once() -> None:
    data = numbered_images(50)
    assert data.digest is data.digest


def test_the_digest_changes_with_the_space() -> None:
    points = torch.ones(8, 2)
    spaces = [VECTORS, Space("vectors", (2,), (10.0, -3.0), (2.0, 0.25))]
    spaces.append(replace(VECTORS, origin=(5.0, 0.0)))
    spaces.append(replace(VECTORS, origin=(6.0, 0.0)))
    assert len({Data(points, space).digest for space in spaces}) == 4


def test_the_digest_is_that_of_a_space_without_origins() -> None:
    points = torch.ones(8, 2)
    spaces = [replace(VECTORS, origin=origin) for origin in ((), (0.0, 0.0))]
    assert len({Data(points, space).digest for space in [VECTORS, *spaces]}) == 1


def test_a_space_has_an_origin_for_each_dimension_or_none() -> None:
    with pytest.raises(ValueError, match=r"space\.origin"):
        replace(VECTORS, origin=(5.0,))


def test_the_digest_does_not_depend_on_how_the_data_lies_in_memory() -> None:
    examples = torch.randint(256, (6, 3, 2, 4), dtype=torch.uint8)
    strided = examples.contiguous(memory_format=torch.channels_last)
    assert Data(strided, IMAGES).digest == Data(examples, IMAGES).digest


def test_the_digest_of_many_examples_reads_a_spread_of_them() -> None:
    examples = torch.zeros(1 << 18, 1)
    space = Space("vectors", (1,), (0.0,), (1.0,))
    before = Data(examples, space).digest
    examples[1 << 17 :] += 1
    assert Data(examples, space).digest != before
