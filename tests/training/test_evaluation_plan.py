"""The plan of evaluations follows from the work of the networks, counted without touching them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import track
from torch.utils.flop_counter import FlopCounterMode

from gan_runner.config.schema import Config
from gan_runner.training.build import build
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
    found = operations_of_a_pass(experiment.model, data).sample
    assert torch.equal(torch.get_rng_state(), before)
    model = experiment.model
    networks = model.build_networks(data.space, data.classes if model.conditional else 0)
    latents = torch.zeros(2, model.latent_dims)
    labels = torch.zeros(2, dtype=torch.int64) if model.conditional else None
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        networks["generator"].eval()(latents, labels)
    assert found == counter.get_total_flops() / 2 > 0
