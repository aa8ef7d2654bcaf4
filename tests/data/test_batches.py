"""Batches are a pure function of (seed, index)."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from paired_data import paired_data, space_with_inputs, unpaired_data
from torch import Tensor

from gan_runner.data import Data, Space
from gan_runner.data.batches import Batch, batches, to_device
from gan_runner.data.stored import Pending, StoredExamples
from gan_runner.datasets import Noise

CPU = torch.device("cpu")
IMAGES = Space("images", (1, 2, 4))
VECTORS = Space("vectors", (2,), offset=(10.0, -3.0), scale=(2.0, 0.5))


def numbered_images(count: int) -> Data:
    """Images whose pixels all are their index."""
    examples = torch.arange(count, dtype=torch.uint8)[:, None, None, None].repeat(1, 1, 2, 4)
    return Data(examples, IMAGES)


def half_white(count: int) -> Data:
    """Images that are black on the left and white on the right."""
    examples = torch.zeros(count, 1, 2, 4, dtype=torch.uint8)
    examples[..., 2:] = 255
    return Data(examples, IMAGES)


def degraded() -> Data:
    data = numbered_images(12)
    return replace(data, space=replace(IMAGES, inputs=IMAGES), inputs=Noise(deviation=100))


def cropped(data: Data, side: int) -> Data:
    """The same with a space of crops of so many pixels."""
    assert data.space.inputs is not None
    whole = data.space.shape[1]
    inputs = data.space.inputs
    of_inputs = inputs.shape[1] * side // whole
    smaller = replace(inputs, shape=(inputs.shape[0], of_inputs, of_inputs))
    space = replace(data.space, shape=(data.space.shape[0], side, side), inputs=smaller)
    return replace(data, space=space)


def paired_inputs(indices: list[int]) -> Tensor:
    inputs = paired_data().inputs
    assert isinstance(inputs, Tensor)
    return inputs[indices]


def take_from(
    data: Data, number: int, *, size: int = 4, seed: int = 0, start: int = 0, flip: bool = False
) -> list[Tensor]:
    stream = batches(
        data, size=size, seed=seed, start=start, flip=flip, with_labels=False, device=CPU
    )
    return [batch.examples for batch in islice(stream, number)]


def indices(batch: Tensor) -> list[int]:
    return [int(i) for i in IMAGES.decode(batch)[:, 0, 0, 0]]


def find_flips(batch: Tensor) -> list[bool]:
    """Which images of `sided` are the other way round."""
    return (batch[:, 0, 0, 0] > batch[:, 0, 0, -1]).tolist()


@pytest.mark.parametrize("start", [1, 4, 5, 6, 23])
@pytest.mark.parametrize("flip", [False, True])
def test_to_start_at_a_batch_is_to_skip_those_before_it(start: int, flip: bool) -> None:
    data = Data(torch.randint(256, (22, 1, 2, 4), dtype=torch.uint8), IMAGES)
    whole = take_from(data, 40, flip=flip)
    rest = take_from(data, 40 - start, flip=flip, start=start)
    assert all(torch.equal(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_the_order_depends_on_the_seed() -> None:
    data = numbered_images(100)
    first, again, other = (take_from(data, 25, seed=seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("count", [20, 22, 23])
def test_no_example_comes_twice_in_an_epoch(count: int) -> None:
    per_epoch = count // 4
    stream = take_from(numbered_images(count), 6 * per_epoch)
    for epoch in range(6):
        part = stream[epoch * per_epoch : (epoch + 1) * per_epoch]
        seen = [i for batch in part for i in indices(batch)]
        assert len(set(seen)) == len(seen) == 4 * per_epoch
        assert set(seen) <= set(range(count))


def test_every_epoch_has_an_order_of_its_own() -> None:
    stream = take_from(numbered_images(20), 50)
    epochs = {tuple(i for b in stream[e : e + 5] for i in indices(b)) for e in range(0, 50, 5)}
    assert len(epochs) == 10


def test_what_an_epoch_drops_has_its_turn_in_others() -> None:
    seen = [i for batch in take_from(numbered_images(7), 60) for i in indices(batch)]
    assert set(seen) == set(range(7))


def test_a_batch_may_be_the_whole_data() -> None:
    for batch in take_from(numbered_images(5), 3, size=5):
        assert sorted(indices(batch)) == [0, 1, 2, 3, 4]


def test_flips_depend_on_seed_and_index_only() -> None:
    few, many, other = (
        [find_flips(batch) for batch in take_from(half_white(count), 30, seed=seed, flip=True)]
        for count, seed in ((40, 0), (200, 0), (40, 1))
    )
    assert few == many
    assert few != other


def test_about_half_of_the_images_are_flipped_each_by_itself() -> None:
    stream = take_from(half_white(100), 100, size=20, flip=True)
    assert 900 < sum(flip for batch in stream for flip in find_flips(batch)) < 1100


def test_a_flip_mirrors_left_to_right_only() -> None:
    image = torch.arange(8, dtype=torch.uint8).reshape(1, 1, 2, 4)
    data = Data(image, IMAGES)
    seen = {
        tuple(IMAGES.decode(b).flatten().tolist()) for b in take_from(data, 20, size=1, flip=True)
    }
    assert seen == {(0, 1, 2, 3, 4, 5, 6, 7), (3, 2, 1, 0, 7, 6, 5, 4)}


def test_without_flips_every_image_is_as_it_lies() -> None:
    assert not any(flip for batch in take_from(half_white(40), 30) for flip in find_flips(batch))


def test_batches_touch_neither_the_data_nor_the_global_generator() -> None:
    data = half_white(40)
    before, state = data.examples.clone(), torch.get_rng_state()
    for batch in take_from(data, 12, flip=True):
        batch.zero_()
    assert torch.equal(data.examples, before)
    assert torch.equal(torch.get_rng_state(), state)
    vectors = Data(torch.ones(8, 2), Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0)))
    for batch in take_from(vectors, 4):
        batch.zero_()
    assert vectors.examples.eq(1).all()


def test_the_global_generator_does_not_change_batches() -> None:
    streams = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        streams.append(take_from(half_white(40), 12, flip=True))
    assert all(torch.equal(a, b) for a, b in zip(*streams, strict=True))


def test_data_stays_where_it_is_on_a_cpu() -> None:
    data = numbered_images(4)
    assert to_device(data, CPU) is data


def pairs_from(data: Data, number: int, *, start: int = 0, flip: bool = True) -> list[Batch]:
    stream = batches(data, size=4, seed=0, start=start, flip=flip, with_labels=False, device=CPU)
    return list(islice(stream, number))


def tensors(batch: Batch) -> tuple[Tensor, Tensor]:
    assert batch.inputs is not None
    return batch.examples, batch.inputs


@pytest.mark.parametrize("crop", [8, 4])
@pytest.mark.parametrize("factor", [1, 2])
def test_inputs_are_flipped_and_cropped_as_their_targets_are(factor: int, crop: int) -> None:
    data = cropped(paired_data(factor=factor), crop)
    for examples, inputs in map(tensors, pairs_from(data, 9)):
        assert examples.shape == (4, 3, crop, crop)
        assert inputs.shape == (4, 1, crop // factor, crop // factor)
        if factor == 1:
            brightness = data.space.decode(examples).float().mean(1, keepdim=True)
            expected = data.space.encode(brightness.round().to(torch.uint8))
            assert torch.equal(inputs, expected)


def test_a_smaller_input_is_cropped_where_its_target_is() -> None:
    side = torch.arange(16, dtype=torch.uint8)
    targets = side.expand(12, 3, 16, 16) + 16 * side[:, None]
    inputs = targets[:, :, ::4, ::4].contiguous()
    whole = Data(targets, space_with_inputs(targets, inputs), inputs=inputs)
    data = cropped(whole, 8)
    corners = set()
    for examples, made in map(tensors, pairs_from(data, 20, flip=False)):
        pixels = data.space.decode(examples)[:, :, ::4, ::4]
        assert torch.equal(pixels, data.space.decode(made))
        corners |= set(pixels[:, 0, 0, 0].tolist())
    assert corners == {row * 16 + column for row in (0, 4, 8) for column in (0, 4, 8)}


@pytest.mark.parametrize("start", [1, 3, 7])
def test_batches_with_inputs_can_start_anywhere(start: int) -> None:
    for data in (cropped(paired_data(), 4), cropped(unpaired_data(), 4), degraded()):
        whole, rest = pairs_from(data, 12), pairs_from(data, 12 - start, start=start)
        for one, other in zip(whole[start:], rest, strict=True):
            assert all(map(torch.equal, tensors(one), tensors(other)))


def test_unpaired_inputs_have_an_order_and_flips_of_their_own() -> None:
    data = unpaired_data(count=12, others=12)
    mirror = Data(data.examples, data.space, inputs=data.examples, paired=False)
    found = [tensors(batch) for batch in pairs_from(mirror, 6)]
    assert not any(torch.equal(examples, inputs) for examples, inputs in found)
    for epoch in (found[:3], found[3:]):
        seen = torch.cat([inputs for _, inputs in epoch]).sum((1, 2, 3))
        assert len(set(seen.tolist())) == 12


def test_an_epoch_of_few_unpaired_inputs_begins_anew_while_that_of_the_targets_goes_on() -> None:
    data = unpaired_data(count=40, others=5)
    inputs = torch.cat([tensors(batch)[1] for batch in pairs_from(data, 10)])
    assert len(inputs) == 40
    assert inputs.min() > 0  # none of them is a target


def test_degraded_inputs_depend_on_the_epoch_and_the_example_alone() -> None:
    first, again = (
        {
            int(example[0, 0, 0] * 127.5 + 127.5): shown
            for batch in pairs_from(degraded(), 3, flip=False)
            for example, shown in zip(*tensors(batch), strict=True)
        }
        for _ in range(2)
    )
    assert all(torch.equal(first[key], again[key]) for key in first)
    later = pairs_from(degraded(), 3, start=3, flip=False)
    shown = torch.cat([tensors(batch)[1] for batch in later])
    assert not any((shown == each).all() for each in first.values())


def test_rows_of_inputs_depend_on_the_seed_and_the_index_alone() -> None:
    data = degraded()
    rows = data.input_rows(torch.tensor([5, 2]), seed=1)
    assert rows.dtype == torch.uint8
    assert torch.equal(rows[1:], data.input_rows(torch.tensor([2]), seed=1))
    assert not torch.equal(rows, data.input_rows(torch.tensor([5, 2]), seed=2))
    paired = paired_data()
    assert isinstance(paired.inputs, Tensor)
    assert torch.equal(paired.input_rows(torch.tensor([3]), seed=0), paired.inputs[[3]])


def test_selected_data_keeps_its_pairs() -> None:
    chosen = paired_data().select(torch.tensor([7, 1]))
    assert torch.equal(chosen.input_rows(torch.tensor([0, 1]), seed=0), paired_inputs([7, 1]))
    assert unpaired_data().select(torch.tensor([0])).input_count == 10


def poisson(
    data: Data, number: int, *, seed: int = 0, start: int = 0, size: int = 4
) -> list[Batch]:
    stream = batches(
        data, size=size, seed=seed, start=start, flip=False, with_labels=False, device=CPU,
        poisson=True,
    )  # fmt: skip
    return list(islice(stream, number))


def test_each_example_is_in_a_poisson_sample_with_the_same_probability_by_itself() -> None:
    data, number = numbered_images(20), 4000
    drawn = np.zeros((number, 20))
    for row, batch in zip(drawn, poisson(data, number), strict=True):
        row[indices(batch.examples)] = 1
        assert len(batch.examples) == row.sum()  # none comes twice
    probability, error = 4 / 20, (0.2 * 0.8 / number) ** 0.5
    assert np.abs(drawn.mean(0) - probability).max() < 4 * error
    sizes = drawn.sum(1)
    assert sizes.mean() == pytest.approx(4, abs=0.1)
    assert sizes.var() == pytest.approx(20 * 0.2 * 0.8, rel=0.1)  # independent: no more, no less
    assert sizes.min() == 0  # one may have none
    apart = np.corrcoef(drawn.T) - np.eye(20)
    assert np.abs(apart).max() < 5 / number**0.5
    one_later = np.corrcoef(drawn[:-1, 3], drawn[1:, 3])[0, 1]
    assert abs(one_later) < 4 / number**0.5


def test_poisson_samples_depend_on_seed_and_index_alone() -> None:
    data = numbered_images(20)
    whole = [indices(b.examples) for b in poisson(data, 12)]
    assert [indices(b.examples) for b in poisson(data, 7, start=5)] == whole[5:]
    assert [indices(b.examples) for b in poisson(data, 12, seed=1)] != whole
    assert len({tuple(each) for each in whole}) > 8


def test_a_poisson_sample_of_all_has_all() -> None:
    (batch,) = poisson(numbered_images(6), 1, size=6)
    assert indices(batch.examples) == [0, 1, 2, 3, 4, 5]


class OnDisk(StoredExamples):
    """Examples that are each their index, and read ahead as many as are worth ten."""

    shape, dtype, digest, most_examined = (20, 1, 2, 4), torch.uint8, "", 20

    def begin(self, indices: Tensor) -> Pending:
        return lambda: numbered_images(20).in_memory[indices]

    def batches_ahead(self, size: int) -> int:
        return 10 // size

    def select(self, indices: Tensor) -> StoredExamples:
        raise AssertionError


def test_poisson_samples_of_stored_examples_are_those_of_a_tensor() -> None:
    found = poisson(Data(OnDisk(), IMAGES), 60, size=2)
    expected = [indices(b.examples) for b in poisson(numbered_images(20), 60, size=2)]
    assert [indices(b.examples) for b in found] == expected
    assert [] in expected


def test_rows_of_a_batch_keep_what_belongs_to_them() -> None:
    whole = Batch(torch.arange(4.0)[:, None], labels=torch.arange(4))
    chosen = whole.rows(torch.tensor([2, 0, 2]))
    assert chosen.examples.flatten().tolist() == [2.0, 0.0, 2.0]
    assert chosen.labels is not None
    assert chosen.labels.tolist() == [2, 0, 2]
    assert (chosen.codes, chosen.inputs) == (None, None)
