"""Images per second of gan-runner against bare hand-written loops of the same networks.

    python benchmarks/speed.py [CASE ...] [--with SETTING]... [--rounds 5] [--turn 10] [--threads 2]

Each side is a process of its own, so that what one sets up helps no other, and they take turns of a
few steps, so that whatever else the machine does slows all. The product trains as `gan-train` does,
with its log, TensorBoard, health, EMA and checkpoints, nothing evaluated; once as it is, and once
more with each `--with`, as `--with reuse_memory=false --with 'train.updates=simultaneous
precision=bf16'`. The bare loop is plain eager torch as in the tutorials: data in memory as floats,
default optimizers, no logging. Of the cases that begin with `script_` it is the loop of a script of
PyTorch-GAN, with the script's order of updates and its reading of the data; `pix2pix` and
`cyclegan` are those of pytorch-CycleGAN-and-pix2pix, with its own networks (image_to_image.py).

Printed is the median over the rounds of the ratio to the bare loop, with the least and the most,
how much more memory the product takes, and how many cores other processes used meanwhile.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from gan_runner.system.threads import share_cores

share_cores()  # for all sides, and before torch is imported

import numpy as np
import torch
from image_to_image import cyclegan, pix2pix
from torch import Tensor, nn

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.cli.hydra.composer import parse_config
from gan_runner.config.schema import Config
from gan_runner.data import Data, Space
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import create
from gan_runner.training.build import build
from gan_runner.training.loop import train

EXAMPLES = 10_000
PAIRS = 100
PLUGIN = Path(__file__).with_name("upsampling_conv.py")
WIDTH = 32
"""Of translators: half the papers'."""
DCGAN = ("model=dcgan", "model.generator.width=64", "model.discriminator.width=64")


class Work(NamedTuple):
    """What a bare loop works with: the networks of the product, images, sizes; of translators the
    inputs, which are images of the same size."""

    networks: Mapping[str, nn.Module]
    images: Tensor
    latent: int
    batch: int
    d_steps: int
    inputs: Tensor | None = None


@dataclass(frozen=True)
class Case:
    """A row of the table. `translates`: its data are two folders of images, not one array; `rows`:
    a table."""

    title: str
    shape: tuple[int, ...]
    settings: tuple[str, ...]
    bare: Callable[[Work], Iterator[object]]
    translates: bool = False
    rows: bool = False


def _dcgan(work: Work) -> Iterator[None]:
    """The loop of PyTorch's DCGAN tutorial, on logits."""
    generator, discriminator = work.networks["generator"], work.networks["discriminator"]
    criterion = nn.BCEWithLogitsLoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones, zeros = torch.ones(work.batch), torch.zeros(work.batch)
    while True:
        real = work.images[torch.randint(len(work.images), (work.batch,))]
        discriminator.zero_grad()
        criterion(discriminator(real).logits, ones).backward()
        fake = generator(torch.randn(work.batch, work.latent))
        criterion(discriminator(fake.detach()).logits, zeros).backward()
        optimizer_d.step()
        generator.zero_grad()
        criterion(discriminator(fake).logits, ones).backward()
        optimizer_g.step()
        yield


def _wgan_gp(work: Work) -> Iterator[None]:
    """The loop of the usual WGAN-GP scripts."""
    generator, discriminator = work.networks["generator"], work.networks["discriminator"]
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.0, 0.9))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-4, betas=(0.0, 0.9))
    while True:
        for _ in range(work.d_steps):
            real = work.images[torch.randint(len(work.images), (work.batch,))]
            _critic_step(generator, discriminator, optimizer_d, real, work)
        loss = -discriminator(generator(torch.randn(work.batch, work.latent))).logits.mean()
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
        yield


def _critic_step(
    generator: nn.Module,
    critic: nn.Module,
    optimizer: torch.optim.Optimizer,
    real: Tensor,
    work: Work,
) -> None:
    fake = generator(torch.randn(len(real), work.latent)).detach()
    share = torch.rand(len(real), 1, 1, 1)
    mixed = (share * real + (1 - share) * fake).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(mixed).logits.sum(), mixed, create_graph=True)
    penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
    loss = critic(fake).logits.mean() - critic(real).logits.mean() + 10 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _table(work: Work) -> Iterator[None]:
    """The usual loop with the squared slope at real rows, as the default run has it."""
    generator, discriminator = work.networks["generator"], work.networks["discriminator"]
    criterion = nn.BCEWithLogitsLoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.0, 0.99))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.0, 0.99))
    ones, zeros = torch.ones(work.batch), torch.zeros(work.batch)
    while True:
        real = work.images[torch.randint(len(work.images), (work.batch,))].requires_grad_(True)
        fake = generator(torch.randn(work.batch, work.latent))
        on_real = discriminator(real).logits
        (gradient,) = torch.autograd.grad(on_real.sum(), real, create_graph=True)
        loss = criterion(on_real, ones) + criterion(discriminator(fake.detach()).logits, zeros)
        discriminator.zero_grad()
        (loss + 0.3 * gradient.square().sum(1).mean() / 2).backward()
        optimizer_d.step()
        generator.zero_grad()
        criterion(discriminator(fake).logits, ones).backward()
        optimizer_g.step()
        yield


def _script_dcgan(work: Work) -> Iterator[None]:
    """The order of dcgan.py: G first, then D on reals and fakes."""
    generator, discriminator = work.networks["generator"], work.networks["discriminator"]
    criterion = nn.BCEWithLogitsLoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for real in _loader(work):
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        optimizer_g.zero_grad()
        fake = generator(torch.randn(len(real), work.latent))
        criterion(discriminator(fake).logits, ones).backward()
        optimizer_g.step()
        optimizer_d.zero_grad()
        on_real = criterion(discriminator(real).logits, ones)
        on_fake = criterion(discriminator(fake.detach()).logits, zeros)
        ((on_real + on_fake) / 2).backward()
        optimizer_d.step()
        yield


def _script_wgan_gp(work: Work) -> Iterator[None]:
    """The loop of wgan_gp.py: each batch trains the critic, each fifth one G as well."""
    generator, critic = work.networks["generator"], work.networks["discriminator"]
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(critic.parameters(), lr=2e-4, betas=(0.5, 0.999))
    for number, real in enumerate(_loader(work), start=1):
        _critic_step(generator, critic, optimizer_d, real, work)
        if number % work.d_steps == 0:
            optimizer_g.zero_grad()
            (-critic(generator(torch.randn(len(real), work.latent))).logits.mean()).backward()
            optimizer_g.step()
            yield


def _loader(work: Work) -> Iterator[Tensor]:
    """Batches as the scripts read them: each image is resized, made a tensor and normalized by
    torchvision, by itself, in the process that trains."""
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    from gan_runner.datasets.readers.torchvision import torchvision

    transforms = import_module(f"{torchvision().__name__}.transforms")
    side = work.images.shape[-1]
    change = transforms.Compose(
        [transforms.Resize(side), transforms.ToTensor(), transforms.Normalize([0.5], [0.5])]
    )
    stored = ((work.images + 1) * 127.5).round().byte().squeeze(1).numpy()

    class Images(Dataset[Tensor]):
        def __len__(self) -> int:
            return len(stored)

        def __getitem__(self, index: int) -> Tensor:
            return change(Image.fromarray(stored[index]))  # type: ignore[no-any-return]

    loader = DataLoader(Images(), work.batch, shuffle=True, drop_last=True)
    while True:
        yield from loader


def _pix2pix(work: Work) -> Iterator[object]:
    assert work.inputs is not None, "of translators"
    norm = "batch" if work.batch > 1 else "instance"
    return pix2pix(work.inputs, work.images, width=WIDTH, halvings=7, batch=work.batch, norm=norm)


def _cyclegan(work: Work) -> Iterator[object]:
    assert work.inputs is not None, "of translators"
    return cyclegan(work.inputs, work.images, width=WIDTH, blocks=9, batch=work.batch)


_UPSAMPLING = ("model=upsampling_conv", "loss=non_saturating")
_MLP = ("model=mlp", "loss=wgan_gp")
_WIDTHS = (
    *(f"model.generator.width={WIDTH}", f"model.discriminator.width={WIDTH}"),
    *("model.discriminator.receptive_field=70", "dataset.flip=false"),
)
_PIX2PIX = (
    *("dataset=pairs", "dataset.image_size=128", "model=unet", "loss=non_saturating", *_WIDTHS),
    *("method.l1=100", "model.generator.dropout=0.5"),
)
_CYCLEGAN = (
    *("dataset=domains", "dataset.image_size=64", "model=resnet_translator", "method=unpaired"),
    *("model.generator.blocks=9", "loss=lsgan", *_WIDTHS),
)
_BATCH_NORM = ("model.generator.norm=batch", "model.discriminator.norm=batch")
CASES = {
    "dcgan32": Case("DCGAN 32x32, batch 64", (3, 32, 32), (*DCGAN, "loss=non_saturating"), _dcgan),
    "pytorch_gan64": Case("PyTorch-GAN's DCGAN 32x32, batch 64", (1, 32, 32), _UPSAMPLING, _dcgan),
    "pytorch_gan128": Case(
        "the same, batch 128", (1, 32, 32), (*_UPSAMPLING, "train.batch_size=128"), _dcgan
    ),
    "simple_conv": Case(
        "`simple_conv` 28x28, batch 128",
        (1, 28, 28),
        ("model=simple_conv", "loss=non_saturating", "train.batch_size=128"),
        _dcgan,
    ),
    "dcgan64": Case("DCGAN 64x64, batch 64", (3, 64, 64), (*DCGAN, "loss=non_saturating"), _dcgan),
    "mlp": Case("MLP WGAN-GP 28x28, five critic steps, batch 64", (1, 28, 28), _MLP, _wgan_gp),
    "table": Case(
        "a table like Adult, batch 500", (), ("train.batch_size=500",), _table, rows=True
    ),
    "script_dcgan": Case(
        "PyTorch-GAN's `dcgan.py` with its data loader", (1, 32, 32), _UPSAMPLING, _script_dcgan
    ),
    "script_wgan_gp": Case(
        "PyTorch-GAN's `wgan_gp.py` with its data loader", (1, 28, 28), _MLP, _script_wgan_gp
    ),
    "pix2pix": Case(
        "pix2pix 128x128, batch 1",
        (3, 128, 128),
        (*_PIX2PIX, "train.batch_size=1"),
        _pix2pix,
        translates=True,
    ),
    "pix2pix8": Case(
        "the same, batch 8",
        (3, 128, 128),
        (*_PIX2PIX, *_BATCH_NORM, "train.batch_size=8"),
        _pix2pix,
        translates=True,
    ),
    "cyclegan": Case(
        "CycleGAN 64x64, batch 1",
        (3, 64, 64),
        (*_CYCLEGAN, "train.batch_size=1"),
        _cyclegan,
        translates=True,
    ),
}


# ---------------------------------------------------------------- a side


def _work_as_side(case: Case, settings: Sequence[str], *, threads: int, is_bare: bool) -> None:
    """Take as many steps as each line of the input says, and print the seconds that they took."""
    torch.set_num_threads(threads)
    turns = Turns()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write = _write_rows if case.rows else _write_pairs if case.translates else _write_array
        where, inputs, images = write(folder, case.shape)
        config = composed(
            *(*where, f"cache={folder}", f"threads={threads}", *case.settings, *settings)
        )
        if is_bare:
            work = _work(config, case, images=images, inputs=inputs)
            for _ in case.bare(work):
                turns.step_taken()
        else:
            del images, inputs
            run = create(config, Path(tempfile.mkdtemp(dir=folder)), _Silent(turns.step_taken))
            train(run)


def _work(config: Config, case: Case, *, images: Tensor, inputs: Tensor | None) -> Work:
    experiment = build(config)
    if case.rows:
        data = experiment.dataset.training(Path(config.cache), _Silent(lambda: None).track)
        return _work_on_rows(config, experiment.model, data)
    space = Space("images", case.shape)
    return Work(
        networks={} if case.translates else experiment.model.build_networks(space),
        images=images.float() / 127.5 - 1.0,
        latent=experiment.model.latent_dims,
        batch=config.train.batch_size,
        d_steps=experiment.method.batches_per_step,
        inputs=None if inputs is None else inputs.float() / 127.5 - 1.0,
    )


def _work_on_rows(config: Config, model: Any, data: Data) -> Work:
    return Work(
        networks=model.build_networks(data.space),
        images=data.space.encode(data.in_memory),
        latent=model.latent_dims,
        batch=config.train.batch_size,
        d_steps=1,
    )


def _write_rows(folder: Path, shape: tuple[int, ...]) -> tuple[list[str], Tensor | None, Tensor]:
    """A table of the columns of Adult, six of numbers and nine of categories, and no images."""
    rng = np.random.default_rng(0)
    numbers = [np.round(rng.gamma(2, 10, EXAMPLES), 1) for _ in range(6)]
    sizes = (9, 16, 7, 15, 6, 5, 2, 42, 2)
    categories = [np.array([f"c{k}" for k in rng.integers(0, n, EXAMPLES)]) for n in sizes]
    columns = [column.tolist() for column in (*numbers, *categories)]
    names = ",".join(f"x{k}" for k in range(len(columns)))
    lines = (",".join(map(str, row)) for row in zip(*columns, strict=True))
    path = folder / "table.csv"
    path.write_text("\n".join((names, *lines, "")))
    return ["dataset=table", f"dataset.path={path}"], None, torch.zeros(0)


def _write_array(folder: Path, shape: tuple[int, ...]) -> tuple[list[str], Tensor | None, Tensor]:
    """Images as a file; the settings that say where, and no inputs beside them."""
    images = torch.randint(0, 256, (EXAMPLES, *shape), dtype=torch.uint8)
    stored = folder / "images.npy"
    np.save(stored, images.permute(0, 2, 3, 1).contiguous().numpy())
    return ["dataset=array", f"dataset.path={stored}"], None, images


def _write_pairs(folder: Path, shape: tuple[int, ...]) -> tuple[list[str], Tensor | None, Tensor]:
    """Inputs and images as two folders; the settings that say where, and both."""
    from PIL import Image

    both = torch.randint(0, 256, (2, PAIRS, *shape), dtype=torch.uint8)
    words = []
    for side, images in zip(("inputs", "targets"), both, strict=True):
        (folder / side).mkdir()
        words.append(f"dataset.{side}={folder / side}")
        for index, image in enumerate(images):
            Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / side / f"{index}.bmp")
    return words, both[0], both[1]


def composed(*words: str) -> Config:
    """A configuration of a run that is never evaluated."""
    command = read_command_line(
        ["train.steps=1000000", "train.eval_every=0", *words, "--plugin", str(PLUGIN)]
    )
    return parse_config(command.composer().compose(command.lines), command.plugins)


class Turns:
    """Counts the steps of a side, and waits for its next turn when one is over."""

    def __init__(self) -> None:
        self._left = 1  # the first step is no part of any turn
        self._began = time.perf_counter()

    def step_taken(self) -> None:
        self._left -= 1
        if self._left > 0:
            return
        seconds, peak = time.perf_counter() - self._began, resource.getrusage(resource.RUSAGE_SELF)
        print(seconds, peak.ru_maxrss / 1024, flush=True)
        self._left = int(sys.stdin.readline() or sys.exit())
        self._began = time.perf_counter()


class _Silent(Terminal):
    """A terminal that says nothing, and tells of each step."""

    def __init__(self, after_step: Callable[[], None]) -> None:
        super().__init__(quiet=True)
        self._after_step = after_step

    def step(self, step: int) -> None:
        self._after_step()


# ---------------------------------------------------------------- the race


class Side:
    """A contestant in a process of its own."""

    def __init__(self, name: str, settings: str | None, *, threads: int) -> None:
        """`settings` of the product, separated by spaces; None for the bare loop."""
        role = ["--side", "bare" if settings is None else "product", "--with", settings or ""]
        command = [sys.executable, __file__, name, "--threads", str(threads), *role]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self._usage = psutil.Process(self._process.pid)
        self.megabytes = 0.0
        self._answer()

    def turn(self, steps: int) -> float:
        """Seconds of so many steps."""
        assert self._process.stdin is not None
        print(steps, file=self._process.stdin, flush=True)
        return self._answer()

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        times = self._usage.cpu_times()
        return float(times.user + times.system)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> float:
        assert self._process.stdout is not None
        seconds, self.megabytes = map(float, self._process.stdout.readline().split())
        return seconds


def _race(name: str, options: argparse.Namespace) -> None:
    variants = ["", *options.settings]
    bare = Side(name, None, threads=options.threads)
    sides = [Side(name, settings, threads=options.threads) for settings in variants]
    everyone = [bare, *sides]
    for side in everyone:
        side.turn(options.turn)
    ratios: dict[str, list[float]] = {settings: [] for settings in variants}
    began, own, busy = time.perf_counter(), sum(side.cpu() for side in everyone), _busy()
    for _ in range(options.rounds):
        seconds = [sum(turns) for turns in zip(*_turns(everyone, options), strict=True)]
        for settings, taken in zip(variants, seconds[1:], strict=True):
            ratios[settings].append(seconds[0] / taken)
    wall = time.perf_counter() - began
    others = _busy() - busy - (sum(side.cpu() for side in everyone) - own)
    foreign = max(0.0, others / wall)  # the system counts in hundredths of a second
    for settings, side in zip(variants, sides, strict=True):
        found, more = ratios[settings], side.megabytes - bare.megabytes
        spread = f"{min(found):.2f} to {max(found):.2f}"
        print(
            f"| {CASES[name].title} | {settings or 'as it is'} | {statistics.median(found):.2f} "
            f"| {spread} | {more:+.0f} MB | {foreign:.2f} |",
            flush=True,
        )
    for side in everyone:
        side.close()


def _turns(sides: Sequence[Side], options: argparse.Namespace) -> Iterator[list[float]]:
    """The seconds of each side, turn by turn; who begins moves on."""
    for number in range(options.turns):
        shift = number % len(sides)
        order = [*range(shift, len(sides)), *range(shift)]
        taken = {index: sides[index].turn(options.turn) for index in order}
        yield [taken[index] for index in range(len(sides))]


def _busy() -> float:
    """Seconds of CPU that all processes of the machine have taken."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", choices=[*CASES, []], nargs="*", metavar="CASE")
    parser.add_argument("--with", dest="settings", action="append", default=[], metavar="SETTING")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--turns", type=int, default=3, help="turns of each side in a round")
    parser.add_argument("--turn", type=int, default=10, help="steps of a turn")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", choices=("bare", "product"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        settings = options.settings[0].split()
        is_bare = options.side == "bare"
        _work_as_side(CASES[options.cases[0]], settings, threads=options.threads, is_bare=is_bare)
        return
    print("| work | settings | times as fast | rounds | memory | cores used by others |")
    print("|---|---|---|---|---|---|")
    for name in options.cases or CASES:
        _race(name, options)


if __name__ == "__main__":
    main()
