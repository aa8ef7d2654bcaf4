"""Images in tar and zip files, as WebDataset and StyleGAN have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from gan_runner.datasets.base import Track
from gan_runner.datasets.class_folders import folder_classes
from gan_runner.datasets.packed import Found, PackedImages, as_found
from gan_runner.datasets.readers.archives import ENDINGS
from gan_runner.datasets.readers.index_cache import load_or_build
from gan_runner.datasets.readers.listing import class_of
from gan_runner.datasets.readers.shards import Index, Settings, Shard, build_index
from gan_runner.errors import DataError, printable

_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")


class Shards(PackedImages):
    """The images of tar files (WebDataset: the files of an example have one name up to the first
    point) and of zip files (StyleGAN: labels in dataset.json), in place.

    `path`: a file, a folder of them, or a pattern. Their order is that of the files' names, then of
    the places in them. `labels`: auto takes .cls files, `label_field` of .json files or
    dataset.json; folders takes the first folder within a file; null takes none. `image`: the ending
    of the images where an example has several.
    """

    labels: Literal["auto", "folders"] | None
    label_field: str = Field(min_length=1)
    image: str = Field(min_length=1)

    def check_present(self) -> None:
        self._shards()

    def find(self, cache: Path, track: Track) -> Found:
        shards = self._shards()
        key = self.files_key(shards, self.image, self.label_field, self.labels == "auto")
        settings = Settings(
            self.image.lower().removeprefix("."),
            self.label_field,
            self.labels == "auto",
            self.setting,
        )
        shown = track(shards, description="indexing shards", total=len(shards))
        index = load_or_build(cache / f"shards-{key}", lambda: build_index(shown, settings))
        if not len(index.rows):
            raise self._empty_error(index)
        if self.labels == "folders":
            self._label_by_folders(index)
        return as_found(index, key, len(shards), self.path)

    def _shards(self) -> list[Shard]:
        """The files in the order of their names. Raises DataError where there are none."""
        shards = self.files(ENDINGS)
        if shards:
            return shards
        what, folder = f"no .tar or .zip files, {self.setting}", Path(str(self.path)).expanduser()
        if not folder.is_dir():
            raise DataError(f"{what}. Name a file or a folder that is there: dataset.path=PATH")
        if any(each.name.lower().endswith(_COMPRESSED) for each in folder.rglob("*")):
            raise DataError(f"{what}, only compressed ones. Unpack them: gunzip FILE")
        remedy = "Put them there; images that aren't in such files are read with "
        raise DataError(f"{what}. {remedy}dataset=image_folder dataset.root=FOLDER")

    def _empty_error(self, index: Index) -> DataError:
        others = ", ".join(f"{each.count} {printable(end)}" for end, each in index.others.items())
        what = f"no images in {len(index.shards)} files" if len(index.shards) > 1 else "no images"
        what += f" among its files ({others})" * bool(others)
        if self.image != "auto":
            what += f" that end in .{printable(self.image)}"
            return DataError(f"{what}, {self.setting}. Use dataset.image=auto")
        return DataError(f"{what}, {self.setting}. Put PNG, JPEG or WebP files into them.")

    def _label_by_folders(self, index: Index) -> None:
        """Label images by the first folder within their file. Raises DataError without two."""
        names: Sequence[str] = index.names
        if len({class_of(name) for name in names} - {None}) < 2:
            what = "no two folders within the files, dataset.labels=folders"
            raise DataError(f"{what} with {self.setting}. Use dataset.labels=null")
        found = folder_classes(names, "folders", root=str(self.path))
        index.labels = [found.classes[k] for k in found.indices]
        index.label_source = "folders within the files"
