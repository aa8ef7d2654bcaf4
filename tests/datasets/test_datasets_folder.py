"""A folder of pictures: listing, decoding, and the cache."""

from __future__ import annotations

import json
import os
import re
import resource
import shlex
import shutil
import signal
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from conftest import EVERY_DATASET, track
from PIL import Image

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.config.component import build_component
from gan_runner.config.overrides import override
from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.datasets.readers import npy
from gan_runner.datasets.readers.image_cache import NamedResults, load_or_decode
from gan_runner.decoding.images import MODES, Decoded, Wanted, try_decode
from gan_runner.decoding.processes import ProcessEndedError
from gan_runner.errors import ConfigError, DataError, MachineError

T = TypeVar("T")

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def no_track(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
    raise AssertionError("decoded again")


def dataset(root: Path | None, **changes: Any) -> Dataset:
    settings = {"image_size": 8, "channels": 3, "flip": True, "on_damaged": "error"}
    settings |= {"labels": "auto", "range": "auto", "ignore": []}
    settings = {**EVERY_DATASET, **settings, **changes}
    node = {"name": "ImageFolder", "root": None if root is None else str(root), **settings}
    return build_component(node, Dataset, where="dataset")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def paint(path: Path, color: Any = RED, mode: str = "RGB", size: tuple[int, int] = (8, 8)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, color).save(path)
    return path


def only(data: Data) -> list[int]:
    """The pixel in the middle of the only image, all its channels."""
    assert len(data) == 1
    return data.examples[0, :, 4, 4].tolist()


def test_first_level_folders_are_classes(root: Path, cache: Path) -> None:
    paint(root / "dogs" / "a.png", RED)
    paint(root / "cats" / "deep" / "er" / "b.png", GREEN)
    paint(root / "dogs" / "c.png", BLUE)
    data = dataset(root).load(cache, track)
    assert data.examples[:, :, 0, 0].tolist() == [list(GREEN), list(RED), list(BLUE)]
    assert data.labels is not None
    assert data.labels.dtype == torch.int64
    assert data.labels.tolist() == [0, 1, 1]
    assert data.class_names == ("cats", "dogs")
    assert data.reading.warnings == ()


def test_images_in_the_folder_itself_have_no_labels(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    data = dataset(root).load(cache, track)
    assert data.labels is None
    assert data.class_names == ()
    assert data.reading.warnings == ()


def test_loose_images_beside_classes_take_the_labels_away_and_warn(root: Path, cache: Path) -> None:
    paint(root / "a.png", RED)
    paint(root / "cats" / "b.png", GREEN)
    data = dataset(root).load(cache, track)
    assert data.labels is None
    assert data.class_names == ()
    [warning] = data.reading.warnings
    assert "no labels: 1 of 2 images" in warning
    assert "dataset.root=" in warning


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.jpeg", "a.Webp", "a.BMP"])
def test_formats_are_known_in_either_case(name: str, root: Path, cache: Path) -> None:
    paint(root / name, RED)
    red, green, blue = only(dataset(root).load(cache, track))
    assert red > 240
    assert max(green, blue) < 15


def test_other_files_and_hidden_ones_are_left_out(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    paint(root / ".hidden" / "b.png")
    (root / "._a.png").write_bytes(b"not an image")
    (root / "notes.txt").write_text("not an image")
    os.mkfifo(root / "pipe.png")
    (root / "folder.png").mkdir()
    assert len(dataset(root).load(cache, track)) == 1


def test_links_are_followed_but_not_in_circles(root: Path, cache: Path, tmp_path: Path) -> None:
    paint(tmp_path / "elsewhere" / "a.png")
    (root / "cats").symlink_to(tmp_path / "elsewhere")
    (root / "cats" / "back").symlink_to(root)
    paint(root / "dogs" / "b.png")
    data = dataset(root).load(cache, track)
    assert len(data) == 2
    assert data.class_names == ("cats", "dogs")


def test_the_middle_square_is_kept(root: Path, cache: Path) -> None:
    image = Image.new("RGB", (48, 16), RED)
    image.paste(GREEN, (16, 0, 32, 16))
    image.save(root / "a.png")
    data = dataset(root).load(cache, track)
    assert data.examples.shape == (1, 3, 8, 8)
    assert data.examples[0, 1].float().mean() > 250


def test_scaling_is_antialiased(root: Path, cache: Path) -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 200
    Image.fromarray(stripes).save(root / "a.png")
    examples = dataset(root, channels=1).load(cache, track).examples
    assert ((examples > 80) & (examples < 120)).all()


def test_small_images_grow(root: Path, cache: Path) -> None:
    paint(root / "a.png", RED, size=(3, 2))
    assert only(dataset(root).load(cache, track)) == list(RED)


def test_a_picture_taken_sideways_is_turned_upright(root: Path, cache: Path) -> None:
    image = Image.new("RGB", (8, 8), RED)
    image.paste(BLUE, (0, 0, 4, 8))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: left is up
    image.save(root / "a.png", exif=exif)
    examples = dataset(root).load(cache, track).examples
    assert examples[0, :, 0, 0].tolist() == list(BLUE)
    assert examples[0, :, 0, 7].tolist() == list(BLUE)
    assert examples[0, :, 7, 0].tolist() == list(RED)


def test_16_bits_of_gray_are_scaled_not_clipped(root: Path, cache: Path) -> None:
    Image.fromarray(np.full((8, 8), 0x8080, np.uint16)).save(root / "a.png")
    assert only(dataset(root, channels=1).load(cache, track)) == [0x80]
    assert only(dataset(root, channels=3).load(cache, track)) == [0x80] * 3
    assert only(dataset(root, channels=2).load(cache, track)) == [0x80, 255]


@pytest.mark.parametrize(
    ("mode", "color", "channels", "expected"),
    [
        ("RGB", (255, 255, 255), 1, [255]),
        ("L", 100, 3, [100, 100, 100]),
        ("L", 100, 2, [100, 255]),
        ("1", 1, 1, [255]),
        ("RGB", RED, 4, [255, 0, 0, 255]),
        ("RGBA", (255, 0, 0, 51), 4, [255, 0, 0, 51]),
        ("RGBA", (255, 0, 0, 0), 3, [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), 3, [204, 204, 204]),
        ("LA", (0, 51), 1, [204]),
        ("LA", (100, 51), 2, [100, 51]),
    ],
)
def test_channels_are_as_set(
    mode: str, color: Any, channels: int, expected: list[int], root: Path, cache: Path
) -> None:
    paint(root / "a.png", color, mode)
    data = dataset(root, channels=channels).load(cache, track)
    assert data.space.shape == (channels, 8, 8)
    assert only(data) == expected


@pytest.mark.parametrize(
    ("channels", "expected"), [(3, [255, 255, 255]), (4, [0, 0, 255, 0]), (2, [29, 0])]
)
def test_a_palette_with_a_transparent_color_is_understood(
    channels: int, expected: list[int], root: Path, cache: Path
) -> None:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([*RED, *BLUE])
    image.save(root / "a.png", transparency=1)
    assert only(dataset(root, channels=channels).load(cache, track)) == expected


def test_a_cmyk_jpeg_becomes_rgb(root: Path, cache: Path) -> None:
    paint(root / "a.jpg", (0, 255, 255, 0), "CMYK")
    red, green, blue = only(dataset(root).load(cache, track))
    assert red > 200
    assert max(green, blue) < 50


def test_a_great_jpeg_looks_like_the_png_of_it(root: Path, cache: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((640, 640), Image.Resampling.BICUBIC)
    image.save(root / "a.jpg", quality=95)
    image.save(root / "b.png")
    jpeg, png = dataset(root, image_size=16).load(cache, track).examples.float()
    assert (jpeg - png).abs().mean() < 3


def test_a_second_load_decodes_nothing_and_is_quick(root: Path, cache: Path) -> None:
    for i in range(20):
        paint(root / f"{i}.png", (i, i, i))
    first = dataset(root).load(cache, track)
    begun = time.perf_counter()
    second = dataset(root).load(cache, no_track)
    assert time.perf_counter() - begun < 0.1
    assert torch.equal(first.examples, second.examples)


def test_progress_is_shown_while_images_are_decoded(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    paint(root / "b.png")
    shown = []

    def remember(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        shown.append((description, total))
        return iter(items)

    dataset(root).load(cache, remember)
    assert shown == [("decoding images", 2)]


def test_what_is_cached_is_one_npy_array(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    data = dataset(root).load(cache, track)
    [path] = cache.rglob("*.npy")
    stored = np.load(path)
    assert stored.dtype == np.uint8
    assert np.array_equal(stored, data.examples.numpy())


def test_a_changed_file_a_new_one_or_another_setting_is_decoded_anew(
    root: Path, cache: Path
) -> None:
    path = paint(root / "a.png", RED)
    dataset(root).load(cache, track)
    os.utime(path, ns=(0, 0))
    dataset(root).load(cache, track)
    paint(root / "b.png", BLUE)
    assert len(dataset(root).load(cache, track)) == 2
    dataset(root, image_size=4).load(cache, track)
    dataset(root, channels=1).load(cache, track)
    dataset(root, on_damaged="skip").load(cache, track)
    assert len(list(cache.iterdir())) == 6


def test_another_folder_of_files_that_look_the_same_is_decoded_anew(
    root: Path, cache: Path
) -> None:
    for name, color in (("train", RED), ("test", BLUE)):
        os.utime(paint(root / name / "a.bmp", color), ns=(0, 0))
    assert only(dataset(root / "train").load(cache, track)) == list(RED)
    assert only(dataset(root / "test").load(cache, track)) == list(BLUE)
    (root / "link").symlink_to(root / "test")
    assert only(dataset(root / "link").load(cache, no_track)) == list(BLUE)


def test_mirroring_does_not_decode_anew(root: Path, cache: Path) -> None:
    paint(root / "a.png", RED)
    dataset(root, flip=True).load(cache, track)
    dataset(root, flip=False).load(cache, no_track)


def test_what_was_just_decoded_is_not_copied(root: Path, cache: Path) -> None:
    def decode() -> NamedResults:
        yield "a.png", decoded

    decoded = try_decode(paint(root / "a.png", RED), Wanted(8, 3))
    assert isinstance(decoded, Decoded)
    first = load_or_decode(cache / "images", shape=(3, 8, 8), decode=decode).images
    again = load_or_decode(cache / "images", shape=(3, 8, 8), decode=decode).images
    assert isinstance(first, np.memmap) and not isinstance(again, np.memmap)
    first[:] = 7  # in memory alone
    assert np.array_equal(again[0], decoded.pixels)
    third = load_or_decode(cache / "images", shape=(3, 8, 8), decode=decode).images
    assert np.array_equal(third, again)


def test_a_large_array_stays_on_disk(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(root / "a.png", RED)
    monkeypatch.setattr(npy, "MOST_IN_MEMORY_BYTES", 0)
    data = dataset(root).load(cache, track)
    assert only(data) == list(RED)
    data.examples.zero_()  # a map is copied when it's written to
    assert only(dataset(root).load(cache, no_track)) == list(RED)


def truncate_file(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])


def bomb(path: Path) -> None:
    """A PNG of 30,000 x 30,000 pixels in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b""))


DAMAGED: dict[str, Callable[[Path], object]] = {
    "empty.png": lambda path: path.write_bytes(b""),
    "text.jpg": lambda path: path.write_text("not an image"),
    "half.png": truncate_file,
    "half.jpg": truncate_file,
    "half.webp": truncate_file,
    "half.bmp": truncate_file,
    "bomb.png": bomb,
    "nowhere.png": lambda path: path.symlink_to("/nonexistent.png"),
    "tga.png": lambda path: Image.new("RGB", (8, 8)).save(path, format="TGA"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_image_is_named_and_nothing_is_kept(name: str, root: Path, cache: Path) -> None:
    paint(root / "a.png")
    DAMAGED[name](root / name)
    with pytest.raises(DataError, match=rf"{name}.*dataset\.root=.*dataset\.on_damaged=skip"):
        dataset(root).load(cache, track)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_image_can_be_left_out_with_a_warning(name: str, root: Path, cache: Path) -> None:
    paint(root / "a.png", RED)
    paint(root / "z.png", BLUE)
    DAMAGED[name](root / name)
    for progress in (track, no_track):
        data = dataset(root, on_damaged="skip").load(cache, progress)
        assert data.examples[:, :, 0, 0].tolist() == [list(RED), list(BLUE)]
        [warning] = data.reading.warnings
        assert "1 of 3 images" in warning
        assert name in warning


def test_labels_stay_with_their_images_when_some_are_left_out(root: Path, cache: Path) -> None:
    for name, color in (("a/1", RED), ("a/3", RED), ("b/2", BLUE)):
        paint(root / f"{name}.png", color)
    (root / "a" / "2.png").write_bytes(b"")
    (root / "b" / "1.png").write_bytes(b"")
    data = dataset(root, on_damaged="skip").load(cache, track)
    assert data.labels is not None
    assert data.labels.tolist() == [0, 0, 1]
    assert data.examples[2, :, 0, 0].tolist() == list(BLUE)


def test_a_warning_names_only_the_first_few(root: Path, cache: Path) -> None:
    paint(root / "z.png")
    for i in range(5):
        (root / f"{i}.png").write_bytes(b"")
    [warning] = dataset(root, on_damaged="skip").load(cache, track).reading.warnings
    assert "5 of 6" in warning
    assert "0.png, 1.png, 2.png, ..." in warning


def test_nothing_but_damaged_images_is_refused(root: Path, cache: Path) -> None:
    (root / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"all images are damaged, dataset\.root="):
        dataset(root, on_damaged="skip").load(cache, track)


def test_an_odd_name_is_made_harmless(root: Path, cache: Path) -> None:
    (root / "\x1b[31m\n.png").write_bytes(b"")
    with pytest.raises(DataError) as fault:
        dataset(root).load(cache, track)
    assert str(fault.value).isprintable()


def test_a_name_that_is_not_unicode_is_read(root: Path, cache: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(root) + b"/\xff.png"))
    paint(path)
    assert len(dataset(root).load(cache, track)) == 1


def test_a_missing_folder_is_named_with_a_remedy(root: Path, cache: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"missing .*nowhere, dataset\.root=.*say where it lies now: dataset\.root=PATH",
    ):
        dataset(root / "nowhere").load(cache, track)


def test_a_file_is_refused_as_a_folder(root: Path, cache: Path) -> None:
    with pytest.raises(DataError, match=r"not a folder, dataset\.root="):
        dataset(paint(root / "a.png")).load(cache, track)


def test_a_folder_without_images_is_refused(root: Path, cache: Path) -> None:
    (root / "notes.txt").write_text("")
    with pytest.raises(DataError, match=r"no images .*\(1 \.txt\), dataset\.root=.*PNG"):
        dataset(root).load(cache, track)


def test_a_folder_must_be_named(cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing dataset\.root"):
        dataset(None).load(cache, track)


def test_an_unreadable_image_is_the_machine_s_fault_even_if_damaged_ones_are_left_out(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = paint(root / "a.png")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(MachineError, match=r"a\.png \(Permission denied\), dataset\.root="):
        dataset(root, on_damaged="skip").load(cache, track)
    assert list(cache.iterdir()) == []


def test_an_unreadable_folder_is_the_machine_s_fault(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(MachineError, match="Permission denied"):
        dataset(root).load(cache, track)


def test_a_cache_that_cannot_be_made_is_the_machine_s_fault(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    cache.write_text("a file where the folder should be")
    with pytest.raises(MachineError, match=r"cache=.*cache=FOLDER"):
        dataset(root).load(cache, track)


def test_a_full_disk_is_the_machine_s_fault_and_leaves_nothing(root: Path, cache: Path) -> None:
    for i in range(50):
        paint(root / f"{i}.png")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(MachineError, match="cache="):
            dataset(root).load(cache, track)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(cache.iterdir()) == []


def test_a_build_that_is_interrupted_leaves_nothing(root: Path, cache: Path) -> None:
    for i in range(3):
        paint(root / f"{i}.png")

    def interrupted(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        yield next(iter(items))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dataset(root).load(cache, interrupted)
    assert list(cache.iterdir()) == []
    assert len(dataset(root).load(cache, track)) == 3


def test_a_build_that_is_killed_is_not_taken_for_whole_and_swept_up_later(
    root: Path, cache: Path
) -> None:
    def killed(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        yield next(iter(items))
        os.kill(os.getpid(), signal.SIGKILL)

    for i in range(3):
        paint(root / f"{i}.png")
    if (process := os.fork()) == 0:
        try:
            dataset(root).load(cache, killed)
        finally:
            os._exit(1)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL
    [unfinished] = cache.iterdir()
    assert unfinished.name.startswith(".")
    assert len(dataset(root).load(cache, track)) == 3
    assert not unfinished.exists()


def test_a_decoder_that_dies_half_way_leaves_nothing(root: Path, cache: Path) -> None:
    """What it has decoded until then isn't taken for whole."""

    def dying() -> NamedResults:
        yield "a.png", decoded
        raise ProcessEndedError(["b.png"], "signal 9")

    decoded = try_decode(paint(root / "a.png"), Wanted(8, 3))
    assert isinstance(decoded, Decoded)
    with pytest.raises(ProcessEndedError):
        load_or_decode(cache / "images", shape=(3, 8, 8), decode=dying)
    assert list(cache.iterdir()) == []


def test_concurrent_builds_agree(root: Path, cache: Path) -> None:
    for i in range(30):
        paint(root / f"{i}.png", (i, i, i))
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(dataset(root).load, cache, track) for _ in range(4)]
        first, *others = [load.result().examples for load in loads]
    assert all(torch.equal(first, other) for other in others)
    assert len(list(cache.iterdir())) == 1


def test_a_build_that_is_overtaken_takes_the_other_one_s(root: Path, cache: Path) -> None:
    paint(root / "a.png", RED)

    def overtaken(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
        dataset(root).load(cache, track)
        return iter(items)

    assert only(dataset(root).load(cache, overtaken)) == list(RED)
    assert len(list(cache.iterdir())) == 1


def test_a_damaged_cache_is_named(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    dataset(root).load(cache, track)
    [path] = cache.rglob("*.npy")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(MachineError, match=r"damaged cache .*, cache=.*Delete"):
        dataset(root).load(cache, no_track)
    shutil.rmtree(path.parent)
    assert len(dataset(root).load(cache, track)) == 1


def test_decoding_does_not_show_the_warnings_of_pillow(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    paint(root / "a.png", size=(20, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 300)  # an error from twice as many on
    dataset(root).load(cache, track)
    assert not list(recwarn)


def test_channels_and_modes_agree() -> None:
    assert all(len(Image.new(mode, (1, 1)).getbands()) == n for n, mode in MODES.items())


# ---------------------------------------------------------------- what is said of a folder


def noise(
    path: Path, size: tuple[int, int] = (8, 8), mode: str = "RGB", **settings: Any
) -> Image.Image:
    """A picture of random pixels that no other one has, saved."""
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = zlib.crc32(os.fsencode(path.relative_to(path.parents[3])))
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), dtype=np.uint8)
    pixels[0, 0], pixels[-1, -1] = 0, 255
    image = Image.fromarray(pixels) if mode == "RGBA" else Image.fromarray(pixels[..., :3])
    image = image.convert(mode)
    image.save(path, **settings)
    return image


def several(folder: Path, count: int = 4, **settings: Any) -> None:
    for i in range(count):
        noise(folder / f"{i}.png", **settings)


def doubts(data: Data) -> str:
    return "\n".join(data.reading.warnings)


def notes(data: Data) -> str:
    return "\n".join(each.sentences for each in data.reading.decisions if not each.doubtful)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.tif", {}),
        ("a.TIFF", {"compression": "tiff_deflate"}),
        ("a.gif", {}),
        ("a.jfif", {"format": "JPEG"}),
        ("a.jpe", {"format": "JPEG"}),
        ("tiff.png", {"format": "TIFF"}),
        ("gif.jpg", {"format": "GIF"}),
    ],
)
def test_tiff_gif_and_jpeg_by_its_other_names_are_read(
    name: str, settings: dict[str, Any], root: Path, cache: Path
) -> None:
    Image.new("RGB", (8, 8), RED).save(root / name, **settings)
    red, green, blue = only(dataset(root).load(cache, track))
    assert red > 240
    assert max(green, blue) < 15


@pytest.mark.parametrize("name", ["a.ppm", "a.PNM", "a.tga", "a.TGA", "a.jp2", "a.j2k", "x.png"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_of_cameras_and_renderers_are_read(
    name: str, mode: str, root: Path, cache: Path
) -> None:
    form = {"x.png": "PPM", "a.PNM": "PPM"}.get(name)
    picture = Image.new("RGB", (8, 4), RED)
    picture.paste(BLUE, (0, 0, 8, 2))
    picture.convert(mode).save(root / name, form)
    picture.convert(mode).save(root / "same.png")
    data = dataset(root).load(cache, track)
    found, expected = data.examples.float()
    torch.testing.assert_close(found, expected, atol=12, rtol=0)  # of lossy JPEG 2000
    assert data.reading.left_out == ()


def test_gray_pictures_of_16_bits_and_of_one_are_read(root: Path, cache: Path) -> None:
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    Image.fromarray(pixels).save(root / "a.pgm")
    Image.fromarray(pixels).save(root / "b.png")
    Image.fromarray(pixels).save(root / "c.jp2", irreversible=False)
    Image.fromarray(pixels > 30_000).save(root / "d.pbm")
    data = dataset(root, channels=1).load(cache, track)
    images = data.examples
    assert images[0].tolist() == images[1].tolist() == images[2].tolist()
    assert images[3].unique().tolist() == [0, 255]
    assert data.reading.stored == "2 PPM, 1 PNG, 1 JPEG2000, 8 x 8 px, 3 16-bit gray, 1 1-bit"


@pytest.mark.parametrize("name", ["half.ppm", "half.tga", "half.jp2"])
def test_half_a_picture_of_these_formats_is_damaged(name: str, root: Path, cache: Path) -> None:
    noise(root / name, (32, 32))
    content = (root / name).read_bytes()
    (root / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=name.replace(".", r"\.")):
        dataset(root).load(cache, track)


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.png", "a.webp"])
def test_of_several_pictures_in_a_file_the_first_is_taken_and_that_is_said(
    name: str, root: Path, cache: Path
) -> None:
    red, blue = (Image.new("RGB", (8, 8), color) for color in (RED, BLUE))
    settings = {"lossless": True} if name == "a.webp" else {}
    red.save(root / name, save_all=True, append_images=[blue], **settings)
    data = dataset(root).load(cache, track)
    assert only(data) == list(RED)
    assert f"1 of 1 files hold several pictures: the first of it is taken ({name})" in doubts(data)


def test_what_was_read_is_said(root: Path, cache: Path) -> None:
    several(root, 3)
    noise(root / "x.gif", (16, 8), "P")
    (root / "a.HEIC").write_bytes(b"")
    (root / ".DS_Store").write_bytes(b"")
    reading = dataset(root).load(cache, track).reading
    assert reading.source == f"folder {root}"
    assert reading.stored == "3 PNG, 1 GIF, 8 x 8 to 16 x 8 px, 3 RGB, 1 palette"
    assert [astuple(each) for each in reading.left_out] == [
        (1, 5, "files", ".heic, not read", ("a.HEIC",)),
        (1, 6, "files", "hidden", (".DS_Store",)),
    ]


def test_a_second_load_says_the_same_as_the_first(root: Path, cache: Path) -> None:
    several(root / "a", 2, size=(16, 5))
    several(root / "b", 2, mode="L")
    (root / "b" / "torn.png").write_bytes(b"")
    first = dataset(root, on_damaged="skip").load(cache, track)
    second = dataset(root, on_damaged="skip").load(cache, no_track)
    assert first.reading == second.reading
    assert first.class_names == second.class_names == ("a", "b")


def test_a_note_that_is_damaged_in_the_cache_is_named(root: Path, cache: Path) -> None:
    several(root)
    dataset(root).load(cache, track)
    [path] = cache.rglob("*.json")
    for content in ("", "[]", "{}", "{", path.read_text().replace("formats", "forms")):
        path.write_text(content)
        with pytest.raises(MachineError, match=r"damaged cache .*, cache=.*Delete"):
            dataset(root).load(cache, no_track)


@pytest.mark.parametrize(
    ("images", "others", "words"),
    [
        (8, {".heic": 42}, "42 of 50 files that may hold pictures aren't read (42 .heic"),
        (9, {".mp4": 1, ".zip": 1}, "2 of 11 files"),
        (2, {"": 5}, "5 of 7 files aren't read (5 without an ending"),
    ],
)
def test_many_files_that_are_not_read_are_doubted(
    images: int, others: dict[str, int], words: str, root: Path, cache: Path
) -> None:
    several(root, images)
    for suffix, count in others.items():
        for i in range(count):
            (root / f"other{i}{suffix}").write_bytes(b"")
    assert words in doubts(dataset(root).load(cache, track))


def test_captions_beside_pictures_are_not_doubted(root: Path, cache: Path) -> None:
    several(root)
    for i in range(4):
        (root / f"{i}.txt").write_text("a caption")
    data = dataset(root).load(cache, track)
    assert doubts(data) == ""
    assert [(each.count, each.total) for each in data.reading.left_out] == [(4, 8)]


def test_a_folder_of_other_files_is_refused_with_their_kinds(root: Path, cache: Path) -> None:
    for name in ("a.heic", "b.HEIC", "c.txt"):
        (root / name).write_bytes(b"")
    with pytest.raises(DataError, match=r"no images among its files \(2 \.heic, 1 \.txt\)"):
        dataset(root).load(cache, track)


def test_an_image_beyond_the_limit_is_called_too_large_not_damaged(root: Path, cache: Path) -> None:
    noise(root / "a.png")
    noise(root / "z.png")
    bomb(root / "b.png")
    with pytest.raises(DataError, match=r"too large: b\.png \(30,000 x 30,000 px, limit 178,956"):
        dataset(root).load(cache, track)
    data = dataset(root, on_damaged="skip").load(cache, track)
    assert "1 of 3 images are too large and left out (b.png)" in doubts(data)
    assert "damaged" not in doubts(data)
    [left_out] = data.reading.left_out
    assert left_out.why == "too large"
    assert left_out.names[0].startswith("b.png, 30,000 x 30,000 px")


@pytest.mark.parametrize(
    ("folders", "remedy"),
    [
        (("train", "test"), "train"),
        (("Train", "valid"), "Train"),
        (("train2017", "val2017"), "train2017"),
        (("trainA", "trainB", "testA"), "trainA"),
        (("DIV2K_train_HR", "DIV2K_valid_HR"), "DIV2K_train_HR"),
        (("images", "masks"), "images"),
        (("training_set", "test_set"), "training_set"),
    ],
)
def test_folders_called_as_parts_of_a_data_set_are_no_classes(
    folders: tuple[str, ...], remedy: str, root: Path, cache: Path
) -> None:
    for folder in folders:
        several(root / folder)
    data = dataset(root).load(cache, track)
    assert (data.labels, data.reading.labels) == (None, "")
    assert override("dataset.root", f"{root}/{remedy}") in doubts(data)
    assert "dataset.labels=folders" in doubts(data)
    named = dataset(root, labels="folders").load(cache, no_track)
    assert (named.class_names, doubts(named)) == (tuple(sorted(folders)), "")


@pytest.mark.parametrize("folders", [("train", "bus", "car"), ("a", "b"), ("0", "1"), ("val", "x")])
def test_other_folders_are_classes_without_a_doubt(
    folders: tuple[str, ...], root: Path, cache: Path
) -> None:
    for folder in folders:
        several(root / folder)
    data = dataset(root).load(cache, track)
    assert (data.classes, data.reading.labels) == (len(folders), "sub-folders")
    assert doubts(data) == ""
    assert dataset(root, labels=None).load(cache, no_track).labels is None


DOUBTED: dict[str, tuple[tuple[str, ...], str]] = {
    "parts among classes": (("train", "test", "cats"), "are read as classes, since"),
    "portions": (("00000", "01000"), "they may be dates or portions"),
    "dates": (("2021", "2022-03"), "dataset.labels=null"),
    "alike": (("Cats", "cats", "dogs"), "'Cats', 'cats'"),
    "alike but for spaces": (("cats", "cats ", "dogs"), "merge these folders"),
    "within classes": (("animals/cats", "animals/dogs", "cars/red"), "lie in folders within"),
    "within one folder": (("photos/cats", "photos/dogs"), "/photos"),
}


@pytest.mark.parametrize("case", DOUBTED)
def test_folders_that_are_often_no_classes_are_doubted(case: str, root: Path, cache: Path) -> None:
    folders, words = DOUBTED[case]
    for folder in folders:
        several(root / folder)
    assert words in doubts(dataset(root).load(cache, track))


def test_classes_of_single_images_are_doubted(root: Path, cache: Path) -> None:
    for i in range(4):
        several(root / f"person{i}", 1 + (i == 0))
    assert "3 of 4 classes have a single image" in doubts(dataset(root).load(cache, track))


def test_unequal_classes_and_empty_folders_are_said(root: Path, cache: Path) -> None:
    for folder, count in (("a", 21), ("b", 20), ("c", 1), ("empty", 0)):
        several(root / folder, count)
        (root / folder).mkdir(exist_ok=True)
    data = dataset(root).load(cache, track)
    assert doubts(data) == ""
    assert "classes with a single image: c" in notes(data)
    assert "very unequal: 21 images of a, 1 of c" in notes(data)
    [empty] = data.reading.left_out
    assert astuple(empty) == (1, 4, "folders", "without images", ("empty",))


def test_a_single_sub_folder_is_no_class(root: Path, cache: Path) -> None:
    several(root / "img_align_celeba")
    data = dataset(root).load(cache, track)
    assert (data.labels, data.class_names, doubts(data)) == (None, (), "")
    assert "no labels: all images lie in one sub-folder, img_align_celeba" in notes(data)


def test_loose_images_are_refused_where_folders_must_be_classes(root: Path, cache: Path) -> None:
    several(root / "a")
    noise(root / "b.png")
    with pytest.raises(DataError, match=r"1 of 5 images lie .*dataset\.labels=folders"):
        dataset(root, labels="folders").load(cache, track)


def gray(path: Path, values: Any) -> None:
    Image.fromarray(values).save(path)


STEPS = np.arange(64).reshape(8, 8) / 63
"""Values from 0 to 1 in a picture."""


@pytest.mark.parametrize(
    ("values", "setting"),
    [
        ((STEPS * 4095).astype(np.uint16), "[0,4095]"),
        ((STEPS * 1000).astype(np.uint16), "[0,1023]"),
        ((STEPS * 16383).astype(np.uint16), "[0,16383]"),
        ((STEPS * 1000 + 30000).astype(np.uint16), "[30000,31000]"),
        ((STEPS > 0.5).astype(np.uint8), "[0,1]"),
        ((STEPS * 0.1).astype(np.float32), "[0,0.101]"),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_that_use_little_of_their_range_are_doubted_and_the_remedy_works(
    values: Any, setting: str, channels: int, root: Path, cache: Path
) -> None:
    gray(root / "a.tif", values)
    data = dataset(root, channels=channels).load(cache, track)
    assert "use only" in doubts(data)
    assert f"'dataset.range={setting}'" in doubts(data)
    mended = dataset(root, channels=channels, range=json.loads(setting)).load(cache, track)
    assert "use only" not in doubts(mended)
    assert mended.examples.max() > 240
    assert mended.examples.min() == 0


@pytest.mark.parametrize(
    "values",
    [
        (STEPS * 3000 - 1000).astype(np.float32),
        (STEPS * 255).astype(np.float32),
        (STEPS * 100_000).astype(np.int32),
        (STEPS * 4000 - 1000).astype(np.int32),
    ],
)
def test_values_beyond_their_depth_are_refused_with_a_range_that_works(
    values: Any, root: Path, cache: Path
) -> None:
    gray(root / "a.tif", values)
    for on_damaged in ("error", "skip"):
        with pytest.raises(DataError, match=r"values from .* in a\.tif.*dataset\.root=") as fault:
            dataset(root, channels=1, on_damaged=on_damaged).load(cache, track)
    [proposed] = re.findall(r"'dataset.range=(\[[^]]*\])'", str(fault.value))
    data = dataset(root, channels=1, range=json.loads(proposed)).load(cache, track)
    expected = np.rint((values - values.min()) / np.ptp(values) * 255)
    assert np.abs(data.examples[0, 0].numpy() - expected).max() <= 2


def test_floats_from_0_to_1_are_read_and_nan_is_damage(root: Path, cache: Path) -> None:
    gray(root / "a.tif", STEPS.astype(np.float32))
    data = dataset(root, channels=1).load(cache, track)
    assert np.array_equal(data.examples[0, 0].numpy(), np.rint(STEPS.astype(np.float32) * 255.0))
    gray(root / "b.tif", np.full((8, 8), np.nan, np.float32))
    with pytest.raises(DataError, match=r"damaged image b\.tif \(values that are NaN"):
        dataset(root).load(cache, track)


def test_16_bits_of_color_are_said_and_stretched(root: Path, cache: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    rows = (STEPS[..., None] * [4095, 2000, 0]).astype(">u2")
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0))
    content = header + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    (root / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    data = dataset(root).load(cache, track)
    assert data.reading.stored == "1 PNG, 8 x 8 px, 16-bit RGB"
    assert "'dataset.range=[0,4095]'" in doubts(data)
    assert "16-bit color becomes 8-bit" in notes(data)
    assert dataset(root, range=[0, 4095]).load(cache, track).examples.max() >= 240


def test_a_range_leaves_alpha_as_it_is(root: Path, cache: Path) -> None:
    paint(root / "a.png", (1, 0, 1, 100), "RGBA")
    data = dataset(root, channels=4, range=[0, 1]).load(cache, track)
    assert only(data) == [255, 0, 255, 100]


def test_values_above_a_range_are_counted(root: Path, cache: Path) -> None:
    several(root)
    data = dataset(root, range=[0, 1]).load(cache, track)
    assert "values above 1 become white in 4 of 4 images" in doubts(data)
    assert "'dataset.range=[0,255]'" in doubts(data)


def test_wide_small_and_repeated_pictures_are_doubted(root: Path, cache: Path) -> None:
    several(root, size=(24, 7))
    noise(root / "same.png", size=(24, 7)).save(root / "again.png")
    said = doubts(dataset(root).load(cache, track))
    assert "half of the images lose 71% or more, 6 of 6 more than a third" in said
    assert "6 of 6 images are enlarged to 8 x 8 px; the smallest has 7 px" in said
    assert "dataset.image_size=4" in said
    assert "1 of 6 images repeat others" in said


def test_gray_color_alpha_and_turned_pictures_are_said(root: Path, cache: Path) -> None:
    several(root / "gray", mode="L")
    assert "dataset.channels=1" in notes(dataset(root / "gray").load(cache, track))
    several(root / "color", mode="RGB")
    said = notes(dataset(root / "color", channels=1).load(cache, track))
    assert "4 of 4 images are stored in color and become gray. Color: dataset.channels=3" in said
    several(root / "alpha", mode="RGBA")
    said = notes(dataset(root / "alpha").load(cache, track))
    assert "transparent parts of 4 of 4 images become white" in said
    assert "dataset.channels=4" in said
    said = doubts(dataset(root / "color", channels=4).load(cache, track))
    assert "no image has transparent parts" in said
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "b.png", "c.tif"):
        noise(root / "turned" / name, (16, 8), exif=exif)
    data = dataset(root / "turned").load(cache, track)
    assert "3 of 3 images are turned upright" in notes(data)
    assert "8 x 16 px" in data.reading.stored


def test_mirroring_is_said_with_the_setting_that_ends_it(root: Path, cache: Path) -> None:
    several(root)
    assert "mirrored" in notes(dataset(root).training(cache, track))
    assert "dataset.flip=false" in notes(dataset(root).training(cache, track))
    assert "mirrored" not in notes(dataset(root, flip=False).training(cache, track))


def test_plain_pictures_are_not_doubted(root: Path, cache: Path) -> None:
    several(root / "a")
    several(root / "b", 5)
    assert doubts(dataset(root).training(cache, track)) == ""


def test_a_remedy_can_be_pasted_into_a_shell(root: Path, cache: Path) -> None:
    odd = root / "it's a b"
    several(odd / "train")
    several(odd / "test")
    [warning] = dataset(odd).load(cache, track).reading.warnings
    command = shlex.split(warning.partition("To train on one part: ")[2].partition(". If")[0])
    assert command == [f'dataset.root="{odd}/train"']


@pytest.mark.parametrize("name", ["fold_{}", "Split{}", "batch-{}", "chunk 0{}"])
def test_folders_called_as_portions_are_doubted_as_classes(
    name: str, root: Path, cache: Path
) -> None:
    for k in range(3):
        for image in range(3):
            (root / name.format(k)).mkdir(exist_ok=True)
            paint(root / name.format(k) / f"{image}.png")
    assert "they may be dates or portions" in doubts(dataset(root).load(cache, track))


def numbered(form: str, *words: str) -> list[str]:
    """Names in which * is the number of a picture and ? each of the words."""
    return [
        form.replace("*", str(i)).replace("?", word) for i in range(3) for word in words or [""]
    ]


BESIDE = {
    "masks by name": (numbered("*.png"), numbered("*_mask.png")),
    "masks in classes": (
        numbered("?/? (*).png", "benign", "malignant"),
        [*numbered("?/? (*)_mask.png", "benign", "malignant"), "benign/benign (0)_mask_1.png"],
    ),
    "masks in front": (numbered("img_*.png"), numbered("seg_*.png")),
    "masks of a city": (
        numbered("*_leftImg8bit.png"),
        numbered("*_gtFine_?.png", "color", "labelIds"),
    ),
    "folders within": (numbered("t/images/*.png"), numbered("t/masks/*.png")),
    "folders of thumbnails": (numbered("*.png"), numbered("thumbs/*.png")),
    "thumbnails": (numbered("*.png"), numbered("*-150x150.png")),
    "copies": (numbered("*.png"), numbered("* (1).png")),
    "twins": (numbered("*.jpg"), numbered("*.png")),
}
"""Pictures of a set, and others beside them."""


@pytest.mark.parametrize("case", BESIDE)
def test_pictures_that_belong_to_others_are_doubtful_and_can_be_left_out(
    case: str, root: Path, cache: Path
) -> None:
    images, others = BESIDE[case]
    for place, name in enumerate([*images, *others]):
        paint(root / name, (place, 20, 90))
    (doubt,) = [
        d for d in dataset(root).load(cache, track).reading.decisions if "ignore" in d.remedy
    ]
    assert doubt.doubtful
    typed = shlex.split(doubt.remedy.partition(": ")[2])
    assert len(typed) == 1
    (setting,) = read_command_line(typed).overrides
    again = dataset(root, ignore=setting.value()).load(cache, track)
    assert len(again) == len(images)
    assert not any("ignore" in decision.remedy for decision in again.reading.decisions)
    first = again.reading.left_out[0]
    assert (first.count, first.total) == (len(others), len(images) + len(others))


@pytest.mark.parametrize(
    "names",
    [
        ["mask/0.png", "mask/1.png", "no_mask/0.png", "no_mask/1.png"],
        ["with_mask/a_1.png", "with_mask/a_2.png", "without_mask/a_1.png", "without_mask/a_2.png"],
        ["0_mask.png", "1_mask.png"],
        ["bottle_1.png", "bottle_2.png", "bottle_label.png", "small_bottle.png"],
        ["a (1).png", "a (2).png", "b (1).png"],
        ["a/1.png", "b/1.png", "a/2.png", "b/2.png"],
    ],
)
def test_names_that_only_look_alike_are_not_doubted(
    names: list[str], root: Path, cache: Path
) -> None:
    for place, name in enumerate(names):
        paint(root / name, (place, 20, 90))
    assert "ignore" not in doubts(dataset(root).load(cache, track))


def test_a_pattern_that_fits_no_image_or_all_is_refused(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    for ignore, what in (["*_mask.*"], "no image fits"), (["*"], "no image is left"):
        with pytest.raises(ConfigError, match=what):
            dataset(root, ignore=ignore).load(cache, track)


def test_gray_among_color_and_alpha_among_none_are_doubtful_unless_rare(
    root: Path, cache: Path
) -> None:
    for i in range(12):
        paint(root / f"{i}.png", i if i < 4 else (i, 9, 90), "L" if i < 4 else "RGB")
    assert "4 of 12 images are gray" in doubts(dataset(root).load(cache, track))
    for i in range(5):
        paint(root / f"t{i}.png", (i, 9, 90, 100), "RGBA")
    assert "parts of 5 of 17 images become white" in doubts(dataset(root).load(cache, track))
    assert "12 of 17 images have no transparent" in doubts(
        dataset(root, channels=4).load(cache, track)
    )
    for i in range(4, 60):
        paint(root / f"{i}.png", (i, 9, 90))
    assert "gray" not in doubts(dataset(root).load(cache, track))


# ---------------------------------------------------------------- wild folders


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"<html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ],
)
def test_what_is_no_picture_is_called_what_it_is(
    content: bytes, reason: str, root: Path, cache: Path
) -> None:
    paint(root / "a.png")
    (root / "b.png").write_bytes(content)
    with pytest.raises(DataError, match=reason):
        dataset(root).load(cache, track)
    skipped = dataset(root, on_damaged="skip").load(cache, track)
    assert reason in doubts(skipped)


def test_a_link_to_nothing_is_called_that(root: Path, cache: Path) -> None:
    paint(root / "a.png")
    (root / "b.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match="a link to a file that isn't there"):
        dataset(root).load(cache, track)


def test_pictures_that_are_nearly_black_beside_others_are_doubtful(root: Path, cache: Path) -> None:
    for place in range(6):
        values = np.full((8, 8), 4000 if place % 2 else 60000, np.uint16)
        values[0, 0] = 100 * place
        Image.fromarray(values).save(root / f"{place}.png")
    data = dataset(root).load(cache, track)
    assert "3 of 6 16-bit images use at most a sixteenth" in doubts(data)


def test_labels_in_a_file_beside_pictures_are_said_not_to_be_read(root: Path, cache: Path) -> None:
    paint(root / "images" / "a.png")
    paint(root / "images" / "b.png", BLUE)
    (root / "labels.csv").write_text("a.png,0\n")
    assert "no labels: labels.csv isn't read" in doubts(dataset(root).load(cache, track))
    assert "labels.csv" not in doubts(dataset(root, labels=None).load(cache, track))


def test_parts_of_a_data_set_within_classes_are_said_and_can_be_left_out(
    root: Path, cache: Path
) -> None:
    for kind in "ab":
        for part in ("train", "test"):
            paint(root / kind / part / "0.png", RED if part == "train" else BLUE)
    said = doubts(dataset(root).load(cache, track))
    assert "parts of a data set are read as one" in said
    assert "'dataset.ignore=[\"*/test\"]'" in said
    assert len(dataset(root, ignore=["*/test"]).load(cache, track).examples) == 2
