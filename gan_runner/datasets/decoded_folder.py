"""The images of a folder, decoded once into the cache."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from gan_runner.datasets.base import Track
from gan_runner.datasets.image_faults import ImageFaults, ignoring
from gan_runner.datasets.readers.image_cache import CachedImages, NamedResults, load_or_decode
from gan_runner.datasets.readers.listing import ImageFile
from gan_runner.decoding.images import Damaged, Decoded, InColors, Wanted
from gan_runner.decoding.processes import ProcessEndedError, decode_files
from gan_runner.errors import DataError

FORMAT = 3  # of the cached array; with a new number, images are decoded again

Check = Callable[[str, Decoded], Decoded | Damaged]
"""A decoded image of that name again, or why it is left out."""


class LabelColorsError(Exception):
    """A label map in colors, where numbers of classes are wanted."""


def decode_folder(
    root: Path,
    files: Sequence[ImageFile],
    wanted: Wanted,
    *,
    cache: Path,
    decisive: Sequence[Any],
    faults: ImageFaults,
    ignore: Sequence[str],
    track: Track,
    check: Check | None = None,
) -> CachedImages:
    """The pixels of files below `root`, in their order, and what is counted of them.

    `decisive`: the settings that they depend on, plain; `ignore`: the files that a setting leaves
    out already, for remedies. Raises DataError for images that are damaged, too large or fail the
    `check`, unless they may be left out, and for none at all; MachineError for what the machine
    can't read or write; LabelColorsError for a label map in colors where `wanted` are numbers.
    """

    # the folder too: files of the same names, sizes and times are not the same files
    key = json.dumps([FORMAT, str(root.resolve()), *decisive, files])
    name = f"image_folder-{hashlib.sha256(key.encode()).hexdigest()[:32]}"
    shape = (wanted.channels, wanted.size, wanted.size)
    with warnings.catch_warnings():
        # Pillow's are of odd metadata and great sizes; what it can't decode, it raises
        warnings.simplefilter("ignore")
        stored = load_or_decode(
            cache / name,
            shape=shape,
            decode=lambda: _accepted(root, files, wanted, faults, ignore, track, check),
        )
    counts = stored.counts
    if counts.count == 0:
        what = "too large" if counts.too_large and not counts.damaged else "damaged"
        raise DataError(f"all images are {what}, {faults.setting}. Replace them.")
    return stored


def _accepted(
    root: Path,
    files: Sequence[ImageFile],
    wanted: Wanted,
    faults: ImageFaults,
    ignore: Sequence[str],
    track: Track,
    check: Check | None,
) -> NamedResults:
    """The result for each file, by its name. Raises DataError, MachineError, LabelColorsError."""
    names, size = [file.name for file in files], sum(file.size for file in files)
    try:
        with decode_files(root, names, wanted, size=size) as results:
            pairs = zip(names, results, strict=True)
            for name, result in track(pairs, description="decoding images", total=len(names)):
                if isinstance(result, InColors):
                    raise LabelColorsError
                accepted = faults.accept(result, name=name, path=f"{root}/{name}")
                if check is not None and isinstance(accepted, Decoded):
                    accepted = check(name, accepted)
                yield name, accepted
    except ProcessEndedError as ended:
        first = str(ended.sources[0])
        remedy = ignoring(tuple(ignore), first)
        raise faults.ended_error(ended, first=first, remedy=remedy) from None
