"""An overview of a data set shows every class, every column and the units of the data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import track
from paired_data import paired_data, unpaired_data

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Column, Columns, Data, Space
from gan_runner.datasets.label_maps import LabelMaps
from gan_runner.sampling.pictures import overview as module
from gan_runner.sampling.pictures.figure import new_figure, set_number_ticks
from gan_runner.sampling.pictures.overview import overview
from gan_runner.training.build import build_dataset


def images(channels: int, side: int, *, classes: int = 0, count: int = 12) -> Data:
    pixels = torch.randint(0, 256, (count, channels, side, side), dtype=torch.uint8)
    labels = torch.arange(count) % classes if classes else None
    return Data(pixels, Space("images", (channels, side, side)), labels)


def table(columns: int, *, value: float = 1.0) -> Data:
    named = tuple(Column(f"column {k} $x^2$") for k in range(columns))
    space = Space(
        "table", (columns,), (0.0,) * columns, (1.0,) * columns, Columns(named, 0.2, False)
    )
    return Data(torch.full((5, columns), value), space)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("classes", [0, 3])
def test_images_of_any_channels_are_drawn_in_color(channels: int, classes: int) -> None:
    picture = overview(images(channels, 5, classes=classes)).picture
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3


def test_a_class_without_examples_has_no_row() -> None:
    data = Data(
        torch.zeros(3, 1, 4, 4, dtype=torch.uint8),
        Space("images", (1, 4, 4)),
        torch.tensor([0, 0, 2]),
        ("a", "empty", "c"),
    )
    two = overview(data).examples.shape[0]
    assert two == 2 * overview(images(1, 4, classes=3)).examples.shape[0] // 3


def test_large_images_are_drawn_small() -> None:
    picture = overview(images(3, 700, count=9)).examples
    assert max(picture.shape) < 900


def test_of_many_columns_the_first_are_drawn_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_MOST_PANELS", 2)
    assert overview(table(3)).notes == ["The first 2 of 3 histograms are drawn."]


@pytest.mark.parametrize("value", [0.0, 1e-30, 20200309.0, -3e37])
def test_columns_that_never_change_are_drawn_whatever_their_size(value: float) -> None:
    assert overview(table(2, value=value)).histograms.size


def test_whole_numbers_fall_into_bars_of_equally_many(tmp_path: Path) -> None:
    values = np.arange(73.0).repeat(2)
    panel = module._histogram("age", values)
    assert panel.edges is not None
    widths = set(np.diff(panel.edges))
    assert widths == {3.0}
    assert set(panel.counts[:-1]) == {6}


def test_many_categories_are_counted_together() -> None:
    panel = module._bars("x", np.arange(30), [f"c{k}" for k in range(30)])
    assert panel.names[0] == "c29"
    assert panel.names[-1] == "20 others"
    assert panel.counts.sum() == sum(range(30))


def test_rows_are_in_the_units_of_the_data_with_their_heads(tmp_path: Path) -> None:
    data = build_dataset(parse_config(compose(["dataset=iris"]))).training(tmp_path, track)
    heads, first, *_ = overview(data).rows
    assert heads[-1] == "species"
    assert first[-1] == "setosa"
    assert 4 <= float(first[0]) < 8


@pytest.mark.parametrize("option", ["ring", "sines"])
def test_vectors_and_sequences_have_a_histogram_for_each_dimension(
    option: str, tmp_path: Path
) -> None:
    config = parse_config(compose([f"dataset={option}", "dataset.count=200"]))
    data = build_dataset(config).training(tmp_path, track)
    titles = [panel.title for panel in module._panels(data)]
    assert titles == ["classes", "dimension 1", "dimension 2"]
    assert overview(data).picture.shape[2] == 3


def test_channels_of_images_have_the_names_of_their_colors() -> None:
    for channels, names in (
        (1, ["pixels"]),
        (3, ["pixels, red", "pixels, green", "pixels, blue"]),
        (5, [f"pixels, channel {k}" for k in range(1, 6)]),
    ):
        panels = list(module._panels(images(channels, 4)))
        assert [panel.title.removesuffix(" (log scale)") for panel in panels] == names
        assert {int(panel.counts.sum()) for panel in panels} == {12 * 16}


@pytest.mark.parametrize(
    ("low", "high", "labels", "off"),
    [
        (0.0, 1.0, ["0.2", "0.4", "0.6", "0.8"], ""),
        (-3.2, 2.4, ["\N{MINUS SIGN}2", "0", "2"], ""),
        (20200301, 20200330, ["20200310", "20200320"], ""),
        (1583712000, 1586266426, ["1584000000", "1585000000", "1586000000"], ""),
        (
            1_153_000_000_000_000_000,
            1_153_000_000_000_500_000,
            ["100000", "200000", "300000", "400000"],
            "+ 1153000000000000000",
        ),
        (1e-12, 3e-12, ["1.5e\N{MINUS SIGN}12", "2e\N{MINUS SIGN}12", "2.5e\N{MINUS SIGN}12"], ""),
        (-1e38, 3e38, ["0", "1e+38", "2e+38"], ""),
    ],
)
def test_ticks_are_round_numbers_with_the_digits_that_tell_them_apart(
    low: float, high: float, labels: list[str], off: str
) -> None:
    with new_figure(400, 200) as figure:
        axes = figure.add_subplot(xlim=(low, high))
        assert set_number_ticks(axes, "x") == off
        assert [each.get_text() for each in axes.get_xticklabels()] == labels
        assert all(low < place < high for place in axes.get_xticks())


def test_ticks_of_a_narrow_panel_do_not_touch() -> None:
    with new_figure(100, 100) as figure:
        axes = figure.add_subplot(xlim=(20200301, 20200330))
        assert set_number_ticks(axes, "x") == "+ 20200300"
        assert [each.get_text() for each in axes.get_xticklabels()] == ["10", "20"]


def test_rows_of_vectors_have_no_digits_of_noise() -> None:
    space = Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2, origin=(0.0, 2459000.5))
    rows = overview(Data(torch.tensor([[0.1, 0.25], [4.4, 3.0]]), space)).rows
    assert rows[1:] == [["0.1", "2459000.75"], ["4.4", "2459003.5"]]


@pytest.mark.parametrize("data", [paired_data(factor=2), unpaired_data(count=12, others=3)])
def test_inputs_are_drawn_beside_targets(data: Data) -> None:
    found = overview(data)
    assert found.examples.ndim == 3
    assert any("Inputs are drawn beside their targets" in note for note in found.notes)


def test_label_maps_are_drawn_with_the_pixels_of_each_class() -> None:
    pixels = torch.tensor([0, 7], dtype=torch.uint8).repeat(6, 1, 8, 4)
    maps = LabelMaps(pixels, (0, 7))
    space = Space("images", (2, 8, 8), label_names=("0", "7"))
    space = replace(space, inputs=Space("images", (2, 8, 8), label_names=("0", "7")))
    assert overview(Data(maps, space, inputs=maps)).histograms.size
