"""A run on several devices: rank 0 leads it as a run on one device, the others follow.

Rank 0 alone reads the command, writes, draws and decides. A follower is sent the configuration and
the state, reads the data for itself, takes the steps that it is told to, and does its share of
evaluations.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch

from gan_runner.config import schema
from gan_runner.config.schema import Config
from gan_runner.data import Data
from gan_runner.errors import MachineError, printable, report
from gan_runner.evaluation.evaluator import Evaluator
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.ended import record_end
from gan_runner.runs.finish import as_fault, close
from gan_runner.runs.open import load_data, prepare_machine, untrained_state
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import State
from gan_runner.system import ranks
from gan_runner.system.allocator import keep_freed_memory
from gan_runner.system.shared_work import SharedFaultError
from gan_runner.system.signals import ignore_signals
from gan_runner.training.build import build
from gan_runner.training.experiment import Experiment
from gan_runner.training.loop import real_batches
from gan_runner.training.perceptual import with_perceptual_space
from gan_runner.training.run import Run
from gan_runner.training.sampled import sampler_of

_UNRECORDED: tuple[State, ...] = ("running",)
_PATIENCE = 4.0  # seconds for rank 0 to record the end itself


def lead(run: Run | None) -> None:
    """Say to the followers what rank 0 trains, None for nothing. The run says why it ended if one
    of them falls silent."""
    ranks.share(None if run is None else (run.config.plain(), str(run.path.absolute())))
    if run is not None:
        ranks.on_silence(partial(close, run, "failed", MachineError.exit_code))


def follow() -> int:
    """Follow rank 0 to the end of its run; the exit code of this process."""
    ranks.join()
    try:
        _follow()
    except SharedFaultError:  # rank 0 reports it
        return MachineError.exit_code
    except Exception as error:
        if ranks.is_loss(error):  # it says why itself, or whoever started the ranks does
            return MachineError.exit_code
        if (fault := as_fault(error)) is None:
            ranks.leave_word(MachineError(f"rank {ranks.rank()}: a defect, {printable(error)}"))
            raise
        own = type(fault)(f"rank {ranks.rank()}: {fault}")
        return own.exit_code if ranks.leave_word(own) else report(own)
    return 0


def _follow() -> None:
    led = ranks.share(None)
    if led is None:
        return  # there is nothing to train
    config, folder = schema.parse(led[0]), RunFolder(Path(led[1]))
    ranks.on_silence(partial(_record_loss, folder, config))
    try:
        _take_part(config)
    except Exception as error:
        if ranks.is_loss(error):
            _record_loss(folder, config, str(ranks.explain_loss()))
        raise


def _record_loss(folder: RunFolder, config: Config, reason: str) -> None:
    """Record the end of the run if rank 0 is gone and couldn't. Its folder may be out of reach."""
    if folder.config.exists():
        code = MachineError.exit_code
        record_end(
            *(folder, config),
            state="failed",
            code=code,
            reason=reason,
            replaced=_UNRECORDED,
            patience=_PATIENCE,
        )


def _take_part(config: Config) -> None:
    device = prepare_machine(config)
    experiment, data = load_data(build(config), Terminal(quiet=True), device)
    state = untrained_state(experiment, data, device)
    state.share()
    ignore_signals()  # rank 0 saves, and then tells the others
    experiment = with_perceptual_space(
        experiment, data, state, device=device, say=lambda text: None
    )
    evaluator = make_evaluator(experiment, data, device)
    if config.reuse_memory:
        keep_freed_memory()
    reals = real_batches(experiment, data, state, device)
    while (order := ranks.hear()) is not ranks.Order.STOP:
        if order is ranks.Order.TAKE_STATE:
            state.share()
        elif order is ranks.Order.EVALUATE:
            assert evaluator is not None, "rank 0 has one as well"
            evaluator.take_part(sampler_of(experiment, data, state))
        else:
            experiment.method.step(state, reals)


def make_evaluator(experiment: Experiment, data: Data, device: torch.device) -> Evaluator | None:
    """What rank 0 makes when its run begins, without a word."""
    if not experiment.config.train.is_evaluated:
        return None
    return Evaluator(
        experiment.evaluation,
        experiment.dataset,
        data,
        cache=Path(experiment.config.cache).expanduser(),
        device=device,
        say=lambda text: None,
        track=Terminal(quiet=True).track,
    )
