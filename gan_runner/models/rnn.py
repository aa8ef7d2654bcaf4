"""Recurrent networks, for sequences. RCGAN, Esteban et al. 2017, arXiv:1706.02633."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.models.base import DiscriminatorNetwork, Init, Network, Norm, Width
from gan_runner.models.conditioning import Conditioning
from gan_runner.models.labels import Sequential
from gan_runner.models.layers import WEIGHTS, initialize_weights
from gan_runner.models.model import Model

CellName = Literal["lstm", "gru"]
CELLS: dict[CellName, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentNetwork(Network):
    """`hidden`: numbers in the state of a layer. `layers`: one upon the other."""

    cell: CellName
    hidden: Width
    layers: Annotated[int, Field(ge=1, le=16)]

    @field_validator("norm")
    @classmethod
    def _check_norm(cls, norm: Norm) -> Norm:
        if norm != "none":
            raise ValueError(f"model=rnn has no norm={norm}. Use norm=none")
        return norm


class RecurrentGenerator(RecurrentNetwork):
    """`latent`: whether a step sees a part of the latent point that is its own, or the whole."""

    latent: Literal["per_step", "whole"]


class RecurrentDiscriminator(RecurrentNetwork, DiscriminatorNetwork):
    """`reads`: the mean of the logits of all steps, or the logit of the last one."""

    reads: Literal["mean", "last"]


class RNN(Model):
    """Recurrent, for sequences of any length and number of dimensions."""

    generator: RecurrentGenerator
    discriminator: RecurrentDiscriminator

    @field_validator("conditioning")
    @classmethod
    def _check_conditioning(cls, conditioning: Conditioning) -> Conditioning:
        if conditioning == "projection":
            raise ValueError("model=rnn has no norms to condition. Use model.conditioning=concat")
        return conditioning

    def check(self, space: Space) -> None:
        # a checkpoint of a stranger may promise a sequence and then not describe one
        if space.kind != "sequences" or len(space.shape) != 2 or min(space.shape) < 1:
            raise ConfigError(
                f"rnn can't build examples of shape {list(space.shape)}, model=rnn. "
                "Use model=mlp for vectors, model=dcgan for images."
            )
        steps = space.shape[0]
        if self.generator.latent == "per_step" and self.latent_size % steps:
            nearest = max(1, round(self.latent_size / steps)) * steps
            raise ConfigError(
                f"the latent point can't be divided evenly among {steps} steps, "
                f"model.latent_size={self.latent_size}. Use model.latent_size={nearest} "
                "or model.generator.latent=whole"
            )

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> Sequential:
        steps, size = shape
        # what comes beside the latent point, such as labels, is for every step
        own = self.latent_size if self.generator.latent == "per_step" else 0
        return Sequential(
            StepInputs(steps=steps, own=own),
            _recurrent(own // steps + latent_size - own, self.generator),
            *_linear(self.generator.hidden, size, self.generator.init),
        )

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        return nn.Sequential(
            _recurrent(shape[-1], self.discriminator),
            # the mean of linear logits is the logit of the mean
            MeanOfSteps() if self.discriminator.reads == "mean" else LastStep(),
            *_linear(self.discriminator.hidden, 1, self.discriminator.init),
            nn.Flatten(0),
        )


class StepInputs(nn.Module):
    """Latent points as what each step sees: its own part of the first `own` numbers, all others."""

    def __init__(self, *, steps: int, own: int) -> None:
        super().__init__()
        self.steps = steps
        self.own = own

    def forward(self, latents: Tensor) -> Tensor:
        """[N, own + K] -> [N, T, own / T + K]."""
        parts = latents[:, : self.own].unflatten(1, (self.steps, self.own // self.steps))
        others = latents[:, None, self.own :].expand(-1, self.steps, -1)
        return torch.cat((parts, others), dim=2)


class Recurrent(nn.Module):
    """Sequences [N, T, inputs] -> the state of the last layer after each step, [N, T, hidden].

    Under autocast to bfloat16 the recurrence stays in float32 on a CPU that can't multiply bfloat16
    itself: torch's fused LSTM fails there.

    Biases begin at 0, those of an LSTM's forget gate at 1 (Jozefowicz et al. 2015).
    """

    def __init__(
        self, inputs: int, hidden: int, *, layers: int, cell: CellName, init: Init
    ) -> None:
        super().__init__()
        self.layers = CELLS[cell](inputs, hidden, num_layers=layers, batch_first=True)
        for name, parameter in self.layers.named_parameters():
            if parameter.dim() == 1:
                nn.init.zeros_(parameter)
                if cell == "lstm" and "bias_ih" in name:
                    nn.init.ones_(parameter.data[hidden : 2 * hidden])
            else:
                for gate in parameter.data.split(hidden):
                    WEIGHTS[init](gate)

    def forward(self, sequences: Tensor) -> Tensor:
        if not _lacks_bf16(sequences.device):
            return self._states(sequences)
        with torch.autocast(sequences.device.type, enabled=False):
            return self._states(sequences.float())

    def _states(self, sequences: Tensor) -> Tensor:
        states: Tensor
        if sequences.is_cuda and sequences.requires_grad:
            # a penalty may differentiate the gradient by the examples, which cuDNN can't
            with torch.backends.cudnn.flags(enabled=False):
                states, _ = self.layers(sequences)
        else:
            states, _ = self.layers(sequences)
        return states


def _lacks_bf16(device: torch.device) -> bool:
    """Whether autocast is on where the device can't multiply bfloat16."""
    if device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
        return False
    return not torch.ops.mkldnn._is_mkldnn_bf16_supported()


class MeanOfSteps(nn.Module):
    """[N, T, D] -> [N, D]."""

    def forward(self, states: Tensor) -> Tensor:
        return states.mean(1)


class LastStep(nn.Module):
    """[N, T, D] -> [N, D]."""

    def forward(self, states: Tensor) -> Tensor:
        return states[:, -1]


def _recurrent(inputs: int, network: RecurrentNetwork) -> Recurrent:
    return Recurrent(
        inputs,
        network.hidden,
        layers=network.layers,
        cell=network.cell,
        init=network.init,
    )


def _linear(inputs: int, outputs: int, init: Init) -> nn.Sequential:
    return initialize_weights(nn.Sequential(nn.Linear(inputs, outputs)), init=init, norm="none")
