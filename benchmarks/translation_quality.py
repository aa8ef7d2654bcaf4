"""Translators of gan-runner beside those of pytorch-CycleGAN-and-pix2pix: how good they are.

    python benchmarks/translation_quality.py --root ../data [TASK ...] [--seeds 0,1] [--with SET]

Both train on the same folders for as many steps, with the same batch size, widths and learning
rate: the peer's loop with its networks and defaults (image_to_image.py), gan-runner by `fit`, once
as it comes, and once more with each `--with`. Then the same held-out inputs go through all, and the
same functions measure what they make. Printed is the mean over the seeds, in brackets each seed's.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from image_to_image import cyclegan, pix2pix
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor, nn

import gan_runner
from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.cli.hydra.composer import parse_config
from gan_runner.datasets.degradations import Dilate, Edges, Gray
from gan_runner.evaluation.features.classifier import classifier
from gan_runner.evaluation.features.spaces import FeatureSpace
from gan_runner.evaluation.metrics.fidelity import l1, psnr, ssim
from gan_runner.evaluation.metrics.frechet import fit_gaussian, frechet_distance
from gan_runner.training.build import build

SIDE, WIDTH, BLOCKS, BATCH, RATE = 32, 16, 3, 4, 2e-4
TRAINED, MEASURED = 2000, 1000

Numbers = dict[str, float]
Translate = Callable[[Tensor], Tensor]
"""Images uint8 [N, 3, SIDE, SIDE] -> images of the other domain."""


class Domains(NamedTuple):
    """Inputs and targets to train on, and held-out ones, uint8 [N, 3, SIDE, SIDE]; the classes of
    the held-out inputs, where they have any."""

    inputs: Tensor
    targets: Tensor
    test_inputs: Tensor
    test_targets: Tensor
    labels: Tensor | None


@dataclass(frozen=True)
class Task:
    """A row of the table. `paired`: pix2pix, else CycleGAN."""

    title: str
    paired: bool
    steps: int
    read: Callable[[Path], Domains]


# ---------------------------------------------------------------- what is learned


def _edges(root: Path) -> Domains:
    """Digits of their edges."""
    targets, _ = _digits(root, "train")
    test_targets, labels = _digits(root, "t10k")
    inputs, test_inputs = (
        Edges(threshold=0.2).apply(of, torch.empty(0)) for of in (targets, test_targets)
    )
    colored = (of.expand(-1, 3, -1, -1) for of in (inputs, targets, test_inputs, test_targets))
    return Domains(*colored, labels)


def _colors(root: Path) -> Domains:
    """Photographs of their gray versions; held out is the middle of each."""
    tiles = [
        torch.tensor(of).permute(2, 0, 1).unfold(1, SIDE, SIDE // 2).unfold(2, SIDE, SIDE // 2)
        for of in load_sample_images().images
    ]
    columns = tiles[0].shape[2]
    middle = slice(columns // 2 - 3, columns // 2 + 3, 2)
    held_out = torch.cat([of[:, ::2, middle].flatten(1, 2).transpose(0, 1) for of in tiles])
    sides = (slice(0, columns // 2 - 4), slice(columns // 2 + 4, None))
    targets = torch.cat([of[:, :, s].flatten(1, 2).transpose(0, 1) for of in tiles for s in sides])
    inputs, test_inputs = (
        Gray().apply(of, torch.empty(0)).expand(-1, 3, -1, -1) for of in (targets, held_out)
    )
    return Domains(inputs, targets, test_inputs, held_out, None)


def _strokes(root: Path) -> Domains:
    """Thick, dark digits and others as they are."""
    images, _ = _digits(root, "train", count=2 * TRAINED)
    test, labels = _digits(root, "t10k", count=2 * MEASURED)
    thick, test_thick = (
        Dilate(side=3, invert=True).apply(of, torch.empty(0))
        for of in (images[:TRAINED], test[:MEASURED])
    )
    domains = (thick, images[TRAINED:], test_thick, test[MEASURED:])
    return Domains(*(of.expand(-1, 3, -1, -1) for of in domains), labels[:MEASURED])


def _digits(root: Path, split: str, count: int | None = None) -> tuple[Tensor, Tensor]:
    """Images uint8 [N, 1, SIDE, SIDE] and labels of MNIST."""
    count = count or (TRAINED if split == "train" else MEASURED)
    folder = next(root.glob("**/train-images-idx3-ubyte")).parent
    pixels = np.fromfile(folder / f"{split}-images-idx3-ubyte", np.uint8, offset=16)
    labels = np.fromfile(folder / f"{split}-labels-idx1-ubyte", np.uint8, offset=8)
    images = torch.from_numpy(pixels).view(-1, 1, 28, 28)[:count]
    return nn.functional.pad(images, [2] * 4), torch.from_numpy(labels)[:count].long()


TASKS = {
    "edges": Task("pix2pix: digits of their edges", True, 1000, _edges),
    "colors": Task("pix2pix: photographs of gray ones", True, 1000, _colors),
    "strokes": Task("CycleGAN: thick, dark digits and thin, light ones", False, 600, _strokes),
}


# ---------------------------------------------------------------- the sides


def _sides(
    folder: Path, task: Task, *, seed: int, settings: Sequence[str]
) -> Iterator[tuple[str, list[Translate]]]:
    """The translations of each side there, and back where it learns them, by its name."""
    yield from _peer(folder, task, seed=seed)
    for words in ["", *settings]:
        ways = _ours(folder, task, seed=seed, settings=words.split())
        yield f"gan-runner {words}".strip(), ways


def _peer(folder: Path, task: Task, *, seed: int) -> Iterator[tuple[str, list[Translate]]]:
    """The peer's, by how its networks are tested."""
    torch.manual_seed(seed)
    random.seed(seed)
    inputs, targets = (
        torch.stack([_read(file) for file in sorted((folder / side).iterdir())]) / 127.5 - 1.0
        for side in ("inputs", "targets")
    )
    if not task.paired:
        loop = cyclegan(
            inputs, targets, width=WIDTH, blocks=BLOCKS, batch=BATCH, identity=0.0, steps=task.steps
        )
        *_, networks = (next(loop) for _ in range(task.steps))
        yield "peer", [_by(network.eval(), batch=100) for network in networks]
        return
    halvings = SIDE.bit_length() - 1
    game = pix2pix(
        inputs,
        targets,
        width=WIDTH,
        halvings=halvings,
        batch=BATCH,
        norm="batch",
        steps=task.steps,
    )
    *_, network = (next(game) for _ in range(task.steps))
    yield "peer, its `test.py`", [_by(network, batch=1)]  # in training mode, as it is by default
    yield "peer, `test.py --eval`", [_by(network.eval(), batch=100)]


def _by(network: nn.Module, *, batch: int) -> Translate:
    @torch.no_grad()
    def translate(images: Tensor) -> Tensor:
        made = [network(part / 127.5 - 1.0) for part in images.split(batch)]
        return ((torch.cat(made) + 1.0) * 127.5).round().clamp(0, 255).to(torch.uint8)

    return translate


def _ours(folder: Path, task: Task, *, seed: int, settings: Sequence[str]) -> list[Translate]:
    method = ("dataset=pairs", "model=unet") if task.paired else ("dataset=domains",)
    words = [
        *method,
        *(f"dataset.{side}={folder / side}" for side in ("inputs", "targets")),
        *(f"dataset.image_size={SIDE}", "dataset.flip=false", "dataset.test_ratio=0"),
        *(f"model.generator.width={WIDTH}", f"model.discriminator.width={WIDTH}"),
        *([] if task.paired else [f"model.generator.blocks={BLOCKS}", "method.identity=0"]),
        *(f"train.steps={task.steps}", f"train.batch_size={BATCH}", f"seed={seed}"),
        *("train.eval_every=0", "train.sample_every=0", "train.save_every=0", "threads=1"),
        *(f"optimizer.{name}.lr={RATE}" for name in ("generator", "discriminator")),
        *(f"hydra.run.dir={tempfile.mkdtemp(dir=folder)}/run", f"cache={folder / 'cache'}"),
        *settings,
    ]
    run = gan_runner.fit(words, quiet=True)

    def translation(direction: str) -> Translate:
        def translate(images: Tensor) -> Tensor:
            made = run.translate(images.permute(0, 2, 3, 1).numpy(), direction=direction)
            return torch.as_tensor(np.asarray(made)).permute(0, 3, 1, 2)

        return translate

    return [translation(way) for way in (("ab",) if task.paired else ("ab", "ba"))]


# ---------------------------------------------------------------- the measure


def _measure(ways: Sequence[Translate], data: Domains, space: FeatureSpace | None) -> Numbers:
    """The numbers of what is made of held-out images."""
    made = ways[0](data.test_inputs)
    numbers: Numbers = {}
    if len(ways) == 1:
        for name, of in (("PSNR", psnr), ("SSIM", ssim), ("L1", l1)):
            numbers[name] = float(of(made, data.test_targets).mean())
    else:
        back = ways[1](data.test_targets)
        numbers["cycle L1"] = float(l1(ways[1](made), data.test_inputs).mean())
        numbers["cycle L1 back"] = float(l1(ways[0](back), data.test_targets).mean())
    if space is not None and data.labels is not None:
        features, real = (space.features(_as_digits(of)) for of in (made, data.test_targets))
        probabilities = space.probabilities_of(features)
        assert probabilities is not None, "of a classifier"
        numbers["class kept"] = float((probabilities.argmax(1) == data.labels).double().mean())
        numbers["Fréchet"] = float(frechet_distance(fit_gaussian(features), fit_gaussian(real)))
    return numbers


def _as_digits(images: Tensor) -> Tensor:
    """As MNIST has them, uint8 [N, 1, 28, 28]."""
    return images[:, :, 2:30, 2:30].float().mean(1, keepdim=True).round().to(torch.uint8)


def _space(root: Path) -> FeatureSpace:
    """The classifier of MNIST that metrics use."""
    command = read_command_line(["dataset=mnist", f"dataset.root={root.resolve()}"])
    config = parse_config(command.composer().compose(command.lines), command.plugins)
    cache = Path(config.cache).expanduser()
    data = build(config).dataset.load(cache, lambda items, *_, **__: items)
    return classifier(data, cache=cache, device=torch.device("cpu"), say=print)


def _write(images: Tensor, folder: Path) -> None:
    folder.mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / f"{index:05}.png")


def _read(file: Path) -> Tensor:
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float()


def _race(task: Task, options: argparse.Namespace, space: FeatureSpace) -> None:
    data = task.read(options.root)
    found: dict[str, list[Numbers]] = defaultdict(list)
    for seed in options.seeds.split(","):
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            for side in ("inputs", "targets"):
                _write(getattr(data, side), folder / side)
            for name, ways in _sides(folder, task, seed=int(seed), settings=options.settings):
                found[name].append(_measure(ways, data, space))
                print(f"seed {seed}, {name}: {found[name][-1]}", file=sys.stderr, flush=True)
    names = [*next(iter(found.values()))[0]]
    print(f"\n| {task.title} | {' | '.join(names)} |\n|{'---|' * (1 + len(names))}")
    for side, runs in found.items():
        cells = [_cell([run[name] for run in runs]) for name in names]
        print(f"| {side} | {' | '.join(cells)} |", flush=True)


def _cell(values: Sequence[float]) -> str:
    return f"{np.mean(values):.4g} ({', '.join(f'{value:.4g}' for value in values)})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", choices=[*TASKS, []], nargs="*", metavar="TASK")
    parser.add_argument("--root", type=Path, required=True, help="the folder of MNIST")
    parser.add_argument("--seeds", default="0,1")
    parser.add_argument("--with", dest="settings", action="append", default=[], metavar="SETTING")
    options = parser.parse_args()
    torch.set_num_threads(1)
    space = _space(options.root)
    for name in options.tasks or TASKS:
        _race(TASKS[name], options, space)


if __name__ == "__main__":
    main()
