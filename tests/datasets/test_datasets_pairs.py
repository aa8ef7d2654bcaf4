"""Pairs, domains and degraded images: what of them becomes inputs and targets, and what is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import track
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gan_runner.config.component import build_component
from gan_runner.config.reference import plain_option
from gan_runner.data import Data, Degradation
from gan_runner.data.label_colors import named_colors
from gan_runner.datasets import Dataset
from gan_runner.datasets.degraded_examples import DegradedExamples
from gan_runner.datasets.label_maps import find_colors
from gan_runner.errors import ConfigError, DataError

SIDE = 8
COMMON = {"per_class": None, "per_class_seed": 0}


def pairs(**changes: Any) -> Dataset:
    return made("pairs", image_size=SIDE, flip=False, **changes)


def made(option: str, **changes: Any) -> Dataset:
    node = plain_option("dataset", option)["dataset"]
    plain = {**node, "name": NAMES[option], **COMMON, **changes}
    return build_component(plain, Dataset, where="dataset")


NAMES = {"pairs": "Pairs", "domains": "Domains"}


def degraded(degrade: str, source: dict[str, Any], **changes: Any) -> Dataset:
    settings = plain_option("dataset/degrade", degrade).get("dataset", {}).get("degrade", {})
    node = {"name": degrade.capitalize(), **settings}
    own = {"name": "Degraded", "crop": None, "test_ratio": 0.1, "seed": 0}
    own |= {"paired": True, "reverse": False}
    plain = {**own, "source": source, "degrade": node, **COMMON, **changes}
    return build_component(plain, Dataset, where="dataset")


def folder_source(root: Path, **changes: Any) -> dict[str, Any]:
    plain = {**plain_option("dataset", "image_folder"), "name": "ImageFolder", "root": str(root)}
    return {**plain, "image_size": SIDE, **changes}


def color(number: int) -> tuple[int, int, int]:
    """A color that tells a pair."""
    return (number * 7 % 256, 255 - number * 7 % 256, 100)


def save(path: Path, pixels: Any, mode: str | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(pixels, np.uint8 if mode != "I;16" else np.uint16))
    image.save(path)


def plain_color(number: int, width: int = SIDE, height: int = SIDE) -> NDArray[np.uint8]:
    return np.broadcast_to(np.array(color(number), np.uint8), (height, width, 3)).copy()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Twelve pairs: an image of one color, and as its input the negative, which is gray."""
    inputs, targets = tmp_path / "inputs", tmp_path / "targets"
    for number in range(12):
        save(targets / f"{number:02}.png", plain_color(number))
        save(inputs / f"{number:02}.bmp", np.full((SIDE, SIDE), 255 - color(number)[0]))
    return inputs, targets


def read(dataset: Dataset, tmp_path: Path) -> tuple[Data, Data | None]:
    return dataset.training(tmp_path / "cache", track), dataset.test(tmp_path / "cache", track)


def of_folders(folders: tuple[Path, Path], **changes: Any) -> Dataset:
    return pairs(inputs=str(folders[0]), targets=str(folders[1]), **changes)


def inputs_of(data: Data) -> Tensor:
    return data.input_rows(torch.arange(data.input_count), seed=0)


def targets_of(data: Data) -> Tensor:
    return data.rows(torch.arange(len(data)))


def said(data: Data) -> str:
    return "\n".join(each.sentences for each in data.reading.decisions)


# ---------------------------------------------------------------- pairs


def test_files_of_one_name_are_pairs_whatever_their_endings(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for data in read(of_folders(folders, input_channels=1), tmp_path):
        assert data is not None
        assert data.space.inputs is not None
        assert data.space.inputs.shape == (1, SIDE, SIDE)
        assert torch.equal(inputs_of(data)[:, 0], 255 - targets_of(data)[:, 0])


def test_training_and_test_pairs_are_all_and_none_is_both(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    train, test = read(of_folders(folders, test_ratio=0.25), tmp_path)
    assert test is not None
    assert train.reading.held_out == len(test) == 3
    seen = [set(targets_of(each)[:, 0, 0, 0].tolist()) for each in (train, test)]
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == 12
    assert "3 of 12 pairs are held out for testing" in said(train)
    assert train.digest != test.digest


@pytest.mark.parametrize("side", ["left", "right"])
def test_pictures_side_by_side_are_halved(side: str, tmp_path: Path) -> None:
    for number in range(10):
        both = [plain_color(number), np.full((SIDE, SIDE, 3), 20, np.uint8)]
        halves = both[::-1] if side == "left" else both
        save(tmp_path / "both" / f"{number}.png", np.concatenate(halves, axis=1))
    train, _ = read(pairs(path=str(tmp_path / "both"), side=side), tmp_path)
    assert inputs_of(train).unique().tolist() == [20]
    assert targets_of(train)[:, 0].unique().numel() == len(train) == 9
    assert "8 x 8 px" in train.reading.stored


def test_a_picture_of_an_odd_width_has_no_halves(tmp_path: Path) -> None:
    save(tmp_path / "both" / "a.png", np.zeros((SIDE, 2 * SIDE + 1)))
    with pytest.raises(DataError, match="a width of 17 px, which has no two equal halves"):
        read(pairs(path=str(tmp_path / "both")), tmp_path)


def test_an_input_without_a_target_is_told_and_can_be_left_out(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (folders[1] / "03.png").unlink()
    (folders[0] / "05.bmp").rename(folders[0] / "other.bmp")
    match = r"2 of 12 inputs have no target \(03.bmp, other.bmp\).*on_mismatched=skip"
    with pytest.raises(DataError, match=match):
        read(of_folders(folders), tmp_path)
    train, _ = read(of_folders(folders, on_mismatched="skip", test_ratio=0), tmp_path)
    assert len(train) == 10
    assert torch.equal(inputs_of(train)[:, 0], 255 - targets_of(train)[:, 0])
    left_out = {each.what: each for each in train.reading.left_out}
    assert left_out["inputs"].names == ("03.bmp", "other.bmp")
    assert left_out["targets"].names == ("05.png",)


def test_folders_without_a_common_name_are_told(tmp_path: Path) -> None:
    save(tmp_path / "inputs" / "a.png", plain_color(0))
    save(tmp_path / "targets" / "b.png", plain_color(0))
    with pytest.raises(DataError, match=r"no input has the name of a target \(as a.png and b.png"):
        read(of_folders((tmp_path / "inputs", tmp_path / "targets")), tmp_path)


def test_two_files_of_one_name_are_told(folders: tuple[Path, Path], tmp_path: Path) -> None:
    save(folders[0] / "00.png", plain_color(0))
    with pytest.raises(DataError, match=r"two files of one name, 00.bmp and 00.png.*ignore="):
        read(of_folders(folders), tmp_path)


def test_a_target_of_another_shape_is_told_and_can_be_left_out(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    save(folders[1] / "04.png", plain_color(4, width=SIDE + 1))
    match = r"another shape than its input's, 04.png \(9 x 8 px for 8 x 8 px\)"
    with pytest.raises(DataError, match=match):
        read(of_folders(folders), tmp_path)
    train, _ = read(of_folders(folders, on_mismatched="skip", test_ratio=0), tmp_path)
    assert len(train) == 11
    assert torch.equal(inputs_of(train)[:, 0], 255 - targets_of(train)[:, 0])
    assert "1 of 12 targets have another shape than their inputs" in said(train)
    assert [each.count for each in train.reading.left_out] == [1]


@pytest.mark.parametrize("side", [0, 1])
def test_the_pair_of_a_damaged_image_is_left_out(
    folders: tuple[Path, Path], side: int, tmp_path: Path
) -> None:
    name = ("02.bmp", "02.png")[side]
    (folders[side] / name).write_bytes(b"none")
    with pytest.raises(DataError, match=f"damaged image {name}"):
        read(of_folders(folders), tmp_path)
    train, _ = read(of_folders(folders, on_damaged="skip", test_ratio=0), tmp_path)
    assert len(train) == 11
    assert torch.equal(inputs_of(train)[:, 0], 255 - targets_of(train)[:, 0])


def test_inputs_may_be_smaller_than_targets(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for number in range(12):
        save(folders[0] / f"{number:02}.bmp", np.full((4, 4), 255 - color(number)[0]))
    train, _ = read(of_folders(folders), tmp_path)
    assert "To read" not in said(train)
    assert "For super-resolution: dataset.input_size=4" in said(train)
    train, _ = read(of_folders(folders, input_size=4), tmp_path)
    assert inputs_of(train).shape[2:] == (4, 4)
    assert "super-resolution" not in said(train)


def test_inputs_of_16_bits_are_scaled_by_their_own_range(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for number in range(12):
        deep = np.full((SIDE, SIDE), (255 - color(number)[0]) * 257)
        (folders[0] / f"{number:02}.bmp").unlink()
        save(folders[0] / f"{number:02}.png", deep, "I;16")
    train, _ = read(of_folders(folders, input_channels=1), tmp_path)
    assert torch.equal(inputs_of(train)[:, 0], 255 - targets_of(train)[:, 0])
    dark, _ = read(of_folders(folders, input_channels=1, input_range=[0, 131070]), tmp_path)
    assert inputs_of(dark).max() <= 128


def test_both_sides_are_turned_upright(folders: tuple[Path, Path], tmp_path: Path) -> None:
    half = np.zeros((SIDE, SIDE, 3), np.uint8)
    half[: SIDE // 2] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(half[::-1].copy()).save(folders[1] / "00.png", exif=exif)
    Image.fromarray(half).save(folders[0] / "00.bmp")
    data, _ = read(of_folders(folders, test_ratio=0), tmp_path)
    assert torch.equal(inputs_of(data)[0], targets_of(data)[0])
    assert "targets: 1 of 12 images are turned upright" in said(data)


def test_alpha_is_kept_where_a_channel_is_wanted_for_it(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    clear = np.zeros((SIDE, SIDE, 4))
    for number in range(12):
        save(folders[1] / f"{number:02}.png", clear)
    kept, _ = read(of_folders(folders, channels=4), tmp_path)
    assert targets_of(kept).max() == 0
    white, _ = read(of_folders(folders), tmp_path)
    assert targets_of(white).min() == 255


@pytest.mark.parametrize(
    ("given", "what"),
    [({}, "too few"), ({"inputs": "a"}, "too few"), ({"inputs": "a", "path": "b"}, "too many")],
)
def test_pairs_need_two_folders_or_one(given: dict[str, str], what: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"{what} folders.*dataset.inputs=FOLDER"):
        read(pairs(**given), tmp_path)


def test_a_missing_folder_is_told_with_its_setting(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    dataset = of_folders((folders[0], tmp_path / "gone"))
    with pytest.raises(DataError, match=r"missing .*dataset.targets=.*dataset.targets=PATH"):
        dataset.check_present()


def test_the_first_reading_is_found_again_in_the_cache(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    before, _ = read(of_folders(folders), tmp_path)
    again, _ = read(of_folders(folders), tmp_path)
    assert before.digest == again.digest
    assert len(list((tmp_path / "cache").iterdir())) == 2


# ---------------------------------------------------------------- crops and regions


def test_a_crop_fits_both_sides_or_is_refused(folders: tuple[Path, Path]) -> None:
    found = of_folders(folders, crop=4, input_size=4).space()
    assert found is not None
    assert found.inputs is not None
    assert (found.shape, found.inputs.shape) == ((3, 4, 4), (3, 2, 2))
    with pytest.raises(ConfigError, match=r"dataset.crop=5 .*Use dataset.crop=4"):
        of_folders(folders, crop=5, input_size=4).space()
    with pytest.raises(ConfigError, match=r"larger than the images, dataset.crop=16"):
        of_folders(folders, crop=16).space()


def test_few_pairs_are_split_by_region_without_overlap(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    side = 16
    columns = np.arange(side, dtype=np.uint8) * np.ones((side, 1), np.uint8)
    for folder in folders:
        for path in folder.iterdir():
            path.unlink()
        for number in range(3):
            save(folder / f"{number}.png", columns)
    dataset = of_folders(folders, crop=4, channels=1, input_channels=1).model_copy(
        update={"image_size": side, "_read": []}
    )
    train, test = read(dataset, tmp_path)
    assert test is not None
    assert targets_of(train).shape == inputs_of(train).shape == (3, 1, side, side - 4)
    assert targets_of(test).shape == inputs_of(test).shape == (12, 1, 4, 4)
    assert targets_of(train).max() < targets_of(test).min()
    assert "a region of each is held out: the right 4 of 16 px" in said(train)


def test_few_pairs_without_crops_are_split_by_file_and_doubted(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for folder in folders:
        for path in sorted(folder.iterdir())[3:]:
            path.unlink()
    train, test = read(of_folders(folders), tmp_path)
    assert test is not None
    assert (len(train), len(test)) == (2, 1)
    assert any("few to test on" in warning for warning in train.reading.warnings)


# ---------------------------------------------------------------- label maps


def label_map(number: int) -> NDArray[np.uint8]:
    """Classes 0, 7 and 255 in columns."""
    classes = np.array([0, 7, 255], np.uint8)
    return classes[(np.arange(SIDE) + number) % 3] * np.ones((SIDE, 1), np.uint8)


@pytest.mark.parametrize("kind", ["palette", "gray", "gray as color"])
def test_label_maps_become_a_channel_for_each_class(
    kind: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for number in range(12):
        (folders[0] / f"{number:02}.bmp").unlink()
        image = Image.fromarray(label_map(number))
        if kind == "palette":
            image = image.convert("L").copy()
            image.putpalette([255 - k // 3 for k in range(768)])
        elif kind == "gray as color":
            image = image.convert("RGB")
        image.save(folders[0] / f"{number:02}.png")
    data, test = read(of_folders(folders, label_maps="inputs"), tmp_path)
    assert data.space.inputs is not None
    assert test is not None
    assert data.space.inputs.label_names == ("0", "7", "255")
    rows = inputs_of(data)
    assert rows.shape == (11, 3, SIDE, SIDE)
    expected = torch.from_numpy(np.stack([label_map(k) for k in range(12)]))
    numbers = ((255 - targets_of(data)[:, 1, 0, 0].long()) // 7).tolist()
    for channel, value in enumerate((0, 7, 255)):
        assert torch.equal(rows[:, channel], (expected[numbers] == value).to(torch.uint8) * 255)
    assert "label maps of 3 classes (0, 7, 255)" in said(data)
    assert data.digest != test.digest


def test_label_maps_may_be_targets_and_outputs_are_decoded_to_one_class(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for number in range(12):
        save(folders[1] / f"{number:02}.png", label_map(number))
    data, _ = read(of_folders(folders, label_maps="targets"), tmp_path)
    assert data.space.shape == (3, SIDE, SIDE)
    rows = targets_of(data)
    assert torch.equal(data.space.decode(data.space.encode(rows) * 0.1), rows)


def test_scaling_makes_no_new_classes(folders: tuple[Path, Path], tmp_path: Path) -> None:
    for number in range(12):
        save(folders[1] / f"{number:02}.png", label_map(number).repeat(3, 0).repeat(3, 1))
    dataset = of_folders(folders, label_maps="targets", on_mismatched="skip")
    data, _ = read(dataset, tmp_path)
    assert data.space.label_names == ("0", "7", "255")


@pytest.mark.parametrize("kind", ["photograph", "JPEG", "deep"])
def test_what_is_no_label_map_is_told(
    kind: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    if kind == "photograph":
        save(folders[1] / "00.png", np.arange(SIDE * SIDE * 3).reshape(SIDE, SIDE, 3))
        match = "more than 64 colors, .* use their originals. If they are pictures: dataset.label"
    elif kind == "JPEG":
        (folders[1] / "00.png").unlink()
        save(folders[1] / "00.jpg", label_map(0))
        match = "a JPEG, whose compression changes"
    else:
        save(folders[1] / "00.png", np.full((SIDE, SIDE), 1000), "I;16")
        match = "a class 1000, above 255"
    with pytest.raises(DataError, match=match):
        read(of_folders(folders, label_maps="targets"), tmp_path)


SIDE_ROWS = {"inputs": inputs_of, "targets": targets_of}
COLORS = np.array([[128, 64, 128], [0, 0, 0], [0, 0, 230]], np.uint8)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
@pytest.mark.parametrize("side", ["inputs", "targets"])
def test_colors_of_label_maps_become_classes_in_their_order(
    side: str, mode: str, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    at = folders[side == "targets"]
    expected = np.zeros((12, SIDE, SIDE), np.int64)
    for number in range(12):
        for old in at.glob(f"{number:02}.*"):
            old.unlink()
        expected[number] = np.arange(SIDE) * (number + 1) % 3
        image = Image.fromarray(COLORS[expected[number]])
        if mode == "P" and number == 5:  # a palette among colors
            image = Image.fromarray(expected[number].astype(np.uint8))
            image.putpalette(COLORS.tobytes())
        elif mode == "RGBA":
            image = image.convert(mode)
        image.save(at / f"{number:02}.png")
    data, test = read(of_folders(folders, label_maps=side), tmp_path)
    space = data.space.inputs if side == "inputs" else data.space
    assert test is not None and space is not None
    assert space.label_names == ("0-0-0", "0-0-230", "128-64-128")
    rows = torch.cat([SIDE_ROWS[side](part) for part in (data, test)])
    colors = named_colors(space.label_names)
    assert colors is not None
    shown = {tuple(row.flatten().tolist()) for row in colors[rows.argmax(1)]}
    assert shown == {tuple(COLORS[row].flatten().tolist()) for row in expected}
    assert "label maps in 3 colors (0-0-0, 0-0-230, 128-64-128), a class" in said(data)
    again, _ = read(of_folders(folders, label_maps=side), tmp_path)
    assert again.digest == data.digest


def test_colors_between_others_are_doubted_as_smooth_edges() -> None:
    flat = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    flat[:, :, :, 32:] = torch.tensor([200, 100, 40], dtype=torch.uint8).view(3, 1, 1)
    flat[:, :, 60:] = torch.tensor([0, 255, 0], dtype=torch.uint8).view(3, 1, 1)
    smooth = flat.clone()
    for place, share in enumerate((0.25, 0.5, 0.75)):
        blend = (torch.tensor([200, 100, 40]) * share).round().to(torch.uint8)
        smooth[:, :, 2 * place, 30 + place] = blend.view(1, 3)
    found = [find_colors(each, setting="s", remedy="") for each in (flat, smooth)]
    assert [each.blends for each in found] == [0, 3]
    assert [len(each.maps.names) for each in found] == [3, 6]


def test_pictures_in_few_colors_may_be_label_maps(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    maps = COLORS[np.arange(4 * SIDE) // 5 % 3] * np.ones((4 * SIDE, 1, 1), np.uint8)
    for number in range(12):
        save(folders[1] / f"{number:02}.png", maps)
    data, _ = read(of_folders(folders), tmp_path)
    doubt = "targets: all images together have 3 colors, as label maps do. If they are label maps: "
    assert f"{doubt}dataset.label_maps=targets" in data.reading.warnings
    assert not any("3 colors" in each for each in many_colors(folders, tmp_path).reading.warnings)


def many_colors(folders: tuple[Path, Path], tmp_path: Path) -> Data:
    """The same with a photograph among the pictures."""
    save(folders[1] / "00.png", np.arange(SIDE * SIDE * 3).reshape(SIDE, SIDE, 3))
    return read(of_folders(folders), tmp_path)[0]


def test_a_map_in_transparent_colors_has_no_class_there(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for number in range(12):
        pixels = np.full((SIDE, SIDE, 4), 255)
        pixels[..., 0], pixels[0, 0, 3] = number % 2, 255 - number
        save(folders[1] / f"{number:02}.png", pixels)
    with pytest.raises(DataError, match="transparent parts, which are of no class"):
        read(of_folders(folders, label_maps="targets"), tmp_path)


def test_gray_pictures_are_no_label_maps(folders: tuple[Path, Path], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(12):
        save(folders[1] / f"{number:02}.png", rng.integers(0, 256, (SIDE, SIDE)))
    with pytest.raises(DataError, match=r"more than the 64 classes .*label_maps=null"):
        read(of_folders(folders, label_maps="targets"), tmp_path)


def test_palettes_that_are_read_as_colors_are_doubted(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for number in range(12):
        image = Image.fromarray(plain_color(number)).quantize(4)
        image.save(folders[1] / f"{number:02}.png")
    data, _ = read(of_folders(folders), tmp_path)
    assert any("dataset.label_maps=targets" in warning for warning in data.reading.warnings)


# ---------------------------------------------------------------- domains


def test_domains_are_as_many_images_as_there_are(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    save(folders[0] / "more.png", plain_color(1, width=20))
    dataset = made(
        "domains", inputs=str(folders[0]), targets=str(folders[1]), image_size=SIDE, flip=False
    )
    train, test = read(dataset, tmp_path)
    assert test is not None
    assert not train.paired
    assert (len(train), train.input_count) == (11, 12)
    assert (len(test), test.input_count) == (1, 1)
    assert "1 of 13 inputs are held out" in said(train)


def test_domains_need_both_folders(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing dataset.targets, .*dataset.targets=PATH"):
        read(made("domains", inputs=str(folders[0])), tmp_path)


# ---------------------------------------------------------------- degraded images


def test_degraded_images_are_targets_with_a_degradation(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    dataset = degraded("gray", folder_source(folders[1]))
    train, test = read(dataset, tmp_path)
    assert test is not None
    assert isinstance(train.inputs, Degradation)
    assert dataset.space() == train.space
    assert train.space.inputs is not None
    assert train.space.inputs.shape == (1, SIDE, SIDE)
    assert (len(train), len(test)) == (11, 1)
    assert inputs_of(test).shape == (1, 1, SIDE, SIDE)
    assert "dataset.source.flip=false" in said(train)
    assert "1 of 12 images are held out" in said(train)


def test_digits_are_split_by_class_and_keep_their_labels(tmp_path: Path) -> None:
    train, test = read(degraded("mask", {"name": "Digits", "flip": False}), tmp_path)
    assert test is not None
    assert test.labels is not None
    assert len(train) + len(test) == 1797
    assert test.labels.bincount().min() >= 17
    assert torch.equal(targets_of(test)[:, :, 0], inputs_of(test)[:, :, 0])


def test_faults_of_a_source_name_its_settings(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"dataset.source.root=.*dataset.source.root=PATH"):
        degraded("gray", folder_source(tmp_path / "gone")).check_present()
    with pytest.raises(ConfigError, match=r"invalid setting, dataset\.source\.flip"):
        degraded("gray", {"name": "Digits", "flip": 3}).space()
    iris = {"name": "Iris", **plain_option("dataset", "iris").get("dataset", {})}
    with pytest.raises(ConfigError, match="a source with table, not images"):
        degraded("noise", iris).load(tmp_path, track)


def test_a_crop_of_degraded_images_is_degraded(folders: tuple[Path, Path], tmp_path: Path) -> None:
    train, _ = read(degraded("downscale", folder_source(folders[1]), crop=4), tmp_path)
    assert train.space.inputs is not None
    assert (train.space.shape, train.space.inputs.shape) == ((3, 4, 4), (3, 1, 1))
    assert inputs_of(train).shape[2:] == (2, 2)


DIGITS = {"name": "Digits", "flip": False}


def test_reversed_pairs_have_as_targets_what_is_made_of_their_inputs(tmp_path: Path) -> None:
    train, test = read(degraded("dilate", DIGITS, reverse=True), tmp_path)
    rows = torch.tensor([5, 3])
    for part in (train, test):
        assert part is not None
        made = part.rows(rows)
        images = part.input_rows(rows, seed=0)
        assert torch.equal(made.amin((2, 3)), 255 - images.amax((2, 3)))
        assert part.labels is not None
        assert len(part.labels) == len(part)
    assert any("targets [1 x 8 x 8] are made of inputs" in d.text for d in train.reading.decisions)


def test_two_domains_are_disjoint_halves_of_the_images_and_of_the_held_out_ones(
    tmp_path: Path,
) -> None:
    plain, held_out = read(degraded("mask", DIGITS), tmp_path)
    halves, others = read(degraded("mask", DIGITS, paired=False), tmp_path)
    for whole, part in ((plain, halves), (held_out, others)):
        assert whole is not None
        assert part is not None
        assert not part.paired
        assert len(part) + part.input_count == len(whole)
        assert part.labels is not None
        assert part.input_labels is not None
        for label in range(10):
            of_both = int((part.labels == label).sum() + (part.input_labels == label).sum())
            assert of_both == int((whole.labels == label).sum())  # type: ignore[union-attr]
    assert others is not None
    assert halves.reading.held_out == len(others)
    indices = torch.arange(20)
    first = halves.input_rows(indices, seed=0)
    assert torch.equal(first, halves.input_rows(indices, seed=1))  # drawn once
    turned, _ = read(degraded("mask", DIGITS, paired=False, reverse=True), tmp_path)
    assert torch.equal(turned.rows(indices), first)
    text = "domains are halves of the images, drawn by dataset.seed=0: 809 targets"
    assert any(text in d.text for d in halves.reading.decisions)


def test_what_is_made_of_an_image_is_the_same_wherever_it_stands(tmp_path: Path) -> None:
    halves, _ = read(degraded("noise", DIGITS, paired=False), tmp_path)
    inputs = halves.inputs
    assert isinstance(inputs, DegradedExamples)
    some = torch.tensor([7, 2])
    assert torch.equal(inputs.select(some).rows(torch.tensor([1])), inputs.rows(torch.tensor([2])))
    again, _ = read(degraded("noise", DIGITS, paired=False, seed=1), tmp_path)
    assert isinstance(again.inputs, DegradedExamples)
    assert again.inputs.digest != inputs.digest
    assert halves.digest != again.digest


def test_few_images_of_each_class_are_no_domain(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Use dataset\.per_class=null"):
        degraded("noise", DIGITS, paired=False, per_class=5).load(tmp_path, track)
