"""Image files decoded by several processes: what one process makes of them, in the same order."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from gan_runner.decoding import messages, processes
from gan_runner.decoding.images import (
    Damaged,
    Decoded,
    InColors,
    OutOfRange,
    Result,
    TooLarge,
    Wanted,
    try_decode,
)
from gan_runner.decoding.processes import ProcessEndedError, decode_files, processes_for

WANTED = Wanted(size=8, channels=3)
NAMES = [f"{number:02}.png" for number in range(20)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Pictures of random pixels, one of them damaged, one too large, one of other values."""
    rng = np.random.default_rng(0)
    for name in NAMES:
        pixels = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / NAMES[3]).write_bytes(b"not an image")
    Image.new("RGB", (100, 50)).save(tmp_path / NAMES[7])
    Image.fromarray(np.full((9, 9), 1e6, np.float32)).save(tmp_path / NAMES[9], format="TIFF")
    return tmp_path


@pytest.fixture
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "processes_for", lambda files, size: 2)
    monkeypatch.setattr(processes, "_CHUNK_FILES", 2)


def comparable(result: Result) -> Any:
    if isinstance(result, Decoded):  # whose hashes are those of one start of Python
        result = Decoded(result.pixels, result.stored._replace(hash=0))
    if isinstance(result, OSError):
        return type(result), result.args, result.filename
    return type(result), repr(result)


def decoders() -> list[psutil.Process]:
    """Our processes that decode; the tests have others, which fork commands."""
    return [each for each in psutil.Process().children() if "decoding" in str(each.cmdline())]


def decode(root: Path, names: list[str]) -> list[Result]:
    with decode_files(root, names, WANTED, size=0) as results:
        return list(results)


@pytest.mark.usefixtures("two_processes")
def test_several_processes_decode_as_one_does(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # which they have to be told
    names = [*NAMES, "\udcff.png"]
    there = decode(root, names)
    here = [try_decode(root / name, WANTED) for name in names]
    kinds = [type(result) for result in here if not hasattr(result, "pixels")]
    assert kinds == [Damaged, TooLarge, OutOfRange, FileNotFoundError]
    assert [comparable(result) for result in there] == [comparable(result) for result in here]


@pytest.mark.usefixtures("two_processes")
def test_several_processes_hash_the_same_pixels_alike(root: Path) -> None:
    """Whichever of them decodes a picture, and whatever file it is in."""
    for number, name in enumerate(NAMES):
        Image.new("RGB", (8, 8), (number // 10, 0, 0)).save(root / name, compress_level=number % 9)
    results = decode(root, NAMES)
    hashes = [result.stored.hash for result in results if isinstance(result, Decoded)]
    assert [*map(hashes.index, hashes)] == [0] * 10 + [10] * 10


@pytest.mark.usefixtures("two_processes")
def test_processes_tell_label_maps_in_colors_from_numbers(tmp_path: Path) -> None:
    names = ["a.png", "b.png", "c.jpg"]
    for name, mode in zip(names, ("RGB", "L", "L"), strict=True):
        Image.new(mode, (8, 8), "red" if mode == "RGB" else 3).save(tmp_path / name)
    wanted = Wanted(8, 1, label_map="numbers")
    with decode_files(tmp_path, names, wanted, size=0) as results:
        there = list(results)
    assert [type(each) for each in there] == [InColors, Decoded, Damaged]
    here = [try_decode(tmp_path / name, wanted) for name in names]
    assert [comparable(each) for each in there] == [comparable(each) for each in here]


@pytest.mark.usefixtures("two_processes")
def test_an_early_end_leaves_no_process(root: Path) -> None:
    with decode_files(root, NAMES, WANTED, size=0) as results:
        next(results)
        assert len(decoders()) == 2
    assert decoders() == []


@pytest.mark.usefixtures("two_processes")
def test_a_process_that_is_killed_is_an_error(root: Path) -> None:
    with (
        decode_files(root, NAMES, WANTED, size=0) as results,
        pytest.raises(ProcessEndedError, match="signal 9") as ended,
    ):
        next(results)
        for process in decoders():
            process.kill()
        list(results)
    assert set(ended.value.sources) < set(NAMES)


@pytest.mark.usefixtures("two_processes")
@pytest.mark.parametrize("executable", ["", "/nowhere/python", "/bin/false"])
def test_without_processes_this_one_decodes(
    executable: str, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    assert len(decode(root, NAMES[:2])) == 2


def test_a_few_small_pictures_are_worth_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_available_cores", lambda: 4)
    assert processes_for(500, 3 << 20) < 2
    assert processes_for(20_000, 140 << 20) == 4
    assert processes_for(200, 2 << 30) == 4  # few, but large
    monkeypatch.setattr(processes, "_available_cores", lambda: 1)
    assert processes_for(20_000, 140 << 20) == 1
    monkeypatch.setattr(processes, "_available_cores", lambda: 192)
    assert processes_for(10**7, 1 << 36) == 8


def test_the_processes_import_no_torch() -> None:
    code = "import gan_runner.decoding.worker, sys; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


class Refusing(io.BytesIO):
    """A file whose data the machine can't read."""

    def fileno(self) -> int:
        return 0

    def read(self, *args: Any) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "/disk/a.png")


def test_an_error_of_the_machine_comes_through(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "open", lambda *args, **kwargs: Refusing())
    failed = try_decode(root / NAMES[0], WANTED)
    stream = io.BytesIO()
    messages.write_results(stream, [failed])
    stream.seek(0)
    [read] = messages.read_results(stream, WANTED)
    assert comparable(read) == comparable(failed)
    assert isinstance(read, OSError)
    assert (read.errno, read.filename) == (errno.EIO, "/disk/a.png")


def test_half_an_answer_is_no_answer() -> None:
    stream = io.BytesIO()
    messages.write_results(stream, [Damaged("it is")])
    for count in range(len(stream.getvalue())):
        with pytest.raises(EOFError):
            messages.read_results(io.BytesIO(stream.getvalue()[:count]), WANTED)
