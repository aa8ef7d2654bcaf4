"""Trains runs in float64 as a rank: python trajectories_of_ranks.py RANK COUNT FOLDER STEPS RUN...

The ranks meet in FOLDER, where each leaves its state after the last step of every run, and rank 0
what was measured before the first one. RUN:2 has two micro-batches on each rank. Then each leaves
what batch norm of its rows is, and its gradients. At the end rank 1 fails.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from golden.trajectories import CASES, COMMON, in_double
from safetensors.torch import save_file

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Data
from gan_runner.errors import NumbersError
from gan_runner.logs.terminal import Terminal
from gan_runner.models.batch_norm import BatchNorm2d
from gan_runner.runs.open import initial_state, load_data, prepare_machine
from gan_runner.runs.ranks import make_evaluator
from gan_runner.system import ranks, shared_work
from gan_runner.training.build import build
from gan_runner.training.experiment import Experiment
from gan_runner.training.loop import real_batches
from gan_runner.training.sampled import sampler_of
from gan_runner.training.state import TrainState

_DROPOUT = "model.discriminator.dropout=0.3"
_TRANSLATED = ("dataset=degraded", "dataset/degrade=mask", "model=unet")
_STDDEV = ("model.discriminator.minibatch=stddev",)
RUNS = {
    **CASES,
    "vae_gan_stddev": (*CASES["vae_gan"], *_STDDEV, "model.discriminator.minibatch_group=3"),
    "paired": (*_TRANSLATED, "model.generator.dropout=0.5", _DROPOUT),
    "unpaired": (*_TRANSLATED, "method=unpaired", "model.generator.dropout=0.5", _DROPOUT),
    "cut": (*_TRANSLATED, "method=cut", "method.patches=32", "model.generator.dropout=0.5"),
    "super_resolution": ("dataset=degraded", "model=srresnet", "method.warmup=2"),
}
"""The golden runs, those of translators, and more with a layer whose groups or draws are those of
one process."""

EVALUATED = {
    "codes": ("evaluation.num=600", "evaluation.space=random"),
    "vae": (*("evaluation.num=600", "evaluation.space=random", "evaluation.importance_samples=2"),),
    "double_evaluated_table": ("evaluation.metrics=[columns,frechet,manifold,memorization]",),
}
"""The runs that are evaluated, and how: in several batches each."""
_FEW = ("train.eval_every=1", "evaluation.projections=20")


def states(
    folder: Path,
    names: Sequence[str],
    *,
    steps: int,
    changes: Sequence[str] = (),
    measures: bool = False,
) -> Iterator[tuple[str, dict[str, Tensor], dict[str, Any]]]:
    """The tensors of each run after its steps, networks, optimizers, sums and memories; and what
    was measured before, if anything is. `changes` are further overrides."""
    for run in names:
        name, _, parts = run.partition(":")
        micro_batches = (f"train.accumulate={parts}",) if parts else ()
        measured = (*_FEW, *EVALUATED[name]) if measures and name in EVALUATED else ()
        with in_double():
            words = [*COMMON, *RUNS[name], *measured, *changes, *micro_batches]
            config = parse_config(compose([*words, f"cache={folder / 'cache'}"]))
            device = prepare_machine(config)
            experiment, data = load_data(build(config), Terminal(quiet=True), device)
            state = initial_state(experiment, data, device)
            report = evaluate(experiment, data, state) if measured else {}
            reals = real_batches(experiment, data, state, device)
            for _ in range(steps):
                experiment.method.step(state, reals)
            tensors = {key: value.detach().clone() for key, value in state.tensors().items()}
            yield run, tensors, report


def evaluate(experiment: Experiment, data: Data, state: TrainState) -> dict[str, Any]:
    """What rank 0 measures and all help to; nothing on the others."""
    evaluator = make_evaluator(experiment, data, torch.device("cpu"))
    assert evaluator is not None
    if ranks.rank() == 0:
        return evaluator.measure(sampler_of(experiment, data, state)).plain()
    assert ranks.hear() is ranks.Order.EVALUATE
    evaluator.take_part(sampler_of(experiment, data, state))
    return {}


def normalized(norm: nn.BatchNorm2d, rows: slice) -> dict[str, Tensor]:
    """These rows of a batch, normalized, and what comes of them: the gradient of a loss, and of a
    penalty on it. The norm's own gradients are those of the rows."""
    rng = torch.Generator().manual_seed(0)
    images, weights = torch.randn((2, 8, 3, 4, 4), generator=rng, dtype=torch.float64)
    x = (3 + 2 * images[rows]).requires_grad_()
    y = norm.double()(x)
    (gradient,) = torch.autograd.grad((y.sin() * weights[rows]).sum(), x, create_graph=True)
    (y.cos() * weights[rows] + gradient.square()).sum().backward()
    assert x.grad is not None
    of_norm = {f"gradient of {name}": p.grad for name, p in norm.named_parameters()}
    found = {"result": y, "gradient": gradient, "penalty": x.grad, **of_norm, **norm.state_dict()}
    return {name: value.detach().contiguous() for name, value in found.items() if value is not None}


def fail(own: Sequence[int]) -> Iterator[int]:
    """As a rank whose samples are NaN."""
    for item in own:
        if item == 1:
            raise NumbersError("a sample is NaN")
        yield item


def main(rank: int, count: int, folder: Path, steps: int, names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'store'}"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    for name, tensors, report in states(folder, names, steps=steps, measures=True):
        left = {key: value.contiguous() for key, value in tensors.items()}
        save_file(left, folder / f"{name}.{rank}")
        (folder / f"{name}.{rank}.json").write_text(json.dumps(report))
    for norm in (BatchNorm2d(3), BatchNorm2d(3, affine=False)):
        of_rows = normalized(norm, slice(rank * 8 // count, (rank + 1) * 8 // count))
        save_file(of_rows, folder / f"batch_norm {norm.affine}.{rank}")
    try:
        shared_work.each(fail, range(count))
    except (NumbersError, shared_work.SharedFaultError) as error:
        (folder / f"fault.{rank}").write_text(f"{type(error).__name__} {error}")
    distributed.destroy_process_group()  # else a thread of it may outlive the interpreter


if __name__ == "__main__":
    number, of, where, length, *chosen = sys.argv[1:]
    main(int(number), int(of), Path(where), int(length), chosen)
