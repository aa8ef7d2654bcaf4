"""The ELBO of `model=vae loss=elbo` on MNIST beside that of a plain VAE in torch.

    python benchmarks/vae_reference.py --root ../data [--steps 4000] [--seed 0] [--threads 1]

The plain one is written as in the tutorials: the same widths, batch size, number of steps and
optimizer, torch's own initial weights, its own order of the data. Both are measured on the test
images with 50 points of each posterior. Printed are both ELBOs in nats and their relative
difference.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy, relu

from gan_runner import train
from gan_runner.cli import evaluate

BATCH, HIDDEN, LATENT, POINTS, RATE = 128, 256, 32, 50, 1e-3


class PlainVAE(nn.Module):
    """784 - 256 - 32 - 256 - 784."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(784, HIDDEN)
        self.mean, self.log_variance = nn.Linear(HIDDEN, LATENT), nn.Linear(HIDDEN, LATENT)
        self.fc3, self.fc4 = nn.Linear(LATENT, HIDDEN), nn.Linear(HIDDEN, 784)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = relu(self.fc1(x))
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return torch.sigmoid(self.fc4(relu(self.fc3(z)))), mean, log_variance


def negative_elbo(model: PlainVAE, x: Tensor) -> Tensor:
    """Summed over the examples."""
    made, mean, log_variance = model(x)
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return binary_cross_entropy(made, x, reduction="sum") + divergence


def plain(root: Path, *, steps: int, seed: int) -> float:
    """Train the plain VAE; its ELBO on the test images."""
    torch.manual_seed(seed)
    files = [root / "MNIST" / "raw" / f"{name}-images-idx3-ubyte" for name in ("train", "t10k")]
    raw = [np.fromfile(file, np.uint8, offset=16).reshape(-1, 784) for file in files]
    training, test = (torch.from_numpy(pixels).float() / 255 for pixels in raw)
    model = PlainVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        if len(order) < BATCH:
            order = torch.randperm(len(training))
        chosen, order = order[:BATCH], order[BATCH:]
        loss = negative_elbo(model, training[chosen]) / BATCH
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        values = [-negative_elbo(model, test) / len(test) for _ in range(POINTS)]
    return float(torch.stack(values).mean())


def ours(root: Path, *, steps: int, seed: int, threads: int) -> dict[str, float]:
    """Train and measure by the commands that a user has."""
    with tempfile.TemporaryDirectory() as folder:
        run, out = Path(folder) / "run", Path(folder) / "numbers.json"
        _call(
            train,
            *("dataset=mnist", f"dataset.root={root.resolve()}", "model=vae", "loss=elbo"),
            *(f"train.steps={steps}", f"train.batch_size={BATCH}", f"seed={seed}"),
            *(f"optimizer.generator.lr={RATE}", "optimizer.generator.betas=[0.9,0.999]"),
            *("train.save_every=0", "train.sample_every=0", f"threads={threads}"),
            f"hydra.run.dir={run}",
        )
        how = ["--metrics", "likelihood", "--importance-samples", str(POINTS)]
        _call(evaluate, str(run), *how, "--space", "random", "--out", str(out))
        (found,) = json.loads(out.read_text())["evaluations"]
    return {name: result["value"] for name, result in found["results"].items()}


def _call(module: ModuleType, *arguments: str) -> None:
    command = [sys.executable, "-m", module.__name__, *arguments]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="the folder above MNIST/raw/")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    reference = plain(options.root, steps=options.steps, seed=options.seed)
    print(f"plain torch: ELBO {reference:.3f}", flush=True)
    found = ours(options.root, steps=options.steps, seed=options.seed, threads=options.threads)
    print(f"gan-runner:  ELBO {found['elbo']:.3f}, log-likelihood {found['log_likelihood']:.3f}")
    print(f"difference:  {100 * (found['elbo'] / reference - 1):+.2f} %")


if __name__ == "__main__":
    main()
