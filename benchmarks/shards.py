"""Images per second in batches of `dataset=shards`, against what the cores can decode, and memory.

    python benchmarks/shards.py [--gigabytes 1] [--side 300] [--image-size 64] [--rounds 5] [--pass]

Tar files of so many GB of JPEGs are made first. The limit is a process for each core that does
nothing but decode images in random order with the product's decoder, and keeps none. Against it
stand the batches that the training loop would get, of this process and the ones that decode for
it. They take turns of as many images, so that whatever else the machine does slows both; a turn of
the batches ends once what is read ahead is decoded again. Printed are the rates and the ratio of
each round, their median, and the memory of this process after each round. With `--pass` the rounds
go on until each image was read once.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import torch
from PIL import Image

from gan_runner.data.batches import batches
from gan_runner.datasets import Shards
from gan_runner.decoding.images import try_decode_pixels

T = TypeVar("T")

SHARD_BYTES = 64 << 20
PORTION = 16  # images that a process decodes at a time, as in the product
PICTURES = 256  # of different pixels; each file has a comment of its own besides


def _write_shards(folder: Path, *, total: float, side: int, quality: int) -> None:
    """Tar files of so many bytes of JPEGs."""
    pictures = [_jpeg(side, quality, seed=seed) for seed in range(PICTURES)]
    number = written = shard = 0
    while written < total:
        with tarfile.open(folder / f"{shard:05}.tar", "w", format=tarfile.USTAR_FORMAT) as tar:
            end = min(total, written + SHARD_BYTES)
            while written < end:
                content = _numbered(pictures[number % PICTURES], number)
                info = tarfile.TarInfo(f"{number:08}.jpg")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
                number, written = number + 1, written + len(content)
        shard += 1


def _jpeg(side: int, quality: int, *, seed: int) -> bytes:
    """A blurred picture with some noise, about as large as a photograph of its side."""
    rng, file = np.random.default_rng(seed), io.BytesIO()
    colors = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(colors.resize((side, side), Image.Resampling.BICUBIC), np.int16)
    noisy = smooth + rng.integers(-12, 13, smooth.shape)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=quality)
    return file.getvalue()


def _numbered(jpeg: bytes, number: int) -> bytes:
    """The same picture in a file of its own, by a comment behind the first mark."""
    return jpeg[:2] + b"\xff\xfe\x00\x0a" + f"{number:08}".encode() + jpeg[2:]


def _dataset(options: argparse.Namespace) -> Shards:
    settings = {"path": str(options.folder), "image_size": options.image_size, "labels": None}
    settings |= {"channels": 3, "flip": True, "range": "auto", "on_damaged": "error"}
    settings |= {"store": "encoded", "label_field": "label", "image": "auto"}
    return Shards.model_validate({**settings, "per_class": None, "per_class_seed": 0})


def _track(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
    return iter(items)


# ---------------------------------------------------------------- the limit


def _decode_as_side(options: argparse.Namespace) -> None:
    """Decode as many images as each line of the input says, and print a line when that is done."""
    dataset = _dataset(options)
    members = dataset.find(_cache(options), _track).index.members
    rng = np.random.default_rng(os.getpid())
    print(flush=True)
    for line in sys.stdin:
        for place in rng.integers(len(members), size=int(line)).tolist():
            try_decode_pixels(members[place], dataset.wanted)
        print(flush=True)


class Limit:
    """Processes that only decode, one for each core."""

    def __init__(self, options: argparse.Namespace) -> None:
        command = [sys.executable, __file__, "--decode", "--folder", str(options.folder)]
        command += ["--image-size", str(options.image_size)]
        pipe, count = subprocess.PIPE, len(os.sched_getaffinity(0))
        # in sessions of their own as the product's, which Linux shares the cores among
        self._processes = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True)
            for _ in range(count)
        ]
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()

    def turn(self, images: int) -> float:
        """Seconds of so many images, which go to whoever is idle."""
        began = time.perf_counter()
        portions = iter([PORTION] * (images // PORTION))
        with ThreadPoolExecutor(len(self._processes)) as pool:
            list(pool.map(lambda process: self._decode(process, portions), self._processes))
        return time.perf_counter() - began

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def _decode(self, process: subprocess.Popen[str], portions: Iterator[int]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        for images in portions:
            print(images, file=process.stdin, flush=True)
            process.stdout.readline()


# ---------------------------------------------------------------- the race


class Batches:
    """The batches that a training loop would get."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.data = _dataset(options).training(_cache(options), _track)
        self._size = options.batch
        self._batches = batches(
            self.data,
            size=self._size,
            seed=0,
            start=0,
            flip=True,
            with_labels=False,
            device=torch.device("cpu"),
        )
        self.turn(self._size)

    def turn(self, images: int) -> float:
        """Seconds of so many images, until as many as before are decoded ahead again."""
        began = time.perf_counter()
        for _ in islice(self._batches, images // self._size):
            pass
        self.data.rows(torch.arange(1))  # has its turn behind all that were begun before it
        return time.perf_counter() - began


def _cache(options: argparse.Namespace) -> Path:
    return Path(options.folder) / "cache"


def _megabytes() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)


def _race(options: argparse.Namespace) -> None:
    began = time.perf_counter()
    ours = Batches(options)
    count = len(ours.data)
    print(f"{count:,} images, ready after {time.perf_counter() - began:.1f} s", flush=True)
    limit = Limit(options)
    limit.turn(options.turn)
    ours.turn(options.turn)
    rounds = -(-count // options.turn) if options.whole else options.rounds
    ratios, memory = [], [_megabytes()]
    print(
        "| round | decoded a second | in batches a second | ratio | memory |\n|---|---|---|---|---|"
    )
    for number in range(1, rounds + 1):
        bare, batched = limit.turn(options.turn), ours.turn(options.turn)
        ratios.append(bare / batched)
        memory.append(_megabytes())
        rates = f"{options.turn / bare:.0f} | {options.turn / batched:.0f}"
        print(f"| {number} | {rates} | {ratios[-1]:.2f} | {memory[-1]:.0f} MB |", flush=True)
    limit.close()
    print(
        f"median ratio {statistics.median(ratios):.3f}, {min(ratios):.2f} to {max(ratios):.2f}; "
        f"memory {min(memory):.0f} to {max(memory):.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--side", dest="pixels", type=int, default=300, help="of the JPEGs, in px")
    parser.add_argument("--quality", type=int, default=90, help="of the JPEGs")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turn", type=int, default=2048, help="images of a turn")
    parser.add_argument("--pass", dest="whole", action="store_true", help="read each image once")
    parser.add_argument("--folder", help="of shards that are there already; nothing is removed")
    parser.add_argument("--decode", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.decode:
        _decode_as_side(options)
    elif options.folder:
        _race(options)
    else:
        with tempfile.TemporaryDirectory() as folder:
            options.folder = folder
            _write_shards(
                Path(folder),
                total=options.gigabytes * 1e9,
                side=options.pixels,
                quality=options.quality,
            )
            _race(options)


if __name__ == "__main__":
    main()
