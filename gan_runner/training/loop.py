"""When things happen: the whole of training, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gan_runner.data.data import Batch, batches
from gan_runner.models import Model
from gan_runner.models.conv_vae import VAEGAN
from gan_runner.system.signals import watched
from gan_runner.training.methods.adversarial import Recipe, Training, train_step
from gan_runner.training.methods.autoencoding import elbo_step, vae_gan_step
from gan_runner.training.methods.view import View
from gan_runner.training.run import Run
from gan_runner.training.state import TrainState


def train(run: Run) -> None:
    """Train until the plan's last step. At the end the last checkpoint is checked.

    Raises NumbersError, MachineError, and Interrupted once the state is saved.
    """
    plan, state = run.config.train, run.state
    reals, one_step = reals_of(run), step_of(run)
    with watched() as signals:
        run.begin()
        if run.config.init_from is not None:
            run.save()  # the run that it started from may change, or go
        while not (state.step >= plan.steps or signals.received or run.reason_to_stop):
            run.go_back_if_ill()
            one_step(state, reals)
            run.terminal.step(state.step)
            if due(state.step, plan.log_every, plan.steps):
                run.row()
            elif run.probe_is_due:
                run.probe()
            if due(state.step, plan.sample_every, plan.steps):
                run.sample()
            if plan.eval_every > 0 and due(state.step, plan.eval_every, plan.steps):
                run.evaluate()
            if due(state.step, plan.save_every, plan.steps):
                run.save()
        run.save()
        signals.check()
    run.verify()


def reals_of(run: Run) -> Iterator[Batch]:
    """The batches that come next."""
    experiment = run.experiment
    return batches(
        run.data,
        size=run.config.train.batch_size,
        seed=run.config.seed,
        start=run.state.step * experiment.d_steps,
        flip=experiment.dataset.flips,
        labelled=experiment.model.conditional,
        device=run.device,
    )


def step_of(run: Run) -> Callable[[TrainState, Iterator[Batch]], None]:
    """The step that belongs to what is optimised."""
    experiment, plan, bf16 = run.experiment, run.config.train, run.config.precision == "bf16"
    if experiment.bound is not None:
        training = Training(experiment.optimizers, plan.average, plan.average_ramp, bf16)
        bound = experiment.bound
        return lambda state, reals: elbo_step(state, reals, training, bound)
    assert experiment.objective is not None, "what is no bound is adversarial"
    model, code = experiment.model, experiment.model.latent_code
    recipe = Recipe(
        objective=experiment.objective,
        optimizers=experiment.optimizers,
        batch_size=plan.batch_size,
        latent_size=model.latent_columns,
        codes=0 if code is None else code.columns,
        average=plan.average,
        average_ramp=plan.average_ramp,
        generates_together=model.norms["generator"] != "batch",
        scores_together=not model.couples_examples,
        bf16=bf16,
        view=View(experiment.augmentations, model.packing if isinstance(model, Model) else 1),
    )
    if isinstance(model, VAEGAN):
        gamma, scale = model.gamma, model.scale
        return lambda state, reals: vae_gan_step(state, reals, recipe, gamma=gamma, scale=scale)
    return lambda state, reals: train_step(state, reals, recipe)


def due(step: int, every: int, last: int) -> bool:
    """Whether something done every so many steps, and at the last one, is to be done now."""
    return step == last or (every > 0 and step % every == 0)
