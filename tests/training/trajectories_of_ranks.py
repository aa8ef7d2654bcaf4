"""Trains runs in float64 as one rank of several: python trajectories_of_ranks.py RANK COUNT FOLDER.

The ranks meet in FOLDER, where each leaves its state after STEPS steps of every run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, distributed

sys.path.insert(0, str(Path(__file__).parents[1]))

from golden.trajectories import _COMMON, CASES, _in_double
from safetensors.torch import save_file

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data.batches import Batch
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import initial_state, load_data, prepare_machine
from gan_runner.training.build import build

STEPS = 20
LEFT_OUT = ("bf16", "evaluated")  # rounded by design; evaluations are rank 0's


def states(folder: Path, names: list[str]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The tensors of each run after its steps, and its logged sums."""
    from gan_runner.data.batches import batches

    for name in names:
        with _in_double():
            config = parse_config(compose([*_COMMON, *CASES[name], f"cache={folder / 'cache'}"]))
            experiment, data = load_data(
                build(config), Terminal(quiet=True), prepare_machine(config)
            )
            state = initial_state(experiment, data, torch.device("cpu"))
            reals: Iterator[Batch] = batches(
                data,
                size=config.train.batch_size,
                seed=config.seed,
                start=0,
                flip=experiment.dataset.flips,
                with_labels=experiment.model.conditional,
                device=torch.device("cpu"),
            )
            for _ in range(STEPS):
                experiment.method.step(state, reals)
            yield name, {key: value.detach().clone() for key, value in state.tensors().items()}


def main(rank: int, count: int, folder: Path, names: list[str]) -> None:
    torch.set_num_threads(1)
    if count > 1:
        distributed.init_process_group(
            "gloo", init_method=f"file://{folder / 'store'}", rank=rank, world_size=count
        )
    for name, tensors in states(folder, names):
        save_file(
            {k: v.contiguous() for k, v in tensors.items()}, folder / f"{name}.{count}.{rank}"
        )


if __name__ == "__main__":
    number, of, where, *chosen = sys.argv[1:]
    main(int(number), int(of), Path(where), chosen or [n for n in CASES if n not in LEFT_OUT])
