"""The log of a run: metrics.jsonl, events.jsonl, train.log, pictures, and its trackers."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gan_runner.errors import CheckpointError, NumbersError, printable
from gan_runner.evaluation.report import EvaluationReport
from gan_runner.evaluation.table_report.report import read_table_report, write_table_report
from gan_runner.logs.loggers import Logger
from gan_runner.logs.preview import Thumbnails
from gan_runner.logs.terminal import Terminal
from gan_runner.logs.trackers import RunFacts, Trackers, note_sent_steps
from gan_runner.sampling.pictures.png import Picture, encode_png, save_png
from gan_runner.storage.rows import best_evaluation
from gan_runner.storage.run_folder import RunFolder, current_time
from gan_runner.storage.status import Verdict
from gan_runner.system.files import write_text

PICTURES = ("step", "reconstructions", "back", "confusion")
"""The first parts of the names in samples/; the step follows."""


class Log:
    """One place for everything that is logged. Each (name, step) is written once."""

    def __init__(
        self, folder: RunFolder, terminal: Terminal, loggers: Mapping[str, Logger]
    ) -> None:
        self._folder = folder
        self._terminal = terminal
        makers = {name: logger.open for name, logger in loggers.items()}
        self._trackers = Trackers(folder, makers, self._warn)
        self._record_warning: Callable[[int, str], None] = self._say_warning
        self._metrics = folder.metrics.open("a", buffering=1, encoding="utf-8")
        folder.samples.mkdir(exist_ok=True)

    def row(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Log the numbers of training. Raises NumbersError, and writes no row, if one is NaN or
        Inf."""
        self.numbers(step, seconds, values)
        self._terminal.row(step, values)

    def numbers(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Log named numbers that no terminal shows. Raises NumbersError as `row` does."""
        for name, value in values.items():
            if not math.isfinite(value):
                raise NumbersError(f"not a finite number at step {step}, {name}={value}.")
        row = {"step": step, "seconds": round(seconds, 3), **values}
        self._metrics.write(json.dumps(row) + "\n")
        self._trackers.scalars(step, seconds, values)

    def evaluation(self, step: int, seconds: float, report: EvaluationReport) -> dict[str, float]:
        """Log an evaluation: its numbers as a row, which is returned; all of it in a file."""
        values = {f"eval/{result.name}": result.value for result in report.results}
        values |= {f"eval/share/{name}": share for name, share in report.shares.items()}
        self.numbers(step, seconds, values)
        with self._folder.evaluations.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **report.plain()}) + "\n")
        if report.table is not None:
            write_table_report(self._folder.table, replace(report.table, step=step))
        if report.neighbors is not None:
            content = encode_png(report.neighbors)
            self._trackers.picture("eval/neighbors", step, report.neighbors, content)
        if report.confusion is not None:
            confusion = report.confusion.picture()
            content = save_png(confusion, self._folder.samples / picture_name(step, "confusion"))
            self._trackers.picture("eval/confusion", step, confusion, content)
        return values

    def picture(self, step: int, picture: Picture, thumbnails: Thumbnails | None = None) -> None:
        """Log the samples of a step, as a file and in TensorBoard; some of them on the terminal."""
        path = self._folder.samples / picture_name(step)
        self._trackers.picture("samples", step, picture, save_png(picture, path))
        self._terminal.picture(path, thumbnails)

    def checkpoint(self, step: int, path: Path) -> None:
        """Log that the state of a step is in a file."""
        self._terminal.checkpoint(step, path)
        self.note(f"saved step {step} {printable(path, limit=1000)}")

    def reconstructions(self, step: int, picture: Picture) -> None:
        """Log examples and their reconstructions, as a file and in TensorBoard."""
        content = save_png(picture, self._folder.samples / picture_name(step, "reconstructions"))
        self._trackers.picture("reconstructions", step, picture, content)

    def ways_back(self, step: int, picture: Picture) -> None:
        """Log translations in the other direction, as a file and in the trackers."""
        content = save_png(picture, self._folder.samples / picture_name(step, "back"))
        self._trackers.picture("back", step, picture, content)

    def reals(self, picture: Picture) -> None:
        """Log real examples, once, as a file and in the trackers."""
        self._trackers.picture("real", 0, picture, save_png(picture, self._folder.real))

    def begin(
        self,
        step: int,
        facts: RunFacts,
        *,
        warn: Callable[[int, str], None] | None = None,
    ) -> None:
        """Begin to log in all trackers, at each start and resume of the run. `warn` takes the
        warnings of those that fail."""
        self._record_warning = warn or self._record_warning
        self._trackers.begin(step, facts)

    def verdict(self, verdict: Verdict) -> None:
        """Log a verdict on the training: on the terminal, in train.log, events.jsonl and
        TensorBoard."""
        text = f"{verdict.name}: {verdict.evidence} {verdict.advice}"
        self.show_verdict(verdict)
        self.note(f"verdict at step {verdict.step}, {printable(text, 2000)}")
        self.event("verdict", verdict.step, text)
        self._trackers.text("verdicts", text, verdict.step)

    def show_verdict(self, verdict: Verdict) -> None:
        """Show a verdict on the terminal only."""
        head = f"verdict at step {verdict.step}, {printable(verdict.name)}"
        evidence, advice = printable(verdict.evidence, 1000), printable(verdict.advice, 1000)
        self._terminal.verdict(head, evidence, advice)

    def event(self, kind: str, step: int, text: str) -> None:
        """Log an event in events.jsonl."""
        entry = {"time": current_time(), "kind": kind, "step": step, "text": text}
        with self._folder.events.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def say(self, text: str, *, style: str = "") -> None:
        """Print text on the terminal and write it to train.log. `style` is of its first word."""
        shown = "\n".join(printable(line, limit=1000) for line in text.splitlines())
        self._terminal.say(shown, style=style)
        self.note(shown)

    def note(self, text: str) -> None:
        """Write to train.log only."""
        with self._folder.train_log.open("a", encoding="utf-8") as file:
            file.write(f"{current_time()} {text}\n")

    def flush(self) -> None:
        """Write every row to the disk: a checkpoint must never be ahead of its rows."""
        self._metrics.flush()
        os.fsync(self._metrics.fileno())
        self._trackers.flush()

    def close(self, *, success: bool | None) -> None:
        """End the session of all trackers; `success` is None for a run that will go on."""
        self._trackers.close(success=success)
        self._metrics.close()

    def _warn(self, step: int, text: str) -> None:
        self._record_warning(step, text)

    def _say_warning(self, step: int, text: str) -> None:
        self.say(f"warning: {text}")
        self.event("warning", step, text)


def picture_name(step: int, of: str = "step") -> str:
    return f"{of}_{step:08d}.png"


def rewind(folder: RunFolder, step: int) -> None:
    """Drop everything logged after `step`: the resumed run logs it again."""
    note_sent_steps(folder)
    for path in (folder.metrics, folder.evaluations):
        if path.exists():
            rows = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
            before = [row for row in rows if row.endswith("\n") and _step(row) <= step]
            write_text(path, "".join(before))
    with suppress(FileNotFoundError, CheckpointError):
        if (read_table_report(folder.table).step or 0) > step:
            folder.table.unlink()
    for of in PICTURES:
        for path in folder.samples.glob(f"{of}_*.png"):
            if path.name > picture_name(step, of):
                path.unlink()
        for path in folder.samples.glob(f".{of}_*.partial"):
            path.unlink()
    if any(folder.tensorboard.glob("events.out.tfevents.*")):
        from gan_runner.logs import tensorboard

        tensorboard.rewind(folder.tensorboard, step)


def best_step(folder: RunFolder, direction: str) -> int | None:
    """The step of the best evaluation so far, the first of equal ones; None without any."""
    row = best_evaluation(folder.evaluations, direction)
    return None if row is None else int(row["step"])


def _step(row: str) -> float:
    """The step of a row; after all others, if a crash of the machine left it damaged."""
    try:
        return float(json.loads(row)["step"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return math.inf
