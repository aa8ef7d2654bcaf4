"""Data sets in torchvision's layout: what is read, what is refused, what is downloaded."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch
from conftest import EVERY_DATASET, track

from gan_runner.config.component import build_component
from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.datasets.readers.torchvision import torchvision
from gan_runner.errors import DataError, MachineError

SHARED = Path(__file__).parents[3] / "shared" / "data"
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def dataset(name: str, root: Path, **changes: Any) -> Dataset:
    settings = {"download": False, "image_size": None, "flip": False, **EVERY_DATASET, **changes}
    return build_component({"name": name, "root": str(root), **settings}, Dataset, where="dataset")


def load(name: str, root: Path, **changes: Any) -> Data:
    return dataset(name, root, **changes).load(root / "cache", track)


def idx(array: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """An array of bytes as an IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.tobytes()


def pictures(count: int = 12, side: int = 28) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (count, side, side), dtype=np.uint8)


def classes(count: int = 12) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return (np.arange(count) % 10).astype(np.uint8)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """The folder of a small made MNIST; the root is two above it."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    (folder / IMAGES).write_bytes(idx(pictures()))
    (folder / LABELS).write_bytes(idx(classes()))
    return folder


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_idx_files_are_read_as_they_are(name: str, raw: Path, tmp_path: Path) -> None:
    raw.parent.rename(tmp_path / name) if name != "MNIST" else None
    data = load(name, tmp_path)
    assert np.array_equal(data.examples.numpy(), pictures()[:, None])
    assert data.labels is not None
    assert data.labels.dtype == torch.int64
    assert data.labels.tolist() == classes().tolist()
    assert len(data.class_names) == 10
    assert data.space == dataset(name, tmp_path).space()


def test_reading_mnist_does_without_torchvision(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert len(load("MNIST", tmp_path, download=True, image_size=32)) == 12


@pytest.mark.parametrize(
    ("name", "channels", "native"), [("MNIST", 1, 28), ("FashionMNIST", 1, 28), ("CIFAR10", 3, 32)]
)
def test_the_space_is_known_without_any_file(name: str, channels: int, native: int) -> None:
    nowhere = Path("/nonexistent/data")
    native_space, scaled = (dataset(name, nowhere, image_size=size).space() for size in (None, 64))
    assert native_space is not None
    assert scaled is not None
    assert native_space.shape == (channels, native, native)
    assert scaled.shape == (channels, 64, 64)


def test_images_are_scaled_with_antialiasing(raw: Path, tmp_path: Path) -> None:
    stripes = np.zeros((12, 28, 28), np.uint8)
    stripes[:, :, ::2] = 200
    (raw / IMAGES).write_bytes(idx(stripes))
    examples = load("MNIST", tmp_path, image_size=7).examples
    assert examples.shape == (12, 1, 7, 7)
    assert examples.dtype == torch.uint8
    # without antialiasing a stripe would be hit or missed: 0 or 200
    assert ((examples > 80) & (examples < 120)).all()


def test_images_can_grow(raw: Path, tmp_path: Path) -> None:
    data = load("MNIST", tmp_path, image_size=32)
    assert data.examples.shape == (12, 1, 32, 32)
    assert data.space.shape == (1, 32, 32)


def test_a_missing_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{IMAGES}, dataset\.root=.*dataset\.download=true"):
        load("MNIST", tmp_path)


def test_a_missing_file_of_cifar_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data_batch_1, dataset\.root=.*dataset\.download=true"):
        load("CIFAR10", tmp_path)


def test_a_root_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(DataError, match=r"not a folder, dataset\.root="):
        load("MNIST", file, download=True)


def test_the_home_folder_may_be_short(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load("MNIST", Path("~"))) == 12


DAMAGED = {
    "truncated": (IMAGES, idx(pictures())[:-100], "bytes where its header promises"),
    "truncated in its header": (IMAGES, idx(pictures())[:10], "ends in its header"),
    "empty": (IMAGES, b"", "begins with"),
    "too long": (IMAGES, idx(pictures()) + b"more", "bytes where its header promises"),
    "labels in the place of images": (IMAGES, idx(classes()), "begins with 00000801"),
    "images in the place of labels": (LABELS, idx(pictures()), "begins with 00000803"),
    "still compressed": (IMAGES, gzip.compress(idx(pictures())), "begins with 1f8b"),
    "of another size": (IMAGES, idx(pictures(side=20)), r"shape \[20, 20\]"),
    "without examples": (IMAGES, idx(pictures(0)), "no examples"),
    "with fewer labels": (LABELS, idx(classes(11)), "11 labels for 12 images"),
    "with an eleventh class": (LABELS, idx(np.full(12, 10, np.uint8)), "a label 10"),
    "promising too much": (LABELS, b"\0\0\x08\x01\xff\xff\xff\xff1", "4294967303"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_idx_file_is_named(case: str, raw: Path, tmp_path: Path) -> None:
    file, content, reason = DAMAGED[case]
    (raw / file).write_bytes(content)
    with pytest.raises(DataError, match=f"{file}.*{reason}.*dataset.root="):
        load("MNIST", tmp_path)


def test_an_unreadable_file_is_the_machine_s_fault(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(np, "fromfile", refuse)
    with pytest.raises(MachineError, match=f"{IMAGES}.*Permission denied"):
        load("MNIST", tmp_path)


class Mirror(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: a test's output is for its failures."""


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that torchvision takes for the internet's copy of MNIST."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    contents = {
        "train-images-idx3-ubyte.gz": idx(pictures()),
        "train-labels-idx1-ubyte.gz": idx(classes()),
        "t10k-images-idx3-ubyte.gz": idx(pictures(3)),
        "t10k-labels-idx1-ubyte.gz": idx(classes(3)),
    }
    for name, content in contents.items():
        (folder / name).write_bytes(gzip.compress(content))
    digests = [(name, hashlib.md5((folder / name).read_bytes()).hexdigest()) for name in contents]
    source = torchvision().datasets.MNIST
    monkeypatch.setattr(source, "resources", digests)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Mirror, directory=str(folder))) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        monkeypatch.setattr(source, "mirrors", [f"http://127.0.0.1:{server.server_port}/"])
        yield folder
        server.shutdown()


def test_what_is_missing_is_downloaded(mirror: Path, tmp_path: Path) -> None:
    root = tmp_path / "new" / "data"
    data = load("MNIST", root, download=True)
    assert np.array_equal(data.examples.numpy(), pictures()[:, None])
    assert sorted(path.name for path in root.rglob("*")) == sorted(
        ["MNIST", "raw", IMAGES, LABELS, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    )


def test_what_is_there_is_not_downloaded_again(
    mirror: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load("MNIST", tmp_path, download=True)
    monkeypatch.setattr(torchvision().datasets.MNIST, "mirrors", [])
    assert len(load("MNIST", tmp_path, download=True)) == 12


@pytest.mark.parametrize("broken", [IMAGES, LABELS])
def test_a_download_that_breaks_off_leaves_nothing(
    broken: str, mirror: Path, tmp_path: Path
) -> None:
    archive = mirror / f"{broken}.gz"
    archive.write_bytes(archive.read_bytes()[:-5])
    root = tmp_path / "data"
    with pytest.raises(MachineError, match=r"download of MNIST.*dataset\.root=.*download=false"):
        load("MNIST", root, download=True)
    assert list(root.iterdir()) == []


def test_no_network_is_the_machine_s_fault(mirror: Path, tmp_path: Path) -> None:
    for archive in mirror.iterdir():
        archive.unlink()
    with pytest.raises(MachineError, match="Check the network"):
        load("MNIST", tmp_path / "data", download=True)


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small made CIFAR-10, whose digests torchvision takes for the true ones."""
    source = torchvision().datasets.CIFAR10
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()

    def write(name: str, content: object) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    pixels = np.arange(2 * 3072, dtype=np.int64).astype(np.uint8).reshape(2, 3072)
    batch = {"data": pixels, "labels": [3, 1]}
    names = {"label_names": [f"thing {i}" for i in range(10)]}
    _, digest = write("batches.meta", names)
    meta = {"filename": "batches.meta", "key": "label_names", "md5": digest}
    monkeypatch.setattr(source, "train_list", [write(f"data_batch_{i}", batch) for i in (1, 2)])
    monkeypatch.setattr(source, "test_list", [write("test_batch", batch)])
    monkeypatch.setattr(source, "meta", meta)
    return folder


def test_cifar_is_read_channels_first(cifar: Path, tmp_path: Path) -> None:
    data = load("CIFAR10", tmp_path)
    assert data.examples.shape == (4, 3, 32, 32)
    assert data.examples[0, 0, 0, :3].tolist() == [0, 1, 2]
    assert data.labels is not None
    assert data.labels.tolist() == [3, 1, 3, 1]
    assert data.class_names[3] == "thing 3"
    assert data.space == dataset("CIFAR10", tmp_path).space()


@pytest.mark.parametrize("name", ["data_batch_2", "test_batch", "batches.meta"])
def test_a_damaged_file_of_cifar_is_named_and_never_unpickled(
    name: str, cifar: Path, tmp_path: Path
) -> None:
    (cifar / name).write_bytes(b"cos\nsystem\n(S'touch hacked'\ntR.")
    with pytest.raises(DataError, match=rf"{name}.*dataset\.root=.*dataset\.download=true"):
        load("CIFAR10", tmp_path, download=True)


def test_a_torchvision_that_fails_is_the_machine_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MachineError, match="pip install torch torchvision"):
        torchvision()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the real MNIST isn't here")
def test_the_real_mnist_is_read() -> None:
    data = load("MNIST", SHARED)
    assert data.examples.shape == (60_000, 1, 28, 28)
    assert data.labels is not None
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.examples.float().mean().item() == pytest.approx(33.318, abs=0.01)
