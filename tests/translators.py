"""Small translators, the methods that train them, and made-up domains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gan_runner.config.component import build_component, parse_settings
from gan_runner.data import Data, Space
from gan_runner.data.batches import Batch, batches
from gan_runner.models import Translator
from gan_runner.objectives.objective import Objective
from gan_runner.training.methods import CUT, Method, Paired, Unpaired, UpdateSettings
from gan_runner.training.methods.base import DiscriminatorInput
from gan_runner.training.methods.cut import CUTSettings
from gan_runner.training.methods.paired import PairedSettings
from gan_runner.training.methods.unpaired import UnpairedSettings
from gan_runner.training.optimizers import Optimizer, Optimizers
from gan_runner.training.state import TrainState, fresh_state

CPU = torch.device("cpu")
LSGAN = {
    "name": "LeastSquares",
    "fake_target": 0.0,
    "real_target": 1.0,
    "generator_target": 1.0,
    "d_steps": 1,
    "clip": None,
    "penalty": {},
}
PAIRED = {
    "conditional": True,
    "warmup": 0,
    "adversarial": 1.0,
    "l1": 10.0,
    "l2": 0.0,
    "features": 0.0,
    "perceptual": 0.0,
    "perceptual_space": "random",
}
UNPAIRED = {"cycle": 10.0, "identity": 5.0, "pool": 8}
CONTRASTED = {"nce": 1.0, "identity": 1.0, "layers": None, "patches": 16, "width": 8}
CONTRASTED |= {"temperature": 0.07}
DISCRIMINATOR = {
    "kind": "patch",
    "width": 8,
    "receptive_field": 16,
    "scales": 1,
    "dropout": 0.0,
    "norm": "instance",
    "init": "normal",
}


def unet(*, dropout: float = 0.0, **discriminator: Any) -> Translator:
    """A U-Net of two halvings."""
    generator = {"width": 8, "depth": 2, "dropout": dropout, "noise": False}
    generator |= {"norm": "instance", "init": "normal"}
    plain = {"name": "UNet", "generator": generator}
    plain["discriminator"] = {**DISCRIMINATOR, **discriminator}
    return build_component(plain, Translator, where="model")


def resnet_translator(**generator: Any) -> Translator:
    """A residual translator of two blocks."""
    own = {"width": 4, "blocks": 2, "dropout": 0.0, "norm": "instance", "init": "normal"}
    plain = {"name": "ResNetTranslator", "generator": {**own, **generator}}
    plain["discriminator"] = DISCRIMINATOR
    return build_component(plain, Translator, where="model")


def upscaler(**discriminator: Any) -> Translator:
    """An SRResNet of one block."""
    generator = {"width": 8, "blocks": 1, "norm": "none", "init": "he"}
    plain = {"name": "SRResNet", "generator": generator}
    plain["discriminator"] = {**DISCRIMINATOR, **discriminator}
    return build_component(plain, Translator, where="model")


def paired(
    model: Translator | None = None,
    *,
    loss: Mapping[str, Any] | None = None,
    accumulate: int = 1,
    discriminator_input: DiscriminatorInput | None = None,
    batch_size: int = 4,
    **settings: Any,
) -> Paired:
    """A paired method with these settings, and hinge's or another loss."""
    model = model or unet()
    return Paired(
        model,
        replace(updates(batch_size), accumulate=accumulate),
        Objective.build({**LSGAN, **(loss or {})}),
        discriminator_input or DiscriminatorInput(),
        discriminates_together=not model.couples_examples,
        settings=parse_settings({**PAIRED, **settings}, PairedSettings, where="method"),
    )


def cut(
    model: Translator | None = None,
    *,
    loss: Mapping[str, Any] | None = None,
    accumulate: int = 1,
    batch_size: int = 4,
    **settings: Any,
) -> CUT:
    """A method that contrasts patches, with these settings."""
    model = model or unet()
    return CUT(
        model,
        replace(updates(batch_size), accumulate=accumulate),
        Objective.build({**LSGAN, **(loss or {})}),
        DiscriminatorInput(),
        discriminates_together=not model.couples_examples,
        settings=parse_settings({**CONTRASTED, **settings}, CUTSettings, where="method"),
    )


def unpaired(
    model: Translator | None = None,
    *,
    loss: Mapping[str, Any] | None = None,
    accumulate: int = 1,
    batch_size: int = 4,
    discriminator_input: DiscriminatorInput | None = None,
    **settings: Any,
) -> Unpaired:
    """An unpaired method with these settings."""
    model = model or unet()
    return Unpaired(
        model,
        replace(updates(batch_size), accumulate=accumulate),
        Objective.build({**LSGAN, **(loss or {})}),
        discriminator_input or DiscriminatorInput(),
        discriminates_together=not model.couples_examples,
        settings=parse_settings({**UNPAIRED, **settings}, UnpairedSettings, where="method"),
    )


def updates(batch_size: int, *, lr: float = 0.002) -> UpdateSettings:
    schedule = {"shape": "constant", "warmup": 0, "steps": None, "final": 0.0}
    adam = {"name": "Adam", "lr": lr, "betas": [0.5, 0.99], "eps": 1e-8}
    adam |= {"weight_decay": 0.0, "clip_norm": None, "schedule": schedule}
    optimizer = build_component(adam, Optimizer, where="optimizer.generator")
    return UpdateSettings(
        optimizers=Optimizers(optimizer, optimizer),
        batch_size=batch_size,
        accumulate=1,
        ema=0.9,
        ema_warmup=1.0,
        bf16=False,
        simultaneous=False,
    )


def state_of(method: Method, space: Space) -> TrainState:
    """The state of step 0."""
    return fresh_state(method, method.updates.optimizers, space, seed=0, with_ema=True, device=CPU)


def batches_of(data: Data, method: Method, *, start: int = 0) -> Iterator[Batch]:
    return batches(
        data,
        size=method.updates.batch_size,
        seed=0,
        start=start * method.batches_per_step,
        flip=False,
        with_labels=False,
        device=CPU,
    )


def train(method: Method, data: Data, state: TrainState, *, steps: int) -> TrainState:
    """The state after so many more steps."""
    reals = batches_of(data, method, start=state.step)
    for _ in range(steps):
        method.step(state, reals)
    return state


def blobs(count: int, *, seed: int, side: int = 8) -> Tensor:
    """Smooth bright spots on black, uint8 [N, 1, side, side]."""
    rng = torch.Generator().manual_seed(seed)
    centers = torch.rand(count, 2, 1, 1, generator=rng) * (side - 2) + 1
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    squared = (rows - centers[:, 0]).square() + (columns - centers[:, 1]).square()
    return (255 * (-squared / 4).exp()).round().to(torch.uint8)[:, None]


def inverted(count: int = 64, *, seed: int = 0) -> Data:
    """Spots on black whose inputs are their negatives."""
    targets = blobs(count, seed=seed)
    return Data(targets, with_inputs(targets, 255 - targets), inputs=255 - targets)


def two_domains(count: int = 64) -> Data:
    """Spots on black, and negatives of other spots as inputs."""
    targets, inputs = blobs(count, seed=0), 255 - blobs(count - 3, seed=1)
    return Data(targets, with_inputs(targets, inputs), inputs=inputs, paired=False)


def halved(count: int = 32) -> Data:
    """Spots whose inputs have half their sides."""
    targets = blobs(count, seed=0)
    inputs = targets[:, :, ::2, ::2].contiguous()
    return Data(targets, with_inputs(targets, inputs), inputs=inputs)


def with_inputs(targets: Tensor, inputs: Tensor) -> Space:
    of_inputs = Space("images", tuple(inputs.shape[1:]))
    return Space("images", tuple(targets.shape[1:]), inputs=of_inputs)


def identical(one: TrainState, other: TrainState) -> bool:
    """Whether every saved tensor and fact of both is the same bit for bit."""
    first, second = one.tensors(), other.tensors()
    same = first.keys() == second.keys()
    facts = replace(one.facts(), seconds=0.0) == replace(other.facts(), seconds=0.0)
    return same and facts and all(torch.equal(first[name], second[name]) for name in first)
