"""The objective of an adversarial game: one loss, and any number of penalties and other terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import PositiveFloat, PositiveInt

from gan_runner.config.component import Component, build_component, parse_settings
from gan_runner.config.schema import Name
from gan_runner.data import Space
from gan_runner.errors import ConfigError
from gan_runner.objectives.losses import Loss
from gan_runner.objectives.penalties import Consistency, LabelSmoothing, Penalty
from gan_runner.objectives.terms import Matching, Term, WeightTerm


class GameSettings(Component):
    """The settings of a file under `conf/loss/` beside the loss's own."""

    d_steps: PositiveInt
    clip: PositiveFloat | None
    penalty: dict[Name, dict[str, Any]]


@dataclass(frozen=True)
class Objective:
    """The objective of D and G. `d_steps`: updates of D to one of G; `clip_value`: the limit of D's
    weights after each of its updates. Terms are by the names that the user gave them."""

    loss: Loss
    penalties: Mapping[str, Penalty]
    matching: Mapping[str, Matching]
    weight_terms: Mapping[str, WeightTerm]
    d_steps: int
    clip_value: float | None

    @classmethod
    def build(cls, node: Mapping[str, Any]) -> Objective:
        """`node` is the configuration's `loss`. Raises ConfigError for a setting that's wrong."""
        common = {key: node[key] for key in GameSettings.model_fields if key in node}
        own = {key: value for key, value in node.items() if key not in common}
        settings = parse_settings(common, GameSettings, where="loss")
        loss = build_component(own, Loss, where="loss")
        terms = {
            name: build_component(term, Term, where=f"loss.penalty.{name}")
            for name, term in settings.penalty.items()
        }
        return cls(
            loss=loss,
            penalties={name: t for name, t in terms.items() if isinstance(t, Penalty)},
            matching={name: t for name, t in terms.items() if isinstance(t, Matching)},
            weight_terms={name: t for name, t in terms.items() if isinstance(t, WeightTerm)},
            d_steps=settings.d_steps,
            clip_value=settings.clip,
        )

    @property
    def penalizes_gradient(self) -> bool:
        """Whether a penalty holds down D's gradient, which batch norm in D makes ill-defined."""
        return any(penalty.penalizes_gradient for penalty in self.penalties.values())

    @property
    def is_constrained(self) -> bool:
        """Whether D is held to a Lipschitz constraint of some kind."""
        return self.penalizes_gradient or self.clip_value is not None

    @property
    def compares(self) -> bool:
        """Whether G's update needs D's output on reals."""
        return self.loss.paired or bool(self.matching)

    @property
    def couples_in_discriminator(self) -> bool:
        """Whether a term of D's update compares the examples of its batch, as far as is known."""
        return self.loss.couples_examples or any(
            penalty.couples_examples for penalty in self.penalties.values()
        )

    @property
    def couples_in_generator(self) -> bool:
        """The same of G's update."""
        return self.loss.couples_examples or bool(self.matching)

    def derived_numbers(self, row: Mapping[str, float]) -> dict[str, float]:
        """Numbers that follow from a logged row: the estimate of V(D, G) where the loss is that
        game.

        Goodfellow et al. 2014, eq. 1; -log 4 at the equilibrium.
        """
        return {"value/game": -row["loss/discriminator"]} if self.loss.estimates_value else {}

    def check(self, *, discriminator_norm: str, loss_name: str) -> None:
        """Raise ConfigError, with the remedy, for terms that can't be combined."""
        if discriminator_norm == "batch" and self.penalizes_gradient:
            raise ConfigError(
                "batch norm makes the gradient of D at one example depend on the others, "
                f"model.discriminator.norm=batch with {self._gradient_penalties()}. "
                "Use model.discriminator.norm=auto or layer, instance, spectral or none."
            )
        smoothing = [n for n, p in self.penalties.items() if isinstance(p, LabelSmoothing)]
        if smoothing and not self.loss.labels:
            raise ConfigError(
                f"label smoothing needs a loss with labels, loss.penalty.{smoothing[0]} with "
                f"loss.name={loss_name}. "
                "Use loss=non_saturating or minimax or lsgan, where it lowers the label of reals."
            )

    def check_compiled(self) -> None:
        """Raise ConfigError, with the remedy, for terms that compiled networks can't have."""
        if self.penalizes_gradient:
            raise ConfigError(
                "torch.compile can't differentiate twice, as a penalty on the gradient needs, "
                f"compile=true with {self._gradient_penalties()}. "
                "Use compile=false or a loss without one, as loss=hinge"
            )

    def _gradient_penalties(self) -> str:
        return ", ".join(
            f"loss.penalty.{n}" for n, p in self.penalties.items() if p.penalizes_gradient
        )

    def check_space(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, for terms that examples of `space` can't have."""
        for name, penalty in self.penalties.items():
            if isinstance(penalty, Consistency) and penalty.noise == 0 and space.kind != "images":
                raise ConfigError(
                    f"consistency needs a change that {space.kind} can have, "
                    f"loss.penalty.{name}.noise=0.0. Use loss.penalty.{name}.noise=0.1 or so."
                )

    def warnings(self, *, discriminator_norm: str, momentum_setting: str | None) -> list[str]:
        """Combinations that work, but not as their authors meant. `momentum_setting` is the setting
        that gives D's optimizer a momentum, None if it has none."""
        found: list[str] = []
        if self.clip_value is not None and momentum_setting is not None:
            found.append(
                "weight clipping is unstable with momentum (Arjovsky et al. 2017, section 4), "
                f"loss.clip={self.clip_value} with optimizer.discriminator.{momentum_setting}. "
                "Use optimizer=rmsprop"
            )
        constrained = self.is_constrained or discriminator_norm == "spectral"
        if self.loss.needs_lipschitz and not constrained:
            found.append(
                "nothing holds the critic to a Lipschitz constraint, loss.name=Wasserstein. "
                "Use loss=wgan_gp or loss.clip=0.01 or model.discriminator.norm=spectral"
            )
        return found
