"""A step on torch's `meta` device, which has no numbers: nothing is read back from the device, and
no other device is mixed in. It stands for a GPU."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from itertools import repeat
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Column, Columns, Space
from gan_runner.data.batches import Batch
from gan_runner.training.build import build
from gan_runner.training.state import Streams, Sums, TrainState, frozen_copy

META = torch.device("meta")
SIZE, CLASSES = 8, 3
IMAGES = Space("images", (3, 8, 8))
VECTORS = Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2)
SEQUENCES = Space("sequences", (4, 2), (0.0,) * 2, (1.0,) * 2)
COLUMNS = Columns((Column("age"), Column("color", ("red", "green"))), 0.7, True)
TABLE = Space("table", (3,), (0.0,) * 3, (1.0,) * 3, COLUMNS)

NARROW = ("model.generator.width=8", "model.discriminator.width=8", "model.latent_size=8")
MLP = ("model=mlp", "dataset=ring")
TERMS = "loss/penalty=[lecam,consistency,feature_matching,historical_averaging,drift]"

CASES: dict[str, tuple[Space, tuple[str, ...]]] = {
    "softplus_r1": (IMAGES, NARROW),
    "wgan_gp": (IMAGES, ("loss=wgan_gp", "model.discriminator.norm=layer", *NARROW)),
    "wgan_clipped": (VECTORS, ("loss=wgan", "optimizer=rmsprop", *MLP)),
    "wgan_div": (VECTORS, ("loss=wgan_div", *MLP)),
    "dragan": (VECTORS, ("loss=dragan", *MLP)),
    "r3gan": (VECTORS, ("loss=r3gan", *MLP)),
    "ralsgan_d_steps": (VECTORS, ("loss=ralsgan", "loss.d_steps=2", *MLP)),
    "rahinge_packed": (VECTORS, ("loss=rahinge", "model.packing=2", *MLP)),
    "fgan_kl": (VECTORS, ("loss=fgan_kl", *MLP)),
    "terms": (IMAGES, ("loss=hinge", TERMS, *NARROW)),
    "label_smoothing": (
        *(IMAGES, ("loss=non_saturating", "loss/penalty=label_smoothing", *NARROW)),
    ),
    "concat": (IMAGES, ("model.conditioning=concat", *NARROW)),
    "embedding": (IMAGES, ("model.conditioning=embedding", *NARROW)),
    "projection": (IMAGES, ("loss=hinge", "model.conditioning=projection", *NARROW)),
    "auxiliary": (IMAGES, ("model.conditioning=auxiliary", *NARROW)),
    "codes": (IMAGES, ("model.code.categorical=[3]", "model.code.continuous=1", *NARROW)),
    "ada": (IMAGES, ("loss=hinge", "augment=ada", "augment.ada.initial=0.5", *NARROW)),
    "diffaugment_noise": (IMAGES, ("augment=[diffaugment,instance_noise]", *NARROW)),
    "stddev": (IMAGES, ("model.discriminator.minibatch=stddev", *NARROW)),
    "discrimination": (IMAGES, ("model.discriminator.minibatch=discrimination", *NARROW)),
    "resnet_spectral": (
        *(IMAGES, ("loss=hinge", "model=resnet", "model.discriminator.norm=spectral", *NARROW)),
    ),
    "clip_norm": (IMAGES, ("optimizer.discriminator.clip_norm=1.0", *NARROW)),
    "table": (TABLE, ("model=mlp", "loss=wgan_gp", "model.conditioning=concat")),
    "sequences": (SEQUENCES, ("dataset=sines", "model=rnn", "loss=non_saturating")),
    "vae": (VECTORS, ("model=vae", "loss.likelihood=gaussian")),
    "conv_vae": (IMAGES, ("model=conv_vae",)),
    "vae_gan": (IMAGES, ("model=vae_gan", "loss=hinge", "loss.d_steps=2")),
    "micro_batches": (VECTORS, ("loss=ralsgan", "loss.d_steps=2", "train.accumulate=2", *MLP)),
}


@pytest.mark.parametrize("case", CASES)
def test_a_step_reads_nothing_back_and_mixes_no_devices(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, overrides = CASES[case]
    method = build(parse_config(compose([*overrides, f"train.batch_size={SIZE}"]))).method
    # meta has no random streams and no autocast
    monkeypatch.setattr(torch, "randn", without_stream(torch.randn))
    monkeypatch.setattr(torch, "rand", without_stream(torch.rand))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    networks = {
        name: network.to(META)
        for name, network in method.model.build_networks(space, CLASSES).items()
    }
    stream: Any = NoStream()
    state = TrainState(
        networks=networks,
        ema=frozen_copy(networks["generator"]),
        optimizers={
            name: torch.optim.SGD(network.parameters(), lr=0.1)
            for name, network in networks.items()
        },
        rng=Streams(stream, stream, stream),
        sums=Sums(),
    )
    labels = torch.zeros(SIZE, dtype=torch.int64, device=META) if method.model.conditional else None
    real = Batch(torch.zeros(SIZE, *space.shape, device=META), labels)
    for _ in range(2):
        method.step(state, repeat(real))
    assert state.step == 2
    assert state.sums.totals
    assert {tensor.device.type for tensor in state.tensors().values()} == {"meta"}


class NoStream:
    """A random stream of a device that has none."""

    device = META

    def get_state(self) -> Tensor:
        return torch.zeros(1)

    def set_state(self, state: Tensor) -> None:
        """Nothing is drawn from it."""


def without_stream(draw: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The same draw, but from no stream."""

    def patched(*shape: Any, generator: object = None, **settings: Any) -> Tensor:
        return draw(*shape, **settings)

    return patched
