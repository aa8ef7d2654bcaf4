"""The end of a training: its exit code, its record in the run folder, the report to the user."""

from __future__ import annotations

import shlex
import sys
import traceback

import torch

from gan_runner.config.overrides import override
from gan_runner.config.plugins import plugin_error, plugin_files
from gan_runner.errors import (
    ConfigError,
    Fault,
    MachineError,
    NumbersError,
    PluginError,
    is_undecoded,
    locale_fault,
    plural,
    printable,
    report,
    undecoded_fault,
)
from gan_runner.storage.rows import best_evaluation, rows
from gan_runner.storage.status import State
from gan_runner.system import ranks
from gan_runner.system.files import path_from_here
from gan_runner.system.signals import Interrupted
from gan_runner.system.units import duration_text, four_digits
from gan_runner.training.compiling import compiling_fault
from gan_runner.training.loop import train
from gan_runner.training.optimizers import Optimizers
from gan_runner.training.run import Run

_DEFECT = 1


def train_to_end(run: Run) -> int:
    """Train a run to its end, whatever that is, record it and report it; the exit code.

    Interrupted goes on to the caller, once it is recorded.
    """
    try:
        train_and_record(run)
    except Fault as fault:
        return report(fault)
    except Exception as error:
        return _report_defect(run, error)
    return 0


def train_and_record(run: Run) -> None:
    """Train a run to its end, whatever that is, and record it.

    What ends it goes on to the caller once it is recorded: a Fault, with what can be gone on from;
    Interrupted; any other exception, which is a defect of ours. A fault of a plugin has what the
    plugin raised as its cause.
    """
    try:
        train(run)
    except Interrupted as interrupted:
        close(run, "interrupted", interrupted.exit_code, str(interrupted))
        run.terminal.say(f"interrupted at step {run.state.step}. Continue with:")
        run.terminal.say(_resume_command(run))
        raise
    except Exception as error:
        fault = as_fault(error)
        if fault is None or isinstance(fault, PluginError):
            _note_traceback(run, error)
        if fault is None:
            close(run, "failed", _DEFECT, f"defect: {printable(error)}")
            raise
        close(run, "failed", fault.exit_code, str(fault))
        if isinstance(fault, PluginError):
            place = _traceback_place(run)
            raise PluginError(f"{fault}\n{place}\n{_last_checkpoint(run)}") from error
        then = _after_divergence(run) if isinstance(fault, NumbersError) else _last_checkpoint(run)
        raise type(fault)(f"{fault}\n{then}") from None
    if run.is_paused:
        close(run, "paused", 0, f"paused at step {run.state.step}")
        run.terminal.say(f"paused at step {run.state.step}. Go on with:\n{_resume_command(run)}")
        return
    if run.reason_to_stop is None:
        close(run, "completed", 0, "all steps done")
    else:
        close(run, "stopped", 0, f"stopped: {run.reason_to_stop}")
    _say_summary(run)


def as_fault(error: Exception) -> Fault | None:
    """A fault of the user, a plugin or the machine as such; None for a defect of ours."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, UnicodeEncodeError):
        return _encoding_fault(error)
    if isinstance(error, OSError):
        remedy = "Make room, or check the permissions."
        return MachineError(f"the disk or the machine refused: {printable(error)}. {remedy}")
    out_of_memory = isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )
    if out_of_memory:
        return MachineError(
            "out of memory. Use train.accumulate=2 or more in a new run, or lower "
            "train.batch_size, the width of the model or dataset.image_size."
        )
    if ranks.is_loss(error):
        return ranks.explain_loss()
    return compiling_fault(error) or plugin_error(error)


def _encoding_fault(error: UnicodeEncodeError) -> ConfigError:
    """A name that isn't text, or that the locale has no letters for: then nothing is wrong with
    the name."""
    text = str(error.object)
    return undecoded_fault(text) if is_undecoded(text) else locale_fault(text, error.encoding)


def _note_traceback(run: Run, error: Exception) -> None:
    text = "".join(traceback.format_exception(error))
    try:
        run.log.note(text)
    except OSError:
        print(text, file=sys.stderr)


def _traceback_place(run: Run) -> str:
    return f"The traceback is in {printable(run.folder.train_log)}."


def _report_defect(run: Run, error: Exception) -> int:
    print(
        f"error: a defect in gan-runner, {type(error).__name__}: {printable(error)}.\n"
        + _traceback_place(run),
        file=sys.stderr,
    )
    return _DEFECT


def close(run: Run, state: State, exit_code: int, reason: str) -> None:
    """Record the end of a run. A disk that refuses this, too, must not hide the first fault."""
    run.terminal.end()
    try:
        run.close(state=state, exit_code=exit_code, reason=reason)
    except OSError as error:
        print(f"warning: can't record the end of the run: {printable(error)}", file=sys.stderr)


def _last_checkpoint(run: Run) -> str:
    if run.checkpoints.saved_step < 0:
        return f"No checkpoint was saved yet. The run folder is {printable(run.path)}."
    step = run.checkpoints.saved_step
    return f"The last good checkpoint is step {step}. Go on with: {_resume_command(run)}"


def _after_divergence(run: Run) -> str:
    """What can be done after NaN or Inf: to go on as before would end there again."""
    settings = [
        override(f"optimizer.{name}.lr", float(f"{each.param_groups[0]['lr'] / 4:.2g}"))
        for name, each in run.state.optimizers.items()
        if name in Optimizers._fields  # of these each of the others has its settings
    ]
    lines = [f"Start anew with smaller steps: {' '.join(settings)}"]
    if run.checkpoints.saved_step >= 0:
        path = shlex.quote(printable(run.path, limit=1000))
        step = run.checkpoints.saved_step
        lines.append(
            f"The last good checkpoint is step {step}. See it: {_sample_command(run, path)} "
            f"--checkpoint {step}{_plugin_options(run)}\n"
            f"To start anew from it, add {override('init_from', str(run.path))}"
        )
    else:
        lines.append(_last_checkpoint(run))
    return "\n".join(lines)


def _resume_command(run: Run) -> str:
    path = shlex.quote(run.terminal.path_text(run.path))
    return f"gan-train resume={path}{_plugin_options(run)}"


def _plugin_options(run: Run) -> str:
    """What a command on the run needs behind it: the files whose classes it is made of."""
    files = plugin_files(run.config.plugins)
    shown = (shlex.quote(printable(path_from_here(file), limit=1000)) for file in files)
    return "".join(f" --plugin {file}" for file in shown)


def _say_summary(run: Run) -> None:
    """Say how the run ended, how good it is, what was found ill, and what can be done with it."""
    say, path = run.terminal.say, shlex.quote(run.terminal.path_text(run.path))
    steps = plural(run.state.step, "step")
    done = "completed" if run.reason_to_stop is None else "stopped after"
    longer = max(1, 2 * run.state.step)
    schedules = _ended_schedules(run)
    lengths = [f" optimizer.{part}.schedule.steps={longer}" for part in schedules]
    ends = [f"\n  {part}'s learning rate: {schedule}" for part, schedule in schedules.items()]
    say(f"{done} {steps} in {duration_text(run.state.seconds)}: {path}{''.join(ends)}")
    plugins = _plugin_options(run)
    say(
        f"  score     {_score(run)}\n"
        f"{_privacy_line(run)}"
        f"  {_sample_line(run, path)}{plugins}\n"
        f"  curves    {_curves(run)}"
    )
    if run.config.privacy.epsilon is None:  # else its budget is spent
        say(f"  go on     gan-train resume={path} train.steps={longer}{''.join(lengths)}{plugins}")
    for verdict in {each.name: each for each in run.recorder.status.verdicts}.values():
        run.log.show_verdict(verdict)  # of several of a kind the last


def _privacy_line(run: Run) -> str:
    """What was spent in all; nothing without privacy."""
    spent = run.experiment.spent_privacy(run.state.step)
    if not spent:
        return ""
    return f"  privacy   epsilon {four_digits(spent['epsilon'])} for delta {spent['delta']:.2g}\n"


def _sample_line(run: Run, path: str) -> str:
    if run.experiment.method.translates:
        return f"translate {_sample_command(run, path)}"
    return f"sample    {_sample_command(run, path)} --out samples.png"


def _sample_command(run: Run, path: str) -> str:
    """The command that shows what the run's generator makes."""
    if run.experiment.method.translates:
        return f"gan-translate {path} INPUT --out FOLDER"
    return f"gan-sample {path}"


def _curves(run: Run) -> str:
    """The command that shows the curves: that of the first logger that has one, else a page."""
    commands = [logger.command for logger in run.experiment.loggers.values() if logger.command]
    path = shlex.quote(run.terminal.path_text(run.path))
    return next(iter(commands), "gan-report {folder} --html run.html").format(folder=path)


def _score(run: Run) -> str:
    """The last evaluation, and whether it is the best; without any, how to get one."""
    wanted = run.experiment.evaluation.best
    best = best_evaluation(run.folder.evaluations, wanted.direction)
    if best is None:
        path = shlex.quote(run.terminal.path_text(run.path))
        return f"none. Measure it: gan-evaluate {path}{_plugin_options(run)}"
    measured = [row for row in rows(run.folder.evaluations) if row.get("best") is not None]
    last = measured[-1]
    shown = f"{wanted.metric} {four_digits(last['best'])} at step {last['step']}"
    if last["step"] == best["step"]:
        return f"{shown}, the best"
    return f"{shown}; the best was {four_digits(best['best'])} at step {best['step']}"


def _ended_schedules(run: Run) -> dict[str, str]:
    """The schedules that have come to their end, by network: to go on needs a longer one."""
    found = {}
    for part, optimizer in run.experiment.optimizers._asdict().items():
        schedule = optimizer.schedule
        if schedule.shape != "constant" and schedule.steps <= run.state.step:
            found[part] = f"a {schedule.shape} schedule of {schedule.steps} steps, at its end"
    return found
