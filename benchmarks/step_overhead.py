"""Images per second of gan-runner against a bare hand-written loop of the same networks.

    python benchmarks/step_overhead.py [dcgan|mlp] [--rounds 5] [--steps 100] [--threads 2]

The two take turns in one process. The product trains as `gan-train` does, with its log, TensorBoard
and checkpoints; the bare loop is plain eager torch as in the tutorials: data in memory as floats,
default optimisers, no logging. Printed is the ratio of images per second for each round; the
median is the figure to quote. Peak memory is measured in processes of their own (--memory).
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from gan_runner.threads import share_cores

share_cores()  # for both sides, and before torch is imported

import numpy as np
import torch
from torch import Tensor, nn

from gan_runner.composition import composed, parsed
from gan_runner.data import Space
from gan_runner.experiment import assemble
from gan_runner.loop import train
from gan_runner.models import Networks
from gan_runner.opening import create
from gan_runner.terminal import Terminal

EXAMPLES = 10_000
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


def main() -> None:
    options = _parser().parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        if options.memory:
            _print_memory(options)
        elif options.only:
            _sides(options, Path(folder))[options.only]()
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        else:
            _print_speed(options, Path(folder))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=CASES, nargs="?", default="dcgan")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", action="store_true", help="compare peak memory instead")
    parser.add_argument("--only", choices=("product", "bare"), help=argparse.SUPPRESS)
    return parser


def _print_speed(options: argparse.Namespace, folder: Path) -> None:
    sides = _sides(options, folder)
    ratios = []
    for number in range(options.rounds + 1):
        seconds = {name: run() for name, run in sides.items()}
        if number == 0:
            continue  # the first round warms up
        ratios.append(seconds["bare"] / seconds["product"])
        print(
            f"round {number}: product {seconds['product']:.2f} s, bare {seconds['bare']:.2f} s, "
            f"ratio {ratios[-1]:.3f}",
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


def _sides(options: argparse.Namespace, folder: Path) -> dict[str, Callable[[], float]]:
    """Both contestants; each call trains for --steps and returns the seconds it took."""
    shape, overrides = CASES[options.case]
    images = torch.randint(0, 256, (EXAMPLES, *shape), dtype=torch.uint8)
    stored = folder / "images.npy"
    np.save(stored, images.permute(0, 2, 3, 1).contiguous().numpy())
    config = parsed(
        composed(
            [
                "dataset=array",
                f"dataset.path={stored}",
                f"cache={folder}",
                f"train.steps={options.steps}",
                f"threads={options.threads}",
                *overrides,
            ]
        ),
        {},
    )
    experiment = assemble(config)
    networks = experiment.model.networks(Space("images", shape))
    d_steps = experiment.objective.d_steps
    floats = images.float() / 127.5 - 1.0
    bare = _BARE[options.case]
    latent = experiment.model.latent_size

    def product() -> float:
        path = Path(tempfile.mkdtemp(dir=folder))
        run = create(config, path, _Silent())
        began = time.perf_counter()
        train(run)
        seconds = time.perf_counter() - began
        run.close(state="completed", exit_code=0, reason="benchmark")
        return seconds

    def loop() -> float:
        began = time.perf_counter()
        bare(networks, floats, latent, options.steps, d_steps)
        return time.perf_counter() - began

    return {"product": product, "bare": loop}


class _Silent(Terminal):
    def say(self, text: str) -> None:
        pass


def _bare_dcgan(networks: Networks, images: Tensor, latent: int, steps: int, d_steps: int) -> None:
    """The loop of PyTorch's DCGAN tutorial, on logits."""
    generator, discriminator = networks
    criterion = nn.BCEWithLogitsLoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    ones, zeros = torch.ones(64), torch.zeros(64)
    for _ in range(steps):
        real = images[torch.randint(len(images), (64,))]
        discriminator.zero_grad()
        criterion(discriminator(real), ones).backward()
        fake = generator(torch.randn(64, latent))
        criterion(discriminator(fake.detach()), zeros).backward()
        optimizer_d.step()
        generator.zero_grad()
        criterion(discriminator(fake), ones).backward()
        optimizer_g.step()


def _bare_wgan_gp(
    networks: Networks, images: Tensor, latent: int, steps: int, d_steps: int
) -> None:
    """The loop of the usual WGAN-GP scripts."""
    generator, discriminator = networks
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-4, betas=(0.0, 0.9))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=1e-4, betas=(0.0, 0.9))
    for _ in range(steps):
        for _ in range(d_steps):
            real = images[torch.randint(len(images), (64,))]
            fake = generator(torch.randn(64, latent)).detach()
            share = torch.rand(64, 1, 1, 1)
            mixed = (share * real + (1 - share) * fake).requires_grad_(True)
            (slope,) = torch.autograd.grad(discriminator(mixed).sum(), mixed, create_graph=True)
            penalty = ((slope.flatten(1).norm(2, dim=1) - 1) ** 2).mean()
            loss = discriminator(fake).mean() - discriminator(real).mean() + 10 * penalty
            optimizer_d.zero_grad()
            loss.backward()
            optimizer_d.step()
        loss = -discriminator(generator(torch.randn(64, latent))).mean()
        optimizer_g.zero_grad()
        loss.backward()
        optimizer_g.step()


_BARE = {"dcgan": _bare_dcgan, "mlp": _bare_wgan_gp}

if __name__ == "__main__":
    main()
