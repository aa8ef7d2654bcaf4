"""A dry run: what a run does for three steps, and what all of it would take. It leaves nothing."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch

from gan_runner.config import schema as configuration
from gan_runner.config.schema import Config, Train
from gan_runner.data_report.text import short_form
from gan_runner.errors import printable
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.open import create
from gan_runner.storage import checkpoint
from gan_runner.system import machine
from gan_runner.system.signals import end_at_once
from gan_runner.system.units import duration_text, size_text
from gan_runner.training.advice import advice
from gan_runner.training.loop import real_batches
from gan_runner.training.run import Run

_STEPS = 3
_LOGGED_TWICE = 3  # a number in TensorBoard takes about twice as much as in metrics.jsonl


def run_dry(config: Config, terminal: Terminal) -> None:
    """Print the configuration that a run would have, and what it would take on this machine.

    Data is read, and decoded into the cache, as for a run. Raises what `create` raises.
    """
    with tempfile.TemporaryDirectory(prefix="gan-runner-") as folder:
        end_at_once(undo=lambda: shutil.rmtree(folder, ignore_errors=True))
        path = Path(folder) / "run"
        path.mkdir()
        run = create(config, path, terminal)
        try:
            seconds = _measure_step(run)
            terminal.say(configuration.text(run.config))
            terminal.say("\n".join(short_form(run.reading, width=terminal.width)))
            for warning in (*run.experiment.warnings, *run.data.reading.warnings):
                terminal.say(f"warning: {printable(warning, 1000)}")
            proposal = advice(run.experiment, run.data)
            if proposal is not None:
                terminal.say(f"advice: {proposal}")
            terminal.framed_table(("", ""), _estimate(run, seconds))
        finally:
            run.folder.release()
    terminal.say("dry run: no files were written. Remove dry_run=true to train.")


def _measure_step(run: Run) -> float:
    """The seconds of one step: the median of three, after a first one that makes ready."""
    reals, method, found = real_batches(run), run.experiment.method, []
    for _ in range(1 + _STEPS):
        began = time.monotonic()
        method.step(run.state, reals)
        if run.device.type == "cuda":
            torch.cuda.synchronize(run.device)
        found.append(time.monotonic() - began)
    return statistics.median(found[1:])


def _estimate(run: Run, seconds: float) -> list[tuple[str, str]]:
    plan = run.config.train
    examples = plan.batch_size * run.experiment.method.batches_per_step
    evaluated = ", evaluations not counted" if plan.is_evaluated else ""
    return [
        *((f"parameters, {name}", f"{count:,}") for name, count in run.state.sizes().items()),
        ("examples", f"{len(run.data):,} of shape {list(run.data.space.shape)}"),
        ("device", f"{run.device}, threads={run.config.threads}"),
        ("peak memory so far", size_text(machine.peak_memory(run.device))),
        ("a step", f"{seconds:.3g} s, {examples / seconds:,.0f} examples per second"),
        (
            "to the end",
            f"{duration_text(plan.steps * seconds)} for {plan.steps:,} steps{evaluated}",
        ),
        ("on the disk then", _disk_space(run, plan)),
    ]


def _disk_space(run: Run, plan: Train) -> str:
    # an evaluation that is the best so far saves, too, and what is best is kept beside the others
    most = 1 + plan.keep + (1 if plan.is_evaluated else 0)
    intervals = (plan.save_every, plan.evaluation_interval)
    moments = [range(n, plan.steps + 1, n)[:most] for n in intervals if n]
    kept = min(most, len({plan.steps}.union(*moments)))
    state = run.state
    saved = checkpoint.write(run.folder.checkpoints, state.tensors(), run.facts()).stat().st_size
    run.sample()
    (picture,) = run.folder.samples.glob("step_*.png")
    pictures = 1 + (plan.steps // plan.sample_every if plan.sample_every else 0)
    row = _LOGGED_TWICE * len(json.dumps(state.sums.means()))
    rows = plan.steps // plan.log_every if plan.log_every else 1
    parts = kept * saved, 2 * pictures * picture.stat().st_size, rows * row
    count = f"up to {kept}" if plan.is_evaluated else f"{kept}"
    of = f"{count} checkpoint{'s' * (kept > 1)} of {size_text(saved)}, pictures, rows"
    return f"{size_text(sum(parts))}: {of}"
