"""What is optimised: one adversarial loss and any number of penalties, as named terms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor

from gan_runner.catalogue import Component, make, validated
from gan_runner.losses import Loss
from gan_runner.penalties import Critic, Penalty, Scored

Name = Annotated[str, Field(pattern=r"^\w+$")]  # it becomes part of the names of logged terms


class Prescription(Component):
    """What a file under `conf/loss/` says beside the loss's own settings."""

    d_steps: PositiveInt
    clip: PositiveFloat | None
    penalty: dict[Name, dict[str, Any]]


class Objective:
    """The terms of both updates. They are summed in one place, the step that optimises them."""

    def __init__(self, node: Mapping[str, Any]) -> None:
        """`node` is the configuration's `loss`. Raises ConfigError for a setting that's wrong."""
        common = {key: node[key] for key in Prescription.model_fields if key in node}
        own = {key: value for key, value in node.items() if key not in common}
        prescription = validated(common, Prescription, where="loss")
        self.loss = make(own, Loss, where="loss")
        self.penalties = {
            name: make(penalty, Penalty, where=f"loss.penalty.{name}")
            for name, penalty in prescription.penalty.items()
        }
        self.d_steps = prescription.d_steps
        self.clip = prescription.clip

    @property
    def constrains_slope(self) -> bool:
        """Whether a penalty holds down D's slope, which batch norm in D makes ill-defined."""
        return any(penalty.slope for penalty in self.penalties.values())

    def due(self, update: int) -> dict[str, Penalty]:
        """The penalties that D's update number `update` computes."""
        return {name: p for name, p in self.penalties.items() if update % p.every == 0}

    def differentiates(self, update: int) -> frozenset[str]:
        """Which of `real` and `fake` must be scored with gradients in this update of D."""
        return frozenset().union(*(p.differentiates for p in self.due(update).values()))

    def discriminator(
        self, critic: Critic, real: Scored, fake: Scored, *, update: int, noise: torch.Generator
    ) -> dict[str, Tensor]:
        """The named terms of D's update number `update`: scalars that add up to D's loss."""
        terms = {"loss/discriminator": self.loss.discriminator(real.logits, fake.logits).mean()}
        due = self.due(update)
        for name, penalty in self.penalties.items():
            terms[f"penalty/{name}"] = (
                penalty.weight * penalty.every * penalty(critic, real, fake, noise).mean()
                if name in due
                else real.logits.new_zeros(())  # so that the mean over all updates is what it adds
            )
        if real.auxiliary is not None and fake.auxiliary is not None:
            terms["auxiliary/discriminator"] = real.auxiliary.mean() + fake.auxiliary.mean()
        return terms

    def generator(self, fake: Scored, real: Tensor | None) -> dict[str, Tensor]:
        """The named terms of G's update; `real`, logits [N], is needed if the loss is paired."""
        terms = {"loss/generator": self.loss.generator(fake.logits, real).mean()}
        if fake.auxiliary is not None:
            terms["auxiliary/generator"] = fake.auxiliary.mean()
        return terms

    def derived(self, row: Mapping[str, float]) -> dict[str, float]:
        """What follows from a logged row: the estimate of V(D, G) where the loss is that game.

        Goodfellow et al. 2014, eq. 1; -log 4 at the equilibrium.
        """
        return {"value/game": -row["loss/discriminator"]} if self.loss.estimates_value else {}
