"""Translations of any sizes, in tiles and from files, and the command for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from gan_runner.cli.translate import _check_targets, parser
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.sampling.images import translate_images
from gan_runner.sampling.tiles import lay_tiles
from gan_runner.sampling.translated_files import Failed, Job, plan, translate_files
from gan_runner.sampling.translation import Translation

GRAY = Space("images", (1, 8, 8), inputs=Space("images", (1, 8, 8)))
COLOR = Space("images", (3, 8, 8), inputs=Space("images", (3, 8, 8)))


class Blur(nn.Module):
    """The mean of three by three pixels, with black around them."""

    def __init__(self, factor: int = 1) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.full((1, 1, 3, 3), 1 / 9))
        self.factor = factor

    def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
        blurred = conv2d(x.flatten(0, 1)[:, None], self.kernel, padding=1).view_as(x)
        return interpolate(blurred, scale_factor=self.factor) if self.factor > 1 else blurred


def noise(*shape: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randint(256, shape, dtype=torch.uint8, generator=rng)


def save(path: Path, *shape: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise(*shape).numpy()).save(path)
    return path


@pytest.mark.parametrize("length", [64, 72, 100, 136])
def test_the_weights_of_tiles_sum_to_one_at_every_pixel(length: int) -> None:
    tiles = lay_tiles(length, 32, multiple=4)
    assert all(start % 4 == 0 for start in tiles.starts)
    total = torch.zeros(2 * length)
    for start, row in zip(tiles.starts, tiles.weights(2), strict=True):
        total[2 * start :][: len(row)] += row
    assert total.allclose(torch.ones(2 * length))


@pytest.mark.parametrize("factor", [1, 2])
def test_tiles_of_a_local_network_are_the_whole_away_from_borders(factor: int) -> None:
    translation = Translation(Blur(factor), GRAY, multiple=4, factor=factor)
    image = noise(1, 1, 150, 203)
    whole, tiled = (translation.translate(image, tile=tile).int() for tile in (0, 64))
    assert tiled.shape == whole.shape == (1, 1, 150 * factor, 203 * factor)
    assert (whole - tiled).abs()[..., 4:-4, 4:-4].max() <= 1  # rounded behind other sums


def test_odd_sizes_are_mirrored_below_and_to_the_right() -> None:
    seen = []

    class Seen(Blur):
        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            seen.append(x[0, 0, :, 0])
            return x

    image = torch.tensor([10, 20, 30], dtype=torch.uint8)[None, None, :, None]
    output = Translation(Seen(), GRAY, multiple=8).translate(image)
    assert output.equal(image)
    mirrored = torch.tensor([10, 20, 30, 20, 10, 20, 30, 20], dtype=torch.uint8)
    assert seen[0].equal(GRAY.encode(mirrored))


def test_alpha_is_kept_and_grows_with_the_output() -> None:
    translation = Translation(Blur(2), COLOR, factor=2)
    image = noise(5, 6, 4).numpy()
    image[..., 3] = 77
    output = translate_images(translation, image)
    assert isinstance(output, np.ndarray) and output.shape == (10, 12, 4)
    assert (output[..., 3] == 77).all()


def test_files_keep_names_and_turn_upright_and_what_fails_is_told(tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "photos" / "out"
    for name in ("a.png", "sub/b.png", "c.gif", "out/old.png"):
        save(photos / name, 6, 9)
    image = Image.fromarray(noise(6, 9, 3).numpy())
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(photos / "turned.jpg", exif=exif)
    (photos / "bad.png").write_bytes(b"x")
    planned = plan([photos, tmp_path / "none"], out, COLOR)
    outcomes = list(translate_files(Translation(Blur(), COLOR), planned.jobs))
    failed = [outcome for outcome in outcomes if outcome is not None]
    assert [each.source.name for each in planned.failed] == ["none"]
    assert [each.source.name for each in failed] == ["bad.png"]
    assert len(outcomes) == 5
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*"))
    assert written == ["a.png", "c.png", "old.png", "sub/b.png", "turned.jpg"]
    assert Image.open(out / "turned.jpg").size == (6, 9)


def test_a_folder_that_is_translated_into_itself_is_told(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", 4, 4)
    for out, reason in ((tmp_path / "in", "lie in --out"), (tmp_path / "out", None)):
        planned = plan([tmp_path / "in"], out, GRAY)
        assert len(planned.jobs) == (reason is None)
        assert all(reason is not None and reason in each.reason for each in planned.failed)
        assert bool(planned.failed) == bool(reason)


def test_pictures_of_one_size_go_through_the_network_together(tmp_path: Path) -> None:
    class Counting(Blur):
        passes = 0

        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            Counting.passes += 1
            return super().forward(x, labels)

    sizes = [(8, 8 + number % 2) for number in range(20)]
    jobs = [
        Job(save(tmp_path / f"{number}.png", *size), tmp_path / f"out/{number}.png")
        for number, size in enumerate(sizes)
    ]
    assert list(translate_files(Translation(Counting(), GRAY), jobs)) == [None] * 20
    assert Counting.passes == 2


def test_what_is_read_ahead_becomes_the_file_of_its_own_name(tmp_path: Path) -> None:
    jobs = []
    for number in range(40):
        source = tmp_path / f"{number}.png"
        Image.fromarray(np.full((8, 8 + number % 3), number, np.uint8)).save(source)
        jobs.append(Job(source, tmp_path / "out" / source.name))
    jobs[7].source.write_bytes(b"no picture")

    class Same(Blur):
        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            return x

    outcomes = list(translate_files(Translation(Same(), GRAY), jobs))
    assert [each.source for each in outcomes if each is not None] == [jobs[7].source]
    for number, job in enumerate(jobs):
        if number != 7:
            assert (np.asarray(Image.open(job.target)) == number).all()


def test_a_file_that_cannot_be_written_ends_the_translation(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    job = Job(save(tmp_path / "a.png", 8, 8), tmp_path / "out" / "a.png")
    with pytest.raises(OSError):
        list(translate_files(Translation(Blur(), GRAY), [job]))


def test_a_label_map_is_read_and_written_by_the_numbers_of_files(tmp_path: Path) -> None:
    classes = Space("images", (2, 8, 8), label_names=("3", "200"))
    space = Space("images", (2, 8, 8), label_names=("3", "200"), inputs=classes)
    values = np.array([[3, 200, 3], [200, 200, 3]], np.uint8)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values + 1).save(tmp_path / "b.png")

    class Same(Blur):
        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            return x

    planned = plan([tmp_path / "a.png", tmp_path / "b.png"], tmp_path / "out", space)
    outcomes = list(translate_files(Translation(Same(), space), planned.jobs))
    assert (np.asarray(Image.open(tmp_path / "out" / "a.png")) == values).all()
    assert [type(each) for each in outcomes if each is not None] == [Failed]


def colored_maps() -> Translation:
    """A translation of label maps in colors that leaves them as they are."""

    class Same(Blur):
        def forward(self, x: Tensor, labels: Tensor | None = None) -> Tensor:
            return x

    names = ("0-0-0", "0-0-230", "128-64-128")  # as many as a color has channels
    classes = Space("images", (3, 8, 8), label_names=names)
    return Translation(Same(), replace(classes, inputs=classes))


def test_a_label_map_in_colors_is_written_in_the_same_colors(tmp_path: Path) -> None:
    translation = colored_maps()
    colors = np.array([[0, 0, 0], [0, 0, 230], [128, 64, 128]], np.uint8)
    values = colors[np.array([[0, 1, 2], [2, 2, 1]])]
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).convert("RGBA").save(tmp_path / "b.tif")
    Image.fromarray(values + 1).save(tmp_path / "c.png")
    planned = plan(
        [tmp_path / file for file in ("a.png", "b.tif", "c.png")],
        tmp_path / "out",
        translation.space,
    )
    outcomes = [each for each in translate_files(translation, planned.jobs) if each is not None]
    for name in ("a.png", "b.png"):
        assert (np.asarray(Image.open(tmp_path / "out" / name)) == values).all()
    assert [each.reason for each in outcomes] == ["a color 1-1-1, which the run doesn't know"]


def test_a_program_gives_and_gets_label_maps_in_their_colors() -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:] = (128, 64, 128)
    assert (translate_images(colored_maps(), image) == image).all()
    with pytest.raises(ConfigError, match=r"color=9-0-0. Use 0-0-0, 0-0-230, 128-64-128"):
        translate_images(colored_maps(), np.full((4, 6, 3), (9, 0, 0), np.uint8))


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (("a.png -> out/a.png",), (), "replace them: --force"),
        (("a.png -> a.png",), ("--force",), "an input would be replaced"),
        (("a.png -> out/b.png", "c.png -> out/b.png"), ("--force",), "would both become"),
    ],
)
def test_nothing_is_overwritten_unasked(
    names: tuple[str, ...],
    options: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    save(Path("a.png"), 4, 4)
    save(Path("out/a.png"), 4, 4)
    given = parser().parse_args(["run", "a.png", "--out", "out", *options])
    jobs = [Job(*map(Path, name.split(" -> "))) for name in names]
    with pytest.raises(ConfigError, match=message):
        _check_targets(jobs, given)


def test_translations_go_to_a_folder(here: Callable[..., tuple[int, str, str]]) -> None:
    Path("run").mkdir()
    Path("run/config.yaml").touch()
    code, _, err = here("gan-translate", "run", "a.png", "--out", "b.png")
    assert code == 2 and err.endswith("Use --out b\n")
