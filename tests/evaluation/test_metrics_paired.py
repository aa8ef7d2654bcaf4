"""The walk over pairs in float32 against distances of all pairs in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest
import torch
from metric_inputs import inputs
from torch import Tensor

from gan_runner.evaluation.metrics import across, kernels, neighbors, paired, search
from gan_runner.evaluation.metrics.distances import both_as_float64, find_nearest_of_all
from gan_runner.evaluation.metrics.kernels import KID
from gan_runner.evaluation.metrics.measures import MEASURES
from gan_runner.evaluation.metrics.neighbors import Manifold, manifold, one_nn_accuracy
from gan_runner.evaluation.metrics.paired import TOGETHER, ExampleSet, PairedSets
from gan_runner.evaluation.metrics.search import find_nearest

Sets = tuple[Tensor, Tensor]


@pytest.fixture(autouse=True)
def _searches_in_small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_FEWEST_PRODUCTS", 0)
    monkeypatch.setattr(search, "_FEWEST_EXAMPLES", 16)
    monkeypatch.setattr(search, "ROWS", 64)
    monkeypatch.setattr(search, "COLUMNS", 128)


def normal(count: int, size: int, seed: int) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


def images(count: int, seed: int) -> Tensor:
    """Of few gray levels, half of their pixels black."""
    return (normal(count, 64, seed).clamp(min=0) * 8).round().clamp(max=16)


def clusters(count: int, size: int, seed: int, *, apart: float) -> Tensor:
    places = apart * normal(5, size, seed=99)
    return places[torch.arange(count) % 5] + normal(count, size, seed)


def replace_rows(features: Tensor, rows: slice, value: Tensor | float) -> Tensor:
    features = features.clone()
    features[rows] = value
    return features


def near_copies(size: int, spread: float) -> Sets:
    real = normal(300, size, 1)
    return real, real[torch.arange(300) // 3] + spread * normal(300, size, 2)


ADVERSE: dict[str, Callable[[], Sets]] = {
    "one distribution": lambda: (normal(300, 20, 1), normal(300, 20, 2)),
    "many dimensions": lambda: (normal(150, 800, 1), normal(150, 800, 2)),
    "two dimensions": lambda: (normal(300, 2, 1), normal(300, 2, 2)),
    "one dimension": lambda: (normal(300, 1, 1), normal(300, 1, 2)),
    "sizes that fit no tile": lambda: (normal(211, 7, 1), normal(211, 7, 2)),
    "more reals": lambda: (normal(301, 7, 1), normal(130, 7, 2)),
    "more samples": lambda: (normal(130, 7, 1), normal(301, 7, 2)),
    "a shift": lambda: (normal(300, 20, 1), normal(300, 20, 2) + 0.5),
    "apart": lambda: (normal(300, 20, 1), normal(300, 20, 2) + 100),
    "far apart": lambda: (normal(300, 20, 1), normal(300, 20, 2) + 1e7),
    "copies": lambda: (normal(300, 20, 1), normal(300, 20, 1).flip(0)),
    "copies of one": lambda: (normal(300, 20, 1), normal(300, 20, 1)[:1].expand(300, -1)),
    "samples at the mean": lambda: (normal(300, 90, 1), 0.01 * normal(300, 90, 2)),
    "samples at the edge": lambda: (normal(300, 90, 1), 0.3 * normal(300, 90, 2) + 0.45),
    "reals at the mean": lambda: (0.01 * normal(300, 90, 1), normal(300, 90, 2)),
    "all the same": lambda: (torch.ones(300, 5), torch.ones(300, 5)),
    "all zero": lambda: (torch.zeros(300, 5), torch.zeros(300, 5)),
    "all the same or not": lambda: (torch.ones(300, 5), normal(300, 5, 1)),
    "each many times": lambda: (normal(20, 8, 1).repeat(15, 1), normal(20, 8, 1).repeat(15, 1)),
    "some many times": lambda: (
        torch.cat([normal(250, 8, 1), normal(1, 8, 3).repeat(50, 1)]),
        torch.cat([normal(270, 8, 2), normal(1, 8, 3).repeat(30, 1)]),
    ),
    "gray levels": lambda: (images(300, 1), images(300, 2)),
    "black and white": lambda: ((normal(300, 12, 1) > 1).float(), (normal(300, 12, 2) > 1).float()),
    "one-hot rows": lambda: (
        torch.eye(6)[(normal(300, 1, 1)[:, 0].abs() * 3).long().clamp(max=5)],
        torch.eye(6)[(normal(300, 1, 2)[:, 0].abs() * 3).long().clamp(max=5)],
    ),
    "rounded numbers": lambda: (normal(300, 3, 1).round(), normal(300, 3, 2).round()),
    "a lattice": lambda: (
        torch.cartesian_prod(torch.arange(18.0), torch.arange(17.0)),
        torch.cartesian_prod(torch.arange(18.0), torch.arange(17.0)).flip(0) + 0.5,
    ),
    "a large offset": lambda: (normal(300, 20, 1) + 1e5, normal(300, 20, 2) + 1e5),
    "a huge offset": lambda: (normal(300, 20, 1).double() + 1e9, normal(300, 20, 2).double() + 1e9),
    "a tiny spread": lambda: (1 + 1e-6 * normal(300, 20, 1), 1 + 1e-6 * normal(300, 20, 2)),
    "tiny numbers": lambda: tuple(1e-25 * normal(300, 20, seed).double() for seed in (1, 2)),
    "huge numbers": lambda: tuple(1e25 * normal(300, 20, seed).double() for seed in (1, 2)),
    "next to nothing": lambda: tuple(1e-160 * normal(300, 20, seed).double() for seed in (1, 2)),
    "beyond squares": lambda: tuple(1e90 * normal(300, 20, seed).double() for seed in (1, 2)),
    "one far away": lambda: (
        replace_rows(normal(300, 20, 1), slice(7, 8), 1e12),
        replace_rows(normal(300, 20, 2), slice(3, 4), -1e9),
    ),
    "one beyond float32": lambda: (
        normal(300, 20, 1).double(),
        replace_rows(normal(300, 20, 2).double(), slice(3, 4), 1e30),
    ),
    "clusters": lambda: (clusters(300, 20, 1, apart=30), clusters(300, 20, 2, apart=30)),
    "clusters far apart": lambda: (
        clusters(300, 20, 1, apart=1e5),
        clusters(300, 20, 2, apart=1e5),
    ),
    "one column in a large unit": lambda: (
        normal(300, 6, 1) * torch.tensor([1e6, 1, 1, 1, 1, 1]),
        normal(300, 6, 2) * torch.tensor([1e6, 1, 1, 1, 1, 1]),
    ),
    "two spreads": lambda: (
        torch.cat([normal(150, 9, 1), 1e-5 * normal(150, 9, 2)]),
        torch.cat([normal(150, 9, 3), 1e-5 * normal(150, 9, 4)]),
    ),
    "near copies": lambda: near_copies(20, 1e-3),
    "nearer copies": lambda: near_copies(20, 1e-5),
}


class Numbers(NamedTuple):
    manifold: Manifold
    one_nn: float
    kid: KID


def walked(real: Tensor, fake: Tensor, *, k: int = 5) -> Numbers:
    pairs = PairedSets(ExampleSet(real), fake, k=k, metrics=TOGETHER)
    return Numbers(pairs.manifold, pairs.one_nn, pairs.kid)


@pytest.fixture
def walks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of sets of each walk over tiles that a test makes."""
    found: list[int] = []
    tiles = search.products_of

    def products_of(*points: search.Points) -> Iterator[search.Tile]:
        found.append(len(points))
        return tiles(*points)

    monkeypatch.setattr(paired, "products_of", products_of)
    return found


@pytest.mark.parametrize("kind", ADVERSE)
def test_a_walk_gives_the_numbers_of_all_pairs_in_float64(kind: str) -> None:
    real, fake = ADVERSE[kind]()
    found = walked(real, fake)
    # the last bits of sums of shares aside, where neighbors are tied
    assert found.manifold == pytest.approx(manifold(real, fake, k=5), rel=1e-13)
    assert found.one_nn == pytest.approx(one_nn_accuracy(real, fake), rel=1e-13)


@pytest.mark.parametrize("k", [1, 2, 16, 65])
@pytest.mark.parametrize("kind", ["one distribution", "gray levels", "some many times"])
def test_a_walk_gives_the_numbers_of_any_number_of_neighbors(kind: str, k: int) -> None:
    real, fake = ADVERSE[kind]()
    assert walked(real, fake, k=k).manifold == pytest.approx(manifold(real, fake, k=k), rel=1e-13)


@pytest.mark.parametrize("kind", ADVERSE)
def test_a_walk_gives_kid_to_six_digits_of_its_error(kind: str) -> None:
    real, fake = (each.double() for each in ADVERSE[kind]())
    found, exact = walked(real, fake).kid, kernels.kid(real, fake)
    largest = max(float((each @ each.T / each.shape[1] + 1).pow(3).mean()) for each in (real, fake))
    nothing = 1e-6 * exact.error + 1e-12 * largest
    assert found.value == pytest.approx(exact.value, rel=1e-6, abs=nothing, nan_ok=True)
    assert found.error == pytest.approx(exact.error, rel=1e-6, abs=nothing, nan_ok=True)


@pytest.mark.parametrize("kind", ADVERSE)
def test_the_nearest_that_a_search_finds_is_that_of_all(kind: str) -> None:
    real, fake = ADVERSE[kind]()
    found = find_nearest(fake, real)
    exact = find_nearest_of_all(*both_as_float64(fake, real, at_least=1))
    assert found.distances.tolist() == pytest.approx(exact.distances.tolist(), rel=1e-9)
    apart = torch.linalg.vector_norm(fake.double() - real[found.indices], dim=1)
    assert torch.equal(apart, found.distances)


def test_the_numbers_of_most_data_need_no_distances_of_all_pairs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("manifold", "one_nn_accuracy"):
        monkeypatch.setattr(neighbors, name, None)
    for name in ("balls_of", "find_nearest_of_all"):
        monkeypatch.setattr(paired, name, None)
    monkeypatch.setattr(across, "squared_distances", None)
    monkeypatch.setattr(search, "find_nearest_of_all", None)
    for kind in ("one distribution", "two dimensions", "samples at the mean", "a large offset"):
        real, fake = ADVERSE[kind]()
        walked(real, fake)
        find_nearest(fake, real)


def test_metrics_that_are_measured_together_share_one_walk_over_each_pair_of_sets(
    walks: list[int],
) -> None:
    real, fake = normal(300, 20, 1), normal(300, 20, 2)
    of = inputs(real, fake, metrics=frozenset(MEASURES))
    for metric in ("kid", "manifold", "one_nn"):
        MEASURES[metric](of)
    assert walks == [1, 1, 2]


def test_a_metric_alone_computes_nothing_for_others(walks: list[int]) -> None:
    pairs = PairedSets(ExampleSet(normal(300, 20, 1)), normal(300, 20, 2), k=5, metrics=["kid"])
    alone = pairs.kid
    assert walks == [1, 1, 2]
    assert pairs.manifold == manifold(pairs.real.features, pairs.fake.features, k=5)
    assert walks == [1, 1, 2] * 2
    assert alone == walked(pairs.real.features, pairs.fake.features).kid


def test_what_is_real_is_walked_once_for_all_samples(walks: list[int]) -> None:
    reals = ExampleSet(normal(300, 20, 1))
    for seed in (2, 3):
        fake = normal(300, 20, seed)
        found = PairedSets(reals, fake, k=5, metrics=TOGETHER)
        assert found.manifold == manifold(reals.features, fake, k=5)
        assert found.one_nn == one_nn_accuracy(reals.features, fake)
        assert found.kid == walked(reals.features, fake).kid
    assert walks[:3] == [1, 1, 2] and walks[6:8] == [1, 2]


@pytest.mark.calibration
def test_tiles_and_what_is_subtracted_at_once_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for kind in ("one distribution", "samples at the edge", "gray levels"):
        real, fake = ADVERSE[kind]()
        whole = walked(real, fake)
        for rows, columns, at_once in ((16, 16, 1000), (512, 2048, 2**17)):
            with monkeypatch.context() as patch:
                patch.setattr(search, "ROWS", rows)
                patch.setattr(search, "COLUMNS", columns)
                patch.setattr(search, "_SUBTRACTED_AT_ONCE", at_once)
                patch.setattr(kernels, "_CUBED_AT_ONCE", max(columns, at_once))
                found = walked(real, fake)
            assert found.manifold == pytest.approx(whole.manifold, rel=1e-13)
            assert found.one_nn == whole.one_nn
            assert found.kid == pytest.approx(whole.kid, rel=1e-7)


def test_products_that_torch_may_round_to_fewer_bits_are_not_searched(walks: list[int]) -> None:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        walked(normal(300, 20, 1), normal(300, 20, 2))
    finally:
        torch.set_float32_matmul_precision(before)
    assert walks == []


def test_walking_leaves_features_and_the_global_generator_as_they_were() -> None:
    x, y = normal(300, 20, 1), normal(300, 20, 2)
    before = x.clone(), y.clone(), torch.get_rng_state()
    walked(x, y)
    find_nearest(x, y)
    after = x, y, torch.get_rng_state()
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_other_dimensions_nan_and_too_few_are_refused() -> None:
    with pytest.raises(ValueError, match="4 and 5 dimensions"):
        PairedSets(ExampleSet(normal(40, 4, 1)), normal(40, 5, 2), k=5, metrics=())
    with pytest.raises(ValueError, match="NaN"):
        ExampleSet(normal(40, 4, 1) / 0)
    pairs = PairedSets(ExampleSet(normal(5, 4, 1)), normal(5, 4, 2), k=5, metrics=TOGETHER)
    with pytest.raises(ValueError, match="at least 6"):
        _ = pairs.manifold
    single = PairedSets(ExampleSet(normal(1, 4, 1)), normal(5, 4, 2), k=5, metrics=TOGETHER)
    for of in (lambda: single.kid, lambda: single.one_nn):
        with pytest.raises(ValueError, match="at least 2"):
            of()
