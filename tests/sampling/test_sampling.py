"""Looking never touches: samples are a pure function of weights and seed, pictures of samples."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.models.labels import Sequential
from gan_runner.sampling.arrays import to_stored_array
from gan_runner.sampling.latents import draw_labels, draw_latents, interpolate
from gan_runner.sampling.pictures.examples import draw_examples
from gan_runner.sampling.pictures.png import save_png, to_displayable
from gan_runner.sampling.sampler import Sampler

PLANE = Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))


def images(channels: int, height: int = 8, width: int = 8) -> Space:
    return Space("images", (channels, height, width))


def generator(space: Space) -> Sequential:
    """Batch norm and dropout tell training from evaluation."""
    size = torch.Size(space.shape).numel()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        hidden = [nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Dropout()]
        return Sequential(*hidden, nn.Linear(8, size), nn.Unflatten(1, space.shape))


# ---------------------------------------------------------------- latent points


def test_latent_points_are_a_pure_function_of_the_seed() -> None:
    torch.manual_seed(1)
    first = draw_latents(5, 7, seed=3)
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert torch.equal(draw_latents(5, 7, seed=3), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(draw_latents(5, 7, seed=4), first)


def test_latent_points_come_from_a_normal_distribution() -> None:
    points = draw_latents(2000, 10, seed=0)
    assert points.shape == (2000, 10)
    assert abs(points.mean().item()) < 0.02
    assert points.std().item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("truncation", [0.01, 0.5, 2.0])
def test_truncated_points_lie_within_the_threshold_and_fill_it(truncation: float) -> None:
    points = draw_latents(200, 10, seed=0, truncation=truncation)
    assert points.abs().max() <= truncation
    assert points.abs().max() > 0.95 * truncation
    assert len(points.unique()) == points.numel()


@pytest.mark.parametrize("truncation", [None, 0.7])
@pytest.mark.parametrize("dims", [1, 3, 16, 100])
def test_the_first_points_of_a_seed_are_the_same_however_many(
    dims: int, truncation: float | None
) -> None:
    many = draw_latents(130, dims, seed=4, truncation=truncation)
    for count in (0, 1, 2, 3, 10, 64, 65, 129):
        assert torch.equal(draw_latents(count, dims, seed=4, truncation=truncation), many[:count])


def test_truncated_points_are_normal_within_the_threshold() -> None:
    points = draw_latents(4000, 10, seed=0, truncation=1.0)
    assert points.std().item() == pytest.approx(0.5396, abs=0.01)  # of a normal within +-1
    assert abs(points.mean().item()) < 0.01


def test_labels_are_drawn_by_the_shares_and_the_first_are_the_same_however_many() -> None:
    labels = draw_labels(20_000, (16, 0, 784), seed=3)
    assert labels.bincount().tolist() == pytest.approx([400, 0, 19_600], abs=80)
    assert labels.dtype == torch.int64
    for count in (0, 1, 3, 65):
        assert torch.equal(draw_labels(count, (16, 0, 784), seed=3), labels[:count])
    assert not torch.equal(draw_labels(20_000, (16, 0, 784), seed=4), labels)


def test_truncation_redraws_only_what_lies_beyond() -> None:
    free = draw_latents(50, 10, seed=0)
    bounded = draw_latents(50, 10, seed=0, truncation=1.0)
    within = free.abs() <= 1
    assert torch.equal(bounded[within], free[within])


# ---------------------------------------------------------------- interpolation


def test_an_arc_has_its_ends_its_norm_and_equal_steps() -> None:
    start, end = torch.randn(2, 50, generator=torch.Generator().manual_seed(0))
    start, end = 5 * start / start.norm(), 5 * end / end.norm()
    points = interpolate(start, end, 9)
    torch.testing.assert_close(points[0], start)
    torch.testing.assert_close(points[-1], end)
    torch.testing.assert_close(points.norm(dim=1), torch.full((9,), 5.0))
    steps = (points[1:] - points[:-1]).norm(dim=1)
    torch.testing.assert_close(steps, steps[:1].expand(8))


def test_an_arc_of_a_right_angle_passes_its_middle() -> None:
    start, end = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    torch.testing.assert_close(interpolate(start, end, 3)[1], torch.tensor([2**0.5, 2**0.5]))


def test_ends_of_other_norms_are_met() -> None:
    start, end = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 0.1, 0.0])
    points = interpolate(start, end, 5)
    torch.testing.assert_close(points[[0, -1]], torch.stack([start, end]))
    assert points.norm(dim=1).max() <= 3.0 + 1e-6


@pytest.mark.parametrize(
    ("start", "end"),
    [([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0], [-1.0, -2.0]), ([1.0], [-2.0])],
    ids=["the same", "opposite", "one dimension"],
)
def test_where_there_is_no_arc_the_line_is_straight(start: list[float], end: list[float]) -> None:
    points = interpolate(torch.tensor(start), torch.tensor(end), 5)
    expected = torch.lerp(torch.tensor(start), torch.tensor(end), torch.linspace(0, 1, 5)[:, None])
    torch.testing.assert_close(points, expected, atol=1e-6, rtol=1e-6)


def test_an_arc_of_one_point_is_its_start() -> None:
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert torch.equal(interpolate(start, end, 1), start[None])


# ---------------------------------------------------------------- samples


def sampler(space: Space) -> Sampler:
    return Sampler(generator(space), space, latent_dims=3)


@pytest.mark.parametrize("space", [PLANE, images(1), images(3, 8, 12)], ids=str)
def test_samples_are_examples_as_the_data_has_them(space: Space) -> None:
    made = sampler(space).sample(5, seed=0)
    assert made.shape == (5, *space.shape)
    assert made.dtype == (torch.float32 if space is PLANE else torch.uint8)


def test_a_sample_does_not_depend_on_the_others_or_their_number() -> None:
    made, latent = sampler(PLANE), draw_latents(600, 3, seed=0)
    whole = made.decode(latent)
    assert len(whole) == 600
    for place in 0, 255, 256, 599:
        alone = made.decode(latent[place : place + 1])
        assert torch.equal(alone[0], whole[place])


def test_no_samples_are_an_empty_array() -> None:
    assert sampler(PLANE).decode(torch.empty(0, 3)).shape == (0, 2)


def test_sampling_leaves_modes_weights_statistics_and_streams_as_they_were() -> None:
    made = generator(PLANE)
    made[1].eval()
    modes = [module.training for module in made.modules()]
    weights = {name: value.clone() for name, value in made.state_dict().items()}
    torch.manual_seed(5)
    before = torch.get_rng_state()
    Sampler(made, PLANE, 3).sample(5, seed=0)
    assert [module.training for module in made.modules()] == modes
    assert sorted(set(modes)) == [False, True]
    assert all(torch.equal(value, weights[name]) for name, value in made.state_dict().items())
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.grad is None and p.requires_grad for p in made.parameters())


def test_a_generator_that_fails_is_left_in_its_mode() -> None:
    made = generator(PLANE)
    with pytest.raises(RuntimeError):
        Sampler(made, PLANE, 3).decode(torch.randn(5, 4))
    assert made.training


def test_samples_carry_no_graph() -> None:
    made = sampler(PLANE).sample(5, seed=0)
    assert not made.requires_grad


# ---------------------------------------------------------------- pictures of images


def grid(examples: Tensor, *, columns: int | None = None) -> np.ndarray:
    return draw_examples(examples, images(*examples.shape[1:]), grid_columns=columns)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_grid_has_the_channels_that_a_png_can_have(channels: int, tmp_path: Path) -> None:
    made = grid(torch.randint(256, (4, channels, 8, 8), dtype=torch.uint8))
    assert made.dtype == np.uint8
    assert made.shape[2] == {1: 1, 2: 4, 3: 3, 4: 4}[channels]
    save_png(made, tmp_path / "grid.png")
    with Image.open(tmp_path / "grid.png") as file:
        read = np.asarray(file).reshape(made.shape)
    assert np.array_equal(read, made)


def test_gray_and_alpha_are_shown_as_color_and_alpha() -> None:
    pixel = np.array([[[70, 200]]], dtype=np.uint8)
    assert to_displayable(pixel).tolist() == [[[70, 70, 70, 200]]]
    for channels in 1, 3, 4:
        image = np.zeros((2, 2, channels), dtype=np.uint8)
        assert to_displayable(image) is image


@pytest.mark.parametrize(
    ("count", "columns", "rows", "wide"),
    [
        (1, None, 1, 1),
        (4, None, 2, 2),
        (9, None, 3, 3),
        (10, None, 3, 4),
        (6, 2, 3, 2),
        (3, 8, 1, 8),
    ],
)
def test_a_grid_is_square_unless_its_columns_are_given(
    count: int, columns: int | None, rows: int, wide: int
) -> None:
    side = 400  # too large to be enlarged: gaps of one pixel
    made = grid(torch.full((count, 1, side, side), 255, dtype=torch.uint8), columns=columns)
    assert made.shape == (rows * (side + 1) + 1, wide * (side + 1) + 1, 1)
    assert (made == 255).sum() == count * side * side


def test_images_stand_in_the_grid_row_by_row_each_unchanged() -> None:
    examples = torch.randint(1, 256, (5, 3, 300, 400), dtype=torch.uint8)
    made = grid(examples, columns=2)
    for index, image in enumerate(to_stored_array(examples, Space("images", (3, 300, 400)))):
        top, left = 1 + index // 2 * 301, 1 + index % 2 * 401
        assert np.array_equal(made[top : top + 300, left : left + 400], image)


def test_small_images_are_enlarged_by_whole_pixels() -> None:
    made = grid(torch.arange(64, dtype=torch.uint8).reshape(1, 1, 8, 8) + 1)
    factor, gap = 64, 32
    assert made.shape == (8 * factor + 2 * gap, 8 * factor + 2 * gap, 1)
    inner = made[gap:-gap, gap:-gap, 0]
    assert np.array_equal(inner[::factor, ::factor], np.arange(1, 65).reshape(8, 8))
    assert np.array_equal(inner, inner[::factor, ::factor].repeat(factor, 0).repeat(factor, 1))


def test_rectangles_keep_their_shape() -> None:
    made = grid(torch.full((1, 1, 300, 600), 9, dtype=torch.uint8))
    assert made.shape == (302, 602, 1)


def test_stored_images_have_their_channels_last_and_vectors_stay() -> None:
    examples = torch.randint(256, (2, 3, 4, 5), dtype=torch.uint8)
    stored = to_stored_array(examples, Space("images", (3, 4, 5)))
    assert stored.shape == (2, 4, 5, 3)
    assert stored[1, 2, 3].tolist() == examples[1, :, 2, 3].tolist()
    vectors = torch.randn(4, 2)
    stored = to_stored_array(vectors, PLANE)
    assert stored.dtype == np.float32
    assert np.array_equal(stored, vectors.numpy())


def test_stored_vectors_have_their_origin_in_float64() -> None:
    space = replace(PLANE, origin=(2459000.5, 0.0))
    stored = to_stored_array(torch.tensor([[0.015625, -3.0], [-0.5, 7.0]]), space)
    assert stored.dtype == np.float64
    assert stored.tolist() == [[2459000.515625, -3.0], [2459000.0, 7.0]]


def test_stored_vectors_have_no_negative_zero() -> None:
    stored = to_stored_array(torch.tensor([[-0.0, 1.0]]), PLANE)
    assert not np.signbit(stored).any()


# ---------------------------------------------------------------- pictures of vectors


BLUE = (0, 114, 178)


def points(made: np.ndarray) -> np.ndarray:
    """Where a scatter has its color: rows and columns, [2, N]."""
    assert made.shape == (512, 512, 3)
    return np.stack((np.abs(made.astype(int) - BLUE) < 60).all(axis=2).nonzero())


def test_a_scatter_shows_each_point_in_its_place() -> None:
    corners = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    rows, columns = points(draw_examples(corners, PLANE))
    for axis in rows, columns:
        (low, high), counts = np.unique(axis > axis.mean(), return_counts=True)
        assert counts[0] == pytest.approx(counts[1], rel=0.3)
        assert high and not low
        assert np.ptp(axis) == pytest.approx(450 / 1.2, rel=0.05)  # a margin of a tenth


def test_a_scatter_of_large_numbers_is_that_of_the_shifted_ones() -> None:
    cloud = torch.randn(200, 2, generator=torch.Generator().manual_seed(0)) / 64
    plain, shifted = (
        points(draw_examples(cloud, replace(PLANE, origin=origin)))
        for origin in ((), (2_459_000.5, 1.7e9))
    )
    # their labels take other room
    for one, other in zip(plain, shifted, strict=True):
        assert np.ptp(other) == pytest.approx(np.ptp(one), rel=0.2)


def test_up_in_the_plane_is_up_in_the_picture() -> None:
    made = draw_examples(
        torch.tensor([[0.0, 0.0]] * 50 + [[0.0, 1.0]] * 5 + [[1.0, 0.0]] * 50), PLANE
    )
    rows, columns = points(made)
    left = columns < columns.mean()
    assert rows[left].min() < rows[~left].min()


def test_both_axes_have_the_same_scale() -> None:
    made = draw_examples(torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 5.0]]).repeat(200, 1), PLANE)
    rows, columns = points(made)
    assert np.ptp(columns) == pytest.approx(2 * np.ptp(rows), rel=0.03)


def test_a_few_points_far_away_do_not_shrink_the_others() -> None:
    cloud = torch.randn(1000, 2, generator=torch.Generator().manual_seed(0))
    far = torch.cat([cloud, torch.tensor([[1e6, 1e6]])])
    extents = [np.ptp(points(draw_examples(of, PLANE)), axis=1) for of in (cloud, far)]
    assert extents[1] == pytest.approx(extents[0], rel=0.1)


@pytest.mark.parametrize(
    "vectors",
    [
        torch.zeros(10, 2),
        torch.tensor([[1.0, 2.0]]),
        torch.full((5, 2), 3e38),
        torch.linspace(0, 1, 50)[:, None],
        torch.full((5, 1), 7.0),
        torch.randn(50, 7, generator=torch.Generator().manual_seed(0)),
    ],
    ids=["the same", "one", "huge", "one dimension", "one value", "many dimensions"],
)
def test_vectors_of_every_kind_are_shown(vectors: Tensor) -> None:
    assert points(draw_examples(vectors, PLANE)).size


def test_a_style_of_the_user_changes_no_picture_and_is_left_as_it_was() -> None:
    import matplotlib

    before = draw_examples(torch.eye(2), PLANE)
    with matplotlib.rc_context({"axes.facecolor": "red", "text.usetex": True, "font.size": 40}):
        assert np.array_equal(draw_examples(torch.eye(2), PLANE), before)
        assert (matplotlib.rcParams["font.size"], matplotlib.rcParams["text.usetex"]) == (40, True)


# ---------------------------------------------------------------- files


def test_a_picture_is_under_its_name_only_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "step_00000001.png"
    save_png(np.zeros((4, 4, 3), np.uint8), path)
    before = path.read_bytes()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            save_png(np.ones((4, 4, 3), np.uint8), path)
    assert path.read_bytes() == before
    save_png(np.ones((4, 4, 3), np.uint8), path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
