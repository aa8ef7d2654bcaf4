"""Trains runs in float64 as a rank: python trajectories_of_ranks.py RANK COUNT FOLDER STEPS RUN...

The ranks meet in FOLDER, where each leaves its state after the last step of every run. RUN:2 has
two micro-batches on each rank.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, distributed

sys.path.insert(0, str(Path(__file__).parents[1]))

from golden.trajectories import CASES, COMMON, in_double
from safetensors.torch import save_file

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import initial_state, load_data, prepare_machine
from gan_runner.training.build import build
from gan_runner.training.loop import real_batches


def states(
    folder: Path, names: Sequence[str], *, steps: int, changes: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """The tensors of each run after its steps: networks, optimizers, sums and memories. `changes`
    are further overrides."""
    for run in names:
        name, _, parts = run.partition(":")
        micro_batches = (f"train.accumulate={parts}",) if parts else ()
        with in_double():
            overrides = [*COMMON, *CASES[name], *changes, *micro_batches]
            config = parse_config(compose([*overrides, f"cache={folder / 'cache'}"]))
            device = prepare_machine(config)
            experiment, data = load_data(build(config), Terminal(quiet=True), device)
            state = initial_state(experiment, data, device)
            reals = real_batches(experiment, data, state, device)
            for _ in range(steps):
                experiment.method.step(state, reals)
            yield run, {key: value.detach().clone() for key, value in state.tensors().items()}


def main(rank: int, count: int, folder: Path, steps: int, names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'store'}"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    for name, tensors in states(folder, names, steps=steps):
        left = {key: value.contiguous() for key, value in tensors.items()}
        save_file(left, folder / f"{name}.{rank}")


if __name__ == "__main__":
    number, of, where, length, *chosen = sys.argv[1:]
    main(int(number), int(of), Path(where), int(length), chosen)
