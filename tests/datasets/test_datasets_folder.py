"""A folder of pictures: listing, decoding, and the cache."""

from __future__ import annotations

import os
import resource
import shutil
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from conftest import EVERY_DATASET, track
from PIL import Image

from gan_runner.config.component import build_component
from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.datasets.readers import decoding, npy
from gan_runner.errors import ConfigError, DataError, MachineError

T = TypeVar("T")

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def no_track(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
    raise AssertionError("decoded again")


def dataset(root: Path | None, **changes: Any) -> Dataset:
    settings = {"image_size": 8, "channels": 3, "flip": True, "on_damaged": "error"}
    settings |= {"labels": "auto", "range": "auto"}
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


def test_a_large_array_stays_on_disk(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint(root / "a.png", RED)
    monkeypatch.setattr(npy, "MOST_IN_MEMORY_BYTES", 0)
    data = dataset(root).load(cache, track)
    assert only(data) == list(RED)
    data.examples.zero_()  # a map is copied when it's written to
    assert only(dataset(root).load(cache, no_track)) == list(RED)


def truncated(path: Path) -> None:
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
    "half.png": truncated,
    "half.jpg": truncated,
    "half.webp": truncated,
    "half.bmp": truncated,
    "bomb.png": bomb,
    "nowhere.png": lambda path: path.symlink_to("/nonexistent.png"),
    "ppm.png": lambda path: Image.new("RGB", (8, 8)).save(path, format="PPM"),
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
    with pytest.raises(DataError, match=r"missing .*nowhere, dataset\.root=.*name another"):
        dataset(root / "nowhere").load(cache, track)


def test_a_file_is_no_folder(root: Path, cache: Path) -> None:
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


KILLED = """
import os, sys
from pathlib import Path
from gan_runner.datasets import ImageFolder

def killed(items, *, description, total):
    yield next(iter(items))
    os.kill(os.getpid(), 9)
    yield from items

folder = ImageFolder(
    root=sys.argv[1], image_size=8, channels=3, flip=True, on_damaged="error",
    labels="auto", range="auto",
    per_class=None, per_class_seed=0,
)
folder.load(Path(sys.argv[2]), killed)
"""


def test_a_build_that_is_killed_is_not_taken_for_whole_and_swept_up_later(
    root: Path, cache: Path
) -> None:
    for i in range(3):
        paint(root / f"{i}.png")
    run = subprocess.run([sys.executable, "-c", KILLED, root, cache], check=False)
    assert run.returncode == -9
    [unfinished] = cache.iterdir()
    assert unfinished.name.startswith(".")
    assert len(dataset(root).load(cache, track)) == 3
    assert not unfinished.exists()


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
    assert all(len(Image.new(mode, (1, 1)).getbands()) == n for n, mode in decoding.MODES.items())
