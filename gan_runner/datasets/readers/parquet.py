"""Images in the columns of Parquet files, as Hugging Face's data sets have them.

A page of such a file holds many rows and is packed as one, so that a row by itself costs as much as
all of them: the images' bytes are copied once, side by side, into a file that has an index.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple

import numpy as np

from gan_runner.config.overrides import override
from gan_runner.datasets.readers.image_cache import NoRoomError
from gan_runner.datasets.readers.members import DTYPE
from gan_runner.datasets.readers.shards import Index, RawLabel, Shard
from gan_runner.errors import DataError, MachineError, cut_middle, printable

_ROWS_AT_ONCE = 64
_LABELS = ("label", "labels", "class", "target", "fine_label")
_IMAGES = ("image", "img", "jpg", "png")


class Columns(NamedTuple):
    """The names of the columns of images and labels as settings have them: auto, and None for no
    labels; `setting`: the path as messages show it."""

    image: str
    label: str | None
    setting: str


class _Found(NamedTuple):
    """The columns of a file. `is_struct`: images are structs of bytes and a path. `kind`: of the
    labels, numbers or texts; `classes`: their names, where the file has them."""

    image: str
    is_struct: bool
    label: str | None
    kind: str
    classes: list[str]


def copy_images(files: Iterable[Shard], target: Path, columns: Columns) -> Index:
    """Copy the images of all files into `target`, by row groups, and index them there.

    Raises DataError for files and columns that can't be read, or whose labels aren't those of one
    data set, NoRoomError before anything is copied, and MachineError without pyarrow.
    """
    files = list(files)
    opened = [_open(shard, columns) for shard in files]
    _refuse_other_labels(files, [found for _, found in opened], columns)
    needed = sum(_column_bytes(parquet, found.image) for parquet, found in opened)
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        raise NoRoomError(needed, free)
    index = Index(classes=next((found.classes for _, found in opened if found.classes), []))
    for shard, (_, found) in zip(files, opened, strict=True):
        index.image_columns.setdefault(found.image, []).append(str(shard.path))
    rows: list[tuple[int, int, bool, int, int]] = []
    with target.open("wb") as out:
        for shard, (parquet, found) in zip(files, opened, strict=True):
            with _damage_faults(shard, columns):
                _copy(parquet, found, shard, out, index, rows, columns)
    index.rows = np.array(rows, DTYPE)
    index.shard_names = [""]
    label = opened[0][1].label
    index.label_source = f"column {label}" if label else ""
    return index


def _open(shard: Shard, columns: Columns) -> tuple[Any, _Found]:
    try:
        from pyarrow import parquet
    except ImportError:
        remedy = 'pip install "gan-runner[parquet]"'
        raise MachineError(f"pyarrow isn't installed, dataset=parquet. {remedy}") from None
    with _damage_faults(shard, columns):
        file = parquet.ParquetFile(shard.path)
        return file, _find_columns(file.schema_arrow, shard, columns)


@contextmanager
def _damage_faults(shard: Shard, columns: Columns) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, ValueError, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the machine's; pyarrow's own have no number
        reason = printable(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        what = f"damaged or no Parquet file: {printable(shard.name)} ({reason})"
        raise DataError(f"{what}, {columns.setting}. Copy it again, or move it away.") from None


def _find_columns(schema: Any, shard: Shard, columns: Columns) -> _Found:
    from pyarrow import types

    def holds_bytes(kind: Any) -> bool:
        return bool(types.is_binary(kind) or types.is_large_binary(kind))

    def is_image(kind: Any) -> bool:
        if not types.is_struct(kind):
            return holds_bytes(kind)
        return any(kind.field(k).name == "bytes" for k in range(kind.num_fields))

    names = [name for name in schema.names if is_image(schema.field(name).type)]
    if not names and columns.image == "auto":
        shown = ", ".join(f"{printable(of.name)}: {printable(str(of.type))}" for of in schema)
        raise DataError(
            f"no column of images in {printable(shard.name)} ({printable(shown, 300)}), "
            f"{columns.setting}. Images are bytes, or structs with a field bytes, in a column of "
            "their own; rows of numbers are read with dataset=table"
        )
    image = _choose("image", names, columns.image, _IMAGES, shard, columns.setting)
    features = _features(schema.metadata)
    label = columns.label
    if label == "auto":
        named = [name for name in schema.names if features.get(name)] or [
            name for name in _LABELS if name in schema.names
        ]
        label = next((name for name in _LABELS if name in named), next(iter(named), None))
    if label is not None and label not in schema.names:
        shown = ", ".join(map(printable, schema.names[:8]))
        what = f"no column {printable(label)} in {printable(shard.name)} ({shown})"
        raise DataError(f"{what}, dataset.label={printable(label)}. Use dataset.label=null")
    classes = features.get(label, []) if label is not None else []
    kind = "" if label is None else _kind_of_labels(schema.field(label).type)
    return _Found(image, bool(types.is_struct(schema.field(image).type)), label, kind, classes)


def _kind_of_labels(kind: Any) -> str:
    from pyarrow import types

    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_integer(kind) or types.is_boolean(kind):
        return "numbers"
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return "texts" if is_text else ""


def _refuse_other_labels(
    files: Sequence[Shard], opened: Sequence[_Found], columns: Columns
) -> None:
    """Raise DataError for a file whose labels mean something else than those of another."""
    pairs = list(zip(files, opened, strict=True))
    named = next((pair for pair in pairs if pair[1].classes), pairs[0])
    for shard, found in pairs:
        for reference, of in (pairs[0], named):
            if what := _difference(found, of, printable(shard.name), printable(reference.name)):
                alone = override("dataset.path", str(reference.path))
                remedy = f"Read those that belong together, as {alone}, or use dataset.label=null"
                raise DataError(f"{what}, {columns.setting}. {remedy}")


def _difference(found: _Found, first: _Found, name: str, of_first: str) -> str:
    """How the labels of a file differ from those of the first; empty where they don't."""
    if found.label != first.label:
        one, other = (
            f"in column {printable(each.label)} of {file}" if each.label else f"not in {file}"
            for each, file in ((first, of_first), (found, name))
        )
        return f"labels lie {one} and {other}"
    if found.kind and first.kind and found.kind != first.kind:
        return f"labels are {first.kind} in {of_first} and {found.kind} in {name}"
    if found.classes and first.classes and found.classes != first.classes:
        one, other = (cut_middle(", ".join(each.classes), 60) for each in (first, found))
        return f"classes are {one} in {of_first} and {other} in {name}"
    return ""


def _choose(
    what: str, names: Sequence[str], wanted: str, usual: Sequence[str], shard: Shard, setting: str
) -> str:
    if wanted != "auto":
        if wanted in names:
            return wanted
        shown = f"column {printable(wanted)} has no images in {printable(shard.name)}"
        raise DataError(f"{shown}, dataset.{what}={printable(wanted)}. Use dataset.{what}=auto")
    found = [name for name in usual if name in names] or list(names)
    if len(names) > 1 and found[0] not in usual:
        shown = ", ".join(map(printable, names[:8]))
        remedy = f"Choose one: dataset.{what}={printable(names[0])}"
        raise DataError(f"several columns of images ({shown}), {setting}. {remedy}")
    return found[0]


def _features(metadata: dict[bytes, bytes] | None) -> dict[str, list[str]]:
    """The names of the classes of each column that Hugging Face's notes call labels."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
        return {
            name: list(map(str, feature["names"]))
            for name, feature in features.items()
            if feature.get("_type") == "ClassLabel"
        }
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def _column_bytes(parquet: Any, image: str) -> int:
    """The bytes of a column of images, unpacked."""
    groups = (parquet.metadata.row_group(k) for k in range(parquet.num_row_groups))
    return sum(
        group.column(k).total_uncompressed_size
        for group in groups
        for k in range(group.num_columns)
        if group.column(k).path_in_schema.split(".")[0] == image
    )


def _copy(
    parquet: Any,
    found: _Found,
    shard: Shard,
    out: IO[bytes],
    index: Index,
    rows: list[tuple[int, int, bool, int, int]],
    columns: Columns,
) -> None:
    """Copy the images of one file."""
    wanted = [found.image, *([found.label] if found.label else [])]
    number = 0
    for batch in parquet.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted):
        labels = batch.column(wanted.index(found.label)).to_pylist() if found.label else []
        for place, image in enumerate(batch.column(0).to_pylist()):
            content, path = (image or {}, "") if not found.is_struct else (None, "")
            if found.is_struct:
                content, path = (image or {}).get("bytes"), (image or {}).get("path") or ""
            if not isinstance(content, bytes):
                what = f"row {number} of {printable(shard.name)} has no image in it"
                what += f", but a path ({printable(path)})" if path else ""
                raise DataError(f"{what}, {columns.setting}. Put the images into the file.")
            suffix = PurePosixPath(path).suffix.lower()
            if suffix not in index.suffixes:
                index.suffixes.append(suffix)
            rows.append((0, index.suffixes.index(suffix), False, out.tell(), len(content)))
            index.names.append(f"row {number} of {shard.name}")
            if labels:
                index.labels.append(_as_label(labels[place], number, shard, columns))
            out.write(content)
            number += 1


def _as_label(label: Any, number: int, shard: Shard, columns: Columns) -> RawLabel:
    if label is None or (isinstance(label, int) and label == -1):  # of a set without labels
        return None
    if isinstance(label, bool):
        return int(label)
    if isinstance(label, str) or (isinstance(label, int) and label >= 0):
        return label
    what = f"the label of row {number} of {printable(shard.name)} is neither a class from 0 on nor "
    what += f"a text ({printable(label, limit=40)})"
    raise DataError(f"{what}, {columns.setting}. Use dataset.label=null")
