"""When things happen: the whole of training, in order."""

from __future__ import annotations

from gan_runner.data import batches
from gan_runner.interruption import watched
from gan_runner.run import Run
from gan_runner.steps import Recipe, train_step
from gan_runner.view import View


def train(run: Run) -> None:
    """Train until the plan's last step. At the end the last checkpoint is checked.

    Raises NumbersError, MachineError, and Interrupted once the state is saved.
    """
    plan, state, experiment = run.config.train, run.state, run.experiment
    reals = batches(
        run.data,
        size=plan.batch_size,
        seed=run.config.seed,
        start=state.step * experiment.objective.d_steps,
        flip=experiment.dataset.flips,
        labelled=experiment.model.conditional,
        device=run.device,
    )
    recipe = Recipe(
        objective=experiment.objective,
        optimizers=experiment.optimizers,
        batch_size=plan.batch_size,
        latent_size=experiment.model.latent_columns,
        codes=experiment.model.code.columns,
        average=plan.average,
        average_ramp=plan.average_ramp,
        generates_together=experiment.model.generator.norm != "batch",
        scores_together=experiment.model.discriminator.norm != "batch",
        bf16=run.config.precision == "bf16",
        view=View(experiment.augmentations, experiment.model.packing),
    )
    with watched() as signals:
        run.begin()
        if run.config.init_from is not None:
            run.save()  # the run that it started from may change, or go
        while not (state.step >= plan.steps or signals.received or run.reason_to_stop):
            run.go_back_if_ill()
            train_step(state, reals, recipe)
            run.terminal.step(state.step)
            if due(state.step, plan.log_every, plan.steps):
                run.row()
            if due(state.step, plan.sample_every, plan.steps):
                run.sample()
            if plan.eval_every > 0 and due(state.step, plan.eval_every, plan.steps):
                run.evaluate()
            if due(state.step, plan.save_every, plan.steps):
                run.save()
        run.save()
        signals.check()
    run.verify()


def due(step: int, every: int, last: int) -> bool:
    """Whether something done every so many steps, and at the last one, is to be done now."""
    return step == last or (every > 0 and step % every == 0)
