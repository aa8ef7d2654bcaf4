"""Pictures per second of gan-translate against a loop that translates one picture after the other.

    python benchmarks/translate.py [--model unet] [--pictures 1000] [--rounds 3] [--threads 2]
    python benchmarks/translate.py --large 4000

Both read and write PNG files of 64x64 pixels, with the same network of fresh weights, in turns in
one process. The loop is what a script does: Pillow, the network on a batch of one, Pillow. Printed
are the ratio of each round, and what the network alone takes for a picture in batches of several
sizes. `--large`: the peak memory of one picture of that side, in tiles.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gan_runner.system.threads import share_cores

share_cores()

import numpy as np
import torch
from PIL import Image
from speed import composed
from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.sampling.translated_files import Job, translate_files
from gan_runner.sampling.translation import Translation
from gan_runner.training.build import build

SIDE = 64
SPACE = Space("images", (3, SIDE, SIDE), inputs=Space("images", (3, SIDE, SIDE)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="unet")
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--large", type=int, help="side in px of one picture")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        network = _network(options.model, Path(folder))
        if options.large:
            _translate_large(network, options.large, Path(folder))
        else:
            _race(network, options, Path(folder))
            _count_batches(network)


def _network(model: str, folder: Path) -> nn.Module:
    config = composed(
        *(f"dataset.inputs={folder}", f"dataset.targets={folder}", f"model={model}"),
        *("dataset=pairs", f"dataset.image_size={SIDE}"),
    )
    return build(config).model.build_networks(SPACE)["generator"].eval()


def _race(network: nn.Module, options: argparse.Namespace, folder: Path) -> None:
    sources = [folder / f"{index}.png" for index in range(options.pictures)]
    for source in sources:
        _save(source, SIDE)
    jobs = [Job(source, folder / "together" / source.name) for source in sources]
    (folder / "alone").mkdir()
    ratios = []
    for _ in range(options.rounds):
        together = _seconds(lambda: all(each is None for each in _translated(network, jobs)))
        alone = _seconds(lambda: _translate_alone(network, sources, folder / "alone"))
        ratios.append(alone / together)
        rates = f"{options.pictures / together:.0f} and {options.pictures / alone:.0f} a second"
        print(f"{rates}, {ratios[-1]:.2f} times as fast", flush=True)
    print(f"median {statistics.median(ratios):.2f}, --model {options.model}")


def _translated(network: nn.Module, jobs: list[Job]) -> Iterator[object]:
    return translate_files(Translation(network, SPACE, smallest=5), jobs)


def _translate_alone(network: nn.Module, sources: list[Path], out: Path) -> None:
    """As a script does."""
    with torch.no_grad():
        for source in sources:
            pixels = np.asarray(Image.open(source).convert("RGB"))
            inputs = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 127.5 - 1.0
            outputs = ((network(inputs)[0] + 1.0) * 127.5).clamp(0, 255).round().byte()
            Image.fromarray(outputs.permute(1, 2, 0).contiguous().numpy()).save(out / source.name)


def _count_batches(network: nn.Module) -> None:
    sizes, found = (1, 2, 4, 8, 16, 32), []
    with torch.no_grad():
        for size in sizes:
            inputs = torch.rand(size, 3, SIDE, SIDE)
            times = [_seconds(lambda: network(inputs)) for _ in range(10)]  # noqa: B023
            found.append(f"{1000 * min(times) / size:.1f}")
    print(f"| batch | {' | '.join(map(str, sizes))} |")
    print(f"| ms a picture | {' | '.join(found)} |")


def _translate_large(network: nn.Module, side: int, folder: Path) -> None:
    source = folder / "large.png"
    _save(source, side)
    with _measured(f"{side}x{side}"):
        outcomes = list(_translated(network, [Job(source, folder / "out" / "large.png")]))
    assert outcomes == [None]


def _save(path: Path, side: int) -> None:
    """A picture as smooth as photographs are."""
    small = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC).save(path)


def _seconds(work: Callable[[], bool | Tensor | None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def _measured(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {time.perf_counter() - began:.0f} s, peak {peak:,.0f} MB of the process")


if __name__ == "__main__":
    main()
