"""The registry of data sets, and those that need no file of the user's."""

from __future__ import annotations

import gzip
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from conftest import EVERY_DATASET, track

from gan_runner.config.component import build_component, find_classes
from gan_runner.data import Data
from gan_runner.datasets import Dataset, Grid, Ring, digits, photos
from gan_runner.errors import ConfigError, DataError, MachineError

CONF = Path(__file__).parents[2] / "conf" / "dataset"
OPTIONS = sorted(CONF.glob("*.yaml"))
NOWHERE = Path("/nonexistent/data")


def node(option: str, **changes: Any) -> dict[str, Any]:
    """The settings of an option's file, with changes."""
    plain = yaml.safe_load((CONF / f"{option}.yaml").read_text())
    nested = {}
    if option == "degraded":
        plain.pop("defaults")
        source = yaml.safe_load((CONF / "source" / "digits.yaml").read_text())
        degrade = yaml.safe_load((CONF / "degrade" / "downscale.yaml").read_text())
        nested = {"source": source, **degrade["dataset"]}
    return {**EVERY_DATASET, **plain.get("dataset", plain), **nested, **changes}


def dataset(option: str, **changes: Any) -> Dataset:
    return build_component(node(option, **changes), Dataset, where="dataset")


def load(option: str, **changes: Any) -> Data:
    return dataset(option, **changes).load(NOWHERE, track)


@pytest.mark.parametrize("option", [path.stem for path in OPTIONS])
def test_every_option_spells_out_exactly_the_settings_of_its_class(option: str) -> None:
    settings = node(option)
    kind = find_classes(Dataset)[settings.pop("name")]
    assert set(settings) == set(kind.model_fields)
    assert isinstance(dataset(option), kind)


def test_every_class_has_an_option() -> None:
    assert {node(path.stem)["name"] for path in OPTIONS} == set(find_classes(Dataset))


@pytest.mark.parametrize("name", find_classes(Dataset))
def test_no_class_has_a_default(name: str) -> None:
    assert all(field.is_required() for field in find_classes(Dataset)[name].model_fields.values())


@pytest.mark.parametrize(
    ("option", "changes"),
    [
        ("array", {"path": "/nonexistent/x.npy"}),
        ("table", {"path": "/nonexistent/x.csv"}),
        ("image_folder", {"root": "/nonexistent/data"}),
        *(
            (name, {"root": "/nonexistent/data", "download": False})
            for name in ("mnist", "cifar10")
        ),
        ("stacked_mnist", {"root": "/nonexistent/data", "download": False}),
    ],
)
def test_missing_files_are_reported_without_reading(option: str, changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="missing /nonexistent"):
        dataset(option, **changes).check_present()


@pytest.mark.parametrize("option", ["digits", "iris", "ring", "sines", "mnist"])
def test_what_is_drawn_or_brought_along_or_downloaded_is_not_missing(option: str) -> None:
    dataset(option).check_present()


@pytest.mark.parametrize("option", ["ring", "grid"])
def test_points_in_the_plane_choose_the_model_for_vectors(option: str) -> None:
    text = (CONF / f"{option}.yaml").read_text()
    assert text.startswith("# @package _global_\n")
    assert yaml.safe_load(text)["defaults"] == [{"override /model": "mlp"}]


def test_importing_the_data_sets_imports_no_heavy_library() -> None:
    code = (
        "import sys, gan_runner.datasets\n"
        "print([m for m in ('torchvision', 'PIL', 'sklearn', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_digits_are_8_by_8_gray_images_with_labels() -> None:
    data = load("digits")
    assert data.examples.shape == (1797, 1, 8, 8)
    assert data.examples.dtype == torch.uint8
    assert data.labels is not None
    assert data.labels.dtype == torch.int64
    assert data.labels.unique().tolist() == list(range(10))
    assert data.class_names == tuple("0123456789")
    assert data.space == dataset("digits").space()


def test_ink_of_0_to_16_becomes_0_to_255() -> None:
    examples = load("digits").examples
    assert examples.unique().tolist() == [round(ink * 255 / 16) for ink in range(17)]


def test_digits_are_the_ones_of_scikit_learn() -> None:
    data = load("digits")
    ink = data.examples.double().mul(16 / 255).round()
    # load_digits().data.sum() and load_digits().target[:5]
    assert ink.sum() == 561718
    assert data.labels is not None
    assert data.labels[:5].tolist() == [0, 1, 2, 3, 4]


def test_digits_are_read_at_once_and_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)  # another test may have imported it
    begun = time.perf_counter()
    load("digits")
    assert time.perf_counter() - begun < 0.5
    assert "sklearn" not in sys.modules


def test_missing_digits_are_the_machine_s_fault_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(digits, "data_folder", lambda *, setting: NOWHERE)
    with pytest.raises(MachineError, match=r"digits\.csv\.gz.*scikit-learn"):
        load("digits")


def test_a_missing_scikit_learn_is_the_machine_s_fault_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MachineError, match="pip install scikit-learn"):
        load("digits")


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"1,2\n", mtime=0), gzip.compress(b"a,b\n" * 99, mtime=0)[:-9]],
)
def test_damaged_digits_are_named(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(content)
    monkeypatch.setattr(digits, "data_folder", lambda *, setting: tmp_path)
    with pytest.raises(DataError, match=r"digits\.csv\.gz.*scikit-learn"):
        load("digits")


@pytest.mark.parametrize(
    "option", ["digits", "mnist", "fashion_mnist", "stacked_mnist", "cifar10", "image_folder"]
)
def test_images_are_mirrored_as_the_setting_says(option: str) -> None:
    assert dataset(option, flip=True).flips
    assert not dataset(option, flip=False).flips


@pytest.mark.parametrize("option", ["ring", "grid"])
def test_points_are_float32_around_the_center_that_their_label_names(option: str) -> None:
    mixture = dataset(option, std=0.01, count=5000)
    assert isinstance(mixture, Ring | Grid)
    data = mixture.load(NOWHERE, track)
    assert data.examples.shape == (5000, 2)
    assert data.examples.dtype == torch.float32
    assert data.labels is not None
    assert data.labels.unique().tolist() == list(range(mixture.modes))
    assert len(data.class_names) == mixture.modes
    away = data.examples - mixture.centers[data.labels]
    assert away.std().item() == pytest.approx(0.01, rel=0.05)
    assert away.abs().max() < 0.06
    assert not mixture.flips


@pytest.mark.parametrize("option", ["ring", "grid"])
def test_centers_lie_around_the_origin(option: str) -> None:
    mixture = dataset(option)
    assert isinstance(mixture, Ring | Grid)
    assert mixture.centers.shape == (mixture.modes, 2)
    assert mixture.centers.dtype == torch.float32
    assert torch.allclose(mixture.centers.mean(0), torch.zeros(2), atol=1e-6)


def test_a_ring_has_its_modes_on_a_circle_at_equal_angles() -> None:
    ring = dataset("ring", modes=4, radius=3.0)
    assert isinstance(ring, Ring)
    expected = torch.tensor([[3.0, 0], [0, 3], [-3, 0], [0, -3]])
    assert torch.allclose(ring.centers, expected, atol=1e-6)


def test_a_grid_has_its_modes_on_a_lattice() -> None:
    grid = dataset("grid", modes=4, spacing=2.0)
    assert isinstance(grid, Grid)
    assert grid.centers.tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]


def test_a_grid_of_one_mode_sits_at_the_origin() -> None:
    grid = dataset("grid", modes=1)
    assert isinstance(grid, Grid)
    assert grid.centers.tolist() == [[0, 0]]


def test_a_grid_needs_a_square_number_of_modes() -> None:
    with pytest.raises(ConfigError, match=r"dataset\.modes=24.*square number"):
        dataset("grid", modes=24)


def test_points_depend_on_their_own_seed_alone() -> None:
    first = load("ring", count=100)
    torch.manual_seed(99)
    again, other = load("ring", count=100), load("ring", count=100, seed=1)
    assert torch.equal(first.examples, again.examples)
    assert not torch.equal(first.examples, other.examples)


def test_drawing_points_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    load("grid", count=100)
    assert torch.equal(before, torch.get_rng_state())


def test_points_that_are_not_standardized_have_a_known_space() -> None:
    space = dataset("ring").space()
    assert space is not None
    assert (space.offset, space.scale) == ((0.0, 0.0), (1.0, 1.0))
    assert load("ring", count=10).space == space


def test_standardized_points_have_mean_0_and_deviation_1() -> None:
    assert dataset("grid", standardize=True).space() is None
    data = load("grid", standardize=True, count=10_000)
    seen = data.space.encode(data.examples)
    assert torch.allclose(seen.mean(0), torch.zeros(2), atol=1e-4)
    assert torch.allclose(seen.std(0), torch.ones(2), atol=1e-3)
    assert torch.allclose(data.space.decode(seen), data.examples, atol=1e-5)


@pytest.mark.parametrize(
    ("option", "setting", "value"),
    [
        ("ring", "modes", 0),
        ("ring", "std", -1.0),
        ("ring", "std", 0.0),
        ("grid", "std", 0),
        ("ring", "radius", 0.0),
        ("grid", "spacing", 0.0),
        ("ring", "count", 0),
        ("ring", "seed", -1),
        ("mnist", "image_size", 1),
        ("mnist", "root", ""),
        ("mnist", "root", "a\0b"),
        ("stacked_mnist", "root", ""),
        ("stacked_mnist", "image_size", 1),
        ("stacked_mnist", "count", 0),
        ("stacked_mnist", "seed", -1),
        ("image_folder", "channels", 5),
        ("image_folder", "on_damaged", "ignore"),
        ("array", "kind", "tables"),
        ("array", "range", [1, 0]),
        ("array", "range", "full"),
        ("image_folder", "range", [5, 5]),
        ("image_folder", "labels", "names"),
    ],
)
def test_impossible_settings_are_refused_by_name(option: str, setting: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"dataset.{setting}="):
        dataset(option, **{setting: value})


def test_tiles_for_testing_lie_beside_all_tiles_for_training() -> None:
    cut = dataset("photos", image_size=64, stride=32, test_ratio=0.2)
    train, test = cut.training(NOWHERE, track), cut.test(NOWHERE, track)
    assert test is not None
    assert len(train) == 2 * 12 * (7 + 7)  # 427 x 256 px on both sides of the strip
    assert len(test) == 2 * 6 * 2
    # the first photograph again: neighbors share half of their pixels
    assert torch.equal(
        train.rows(torch.tensor([0]))[..., 32:], train.rows(torch.tensor([1]))[..., :32]
    )
    assert test.rows(torch.arange(24)).float().std() > 50


def test_the_middle_of_each_photograph_is_held_out() -> None:
    cut = dataset("photos", image_size=64, stride=64, test_ratio=0.2)
    train, test = cut.training(NOWHERE, track), cut.test(NOWHERE, track)
    whole = dataset("photos", image_size=64, stride=64, test_ratio=0).training(NOWHERE, track)
    assert test is not None
    assert train.reading.held_out == 24
    rows = whole.rows(torch.arange(120)).unflatten(0, (2, 6, 10))  # 640 px are 10 tiles
    assert torch.equal(test.rows(torch.arange(24)), rows[:, :, 4:6].flatten(0, 2))
    beside = [rows[:, :, :4].flatten(0, 2), rows[:, :, 6:].flatten(0, 2)]
    assert torch.equal(train.rows(torch.arange(96)), torch.cat(beside))


def test_a_photograph_that_is_missing_or_damaged_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(photos, "data_folder", lambda *, setting, kind: tmp_path)
    with pytest.raises(MachineError, match=r"china\.jpg.*scikit-learn"):
        dataset("photos").training(NOWHERE, track)
    (tmp_path / "china.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    with pytest.raises(DataError, match=r"damaged .*china\.jpg"):
        dataset("photos").training(NOWHERE, track)
