"""When things happen: the whole of training, in order."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from gan_runner.data import Data
from gan_runner.data.batches import Batch, batches
from gan_runner.system import ranks
from gan_runner.system.signals import watch_signals
from gan_runner.training.experiment import Experiment
from gan_runner.training.run import Run
from gan_runner.training.state import TrainState


def train(run: Run) -> None:
    """Train until the last step, the plan's or one to pause at. At the end the last checkpoint is
    checked.

    Raises NumbersError, MachineError, and Interrupted once the state is saved.
    """
    plan, state = run.config.train, run.state
    reals = real_batches(run.experiment, run.data, state, run.device)
    evaluated = plan.evaluation_interval
    with watch_signals() as signals:
        state.share()
        run.begin()
        signals.end_early(run.prepare_method)
        signals.end_early(run.prepare_evaluation)
        method = run.experiment.method
        if run.checkpoints.saved_step < 0 and plan.sample_every > 0:
            run.sample()
        if run.config.init_from is not None:
            run.save()  # the run that it started from may change, or go
        while not (state.step >= run.last_step or signals.received or run.reason_to_stop):
            run.go_back_if_ill()
            ranks.tell(ranks.Order.STEP)
            method.step(state, reals)
            run.terminal.step(state.step)
            if is_due(state.step, plan.log_every, plan.steps):
                run.row()
            elif run.probe_is_due:
                run.probe()
            if is_picture_due(state.step, plan.sample_every, plan.steps):
                run.sample()
            if evaluated > 0 and is_due(state.step, evaluated, plan.steps):
                run.evaluate()
            if is_due(state.step, plan.save_every, plan.steps):
                run.save()
        ranks.tell(ranks.Order.STOP)
        run.save()
        signals.check()
    run.checkpoints.verify()


def real_batches(
    experiment: Experiment, data: Data, state: TrainState, device: torch.device
) -> Iterator[Batch]:
    """The batches of real examples that come next."""
    return batches(
        data,
        size=experiment.config.train.batch_size,
        seed=experiment.config.seed,
        start=state.step * experiment.method.batches_per_step,
        flip=experiment.dataset.flips,
        with_labels=experiment.model.conditional,
        device=device,
        poisson=experiment.config.privacy.is_on,
    )


def is_picture_due(step: int, every: int, last: int) -> bool:
    """Whether samples are due: every so many steps, at the last, and at the first tenth of all."""
    return is_due(step, every, last) or (every > 0 and step == last // 10)


def is_due(step: int, every: int, last: int) -> bool:
    """Whether something done every so many steps, and at the last one, is to be done now."""
    return step == last or (every > 0 and step % every == 0)
