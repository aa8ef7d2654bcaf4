"""Images per second of gan-runner against a bare hand-written loop of the same networks.

    python benchmarks/step_overhead.py [dcgan|mlp] [--rounds 5] [--steps 200] [--threads 2]

The two take turns of a few steps in one process, so that whatever else the machine does slows both.
The product trains as `gan-train` does, with its log, TensorBoard and checkpoints, and its time is
that of the whole run; the bare loop is plain eager torch as in the tutorials: data in memory as
floats, default optimizers, no logging. Printed is the ratio of images per second for each round;
the median is the figure to quote. Peak memory is measured in processes of their own (--memory).
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from gan_runner.system.threads import share_cores

share_cores()  # for both sides, and before torch is imported

import numpy as np
import torch
from torch import Tensor, nn

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Space
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import create
from gan_runner.training.build import build
from gan_runner.training.loop import train

EXAMPLES = 10_000
TURN = 20
"""Steps of one side before the other goes on."""
CASES = {
    "dcgan": (
        (3, 32, 32),
        [
            "model=dcgan",
            "loss=non_saturating",
            "model.generator.width=64",
            "model.discriminator.width=64",
        ],
    ),
    "mlp": ((1, 28, 28), ["model=mlp", "loss=wgan_gp"]),
}

Networks = Mapping[str, nn.Module]


def main() -> None:
    parser = _parser()
    options = parser.parse_args()
    if options.steps % TURN:
        parser.error(f"--steps must be a multiple of {TURN}")
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            _print_memory(options)
        else:
            sides = Sides(options, Path(folder))
            if options.only == "product":
                sides.race(turn=0)
            elif options.only == "bare":
                sides.run_bare(options.steps)
            else:
                _print_speed(options, sides)
        if options.only:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES, nargs="?", default="dcgan")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="compare peak memory instead")
    parser.add_argument("--only", choices=("product", "bare"), help=argparse.SUPPRESS)
    return parser


def _print_speed(options: argparse.Namespace, sides: Sides) -> None:
    sides.run_bare(TURN)  # the product warms up in its first round, which isn't counted
    ratios = []
    for number in range(options.rounds + 1):
        product, bare = sides.race()
        if number == 0:
            continue
        ratios.append(bare / product)
        print(
            f"round {number}: product {product:.2f} s, bare {bare:.2f} s, ratio {ratios[-1]:.3f}",
            flush=True,
        )
    print(f"{options.case}: median ratio {statistics.median(ratios):.3f}")


def _print_memory(options: argparse.Namespace) -> None:
    peaks = {}
    for side in ("product", "bare"):
        command = [sys.executable, __file__, options.case, "--only", side]
        command += ["--steps", str(options.steps), "--threads", str(options.threads)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        peaks[side] = int(done.stdout.split()[-1]) / 1024
    print(
        f"{options.case}: peak product {peaks['product']:.0f} MB, bare {peaks['bare']:.0f} MB, "
        f"difference {peaks['product'] - peaks['bare']:.0f} MB"
    )


class Sides:
    """Both contestants, over the same images and networks of the same model."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        shape, overrides = CASES[options.case]
        images = torch.randint(0, 256, (EXAMPLES, *shape), dtype=torch.uint8)
        stored = folder / "images.npy"
        np.save(stored, images.permute(0, 2, 3, 1).contiguous().numpy())
        self.folder = folder
        self.config = parse_config(
            compose(
                [
                    "dataset=array",
                    f"dataset.path={stored}",
                    f"cache={folder}",
                    f"train.steps={options.steps}",
                    f"threads={options.threads}",
                    *overrides,
                ]
            ),
        )
        experiment = build(self.config)
        self.bare_steps = _BARE[options.case](
            experiment.model.build_networks(Space("images", shape)),
            images.float() / 127.5 - 1.0,
            experiment.model.latent_size,
            experiment.method.batches_per_step,
        )

    def run_bare(self, steps: int) -> float:
        """Seconds of so many steps of the bare loop, which goes on where it stopped."""
        began = time.perf_counter()
        for _ in range(steps):
            next(self.bare_steps)
        return time.perf_counter() - began

    def race(self, turn: int = TURN) -> tuple[float, float]:
        """Seconds of a whole run of the product, and of as many steps of the bare loop in it."""
        bare = 0.0

        def other_side(step: int) -> None:
            nonlocal bare
            if step % TURN == 0:
                bare += self.run_bare(turn)

        run = create(self.config, Path(tempfile.mkdtemp(dir=self.folder)), _Turns(other_side))
        began = time.perf_counter()
        train(run)
        both = time.perf_counter() - began
        run.close(state="completed", exit_code=0, reason="benchmark")
        return both - bare, bare


class _Turns(Terminal):
    """A terminal that says nothing, and gives the other side its turn after a step."""

    def __init__(self, after_step: Callable[[int], None]) -> None:
        super().__init__()
        self._after_step = after_step

    def say(self, text: str, *, style: str = "") -> None:
        pass

    def step(self, step: int) -> None:
        self._after_step(step)


def _bare_dcgan(networks: Networks, images: Tensor, latent: int, d_steps: int) -> Iterator[None]:
    """The loop of PyTorch's DCGAN tutorial, on logits."""
    generator, discriminator = networks["generator"], networks["discriminator"]
    criterion = nn.BCEWithLogitsLoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones, zeros = torch.ones(64), torch.zeros(64)
    while True:
        real = images[torch.randint(len(images), (64,))]
        discriminator.zero_grad()
        criterion(discriminator(real).logits, ones).backward()
        fake = generator(torch.randn(64, latent))
        criterion(discriminator(fake.detach()).logits, zeros).backward()
        optimizer_d.step()
        generator.zero_grad()
        criterion(discriminator(fake).logits, ones).backward()
        optimizer_g.step()
        yield


def _bare_wgan_gp(networks: Networks, images: Tensor, latent: int, d_steps: int) -> Iterator[None]:
    """The loop of the usual WGAN-GP scripts."""
    generator, discriminator = networks["generator"], networks["discriminator"]
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.0, 0.9))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-4, betas=(0.0, 0.9))
    while True:
        for _ in range(d_steps):
            real = images[torch.randint(len(images), (64,))]
            fake = generator(torch.randn(64, latent)).detach()
            share = torch.rand(64, 1, 1, 1)
            mixed = (share * real + (1 - share) * fake).requires_grad_(True)
            (gradient,) = torch.autograd.grad(
                discriminator(mixed).logits.sum(), mixed, create_graph=True
            )
            penalty = ((gradient.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
            loss = (
                discriminator(fake).logits.mean() - discriminator(real).logits.mean() + 10 * penalty
            )
            optimizer_d.zero_grad()
            loss.backward()
            optimizer_d.step()
        loss = -discriminator(generator(torch.randn(64, latent))).logits.mean()
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()
        yield


_BARE = {"dcgan": _bare_dcgan, "mlp": _bare_wgan_gp}

if __name__ == "__main__":
    main()
