"""Batches are a pure function of (seed, index); what networks see is undone exactly."""

from __future__ import annotations

from itertools import islice

import pytest
import torch
from torch import Tensor

from gan_runner.data.data import Data, Space, batches, digest

CPU = torch.device("cpu")
IMAGES = Space("images", (1, 2, 4))
VECTORS = Space("vectors", (2,), offset=(10.0, -3.0), scale=(2.0, 0.5))


def numbered(count: int) -> Data:
    """Images whose pixels all tell their index."""
    examples = torch.arange(count, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 2, 4)
    return Data(examples, IMAGES)


def sided(count: int) -> Data:
    """Images that are black on the left and white on the right."""
    examples = torch.zeros(count, 1, 2, 4, dtype=torch.uint8)
    examples[..., 2:] = 255
    return Data(examples, IMAGES)


def drawn(
    data: Data, number: int, *, size: int = 4, seed: int = 0, start: int = 0, flip: bool = False
) -> list[Tensor]:
    stream = batches(data, size=size, seed=seed, start=start, flip=flip, labelled=False, device=CPU)
    return [batch.examples for batch in islice(stream, number)]


def indices(batch: Tensor) -> list[int]:
    return [int(i) for i in IMAGES.decode(batch)[:, 0, 0, 0]]


def mirrored(batch: Tensor) -> list[bool]:
    """Which images of `sided` are the other way round."""
    return (batch[:, 0, 0, 0] > batch[:, 0, 0, -1]).tolist()


# ---------------------------------------------------------------- batches


@pytest.mark.parametrize("start", [1, 4, 5, 6, 23])
@pytest.mark.parametrize("flip", [False, True])
def test_to_start_at_a_batch_is_to_skip_those_before_it(start: int, flip: bool) -> None:
    data = Data(torch.randint(256, (22, 1, 2, 4), dtype=torch.uint8), IMAGES)
    whole = drawn(data, 40, flip=flip)
    rest = drawn(data, 40 - start, flip=flip, start=start)
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_the_order_depends_on_the_seed() -> None:
    data = numbered(100)
    first, again, other = (drawn(data, 25, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("count", [20, 22, 23])
def test_no_example_comes_twice_in_an_epoch(count: int) -> None:
    per_epoch = count // 4
    stream = drawn(numbered(count), 6 * per_epoch)
    for epoch in range(6):
        part = stream[epoch * per_epoch : (epoch + 1) * per_epoch]
        seen = [i for batch in part for i in indices(batch)]
        assert len(set(seen)) == len(seen) == 4 * per_epoch
        assert set(seen) <= set(range(count))


def test_every_epoch_has_an_order_of_its_own() -> None:
    stream = drawn(numbered(20), 50)
    epochs = {tuple(i for b in stream[e : e + 5] for i in indices(b)) for e in range(0, 50, 5)}
    assert len(epochs) == 10


def test_what_an_epoch_drops_has_its_turn_in_others() -> None:
    seen = [i for batch in drawn(numbered(7), 60) for i in indices(batch)]
    assert set(seen) == set(range(7))


def test_a_batch_may_be_the_whole_data() -> None:
    for batch in drawn(numbered(5), 3, size=5):
        assert sorted(indices(batch)) == [0, 1, 2, 3, 4]


def test_flips_depend_on_seed_and_index_only() -> None:
    few, many, other = (
        [mirrored(batch) for batch in drawn(sided(count), 30, seed=seed, flip=True)]
        for count, seed in ((40, 0), (200, 0), (40, 1))
    )
    assert few == many
    assert few != other


def test_about_half_of_the_images_are_flipped_each_by_itself() -> None:
    stream = drawn(sided(100), 100, size=20, flip=True)
    assert 900 < sum(flip for batch in stream for flip in mirrored(batch)) < 1100


def test_a_flip_mirrors_left_to_right_only() -> None:
    image = torch.arange(8, dtype=torch.uint8).reshape(1, 1, 2, 4)
    data = Data(image, IMAGES)
    seen = {tuple(IMAGES.decode(b).flatten().tolist()) for b in drawn(data, 20, size=1, flip=True)}
    assert seen == {(0, 1, 2, 3, 4, 5, 6, 7), (3, 2, 1, 0, 7, 6, 5, 4)}


def test_without_flips_every_image_is_as_it_lies() -> None:
    assert not any(flip for batch in drawn(sided(40), 30) for flip in mirrored(batch))


def test_batches_touch_neither_the_data_nor_the_global_generator() -> None:
    data = sided(40)
    before, state = data.examples.clone(), torch.get_rng_state()
    for batch in drawn(data, 12, flip=True):
        batch.zero_()
    assert torch.equal(data.examples, before)
    assert torch.equal(torch.get_rng_state(), state)
    vectors = Data(torch.ones(8, 2), Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0)))
    for batch in drawn(vectors, 4):
        batch.zero_()
    assert vectors.examples.eq(1).all()


def test_the_global_generator_does_not_change_batches() -> None:
    streams = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        streams.append(drawn(sided(40), 12, flip=True))
    assert all(torch.equal(a, b) for a, b in zip(*streams, strict=True))


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
    kept, seen = examples.clone(), space.encode(examples)
    assert torch.equal(examples, kept)
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
    data = numbered(50)
    other = data.examples.clone()
    other[49, 0, 1, 3] ^= 1
    found = {
        digest(data),
        digest(Data(other, IMAGES)),
        digest(Data(data.examples.flip(0), IMAGES)),
        digest(Data(data.examples[:49], IMAGES)),
    }
    assert len(found) == 4
    assert digest(numbered(50)) == digest(data)


def test_the_digest_changes_with_the_space() -> None:
    points = torch.ones(8, 2)
    spaces = [VECTORS, Space("vectors", (2,), (10.0, -3.0), (2.0, 0.25))]
    assert len({digest(Data(points, space)) for space in spaces}) == 2


def test_the_digest_does_not_depend_on_how_the_data_lies_in_memory() -> None:
    examples = torch.randint(256, (6, 3, 2, 4), dtype=torch.uint8)
    strided = examples.contiguous(memory_format=torch.channels_last)
    assert digest(Data(strided, IMAGES)) == digest(Data(examples, IMAGES))


def test_the_digest_of_many_examples_looks_at_a_spread_of_them() -> None:
    examples = torch.zeros(1 << 18, 1)
    space = Space("vectors", (1,), (0.0,), (1.0,))
    before = digest(Data(examples, space))
    examples[1 << 17 :] += 1
    assert digest(Data(examples, space)) != before
