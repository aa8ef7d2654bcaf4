"""Two folders of images that have nothing to do with each other but for what they show."""

from __future__ import annotations

from pathlib import Path

from gan_runner.data import Data
from gan_runner.datasets.base import Track
from gan_runner.datasets.folder_listing import list_images
from gan_runner.datasets.readers.paths import expand_path, refuse_missing
from gan_runner.datasets.translation import SIDES, Folder, SideName, Translation
from gan_runner.errors import printable


class Domains(Translation):
    """Images of two domains: `inputs` are those of the one, `targets` of the other. No image
    belongs to another one.

    Zhu et al. 2017, arXiv:1703.10593.
    """

    def check_present(self) -> None:
        for side in SIDES:
            root, setting = self._place(side)
            refuse_missing(root, setting=setting)

    def read(self, cache: Path, track: Track) -> Data:
        folders, sides = [], []
        for name in SIDES:
            root, setting = self._place(name)
            listing = list_images(root, self.ignore, setting=setting)
            folders.append(Folder(root, setting, listing, listing.images))
        for name, folder in zip(SIDES, folders, strict=True):
            sides.append(self.decode(folder, name, cache=cache, track=track))
        source = (
            f"folders {printable(self.inputs)} (inputs) and {printable(self.targets)} (targets)"
        )
        return self.join(*sides, paired=False, source=source)

    def _place(self, side: SideName) -> tuple[Path, str]:
        """The folder of a side, and its setting."""
        location = self.inputs if side == "inputs" else self.targets
        key = f"dataset.{side}"
        root = expand_path(location, key=key, wanted="a folder of images")
        return root, f"{key}={printable(location)}"
