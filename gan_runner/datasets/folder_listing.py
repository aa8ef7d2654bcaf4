"""The images below a folder that a setting names, less those that it says to ignore."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gan_runner.config.overrides import override
from gan_runner.datasets.companions import fitting
from gan_runner.datasets.folder_reading import not_images
from gan_runner.datasets.readers.listing import Listing, list_below
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.errors import ConfigError, DataError

BY_CLASS = ", or into a sub-folder for each class"


def list_images(root: Path, ignore: Sequence[str], *, setting: str, place: str = "") -> Listing:
    """The images below a folder, which `setting` names in messages; `place` ends the remedy for a
    folder without any.

    Raises DataError for one without images, MachineError for one that can't be read, and
    ConfigError for a pattern of `ignore` that fits nothing, or everything.
    """
    with file_faults(root, setting=setting):
        if root.exists() and not root.is_dir():
            raise DataError(f"not a folder, {setting}. Name the folder of the images.")
        listing = list_below(root)
    if not listing.images:
        others = not_images(listing)
        what = f"no images among its files ({others})" if others else "no images"
        remedy = "Put PNG, JPEG, WebP, BMP, GIF, TIFF, PPM, JPEG 2000 or TGA files there"
        raise DataError(f"{what}, {setting}. {remedy}{place}.")
    for pattern in ignore:
        found = fitting(pattern, [image.name for image in listing.images])
        if not found:
            shown = override("dataset.ignore", [pattern])
            raise ConfigError(f"no image fits, {shown} with {setting}. Remove it.")
        listing.ignored |= found
    listing.images = [image for image in listing.images if image.name not in listing.ignored]
    if not listing.images:
        shown = override("dataset.ignore", ignore)
        raise ConfigError(f"no image is left, {shown} with {setting}. Ignore fewer.")
    return listing
