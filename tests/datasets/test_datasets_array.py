"""Arrays in a NumPy file: what they mean, and what is refused."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from conftest import EVERY_DATASET, track
from numpy.typing import NDArray

from gan_runner.config.component import build_component
from gan_runner.data import Data
from gan_runner.datasets import Dataset
from gan_runner.datasets.readers import npy
from gan_runner.errors import ConfigError, DataError, MachineError

T = TypeVar("T")


def dataset(path: Path | None, **changes: Any) -> Dataset:
    settings: dict[str, Any] = {
        "samples": "auto",
        "labels": "auto",
        "kind": "auto",
        "range": "auto",
    }
    settings |= {"standardize": True, "flip": False}
    settings = {**EVERY_DATASET, **settings, **changes}
    node = {"name": "Array", "path": None if path is None else str(path), **settings}
    return build_component(node, Dataset, where="dataset")


def load(path: Path | None, **changes: Any) -> Data:
    return dataset(path, **changes).load(Path("/nonexistent/data"), track)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file.npy"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "file.npz"


def save_array(path: Path, array: NDArray[Any]) -> Path:
    np.save(path, array)
    return path


def colors(count: int = 5, channels: int = 3) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(0).integers(0, 256, (count, 6, 4, channels), dtype=np.uint8)
    pixels[0, 0, 0, 0], pixels[0, 0, 1, 0] = 0, 255
    return pixels


def points(count: int = 50) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(3, 2, (count, 3)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_color_images_become_channels_first(channels: int, file: Path) -> None:
    pixels = colors(channels=channels)
    data = load(save_array(file, pixels))
    assert data.examples.dtype == torch.uint8
    assert np.array_equal(data.examples.numpy(), pixels.transpose(0, 3, 1, 2))
    assert data.space.kind == "images"
    assert data.space.shape == (channels, 6, 4)
    assert data.labels is None


def test_images_of_two_axes_are_gray(file: Path) -> None:
    data = load(save_array(file, colors()[..., 0]))
    assert data.space.shape == (1, 6, 4)
    assert np.array_equal(data.examples[:, 0].numpy(), colors()[..., 0])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4", np.longdouble])
@pytest.mark.parametrize("limits", [(0, 1), (-1, 1)])
def test_float_images_are_scaled_from_their_range(
    dtype: Any, limits: tuple[int, int], file: Path
) -> None:
    low, high = limits
    floats = (colors() / 255 * (high - low) + low).astype(dtype)
    data = load(save_array(file, floats), range=list(limits))
    assert data.examples.dtype == torch.uint8
    away = data.examples.short() - torch.from_numpy(colors()).permute(0, 3, 1, 2).short()
    assert away.abs().max() <= (1 if dtype == np.float16 else 0)


@pytest.mark.parametrize(("value", "limits"), [(1.01, [0, 1]), (-0.01, [0, 1]), (255.0, [-1, 1])])
def test_floats_beyond_their_range_are_refused(value: float, limits: list[int], file: Path) -> None:
    floats = np.zeros((2, 4, 4), np.float32)
    floats[1, 2, 3] = value
    with pytest.raises(DataError, match=r"values from .*dataset\.path=.*dataset\.range"):
        load(save_array(file, floats), range=limits)


def test_other_integers_are_taken_if_they_are_bytes(file: Path) -> None:
    data = load(save_array(file, colors().astype(np.int64)))
    assert np.array_equal(data.examples.numpy(), colors().transpose(0, 3, 1, 2))


@pytest.mark.parametrize("value", [-1, 256])
def test_other_integers_are_refused_if_they_are_not(value: int, file: Path) -> None:
    with pytest.raises(DataError, match=f"{value}.* not from 0 to 255"):
        load(save_array(file, np.full((2, 4, 4), value, np.int16)))


def test_many_images_are_converted_piece_by_piece(file: Path) -> None:
    many = np.random.default_rng(0).random((2500, 4, 4))
    data = load(save_array(file, many))
    assert np.array_equal(data.examples[:, 0].numpy(), np.rint(many * 255).astype(np.uint8))


def test_columns_first_in_memory_makes_no_difference(file: Path) -> None:
    data = load(save_array(file, np.asfortranarray(colors())))
    assert np.array_equal(data.examples.numpy(), colors().transpose(0, 3, 1, 2))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32, np.uint8, ">f8"])
def test_two_axes_are_vectors(dtype: Any, file: Path) -> None:
    stored = points().astype(dtype) if np.dtype(dtype).kind == "f" else np.arange(30).reshape(10, 3)
    data = load(save_array(file, stored.astype(dtype)), standardize=False)
    assert data.examples.dtype == torch.float32
    assert np.array_equal(data.examples.numpy(), stored.astype(np.float32))
    assert data.space.kind == "vectors"
    assert (data.space.offset, data.space.scale) == ((0.0,) * 3, (1.0,) * 3)


def test_standardized_vectors_are_seen_with_mean_0_and_deviation_1(file: Path) -> None:
    data = load(save_array(file, points()))
    assert np.array_equal(data.examples.numpy(), points())
    seen = data.space.encode(data.examples).numpy()
    assert np.allclose(seen.mean(0), 0, atol=1e-5)
    assert np.allclose(seen.std(0), 1, atol=1e-5)
    assert np.allclose(data.space.decode(torch.from_numpy(seen)).numpy(), points(), atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_a_constant_dimension_keeps_scale_1(value: float, file: Path) -> None:
    constant = points()
    constant[:, 1] = value
    space = load(save_array(file, constant)).space
    assert space.scale[1] == 1.0
    assert space.offset[1] == pytest.approx(value, rel=1e-6)


def test_a_single_vector_is_data_too(file: Path) -> None:
    assert load(save_array(file, points(1))).space.scale == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("key", ["samples", "images", "data", "x"])
def test_an_archive_names_its_samples(key: str, archive: Path) -> None:
    arrays: dict[str, Any] = {key: points(), "other": np.zeros(3)}
    np.savez(archive, **arrays)
    assert len(load(archive)) == 50


def test_samples_go_before_images_before_data_before_x(archive: Path) -> None:
    np.savez_compressed(archive, x=points(4), data=points(3), images=points(2), samples=points(1))
    assert len(load(archive)) == 1


def test_the_only_array_is_the_samples_whatever_it_is_called(archive: Path) -> None:
    np.savez(archive, faces=points(), labels=np.zeros(50, int))
    assert len(load(archive)) == 50


@pytest.mark.parametrize("arrays", [{"a": points(), "b": points()}, {}, {"labels": points()}])
def test_arrays_without_a_known_name_are_listed(arrays: Any, archive: Path) -> None:
    np.savez(archive, **arrays)
    listed = ", ".join(rf"{name} float32 \[50, 3\]" for name in arrays) or "none"
    remedy = r"dataset\.samples=" if arrays else "'samples'"
    with pytest.raises(DataError, match=rf"\({listed}\), dataset\.path=.*{remedy}"):
        load(archive)


@pytest.mark.parametrize("key", ["labels", "y"])
def test_labels_become_0_to_k_and_keep_their_names(key: str, archive: Path) -> None:
    arrays: dict[str, Any] = {"samples": colors(), key: np.array([7, 2, 7, 30, 2], np.int16)}
    np.savez(archive, **arrays)
    data = load(archive)
    assert data.labels is not None
    assert data.labels.dtype == torch.int64
    assert data.labels.tolist() == [1, 0, 1, 2, 0]
    assert data.class_names == ("2", "7", "30")


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (np.zeros(4, int), r"labels of shape \[4\] for 5 samples"),
        (np.full((5, 2), 0.5), r"labels of shape \[5, 2\]"),
        (np.ones((5, 2), int), r"labels of shape \[5, 2\]"),
        (np.array([0, 1, 2, 0.5, 1]), "labels of float64 that aren't whole, such as 0.5"),
        (np.array([0, 1, 2, np.nan, 1]), "labels of float64 that aren't whole, such as nan"),
        (np.array([0.0, 1, -1, 2, 3]), "label -1 of sample 2"),
        (np.zeros(5, "M8[s]"), "labels of datetime64"),
        (np.array([1, "a", None, 2, 3], dtype=object), "Python objects"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    labels: NDArray[Any], reason: str, archive: Path
) -> None:
    np.savez(archive, samples=colors(), labels=labels)
    with pytest.raises(DataError, match=f"{reason}.*dataset.path="):
        load(archive)


UNFIT: dict[str, tuple[NDArray[Any], str]] = {
    "a number": (np.array(1.0), "shape"),
    "one axis": (np.zeros(5), "shape"),
    "five axes": (np.zeros((2, 2, 2, 2, 2)), "shape"),
    "five channels": (np.zeros((2, 8, 8, 5), np.uint8), "5 channels"),
    "channels first": (np.zeros((2, 3, 8, 8), np.uint8), "last axis"),
    "no samples": (np.zeros((0, 8, 8), np.uint8), "empty"),
    "no pixels": (np.zeros((4, 0, 8), np.uint8), "empty"),
    "no dimensions": (np.zeros((4, 0)), "empty"),
    "complex": (np.zeros((4, 3), complex), "complex128"),
    "text": (np.array([["a", "b"]]), "of text"),
    "dates": (np.zeros((4, 3), "M8[s]"), "datetime64"),
    "a table": (np.zeros((4, 3), [("a", "f4")]), "'a'"),
    "NaN in images": (np.full((4, 3, 3), np.nan), "NaN"),
    "Inf in images": (np.full((4, 3, 3), np.inf), "NaN"),
    "NaN in vectors": (np.full((4, 3), np.nan), "NaN"),
    "Inf in vectors": (np.full((4, 3), -np.inf), "NaN"),
    "too far apart for float32": (np.eye(4) * 1e300, "too large"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_an_array_that_does_not_fit_is_refused(case: str, file: Path, archive: Path) -> None:
    array, reason = UNFIT[case]
    with pytest.raises(DataError, match=f"{reason}.*"):
        load(save_array(file, array))
    np.savez(archive, samples=array)
    with pytest.raises(DataError, match=rf"dataset\.path={archive}"):
        load(archive)


@pytest.mark.parametrize(("kind", "array"), [("images", points()), ("vectors", colors())])
def test_a_kind_that_the_axes_contradict_is_refused(
    kind: str, array: NDArray[Any], file: Path
) -> None:
    with pytest.raises(DataError, match="Expected images"):
        load(save_array(file, array), kind=kind)


class Touch:
    """An attacker's pickle: unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_objects_are_never_unpickled(file: Path, archive: Path, tmp_path: Path) -> None:
    trap = np.array([Touch(tmp_path / "touched")], dtype=object)
    np.save(file, trap, allow_pickle=True)
    np.savez(archive, samples=trap)
    trap.dump(tmp_path / "plain.npy")
    for path in (file, archive, tmp_path / "plain.npy"):
        with pytest.raises(DataError, match=r"dataset\.path="):
            load(path)
    assert not (tmp_path / "touched").exists()


def test_text_is_refused_as_an_array(file: Path) -> None:
    file.write_text("1,2,3\n")
    with pytest.raises(DataError, match=r"not a NumPy file, dataset\.path=.*numpy\.save"):
        load(file)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_file_is_refused(share: float, file: Path, archive: Path) -> None:
    np.savez_compressed(archive, samples=colors())
    for path in (save_array(file, colors()), archive):
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(DataError, match=rf"dataset\.path={path}"):
            load(path)


def test_a_header_that_promises_too_much_costs_no_memory(file: Path) -> None:
    content = save_array(file, np.zeros((4, 3, 3), np.uint8)).read_bytes()
    file.write_bytes(content.replace(b"(4, 3, 3)", b"(4, 3, 999999999999)"))
    with pytest.raises(DataError, match="cut off"):
        load(file)


def test_a_flipped_bit_in_an_archive_is_noticed(archive: Path) -> None:
    np.savez(archive, samples=colors())
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="unreadable array file"):
        load(archive)


def test_a_zip_of_other_things_is_refused(archive: Path) -> None:
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("notes.txt", "hello")
    with pytest.raises(DataError, match=r"dataset\.path="):
        load(archive)


def test_the_format_of_a_file_follows_from_its_first_bytes_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "points.bin"
    with path.open("wb") as stream:
        np.save(stream, points())
    assert len(load(path)) == 50


def test_a_missing_file_is_named(file: Path) -> None:
    with pytest.raises(DataError, match=rf"missing {file}, dataset\.path={file}"):
        load(file)


def test_a_folder_is_refused_as_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not a file, dataset\.path="):
        load(tmp_path)


def test_a_file_must_be_named() -> None:
    with pytest.raises(ConfigError, match=r"missing dataset\.path.*\.npy or \.npz"):
        load(None)


def test_an_unreadable_file_is_the_machine_s_fault(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_array(file, points())

    def refuse(path: Path, *_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MachineError, match=r"Permission denied.*dataset\.path="):
        load(file)


def test_a_home_that_nobody_has_is_refused() -> None:
    with pytest.raises(DataError, match=r"no such home folder, dataset\.path="):
        load(Path("~nobody-of-this-name/file.npy"))


def test_large_images_stay_on_disk(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(npy, "MOST_IN_MEMORY_BYTES", 0)
    data = load(save_array(file, colors()))
    file.write_bytes(file.read_bytes()[:-1] + b"\x07")
    assert data.examples[-1, -1, -1, -1] == 7


def test_the_space_is_known_only_after_reading(file: Path) -> None:
    assert dataset(file).space() is None


def test_images_may_be_mirrored_and_vectors_not(file: Path) -> None:
    assert dataset(file, flip=True).flips
    assert not dataset(file, flip=True, kind="vectors").flips
    assert load(save_array(file, colors()), flip=True).space.kind == "images"
    with pytest.raises(ConfigError, match=r"dataset\.flip=true.*dataset\.flip=false"):
        load(save_array(file, points()), flip=True)


# ---------------------------------------------------------------- sequences


def steps(count: int = 20) -> NDArray[np.float32]:
    drawn = np.random.default_rng(0).normal((3, -50), (2, 0.1), (count, 7, 2))
    return drawn.astype(np.float32)


def test_sequences_keep_their_axes_and_their_labels(archive: Path) -> None:
    np.savez(archive, samples=steps(), labels=np.arange(20) % 2 + 5)
    data = load(archive, kind="sequences", standardize=False)
    assert np.array_equal(data.examples.numpy(), steps())
    assert (data.space.kind, data.space.shape) == ("sequences", (7, 2))
    assert (data.space.offset, data.space.scale) == ((0.0, 0.0), (1.0, 1.0))
    assert data.class_names == ("5", "6")


def test_standardized_sequences_have_one_scale_for_all_steps(file: Path) -> None:
    data = load(save_array(file, steps()), kind="sequences")
    seen = data.space.encode(data.examples)
    assert np.allclose(seen.mean((0, 1)), 0, atol=1e-4)
    assert np.allclose(seen.std((0, 1), correction=0), 1, atol=1e-4)
    assert np.allclose(data.space.decode(seen), steps(), atol=1e-4)


def test_three_axes_are_images_unless_they_are_called_sequences(file: Path) -> None:
    with pytest.raises(DataError, match=r"dataset\.range"):
        load(save_array(file, steps()))


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (points(), r"shape \[50, 3\].*sequences \[N, T, D\]"),
        (colors(), r"shape \[5, 6, 4, 3\].*sequences \[N, T, D\]"),
        (np.zeros((4, 1, 3)), r"a single step in \[4, 1, 3\].*dataset\.kind=vectors"),
        (np.zeros((4, 0, 3)), "empty"),
        (np.zeros((0, 5, 3)), "empty"),
        (np.zeros((4, 5, 0)), "empty"),
        (np.full((4, 5, 3), np.nan), "NaN"),
        (np.eye(60).reshape(4, 5, 180) * 1e300, "too large"),
        (np.zeros((4, 5, 3), complex), "complex128"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(
    array: NDArray[Any], message: str, file: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load(save_array(file, array), kind="sequences")


def test_sequences_are_not_mirrored(file: Path) -> None:
    assert not dataset(file, flip=True, kind="sequences").flips
    with pytest.raises(ConfigError, match=r"sequences can't be mirrored, dataset\.flip=true"):
        load(save_array(file, steps()), kind="sequences", flip=True)


# ---------------------------------------------------------------- what is said of arrays


def doubts(data: Data) -> str:
    return "\n".join(data.reading.warnings)


def uniform(*shape: int) -> NDArray[np.float64]:
    return np.random.default_rng(0).random(shape)


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array([[1], [0], [2], [0], [1]]), ("0", "1", "2")),
        (np.array([1.0, 0, 2, 0, 1]), ("0", "1", "2")),
        (np.array([True, False, True, False, True]), ("False", "True")),
        (np.eye(3)[[1, 0, 2, 0, 1]], ("0", "1", "2")),
        (np.eye(3, dtype=bool)[[1, 0, 2, 0, 1]], ("0", "1", "2")),
        (np.array(["b", "a", "c", "a", "b"]), ("a", "b", "c")),
        (np.array([b"b", b"a", b"c", b"a", b"b"]), ("a", "b", "c")),
    ],
)
def test_labels_that_can_only_mean_classes_are_read(
    labels: NDArray[Any], classes: tuple[str, ...], archive: Path
) -> None:
    np.savez(archive, samples=colors(), labels=labels)
    data = load(archive)
    assert data.labels is not None
    expected = [1, 0, 1, 0, 1] if len(classes) == 2 else [1, 0, 2, 0, 1]
    assert data.labels.tolist() == expected
    assert data.class_names == classes
    assert data.reading.labels == "array labels"


def test_a_single_class_is_no_labels(archive: Path) -> None:
    np.savez(archive, samples=colors(), labels=np.full(5, 3))
    data = load(archive)
    assert (data.labels, data.class_names, data.reading.labels) == (None, (), "")
    assert any("no labels: those of the file are all 3" in d.text for d in data.reading.decisions)


def test_labels_that_number_the_samples_are_doubted(archive: Path) -> None:
    np.savez(archive, samples=points(), labels=np.arange(50))
    assert "50 of 50 classes have a single sample" in doubts(load(archive))
    assert "dataset.labels=null" in doubts(load(archive))
    assert load(archive, labels=None).labels is None


@pytest.mark.parametrize("name", ["label", "targets", "Class", "anything"])
def test_an_array_that_could_be_labels_is_said_and_can_be_named(name: str, archive: Path) -> None:
    arrays: dict[str, Any] = {"samples": points(), name: np.arange(50) % 2}
    np.savez(archive, **arrays)
    data = load(archive)
    assert data.labels is None
    assert f"array {name} int64 [50] isn't read" in doubts(data)
    assert f"dataset.labels={name}" in doubts(data)
    assert data.reading.left_out[0].names == (f"{name} int64 [50]",)
    named = load(archive, labels=name)
    assert named.labels is not None
    assert doubts(named) == ""


def test_names_of_arrays_are_found_in_either_case(archive: Path) -> None:
    np.savez(archive, X=points(), Y=np.arange(50) % 2)
    data = load(archive)
    assert data.reading.source.endswith("array X")
    assert data.classes == 2


def test_arrays_of_other_names_are_proposed_and_can_be_chosen(archive: Path) -> None:
    halves = {"x_test": points(20), "y_test": np.arange(20) % 2}
    np.savez(archive, **halves, x_train=points(), y_train=np.arange(50) % 2)
    with pytest.raises(DataError, match=r"dataset\.samples=x_train dataset\.labels=y_train"):
        load(archive)
    data = load(archive, samples="x_train", labels="y_train")
    assert (len(data), data.classes) == (50, 2)


def test_a_name_that_no_array_has_is_refused_with_the_nearest(archive: Path) -> None:
    np.savez(archive, train_images=colors(), test_images=colors())
    with pytest.raises(DataError, match=r"dataset\.samples=train_image\. .*'train_images'"):
        load(archive, samples="train_image")


def test_a_npy_file_has_no_names(file: Path) -> None:
    with pytest.raises(DataError, match=r"without a name.*dataset\.labels=y.*dataset\.labels=auto"):
        load(save_array(file, points()), labels="y")


@pytest.mark.parametrize(
    ("images", "setting"),
    [
        ((uniform(9, 8, 8) > 0.5).astype(np.uint8), "[0,1]"),
        ((uniform(9, 8, 8) > 0.5).astype(np.int64), "[0,1]"),
        ((uniform(9, 8, 8) * 17).astype(np.int32), "[0,16]"),
        (uniform(9, 8, 8) * 0.1, "[0,0.1]"),
        (uniform(9, 8, 8) * 0.1 + 0.5, "[0.5,0.6]"),
    ],
)
def test_images_that_use_little_of_their_range_are_doubted_and_the_remedy_works(
    images: NDArray[Any], setting: str, file: Path
) -> None:
    data = load(save_array(file, images))
    assert "use only" in doubts(data)
    assert f"'dataset.range={setting}'" in doubts(data)
    mended = load(file, range=json.loads(setting))
    assert "use only" not in doubts(mended)
    assert mended.examples.max() >= 250


@pytest.mark.parametrize(
    ("images", "setting"),
    [
        ((uniform(9, 8, 8) * 4096).astype(np.uint16), "[0,4095]"),
        (uniform(9, 8, 8) * 2 - 1, "[-1,1]"),
        (uniform(9, 8, 8) * 255, "[0,255]"),
        (uniform(9, 8, 8) * 3000 - 1000, None),
        (np.full((9, 8, 8), 300.0), "[0,300]"),
        (np.full((9, 8, 8), -3), "[-3,0]"),
        ((uniform(9, 8, 8) * 256).astype(np.int16) - 128, None),
    ],
)
def test_images_beyond_their_range_are_refused_with_a_range_that_works(
    images: NDArray[Any], setting: str | None, file: Path
) -> None:
    with pytest.raises(DataError, match=r"Of images: 'dataset\.range=") as fault:
        load(save_array(file, images))
    [proposed] = re.findall(r"'dataset.range=(\[[^]]*\])'", str(fault.value))
    assert setting is None or proposed == setting
    assert load(file, range=json.loads(proposed)).space.kind == "images"


def test_a_few_bright_pixels_do_not_hide_dark_images(file: Path) -> None:
    images = (uniform(9, 40, 40) * 12).astype(np.uint8)
    images[:, 0, 0] = 255
    assert "use only 0 to 11 of 0 (black) to 255 (white) but for a few" in doubts(
        load(save_array(file, images))
    )


def test_images_of_bool_are_black_and_white(file: Path) -> None:
    data = load(save_array(file, uniform(9, 8, 8) > 0.5))
    assert data.examples.unique().tolist() == [0, 255]
    assert doubts(data) == ""


DOUBTED: dict[str, tuple[NDArray[Any], dict[str, Any], str]] = {
    "equal images": (np.repeat(colors(1), 9, axis=0), {}, "8 of 9 images repeat others"),
    "sequences": (uniform(9, 24, 6), {}, "dataset.kind=sequences"),
    "one picture": (colors()[0].repeat(9, 0), {}, "54 gray images of 3 x 4 px"),
    "steps last": (uniform(9, 3, 40) - 5, {"kind": "sequences"}, "x.transpose(0, 2, 1)"),
    "flat gray": (colors().reshape(15, 24).repeat(6, 1), {}, "x.reshape(-1, 12, 12)"),
    "flat color": (uniform(30, 3 * 64), {}, "x.reshape(-1, 8, 8, 3)"),
    "transposed": (points(4).T.repeat(20, 1), {}, "x.T"),
    "tokens": (np.arange(320).reshape(40, 8) * 7 % 50, {}, "50 different whole numbers"),
    "floats of tokens": (np.arange(320.0).reshape(40, 8) * 7 % 50, {}, "dataset=table"),
    "token sequences": (
        np.arange(320).reshape(20, 16, 1) * 7 % 50,
        {"kind": "sequences"},
        "read as measurements",
    ),
    "bits": ((uniform(30, 5) > 0.5).astype(int), {}, "2 different whole numbers from 0 to 1"),
    "yes and no": (uniform(30, 5) > 0.5, {}, "False and True"),
    "equal vectors": (np.ones((9, 3)) / 3, {}, "all vectors are equal"),
    "a label inside": (np.c_[points(), np.arange(50) % 3], {}, "labels=x[:, -1]"),
    "running numbers": (np.c_[np.arange(50), points()], {}, "dimension 1 goes up"),
}


@pytest.mark.parametrize("case", DOUBTED)
def test_numbers_that_often_mean_something_else_are_doubted(case: str, file: Path) -> None:
    array, settings, words = DOUBTED[case]
    assert words in doubts(load(save_array(file, array), **settings))


@pytest.mark.parametrize(
    ("array", "settings"),
    [
        (points(), {}),
        (colors(), {}),
        (uniform(9, 16, 16), {}),
        (steps(), {"kind": "sequences"}),
        (np.c_[points(), np.ones(50)], {}),
        (np.c_[np.arange(50) % 7 * 10, np.arange(50) * 977 % 1009 + 20000], {}),
    ],
)
def test_plain_data_is_not_doubted(
    array: NDArray[Any], settings: dict[str, Any], file: Path
) -> None:
    data = load(save_array(file, array), **settings)
    assert doubts(data) == ""
    assert data.reading.stored == f"{array.dtype} {list(array.shape)}"
    assert data.reading.left_out == ()


def test_constant_dimensions_are_said(file: Path) -> None:
    [decision] = load(save_array(file, np.c_[points(), np.ones(50)])).reading.decisions
    assert decision.text == "1 of 4 dimensions never change (4)"


def test_values_that_are_not_finite_are_counted(file: Path) -> None:
    holes = points()
    holes[7, 1] = holes[9, 0] = holes[9, 2] = np.nan
    with pytest.raises(DataError, match=r"3 values .* in 2 of 50 samples \(the first: 7\)"):
        load(save_array(file, holes))


@pytest.mark.parametrize(
    ("array", "remedy"),
    [
        (np.zeros((2, 3, 8, 8), np.uint8), r"x\.transpose\(0, 2, 3, 1\)"),
        (np.zeros(5), r"x\.reshape\(-1, 1\)"),
        (np.zeros((4, 3), complex), "x.real"),
        (np.zeros((4, 3), [("a", "f4")]), "structured_to_unstructured"),
        (np.array([[1, 2], [3, None]], dtype=object), "Python objects"),
    ],
)
def test_an_unfit_array_comes_with_what_makes_it_fit(
    array: NDArray[Any], remedy: str, file: Path
) -> None:
    np.save(file, array, allow_pickle=True)
    with pytest.raises(DataError, match=remedy):
        load(file)


def test_a_proposed_range_is_no_wider_than_the_spread_asks(file: Path) -> None:
    seconds = 1_700_000_000 + np.linspace(0, 100_000, 9 * 64).reshape(9, 8, 8)
    with pytest.raises(DataError, match=r"'dataset\.range=\[1700000000,1700100000\]'"):
        load(save_array(file, seconds))


def test_one_hot_sequences_are_said_and_not_doubted(file: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 4, (30, 12))
    data = load(save_array(file, np.eye(4)[codes]), kind="sequences")
    assert doubts(data) == ""
    assert "rows are one-hot" in [each.text for each in data.reading.decisions]


def filled(shape: tuple[int, ...], *, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(5, 2, shape)


def with_value(value: float, every: int = 17) -> NDArray[np.float64]:
    vectors = filled((400, 3))
    vectors[::every, 1] = value
    return vectors


def padded(value: float | None, *, at_end: bool = True) -> NDArray[np.float64]:
    """Walks of 10 to 30 steps, filled up to 30; without a value by their last step."""
    walks = filled((100, 30, 2)).cumsum(axis=1)
    for place in range(0, 100, 2):
        length = 10 + place % 18
        walks[place, length:] = walks[place, length - 1] if value is None else value
    return walks if at_end else walks[:, ::-1]


SECONDS = 1.6e9 + 3600 * np.arange(400)[::-1]
MEAN_ELSE = {
    "-999": (with_value(-999), "-999 in dimension 2 (24 samples)"),
    "99999999": (with_value(99999999), "99999999 in dimension 2"),
    "a fill value": (with_value(9.96921e36, 90), "9.96921e+36 in dimension 2 (5 samples)"),
    "9999 once": (with_value(9999, 400), "9999 in dimension 2 (1 sample)"),
    "-1 beside shares": (
        np.where(filled((400, 2)) > 7, -1, filled((400, 2), seed=1) ** 2),
        "-1 in",
    ),
    "0 of a pressure": (np.where(filled((400, 2)) > 8, 0, 120 + filled((400, 2))), "0 in 2 dim"),
    "dates": (np.c_[20200101 + np.arange(400) % 28, filled((400, 1))], "1 looks like dates"),
    "seconds": (np.c_[filled((400, 1)), SECONDS], "2 looks like times (seconds since 1970, 2020-"),
    "milliseconds": (np.c_[filled((400, 1)), SECONDS * 1e3], "(milliseconds since 1970, 2020-"),
    "zeros behind": (padded(0), "50 of 100 sequences end with 0 again and again"),
    "zeros in front": (padded(0, at_end=False), "50 of 100 sequences begin with 0"),
    "-999 behind": (padded(-999), "sequences end with -999"),
    "the last step": (padded(None), "sequences end with one step again and again"),
    "series as vectors": (padded(0)[:, :, 0], "50 of 100 vectors end with 0"),
    "a time of a date": (np.c_[202003010000 + np.arange(400) % 24 * 100, SECONDS % 7], "092359)"),
    "Julian dates": (
        np.c_[filled((400, 1)), 2459000.5 + np.arange(400)[::-1]],
        "(Julian dates, 20",
    ),
    "one far away": (with_value(1e12, 400), "all others of their dimension are nearly one"),
    "a great vocabulary": (
        np.random.default_rng(0).integers(0, 30000, (200, 32)),
        "different whole numbers from",
    ),
    "copies": (np.r_[filled((300, 3)), filled((300, 3))[:60]], "60 of 360 vectors repeat others"),
    "copied sequences": (filled((50, 9, 2))[np.r_[:50, :50]], "50 of 100 sequences repeat"),
}
"""Numbers that mean something else than they measure, and what is said of them."""


@pytest.mark.parametrize("case", MEAN_ELSE)
def test_numbers_that_mean_something_else_are_doubtful(case: str, file: Path) -> None:
    array, said = MEAN_ELSE[case]
    kind = "sequences" if array.ndim == 3 else "vectors"
    warnings = load(save_array(file, array), kind=kind).reading.warnings
    assert any(said in warning for warning in warnings), warnings


NATURAL = {
    "normal": filled((400, 3)),
    "heavy tails": np.random.default_rng(0).standard_cauchy((400, 3)),
    "large and small": np.exp(filled((400, 2))),
    "often zero": np.maximum(0, filled((400, 4)) - 6),
    "clipped": np.clip(filled((400, 4)), 4, 6),
    "rounded": np.round(filled((2000, 2)) / 4, 1),
    "counts behind measures": np.c_[
        filled((400, 60)), np.random.default_rng(0).poisson(0.3, (400, 4)), filled((400, 1))
    ],
    "walks": filled((100, 30, 2)).cumsum(axis=1),
    "whole signals": np.rint(500 * filled((100, 40)).cumsum(axis=1)).astype(int),
    "rain": np.maximum(0, filled((100, 30, 1)) - 6),
}


@pytest.mark.parametrize("case", NATURAL)
def test_numbers_as_nature_has_them_are_not_doubted(case: str, file: Path) -> None:
    array = NATURAL[case]
    kind = "sequences" if array.ndim == 3 else "vectors"
    assert load(save_array(file, array), kind=kind).reading.warnings == ()


@pytest.mark.parametrize("kind", ["auto", "sequences"])
def test_sequences_filled_up_with_nan_are_refused_by_what_they_are(kind: str, file: Path) -> None:
    with pytest.raises(DataError, match=r"50 end with NaN, as sequences.*all have: x\[:, :10\]"):
        load(save_array(file, padded(np.nan)), kind=kind)
    scattered = padded(0)
    scattered[::7, 3] = np.nan
    with pytest.raises(DataError, match="Remove or repair"):
        load(save_array(file, scattered), kind=kind)


def test_types_are_called_as_numpy_makes_them(file: Path) -> None:
    assert load(save_array(file, filled((40, 3)).astype(">f8"))).reading.stored == (
        "big-endian float64 [40, 3]"
    )


def test_pictures_along_the_last_axis_are_refused_with_the_right_order(file: Path) -> None:
    with pytest.raises(DataError, match=r"x\.transpose\(3, 0, 1, 2\)"):
        load(save_array(file, np.zeros((8, 8, 3, 20), np.uint8)))


def test_a_file_of_another_kind_is_called_by_it(file: Path) -> None:
    for start, said in (
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (b"\x80\x04\x95ab", "a Python pickle"),
        (b"x", "not a NumPy file"),
    ):
        file.write_bytes(start)
        with pytest.raises(DataError, match=said):
            load(file)
