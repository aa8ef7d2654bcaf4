"""Images in Parquet files, as Hugging Face's data sets have them."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from gan_runner.datasets.base import Track
from gan_runner.datasets.packed import Found, PackedImages, as_found
from gan_runner.datasets.readers.image_cache import NoRoomError
from gan_runner.datasets.readers.index_cache import load_or_build
from gan_runner.datasets.readers.parquet import Columns, copy_images
from gan_runner.datasets.readers.shards import Index, Shard
from gan_runner.errors import DataError, MachineError, printable


class Parquet(PackedImages):
    """The images in a column of Parquet files: structs of bytes and a path, or bytes.

    `path`: a file, a folder of them, or a pattern; their order is that of the files' names, then
    that of the rows. `image` and `label` are columns; auto finds them, and null is no label. The
    images' bytes are copied into the cache once, since a row can't be read by itself.
    """

    without_labels: ClassVar[str] = "dataset.label=null"

    image: str = Field(min_length=1)
    label: str | None

    def check_present(self) -> None:
        self._files()

    def find(self, cache: Path, track: Track) -> Found:
        files = self._files()
        key = self.files_key(files, self.image, self.label)
        folder, copy = cache / f"parquet-{key}", cache / f"parquet_images-{key}.bin"
        columns = Columns(self.image, self.label, self.setting)
        shown = track(files, description="copying images", total=len(files))

        if not copy.exists():
            shutil.rmtree(folder, ignore_errors=True)
        index = load_or_build(folder, lambda: self._copy(shown, copy, columns))
        if not len(index.rows):
            raise DataError(f"no rows, {self.setting}. Name files that have some.")
        return as_found(index, key, len(files), self.path)

    def _copy(self, files: Iterable[Shard], copy: Path, columns: Columns) -> Index:
        """Copy the images and index them. The copy appears whole or not at all."""
        unfinished = copy.with_name(f".{copy.name}-{secrets.token_hex(4)}")
        try:
            copy.parent.mkdir(parents=True, exist_ok=True)
            index = copy_images(files, unfinished, columns)
            unfinished.rename(copy)
        except NoRoomError as error:
            raise self.room_error("copied images", *error.args, cache=copy.parent) from None
        except OSError as error:
            reason = f"can't copy images ({error.strerror or error})"
            where = f"{self.setting} with cache={printable(copy.parent)}"
            raise MachineError(f"{reason}, {where}. Make room there or use cache=FOLDER") from None
        finally:
            unfinished.unlink(missing_ok=True)
        index.shards = [str(copy)]
        return index

    def _files(self) -> list[Shard]:
        files = self.files((".parquet",))
        if not files:
            what = f"no .parquet files, {self.setting}"
            raise DataError(f"{what}. Name a file or a folder of them: dataset.path=PATH")
        return files
