"""From a configuration to checked components, before any data is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gan_runner.augmentations import Augmentation
from gan_runner.catalogue import make, validated
from gan_runner.config import Config, parse
from gan_runner.data import Space
from gan_runner.datasets import Dataset
from gan_runner.errors import ConfigError
from gan_runner.evaluation import Evaluation
from gan_runner.health import Health
from gan_runner.models import Model
from gan_runner.objective import Objective
from gan_runner.optimizers import Optimizer, Optimizers
from gan_runner.penalties import Consistency, LabelSmoothing


@dataclass(frozen=True)
class Experiment:
    """A configuration and what it names. `config` has no setting left to be settled but lengths."""

    config: Config
    model: Model
    objective: Objective
    augmentations: Mapping[str, Augmentation]
    dataset: Dataset
    optimizers: Optimizers
    evaluation: Evaluation
    health: Health
    warnings: tuple[str, ...]

    def check(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, for what can't work on examples of `space`."""
        self.model.check(space)
        if space.kind == "images":
            return
        for name, augmentation in self.augmentations.items():
            if augmentation.images_only:
                raise ConfigError(
                    f"{name} changes images, augment={name} with {space.kind}. "
                    "Use augment=instance_noise."
                )
        for name, penalty in self.objective.penalties.items():
            if isinstance(penalty, Consistency) and penalty.noise == 0:
                raise ConfigError(
                    f"consistency needs a change that {space.kind} can have, "
                    f"loss.penalty.{name}.noise=0.0. Use loss.penalty.{name}.noise=0.1 or so."
                )


def assemble(config: Config) -> Experiment:
    """The components of a configuration, each valid, and together able to work.

    Raises ConfigError for settings and combinations that can't be.
    """
    objective = Objective(config.loss)
    config = _settle_norm(config, objective)
    experiment = Experiment(
        config=config,
        model=make(config.model, Model, where="model"),
        objective=objective,
        augmentations={
            name: make(node, Augmentation, where=f"augment.{name}")
            for name, node in config.augment.items()
        },
        dataset=make(config.dataset, Dataset, where="dataset"),
        optimizers=_optimizers(config.optimizer),
        evaluation=validated(config.evaluation, Evaluation, where="evaluation"),
        health=validated(config.health, Health, where="health"),
        warnings=(),
    )
    _refuse_impossible(experiment)
    _refuse_senseless_terms(experiment)
    _refuse_rollback_to_nothing(experiment)
    _refuse_nothing_to_condition(experiment)
    _refuse_two_kinds_of_knowledge(experiment)
    space = experiment.dataset.space()
    if space is not None:
        experiment.check(space)
    return Experiment(**{**vars(experiment), "warnings": tuple(_doubtful(experiment))})


def _optimizers(node: Mapping[str, Any]) -> Optimizers:
    for key in node:
        if key not in Optimizers._fields:
            raise ConfigError(
                f"unknown setting, optimizer.{key}. Choose one of: {', '.join(Optimizers._fields)}."
            )
    return Optimizers(
        *(make(node.get(f, {}), Optimizer, where=f"optimizer.{f}") for f in Optimizers._fields)
    )


def _settle_norm(config: Config, objective: Objective) -> Config:
    """Choose what `norm: auto` means, so that the run's configuration says what ran."""
    norms = {
        "generator": "batch",
        "discriminator": "layer" if _is_constrained(objective) else "batch",
    }
    plain = config.plain()
    for network, norm in norms.items():
        settings = plain["model"].get(network)
        if isinstance(settings, dict) and settings.get("norm") == "auto":
            settings["norm"] = norm
    return parse(plain)


def _is_constrained(objective: Objective) -> bool:
    """Whether the loss holds D to a Lipschitz constraint of some kind."""
    return objective.constrains_slope or objective.clip is not None


def _refuse_impossible(experiment: Experiment) -> None:
    config, model, objective = experiment.config, experiment.model, experiment.objective
    if model.discriminator.norm == "batch" and objective.constrains_slope:
        names = ", ".join(f"loss.penalty.{n}" for n, p in objective.penalties.items() if p.slope)
        raise ConfigError(
            "batch norm makes the slope of D at one example depend on the others, "
            f"model.discriminator.norm=batch with {names}. "
            "Use model.discriminator.norm=auto, layer, instance, spectral or none."
        )
    for network in ("generator", "discriminator"):
        if getattr(model, network).norm == "batch" and config.train.batch_size == 1:
            raise ConfigError(
                f"batch norm needs more than one example, train.batch_size=1 with "
                f"model.{network}.norm=batch. Raise the batch size or use another norm."
            )


def _refuse_senseless_terms(experiment: Experiment) -> None:
    objective = experiment.objective
    smoothing = [n for n, p in objective.penalties.items() if isinstance(p, LabelSmoothing)]
    if smoothing and objective.loss.paired:
        raise ConfigError(
            f"a relativistic loss has no labels to smooth, loss.penalty.{smoothing[0]} with "
            f"loss.name={experiment.config.loss['name']}. "
            "Use loss=non_saturating, or another loss that looks at each logit alone."
        )


def _refuse_two_kinds_of_knowledge(experiment: Experiment) -> None:
    """D is told one thing of an example at most, and packs have nothing in common."""
    model, size = experiment.model, experiment.config.train.batch_size
    if model.conditional and model.code.columns:
        raise ConfigError(
            "codes are found without labels, model.code with "
            f"model.conditioning={model.conditioning}. Use model.conditioning=none."
        )
    if model.packing == 1:
        return
    if model.conditional or model.code.columns:
        what = f"model.conditioning={model.conditioning}" if model.conditional else "model.code"
        raise ConfigError(
            f"a pack has no class or code of its own, model.packing={model.packing} with {what}. "
            "Use model.packing=1."
        )
    if size % model.packing:
        raise ConfigError(
            f"the batch can't be packed, train.batch_size={size} with "
            f"model.packing={model.packing}. Use a batch that the packing divides."
        )


def _refuse_nothing_to_condition(experiment: Experiment) -> None:
    model = experiment.model
    if model.conditioning == "projection" and model.generator.norm in ("none", "spectral"):
        raise ConfigError(
            "projection conditions the norms of the generator, and it has none, "
            f"model.conditioning=projection with model.generator.norm={model.generator.norm}. "
            "Use model.generator.norm=batch, or model.conditioning=concat."
        )


def _refuse_rollback_to_nothing(experiment: Experiment) -> None:
    actions = experiment.health.action.model_dump()
    asking = [name for name, action in actions.items() if action == "rollback"]
    if asking and experiment.config.train.eval_every == 0:
        raise ConfigError(
            "a rollback needs evaluations, which find the best checkpoint, "
            f"health.action.{asking[0]}=rollback with train.eval_every=0. "
            "Use train.eval_every=500 or so."
        )


def _doubtful(experiment: Experiment) -> list[str]:
    """Combinations that work, but not as their authors meant."""
    warnings = []
    objective, norm = experiment.objective, experiment.model.discriminator.norm
    momentum = experiment.optimizers.discriminator.momentum_setting
    if objective.clip is not None and momentum is not None:
        warnings.append(
            "weight clipping is unstable with momentum (Arjovsky et al. 2017, section 4), "
            f"loss.clip={objective.clip} with optimizer.discriminator.{momentum}. "
            "Use optimizer=rmsprop."
        )
    if objective.loss.needs_bounded_slope and not (
        _is_constrained(objective) or norm == "spectral"
    ):
        warnings.append(
            "nothing holds the critic to a Lipschitz constraint, loss.name=Wasserstein. "
            "Use loss=wgan_gp, loss.clip=0.01 or model.discriminator.norm=spectral."
        )
    return warnings
