"""What can't be combined, with the remedy; and what works, but not as its authors meant."""

from __future__ import annotations

from gan_runner.config.schema import Config
from gan_runner.data.data import Space
from gan_runner.datasets import Tabular
from gan_runner.errors import ConfigError, printable
from gan_runner.models import Model
from gan_runner.objectives.objective import Objective
from gan_runner.objectives.penalties import Consistency, LabelSmoothing
from gan_runner.training.experiment import Experiment


def refuse_impossible(experiment: Experiment) -> None:
    """Raise ConfigError, with the remedy, for settings that can't work together on any data."""
    _refuse_unfit_loss(experiment)
    _refuse_coupled_examples(experiment)
    _refuse_senseless_terms(experiment)
    _refuse_rollback_to_nothing(experiment)
    _refuse_nothing_to_condition(experiment)
    _refuse_two_kinds_of_knowledge(experiment)


def check_space(experiment: Experiment, space: Space) -> None:
    """Raise ConfigError, with the remedy, if examples of `space` can't be learnt like this."""
    experiment.model.check(space)
    if space.kind == "images":
        return
    if experiment.bound is not None and space.kind == "table":
        raise ConfigError(
            "an autoencoder has no likelihood for the rows of a table, "
            f"{_chosen(experiment.config, 'model')}. Use model=mlp with an adversarial loss."
        )
    if experiment.bound is not None and not experiment.bound.of_vectors:
        raise ConfigError(
            f"numbers of {space.kind} are no probabilities, loss.likelihood=bernoulli. "
            "Use loss.likelihood=gaussian, and set loss.scale to what counts as near."
        )
    for name, augmentation in experiment.augmentations.items():
        if augmentation.images_only:
            raise ConfigError(
                f"{name} changes images, augment={name} with {space.kind}. "
                "Use augment=instance_noise."
            )
    for name, penalty in experiment.objective.penalties.items() if experiment.objective else ():
        if isinstance(penalty, Consistency) and penalty.noise == 0:
            raise ConfigError(
                f"consistency needs a change that {space.kind} can have, "
                f"loss.penalty.{name}.noise=0.0. Use loss.penalty.{name}.noise=0.1 or so."
            )


def is_constrained(objective: Objective) -> bool:
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


def _refuse_coupled_examples(experiment: Experiment) -> None:
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
    if smoothing and not objective.loss.labels:
        raise ConfigError(
            f"this loss has no labels to smooth, loss.penalty.{smoothing[0]} with "
            f"loss.name={experiment.config.loss['name']}. "
            "Use loss=non_saturating, minimax or lsgan, where it lowers the label of reals."
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
    dataset = experiment.dataset
    if model.conditional and isinstance(dataset, Tabular) and dataset.label_as == "column":
        raise ConfigError(
            "a label that the generator is told is no column that it makes, "
            f"dataset.label_as=column with model.conditioning={model.conditioning}. "
            "Use dataset.label_as=auto, or model.conditioning=none."
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


def doubtful(experiment: Experiment) -> list[str]:
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
    if objective.loss.needs_bounded_slope and not (is_constrained(objective) or norm == "spectral"):
        warnings.append(
            "nothing holds the critic to a Lipschitz constraint, loss.name=Wasserstein. "
            "Use loss=wgan_gp, loss.clip=0.01 or model.discriminator.norm=spectral."
        )
    return warnings
