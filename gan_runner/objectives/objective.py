"""What is optimised: one adversarial loss and any number of penalties, as named terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from pydantic import PositiveFloat, PositiveInt
from torch import Tensor

from gan_runner.config.component import Component, make, validated
from gan_runner.config.schema import Name
from gan_runner.objectives.losses import Loss
from gan_runner.objectives.penalties import Critic, Penalty
from gan_runner.objectives.terms import Matching, Memory, Scored, Term, WeightTerm

Remembered = Callable[[str], Memory]
"""Gives what the term of a name remembers."""


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
        terms = {
            name: make(term, Term, where=f"loss.penalty.{name}")
            for name, term in prescription.penalty.items()
        }
        self.penalties = {name: t for name, t in terms.items() if isinstance(t, Penalty)}
        self.matching = {name: t for name, t in terms.items() if isinstance(t, Matching)}
        self.weight_terms = {name: t for name, t in terms.items() if isinstance(t, WeightTerm)}
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

    def exact(self, update: int) -> bool:
        """Whether examples must be scored as exactly as the critic scores them in this update."""
        return any(penalty.exact for penalty in self.due(update).values())

    @property
    def compares(self) -> bool:
        """Whether G's update looks at reals."""
        return self.loss.paired or bool(self.matching)

    def discriminator(
        self,
        critic: Critic,
        real: Scored,
        fake: Scored,
        *,
        update: int,
        noise: torch.Generator,
        memory: Remembered,
    ) -> dict[str, Tensor]:
        """The named terms of D's update number `update`: scalars that add up to D's loss."""
        terms = {"loss/discriminator": self.loss.discriminator(real.logits, fake.logits).mean()}
        due = self.due(update)
        for name, penalty in self.penalties.items():
            terms[f"{'term' if penalty.signed else 'penalty'}/{name}"] = (
                penalty.weight
                * penalty.every
                * penalty(critic, real, fake, noise, memory(f"penalty.{name}")).mean()
                if name in due
                else real.logits.new_zeros(())  # so that the mean over all updates is what it adds
            )
        for name in fake.told:
            losses = [of.told[name].mean() for of in (real, fake) if name in of.told]
            terms[f"{name}/discriminator"] = torch.stack(losses).sum()
        return terms

    def generator(self, fake: Scored, real: Scored | None) -> dict[str, Tensor]:
        """The named terms of G's update; `real` is needed if it `compares`."""
        logits = None if real is None else real.logits
        terms = {"loss/generator": self.loss.generator(fake.logits, logits).mean()}
        for name, matching in self.matching.items():
            assert real is not None, "matching compares"
            terms[f"penalty/{name}"] = matching.weight * matching(real, fake)
        return terms | {f"{name}/generator": value.mean() for name, value in fake.told.items()}

    def of_weights(
        self, network: str, parameters: Sequence[Tensor], memory: Remembered
    ) -> dict[str, Tensor]:
        """The named terms of the weights of a network, `generator` or `discriminator`."""
        return {
            f"penalty/{name}/{network}": term.weight
            * term(parameters, memory(f"penalty.{name}.{network}"))
            for name, term in self.weight_terms.items()
        }

    def derived(self, row: Mapping[str, float]) -> dict[str, float]:
        """What follows from a logged row: the estimate of V(D, G) where the loss is that game.

        Goodfellow et al. 2014, eq. 1; -log 4 at the equilibrium.
        """
        return {"value/game": -row["loss/discriminator"]} if self.loss.estimates_value else {}
