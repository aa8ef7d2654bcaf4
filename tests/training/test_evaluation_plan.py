"""The plan of evaluations follows from the work of the networks, counted without touching them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import track
from torch.utils.flop_counter import FlopCounterMode

from gan_runner.config.schema import Config
from gan_runner.data import Data, Space
from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.training.build import build
from gan_runner.training.evaluation_plan import plan_evaluations
from gan_runner.training.operations import operations_of_a_pass

MODELS = {
    "dcgan": ("model=dcgan", "model.conditioning=concat"),
    "attention": ("model=resnet", "model.generator.attention=4", "model.generator.width=8"),
    "a layer that reads its weights": ("model=dcgan", "model.discriminator.minibatch=stddev"),
    "recurrent": ("dataset=sines", "dataset.count=20"),
    "autoencoder": ("model=vae", "method=vae", "loss=elbo"),
}


@pytest.mark.parametrize("what", MODELS)
def test_operations_are_those_of_torchs_counter(
    configured: Callable[..., Config], tmp_path: Path, what: str
) -> None:
    experiment = build(configured(*MODELS[what]))
    data = experiment.dataset.training(tmp_path, track)
    before = torch.get_rng_state()
    found = operations_of_a_pass(experiment.method, data).sample
    assert torch.equal(torch.get_rng_state(), before)
    model = experiment.model
    networks = model.build_networks(data.space, data.classes if model.conditional else 0)
    latents = torch.zeros(2, model.latent_dims)
    labels = torch.zeros(2, dtype=torch.int64) if model.conditional else None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        networks["generator"].eval()(latents, labels)
    assert found == counter.get_total_flops() / 2 > 0


def labeled_table(size: int, *, classes: int) -> Data:
    """Numbers beside a label of this many classes."""
    label = Column("label", tuple("abc"[:classes]), label=True, condition=True)
    columns = Columns((*(Column(f"c{k}") for k in range(size)), label), 1.0, False)
    space = Space("table", (size,), (0.0,) * size, (1.0,) * size, columns)
    return Data(torch.zeros(900, size), space, torch.arange(900) % classes, label.categories)


def test_a_plan_counts_the_work_of_each_class(configured: Callable[..., Config]) -> None:
    chosen = ("dataset=ring", "evaluation.metrics=[frechet]", "train.eval_every=auto")
    experiment = build(configured(*chosen))
    data = {classes: labeled_table(250, classes=classes) for classes in (1, 3)}
    plans = {k: plan_evaluations(experiment, of, steps=200) for k, of in data.items()}
    assert plans[1].num > plans[3].num, plans
