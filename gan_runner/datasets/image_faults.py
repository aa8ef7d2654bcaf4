"""The errors of images that can't be had, in a folder or within other files."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gan_runner.config.overrides import override
from gan_runner.datasets.readers.intensities import fitting_limits, number, range_setting
from gan_runner.datasets.readers.paths import file_faults
from gan_runner.decoding.images import (
    Damaged,
    Decoded,
    Failure,
    InColors,
    OutOfRange,
    Result,
    TooLarge,
)
from gan_runner.decoding.processes import ProcessEndedError
from gan_runner.decoding.stored_picture import DEPTHS
from gan_runner.errors import DataError, Fault, MachineError, printable


class ImageFaults(NamedTuple):
    """`setting`: where the images are, as messages show it. `skips`: whether damaged and too large
    ones may be left out."""

    setting: str
    skips: bool

    def accept(self, result: Result, *, name: str, path: str) -> Decoded | Damaged | TooLarge:
        """The result again. Raises DataError for what can't be had and may not be left out, and
        MachineError where the machine can't read the file at `path`."""
        if isinstance(result, Decoded):
            return result
        if isinstance(result, Damaged | TooLarge) and self.skips:
            return result
        raise self.error(result, name=name, path=Path(path))

    def error(self, failure: Failure, *, name: str, path: Path) -> Fault:
        """The error of an image that can't be had."""
        if isinstance(failure, OSError):
            return self._read_error(failure, path)
        if isinstance(failure, OutOfRange):
            return self._range_error(name, failure)
        assert not isinstance(failure, InColors), "label maps are read by folders, which handle it"
        if isinstance(failure, Damaged) and failure.remedy:
            what = f"{printable(name)} is {printable(failure.reason)}, {self.setting}"
            return DataError(f"{what}. {failure.remedy}")
        too_large = isinstance(failure, TooLarge)
        what = f"{'image too large:' if too_large else 'damaged image'} {printable(name)}"
        remedy = "Scale it down" if too_large else "Remove it"
        others = "such images" if too_large else "what is damaged"
        remedy += f", or leave out {others} with dataset.on_damaged=skip"
        return DataError(f"{what} ({printable(failure.reason)}), {self.setting}. {remedy}")

    def ended_error(self, ended: ProcessEndedError, *, first: str, remedy: str) -> MachineError:
        """The error of a process that ended while it decoded. `first`: the name of the first image
        that it may have ended at."""
        count = len(ended.sources)
        what = f"a process that decodes images ended ({ended.how}) at {printable(first)}"
        what += f" or one of the next {count - 1}" if count > 1 else ""
        whole = (
            f"Free some memory if it ran out; if not, leave out the image that it ended at{remedy}"
        )
        return MachineError(f"{what}, {self.setting}. {whole}")

    def _read_error(self, error: OSError, path: Path) -> Fault:
        try:
            with file_faults(path, setting=self.setting):
                raise error
        except Fault as fault:
            return fault.with_traceback(None)

    def _range_error(self, name: str, values: OutOfRange) -> DataError:
        low, high, depth = values
        black, white = map(number, DEPTHS[depth])
        what = f"values from {number(low)} to {number(high)} in {printable(name)}, a {depth} image "
        what += f"whose values should go from {black} (black) to {white} (white)"
        proposed = range_setting(fitting_limits(low, high, whole=depth != "float"))
        remedy = f"Set the values that become black and white in all images: {proposed}"
        return DataError(f"{what}, {self.setting}. {remedy}")


def ignoring(ignored: tuple[str, ...], first: str) -> str:
    """The end of a remedy: the setting that leaves out one image more."""
    return f", as in {override('dataset.ignore', [*ignored, first])}"
