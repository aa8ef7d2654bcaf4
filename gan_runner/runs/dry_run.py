"""A dry run: what a run does for three steps, and what all of it would take. It leaves nothing."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from gan_runner.config import schema as configuration
from gan_runner.config.schema import Config, Train
from gan_runner.data_report.text import short_form
from gan_runner.errors import plural, printable
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import create
from gan_runner.storage import checkpoint
from gan_runner.system import machine
from gan_runner.system.signals import end_at_once
from gan_runner.system.units import duration_text, size_text
from gan_runner.training.advice import advice
from gan_runner.training.evaluation_plan import EvaluationCost, evaluation_cost
from gan_runner.training.loop import real_batches
from gan_runner.training.privacy import privacy_rows
from gan_runner.training.run import Run

LONG_SECONDS = 3600
"""A run or a sweep that takes longer is warned of."""

_MADE_SMALL = {"train.steps", "train.epochs", "train.batch_size", "dataset.image_size"}
"""Settings of a command line that would keep quick=true from making a run small."""
_STEPS = 3
_LOGGED_TWICE = 3  # a number in TensorBoard takes about twice as much as in metrics.jsonl


class Estimate(NamedTuple):
    """What a run would take: `seconds` to its end and of that `starting` before its first step,
    bytes on the `disk`, and the lines that say so; `config` is the run's own, resolved."""

    config: Config
    device: str
    starting: float
    step: float
    seconds: float
    disk: int
    rows: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    advice: str | None
    reading: tuple[str, ...]


def run_dry(
    config: Config, terminal: Terminal, *, command: Sequence[str], shows_config: bool = False
) -> None:
    """Print what a run would take on this machine, and its configuration where that is asked for.

    `command` is the line without dry_run=true, to which ways to a shorter run are added. Data is
    read, and decoded into the cache, as for a run. Raises what `create` raises.
    """
    found = estimate(config, terminal)
    terminal.say(align(found.rows))
    lines = [f"warning: {printable(warning, 1000)}" for warning in found.warnings]
    lines += [] if found.advice is None else [f"advice: {found.advice}"]
    lines += shorter_runs(found, command)
    if lines:
        terminal.say("\n".join(["", *lines]))
    terminal.say("\n".join(["", *found.reading]))
    if shows_config:
        terminal.say("\n" + configuration.text(found.config).rstrip())
    terminal.say("\ndry run: no files were written. Remove dry_run=true to train.")


def align(rows: Sequence[tuple[str, str]]) -> str:
    """Lines of what something is and how much of it."""
    column = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{column}}  {text}" for name, text in rows)


def estimate(config: Config, terminal: Terminal) -> Estimate:
    """What a run would take on this machine. Raises what `create` raises."""
    with tempfile.TemporaryDirectory(prefix="gan-runner-") as folder:
        end_at_once(undo=lambda: shutil.rmtree(folder, ignore_errors=True))
        path = Path(folder) / "run"
        path.mkdir()
        began = time.monotonic()
        run = create(config, path, terminal)
        try:
            run.prepare_method()
            starting = time.monotonic() - began
            step, evaluations = _measure_step(run), evaluation_cost(run.experiment, run.data)
            disk, parts = _disk_space(run, run.config.train)
            return Estimate(
                run.config,
                str(run.device),
                starting,
                step,
                starting + run.config.train.steps * step + evaluations.seconds,
                disk,
                (
                    *_rows(run, step, evaluations),
                    ("on the disk then", f"{size_text(disk)}: {parts}"),
                ),
                (*run.experiment.warnings, *run.data.reading.warnings),
                advice(run.experiment, run.data),
                tuple(short_form(run.reading, width=terminal.width)),
            )
        finally:
            run.folder.release()


def shorter_runs(found: Estimate, command: Sequence[str]) -> list[str]:
    """The warning of a run that takes more than an hour, with lines that take less; none for a
    shorter one."""
    if found.seconds <= LONG_SECONDS:
        return []
    steps = _round_down(LONG_SECONDS / found.step)
    length = [f"train.steps={steps}"]
    if any(word.startswith("train.epochs=") for word in command):
        length.append("train.epochs=null")
    ways = [(["quick=true"], "a first look, narrow and short"), (length, "about an hour")]
    ways += _other_hardware(found)
    return [
        f"warning: {duration_text(found.seconds)} on this device ({found.device}), more than an "
        "hour. Shorter:",
        *(f"  {joined_command(command, more)}    # {what}" for more, what in ways),
    ]


def joined_command(command: Sequence[str], more: Sequence[str]) -> str:
    """A command line with further settings, in the place of those of the same keys."""
    keys = {word.partition("=")[0] for word in more}
    if "quick" in keys:
        keys |= _MADE_SMALL
    kept = [word for word in command if word.partition("=")[0] not in keys]
    return printable(shlex.join(["gan-train", *kept, *more]), limit=100_000)


def _other_hardware(found: Estimate) -> list[tuple[list[str], str]]:
    """What this machine has and the run doesn't use."""
    if found.device == "cpu" and torch.cuda.is_available():
        return [(["device=cuda"], "on the GPU")]
    cores = os.cpu_count() or 1
    used = found.config.threads
    if found.device == "cpu" and isinstance(used, int) and used < cores:
        return [([f"threads={cores}"], f"on all {cores} cores instead of {used}")]
    return []


def _round_down(number: float) -> int:
    """A whole number of two digits and zeros, at least 1."""
    unit = 10 ** max(0, int(math.log10(max(number, 1))) - 1)
    return max(1, int(number // unit * unit))


def _measure_step(run: Run) -> float:
    """The seconds of one step: the median of three, after a first one that makes ready."""
    method, found = run.experiment.method, []
    reals = real_batches(run.experiment, run.data, run.state, run.device)
    for _ in range(1 + _STEPS):
        began = time.monotonic()
        method.step(run.state, reals)
        if run.device.type == "cuda":
            torch.cuda.synchronize(run.device)
        found.append(time.monotonic() - began)
    return statistics.median(found[1:])


def _rows(run: Run, seconds: float, evaluations: EvaluationCost) -> list[tuple[str, str]]:
    plan = run.config.train
    examples = plan.batch_size * run.experiment.method.batches_per_step
    training = f"{duration_text(plan.steps * seconds)} for {plan.steps:,} steps"
    count, measuring = plural(evaluations.evaluations, "evaluation"), evaluations.seconds
    # known within a factor of two, so that a few seconds say no more than none
    evaluated = f", {duration_text(measuring)} for {count}" if measuring >= 1 else ""
    return [
        *((f"parameters, {name}", f"{count:,}") for name, count in run.state.sizes().items()),
        ("examples", f"{len(run.data):,} of shape {list(run.data.space.shape)}"),
        ("device", f"{run.device}, threads={run.config.threads}"),
        ("peak memory so far", size_text(machine.peak_memory(run.device))),
        ("a step", f"{seconds:.3g} s, {examples / seconds:,.0f} examples per second"),
        ("to the end", f"{training}{evaluated}"),
        *privacy_rows(run.config),
    ]


def _disk_space(run: Run, plan: Train) -> tuple[int, str]:
    """The bytes of a run at its end, and what they are."""
    # an evaluation that is the best so far saves, too, and what is best is kept beside the others
    most = 1 + plan.keep + (1 if plan.is_evaluated else 0)
    intervals = (plan.save_every, plan.evaluation_interval)
    moments = [range(n, plan.steps + 1, n)[:most] for n in intervals if n]
    kept = min(most, len({plan.steps}.union(*moments)))
    state = run.state
    saved = checkpoint.write(run.folder.checkpoints, state.tensors(), run.facts()).stat().st_size
    run.sample()
    (picture,) = run.folder.samples.glob("step_*.png")
    pictures = 1 + (2 + plan.steps // plan.sample_every if plan.sample_every else 0)
    row = _LOGGED_TWICE * len(json.dumps(state.sums.means()))
    rows = plan.steps // plan.log_every if plan.log_every else 1
    parts = kept * saved, 2 * pictures * picture.stat().st_size, rows * row
    count = f"up to {kept}" if plan.is_evaluated else f"{kept}"
    of = f"{count} checkpoint{'s' * (kept > 1)} of {size_text(saved)}, pictures, rows"
    return sum(parts), of
