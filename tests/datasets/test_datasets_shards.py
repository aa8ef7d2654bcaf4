"""Images in tar, zip and Parquet files: the same batches as of a folder, read in place."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from conftest import track
from PIL import Image

from gan_runner.data import Data, StoredExamples
from gan_runner.data.batches import batches
from gan_runner.datasets import ImageFolder, Parquet, Shards
from gan_runner.datasets.readers import image_cache
from gan_runner.decoding import pool
from gan_runner.errors import ConfigError, DataError, MachineError

T = TypeVar("T")
COMMON: dict[str, Any] = {
    **{"image_size": 8, "channels": 3, "flip": True, "range": "auto", "on_damaged": "error"},
    **{"per_class": None, "per_class_seed": 0},
}


def shards(path: Path, **changed: Any) -> Shards:
    own = {"store": "encoded", "labels": "auto", "label_field": "label", "image": "auto"}
    return Shards.model_validate({**COMMON, **own, "path": str(path), **changed})


def parquet(path: Path, **changed: Any) -> Parquet:
    own = {"store": "encoded", "image": "auto", "label": "auto"}
    return Parquet.model_validate({**COMMON, **own, "path": str(path), **changed})


def picture(seed: int, size: tuple[int, int] = (10, 12)) -> bytes:
    rng, file = np.random.default_rng(seed), io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(file, "PNG")
    return file.getvalue()


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Twenty pictures of two classes as a folder, and in two tar files."""
    for shard in range(2):
        files = {}
        for k in range(10 * shard, 10 * shard + 10):
            label = ("cat", "dog")[k // 10]
            files[f"{k:03}.png"], files[f"{k:03}.cls"] = picture(k), label.encode()
            (tmp_path / "folder" / label).mkdir(parents=True, exist_ok=True)
            (tmp_path / "folder" / label / f"{k:03}.png").write_bytes(picture(k))
        write_tar(tmp_path / "shards" / f"{shard}.tar", files)
    return tmp_path


def first_batches(data: Data, *, start: int = 1) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
    found = batches(
        data, size=6, seed=3, start=start, flip=True, with_labels=True, device=torch.device("cpu")
    )
    return [(batch.examples, batch.labels) for batch in islice(found, 8)]


def assert_same(found: Data, expected: Data) -> None:
    assert (len(found), found.class_names) == (len(expected), expected.class_names)
    for one, other in zip(first_batches(found), first_batches(expected), strict=True):
        assert torch.equal(one[0], other[0])
        assert one[1] is not None and other[1] is not None and torch.equal(one[1], other[1])


@pytest.mark.parametrize("store", ["encoded", "decoded"])
def test_shards_and_a_folder_give_the_same_batches(root: Path, store: str) -> None:
    folder = ImageFolder.model_validate(
        {**COMMON, "root": str(root / "folder"), "labels": "auto", "ignore": ()}
    ).training(root / "cache", track)
    data = shards(root / "shards", store=store).training(root / "cache", track)
    assert isinstance(data.examples, StoredExamples)
    assert_same(data, folder)


def test_both_stores_are_the_same_data(root: Path) -> None:
    stores = ("encoded", "decoded")
    found = [shards(root / "shards", store=s).training(root / "cache", track) for s in stores]
    assert found[0].digest == found[1].digest
    moved = shutil.move(root / "shards", root / "elsewhere")
    assert shards(Path(moved)).training(root / "cache", track).digest == found[0].digest


def test_processes_decode_what_threads_do(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = shards(root / "shards").training(root / "cache", track)
    monkeypatch.setattr(pool, "processes_for", lambda files, size, *, most: 2)
    data = shards(root / "shards").training(root / "cache", track)
    assert_same(data, expected)


def test_the_index_is_read_from_the_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = shards(root / "shards").training(root / "cache", track)
    with monkeypatch.context() as patched:
        patched.setattr("gan_runner.datasets.shards.build_index", None)
        assert_same(shards(root / "shards").training(root / "cache", track), expected)
    (folder,) = (root / "cache").glob("shards-*")
    for name in ("index.json", "rows.npy"):
        (folder / name).write_bytes(b"garbage")
        assert_same(shards(root / "shards").training(root / "cache", track), expected)
    shutil.rmtree(folder)
    assert_same(shards(root / "shards").training(root / "cache", track), expected)


def test_an_image_that_was_added_later_is_seen(root: Path) -> None:
    before = shards(root / "shards").training(root / "cache", track)
    with tarfile.open(root / "shards" / "1.tar", "a") as tar:
        for name, content in (("999.png", picture(99)), ("999.cls", b"dog")):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    after = shards(root / "shards").training(root / "cache", track)
    assert (len(before), len(after)) == (20, 21)
    assert before.digest != after.digest


@pytest.mark.parametrize("behind", [0, 100])
def test_a_shard_that_ends_before_a_label_is_damaged_and_not_unlabeled(
    root: Path, behind: int
) -> None:
    path = root / "shards" / "1.tar"
    with tarfile.open(path) as tar:
        os.truncate(path, tar.getmember("015.cls").offset + behind)
    with pytest.raises(DataError, match=r"damaged 015\.png in 1\.tar \(the file ends before its"):
        shards(root / "shards").training(root / "cache", track)
    kept = shards(root / "shards", on_damaged="skip").training(root / "cache", track)
    assert len(kept) == 15


def test_a_truncated_shard_names_its_last_image_or_leaves_it_out(root: Path) -> None:
    path = root / "shards" / "1.tar"
    with tarfile.open(path) as tar:
        info = tar.getmember("015.png")
        os.truncate(path, info.offset_data + 100)
    with pytest.raises(DataError, match=r"damaged 015\.png in 1\.tar .the file ends after 100 of"):
        shards(root / "shards").training(root / "cache", track)
    data = shards(root / "shards", on_damaged="skip").training(root / "cache", track)
    assert len(data) == 15
    assert any("015.png" in warning for warning in data.reading.warnings)


def test_a_shard_that_ends_between_two_images_without_its_zeros_is_doubted(root: Path) -> None:
    path = root / "shards" / "1.tar"
    with tarfile.open(path) as tar:
        os.truncate(path, tar.getmember("015.png").offset)
    data = shards(root / "shards").training(root / "cache", track)
    assert len(data) == 15
    assert any("1 of 2 tar files may be cut off" in line for line in data.reading.warnings)


def test_damaged_notes_on_images_are_made_again(root: Path) -> None:
    data = shards(root / "shards").training(root / "cache", track)
    (notes,) = (root / "cache").glob("seen_images-*/pictures.json")
    notes.write_text("{")
    again = shards(root / "shards").training(root / "cache", track)
    assert again.reading == data.reading
    assert notes.read_text() != "{"


def test_a_damaged_header_within_a_shard_is_an_error(root: Path) -> None:
    path = root / "shards" / "0.tar"
    content = bytearray(path.read_bytes())
    begin = content.index(b"005.png")
    content[begin : begin + 512] = b"x" * 512
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged 0\.tar .what follows byte"):
        shards(root / "shards").training(root / "cache", track)


@pytest.mark.parametrize("store", ["encoded", "decoded"])
def test_a_damaged_image_is_named_or_left_out(root: Path, store: str) -> None:
    path = write_tar(
        root / "x" / "x.tar", {"0.png": picture(0), "1.png": b"no", "2.png": picture(2)}
    )
    with pytest.raises(DataError, match=r"damaged image 1\.png in x\.tar"):
        shards(path, store=store).training(root / "cache", track)
    data = shards(path, store=store, on_damaged="skip").training(root / "cache", track)
    whole = write_tar(root / "y" / "y.tar", {"0.png": picture(0), "2.png": picture(2)})
    expected = shards(whole).training(root / "cache", track)
    assert torch.equal(data.rows(torch.arange(2)), expected.rows(torch.arange(2)))


def test_an_image_that_is_damaged_later_ends_training_with_its_name(root: Path) -> None:
    data = shards(root / "shards").training(root / "cache", track)
    path = root / "shards" / "0.tar"
    content = path.read_bytes()
    path.write_bytes(content[:512] + b"\0" * 200 + content[712:])
    with pytest.raises(DataError, match=r"damaged image 000\.png in 0\.tar"):
        data.rows(torch.tensor([0]))


def test_images_of_unequal_sizes_are_cropped_and_scaled(root: Path) -> None:
    files = {f"{k}.png": picture(k, (8 + k, 30 - k)) for k in range(9)}
    data = shards(write_tar(root / "x" / "x.tar", files)).training(root / "cache", track)
    assert data.rows(torch.arange(9)).shape == (9, 3, 8, 8)


FAULTS: dict[str, tuple[dict[str, bytes], str]] = {
    "none": ({"a.txt": b"x"}, r"no images among its files \(1 \.txt\)"),
    "several": ({"0.png": b"", "0.seg.png": b""}, r"several images of 0 .* dataset\.image=png"),
    "label": ({"0.png": b"x", "0.cls": b"-1"}, r"neither a class from 0 on nor a text \(-1\)"),
    "facts": ({"0.png": b"x", "0.json": b"{"}, r"damaged labels 0\.json in x\.tar"),
    "missing": (
        {"0.png": picture(0), "0.cls": b"1", "1.png": picture(1)},
        r"1 of 2 images have no label, such as 1\.png in x\.tar",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_shard_is_one_line_with_a_remedy(root: Path, name: str) -> None:
    files, message = FAULTS[name]
    with pytest.raises(DataError, match=message):
        shards(write_tar(root / "x" / "x.tar", files)).training(root / "cache", track)


def test_what_is_no_shard_is_called_what_it_is(root: Path) -> None:
    (root / "a.tar").write_bytes(b"\x1f\x8b" + bytes(100))
    with pytest.raises(DataError, match=r"a gzip file.* gunzip"):
        shards(root / "a.tar").training(root / "cache", track)
    with pytest.raises(ConfigError, match="only files of this machine"):
        shards(Path("s3://bucket/a.tar")).check_present()
    with pytest.raises(DataError, match=r"no \.tar or \.zip files.* dataset=image_folder"):
        shards(root / "folder").check_present()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_labels_of_a_zip_are_those_of_its_list(root: Path, compression: int) -> None:
    names = [f"00000/img{k:08}.png" for k in range(9)]
    with zipfile.ZipFile(root / "set.zip", "w", compression) as file:
        for k, name in enumerate(names):
            file.writestr(name, picture(k))
        labels = [[name, k % 3] for k, name in enumerate(names)]
        file.writestr("dataset.json", json.dumps({"labels": labels}))
    data = shards(root / "set.zip").training(root / "cache", track)
    assert data.labels is not None and data.labels.tolist() == [k % 3 for k in range(9)]
    assert data.reading.labels == "dataset.json"
    write_tar(root / "x" / "x.tar", {f"{k}.png": picture(k) for k in range(9)})
    expected = shards(root / "x").training(root / "cache", track)
    assert torch.equal(data.rows(torch.arange(9)), expected.rows(torch.arange(9)))
    content = (root / "set.zip").read_bytes()
    (root / "set.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="a zip file without its list of contents"):
        shards(root / "set.zip").training(root / "cache", track)


def test_decoded_images_need_room(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(root)._replace(free=100)
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(MachineError, match=r"take 3\.84 kB and 100 B are free.*store=encoded"):
        shards(root / "shards", store="decoded").training(root / "cache", track)
    assert len(shards(root / "shards").training(root / "cache", track)) == 20


def test_a_few_of_each_class_stay_on_disk(root: Path) -> None:
    dataset = shards(root / "shards", per_class=3)
    chosen, others = dataset.training(root / "cache", track), dataset.test(root / "cache", track)
    assert others is not None and isinstance(others.examples, StoredExamples)
    assert (len(chosen), len(others)) == (6, 14)
    whole = shards(root / "shards").training(root / "cache", track)
    rows = {bytes(row.numpy()) for row in whole.rows(torch.arange(20))}
    parts = {bytes(row.numpy()) for d in (chosen, others) for row in d.rows(torch.arange(len(d)))}
    assert rows == parts


def test_batches_ahead_take_bounded_memory(root: Path) -> None:
    data = shards(root / "shards").training(root / "cache", track)
    assert isinstance(data.examples, StoredExamples)
    asked: list[int] = []

    def wanted() -> Iterator[torch.Tensor]:
        for k in range(10_000):
            asked.append(k)
            yield torch.tensor([k % 20])

    stream = data.examples.stream(wanted())
    for _ in range(3):
        next(stream)
    assert len(asked) <= 3 + data.examples.batches_ahead(1)
    assert data.examples.batches_ahead(1 << 22) == 2


def test_a_parquet_file_gives_the_same_batches(root: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    names = {"info": {"features": {"tag": {"_type": "ClassLabel", "names": ["cat", "dog"]}}}}
    images = [{"bytes": picture(k), "path": f"{k:03}.png"} for k in range(20)]
    table = pa.table({"photo": images, "tag": [k // 10 for k in range(20)]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(names)})
    (root / "parquet").mkdir()
    pq.write_table(table.slice(0, 7), root / "parquet" / "0.parquet", row_group_size=3)
    pq.write_table(table.slice(7), root / "parquet" / "1.parquet")
    data = parquet(root / "parquet").training(root / "cache", track)
    assert_same(data, shards(root / "shards").training(root / "cache", track))
    (copy,) = (root / "cache").glob("parquet_images-*")
    copy.unlink()
    assert_same(parquet(root / "parquet").training(root / "cache", track), data)
    with pytest.raises(DataError, match=r"no column x in 0\.parquet"):
        parquet(root / "parquet", label="x").training(root / "cache", track)
    (root / "parquet" / "1.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match=r"damaged or no Parquet file: 1\.parquet"):
        parquet(root / "parquet").training(root / "cache", track)


@pytest.mark.parametrize(
    ("damage", "columns", "message"),
    [
        (True, {}, r"damaged or no Parquet file: 0\.parquet .* Copy it again"),
        (False, {"label": None}, r"1 of 4 images have no label.* or use dataset\.label=null"),
        (
            False,
            {"nested": True},
            r"no column of images in 0\.parquet \(sample: struct<.*field bytes",
        ),
    ],
)
def test_what_parquet_files_lack_is_their_fault_and_has_a_remedy(
    tmp_path: Path, damage: bool, columns: dict[str, Any], message: str
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    images: list[Any] = [{"bytes": picture(k), "path": f"{k}.png"} for k in range(4)]
    name = "sample" if "nested" in columns else "image"
    whole = [{"image": image} for image in images] if "nested" in columns else images
    path = tmp_path / "p" / "0.parquet"
    path.parent.mkdir()
    pq.write_table(pa.table({name: whole, "label": [0, 1, 1, columns.get("label", 0)]}), path)
    if damage:
        content = bytearray(path.read_bytes())
        content[300:900] = bytes(600)
        path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        parquet(path.parent).training(tmp_path / "cache", track)


def write_parquet(path: Path, *, image: str = "image", classes: Any = None, **labels: Any) -> None:
    """A file of four images, each with its labels."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    table = pa.table({image: [{"bytes": picture(k), "path": f"{k}.png"} for k in range(4)]})
    for name, values in labels.items():
        table = table.append_column(name, [values])
    if classes:
        features = {"label": {"_type": "ClassLabel", "names": classes}}
        table = table.replace_schema_metadata(
            {"huggingface": json.dumps({"info": {"features": features}})}
        )
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            {"label": [0, 1, 0, 1]},
            {"label": ["cat", "dog", "cat", "dog"]},
            r"labels are numbers in 0\.parquet and texts in 1\.parquet",
        ),
        ({"label": [0, 1, 0, 1]}, {}, r"labels lie in column label of 0\.parquet and not in 1\.pa"),
        (
            {"label": [0, 1, 0, 1]},
            {"target": [0, 1, 0, 1]},
            r"in column label of 0\.parquet and in column target of 1\.parquet",
        ),
        (
            {"label": [0, 1, 0, 1], "classes": ["cat", "dog"]},
            {"label": [0, 1, 0, 1], "classes": ["dog", "cat"]},
            r"classes are cat, dog in 0\.parquet and dog, cat in 1\.parquet",
        ),
    ],
)
def test_parquet_files_whose_labels_mean_something_else_are_refused(
    tmp_path: Path, first: dict[str, Any], second: dict[str, Any], message: str
) -> None:
    write_parquet(tmp_path / "p" / "0.parquet", **first)
    write_parquet(tmp_path / "p" / "1.parquet", **second)
    remedy = r".* dataset\.path=.*0\.parquet.*, or use dataset\.label=null"
    with pytest.raises(DataError, match=message + remedy):
        parquet(tmp_path / "p").training(tmp_path / "cache", track)
    data = parquet(tmp_path / "p", label=None).training(tmp_path / "cache", track)
    assert (len(data), data.labels) == (8, None)
    alone = parquet(tmp_path / "p" / "0.parquet").training(tmp_path / "cache", track)
    assert alone.labels is not None
    assert len(alone) == 4


def test_images_in_columns_of_different_names_are_doubted_also_when_read_again(
    tmp_path: Path,
) -> None:
    write_parquet(tmp_path / "p" / "0.parquet", label=[0, 1, 0, 1])
    write_parquet(tmp_path / "p" / "1.parquet", image="img", label=[0, 1, 0, 1])
    for _ in range(2):
        data = parquet(tmp_path / "p").training(tmp_path / "cache", track)
        (doubt,) = [text for text in data.reading.warnings if "columns of different names" in text]
        assert "image in 1 file, img in 1 file (the first 1.parquet)" in doubt
        assert f"dataset.path={tmp_path / 'p' / '1.parquet'}" in doubt


def test_labels_of_which_some_are_numbers_are_doubted(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for k, label in enumerate(["7", "cat", "7", "cat"]):
            for name, content in ((f"{k}.png", picture(k)), (f"{k}.cls", label.encode())):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    data = shards(tmp_path / "0.tar").training(tmp_path / "cache", track)
    (doubt,) = [text for text in data.reading.warnings if "are numbers" in text]
    assert "labels of 2 images are numbers, those of 2 are texts" in doubt
    assert data.class_names == ("7", "cat")
