"""From a configuration to checked components, before any data is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gan_runner.augmentations import Augmentation
from gan_runner.catalogue import choices, make, validated
from gan_runner.config import Config, parse
from gan_runner.data import Space
from gan_runner.datasets import Dataset
from gan_runner.elbo import Bound
from gan_runner.errors import ConfigError, printable
from gan_runner.evaluation import Evaluation
from gan_runner.health import Health
from gan_runner.models import GenerativeModel, Model
from gan_runner.objective import Objective
from gan_runner.optimizers import Optimizer, Optimizers
from gan_runner.penalties import Consistency, LabelSmoothing


@dataclass(frozen=True)
class Experiment:
    """A configuration and what it names. `config` has no setting left to be settled but lengths.

    `objective` is that of an adversarial game, None for a plain autoencoder, which has `bound`.
    """

    config: Config
    model: GenerativeModel
    objective: Objective | None
    augmentations: Mapping[str, Augmentation]
    bound: Bound | None
    dataset: Dataset
    optimizers: Optimizers
    evaluation: Evaluation
    health: Health
    warnings: tuple[str, ...]

    @property
    def d_steps(self) -> int:
        """How many batches of reals a step takes: one for each update of D, or one."""
        return 1 if self.objective is None else self.objective.d_steps

    def check(self, space: Space) -> None:
        """Raise ConfigError, with the remedy, if examples of `space` can't be learnt like this."""
        self.model.check(space)
        if space.kind == "images":
            return
        if self.bound is not None and not self.bound.of_vectors:
            raise ConfigError(
                "numbers of vectors are no probabilities, loss.likelihood=bernoulli. "
                "Use loss.likelihood=gaussian, and set loss.scale to what counts as near."
            )
        for name, augmentation in self.augmentations.items():
            if augmentation.images_only:
                raise ConfigError(
                    f"{name} changes images, augment={name} with {space.kind}. "
                    "Use augment=instance_noise."
                )
        for name, penalty in self.objective.penalties.items() if self.objective else ():
            if isinstance(penalty, Consistency) and penalty.noise == 0:
                raise ConfigError(
                    f"consistency needs a change that {space.kind} can have, "
                    f"loss.penalty.{name}.noise=0.0. Use loss.penalty.{name}.noise=0.1 or so."
                )


def assemble(config: Config) -> Experiment:
    """The components of a configuration, each valid, and together able to work.

    Raises ConfigError for settings and combinations that can't be.
    """
    bound = _bound(config.loss)
    objective = Objective(config.loss) if bound is None else None
    config = _settle_norm(config, objective)
    experiment = Experiment(
        config=config,
        model=make(config.model, GenerativeModel, where="model"),
        objective=objective,
        augmentations={
            name: make(node, Augmentation, where=f"augment.{name}")
            for name, node in config.augment.items()
        },
        bound=bound,
        dataset=make(config.dataset, Dataset, where="dataset"),
        optimizers=_optimizers(config.optimizer),
        evaluation=validated(config.evaluation, Evaluation, where="evaluation"),
        health=validated(config.health, Health, where="health"),
        warnings=(),
    )
    _refuse_unfit_loss(experiment)
    _refuse_impossible(experiment)
    _refuse_senseless_terms(experiment)
    _refuse_rollback_to_nothing(experiment)
    _refuse_nothing_to_condition(experiment)
    _refuse_two_kinds_of_knowledge(experiment)
    space = experiment.dataset.space()
    if space is not None:
        experiment.check(space)
    return Experiment(**{**vars(experiment), "warnings": tuple(_doubtful(experiment))})


def _bound(node: Mapping[str, Any]) -> Bound | None:
    """The bound that the configuration's `loss` names; None if it is an adversarial loss."""
    named = [name for name in choices(Bound) if node.get("name") == name]
    return make(node, Bound, where="loss") if named else None


def _optimizers(node: Mapping[str, Any]) -> Optimizers:
    for key in node:
        if key not in Optimizers._fields:
            raise ConfigError(
                f"unknown setting, optimizer.{key}. Choose one of: {', '.join(Optimizers._fields)}."
            )
    return Optimizers(
        *(make(node.get(f, {}), Optimizer, where=f"optimizer.{f}") for f in Optimizers._fields)
    )


def _settle_norm(config: Config, objective: Objective | None) -> Config:
    """Choose what `norm: auto` means, so that the run's configuration says what ran."""
    norms = {
        "generator": "batch",
        "discriminator": "layer" if objective and _is_constrained(objective) else "batch",
        "encoder": "batch",
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


def _refuse_unfit_loss(experiment: Experiment) -> None:
    networks = experiment.model.norms
    model, loss = (_chosen(experiment.config, group) for group in ("model", "loss"))
    if experiment.bound is None and "discriminator" not in networks:
        raise ConfigError(
            f"a variational autoencoder has no discriminator, {model} with {loss}. "
            "Use loss=elbo or model=vae_gan."
        )
    if experiment.bound is not None and "encoder" not in networks:
        raise ConfigError(
            f"a GAN has no encoder, {model} with {loss}. "
            "Use model=vae or model=conv_vae, or an adversarial loss, such as loss=hinge."
        )
    if experiment.bound is not None and "discriminator" in networks:
        raise ConfigError(
            f"the likeness of a VAE/GAN is told by its discriminator, {model} with {loss}. "
            "Use an adversarial loss, such as loss=non_saturating, or model=conv_vae."
        )


def _chosen(config: Config, group: str) -> str:
    """What the command line calls the choice of a group, as far as it is known."""
    if group in config.choices:
        return f"{group}={printable(config.choices[group])}"
    return f"{group}.name={printable(getattr(config, group)['name'])}"


def _refuse_impossible(experiment: Experiment) -> None:
    config, norms, objective = experiment.config, experiment.model.norms, experiment.objective
    if objective and norms["discriminator"] == "batch" and objective.constrains_slope:
        names = ", ".join(f"loss.penalty.{n}" for n, p in objective.penalties.items() if p.slope)
        raise ConfigError(
            "batch norm makes the slope of D at one example depend on the others, "
            f"model.discriminator.norm=batch with {names}. "
            "Use model.discriminator.norm=auto, layer, instance, spectral or none."
        )
    model = experiment.model
    if isinstance(model, Model):
        layer = model.discriminator.minibatch
        if layer != "none" and config.train.batch_size == 1:
            raise ConfigError(
                "D has nothing to compare the only example of a batch with, train.batch_size=1 "
                f"with model.discriminator.minibatch={layer}. "
                "Raise the batch size or use model.discriminator.minibatch=none."
            )
    for network, norm in norms.items():
        if norm == "batch" and config.train.batch_size == 1:
            raise ConfigError(
                f"batch norm needs more than one example, train.batch_size=1 with "
                f"model.{network}.norm=batch. Raise the batch size or use another norm."
            )


def _refuse_senseless_terms(experiment: Experiment) -> None:
    objective = experiment.objective
    if experiment.augmentations and not isinstance(experiment.model, Model):
        name = next(iter(experiment.augmentations))
        raise ConfigError(
            f"an autoencoder compares examples as they are, augment={name} with "
            f"{_chosen(experiment.config, 'model')}. Leave the augmentation out."
        )
    if objective is None:
        return
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
    if not isinstance(model, Model):
        return
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
    if not isinstance(model, Model):
        return
    if model.conditioning == "projection" and model.generator.norm in ("none", "spectral"):
        raise ConfigError(
            "projection conditions the norms of the generator, and it has none, "
            f"model.conditioning=projection with model.generator.norm={model.generator.norm}. "
            "Use model.conditioning=concat, or model.generator.norm=batch in a model with norms."
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
    warnings: list[str] = []
    objective = experiment.objective
    if objective is None:
        return warnings
    norm = experiment.model.norms["discriminator"]
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
