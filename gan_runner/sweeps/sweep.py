"""The sweep that a command makes or continues: its folder, its jobs and their results."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from gan_runner.config.schema import Config
from gan_runner.errors import (
    ConfigError,
    Fault,
    InUseError,
    MachineError,
    NumbersError,
    plural,
    printable,
)
from gan_runner.logs.terminal import Terminal
from gan_runner.storage.run_folder import RunFolder
from gan_runner.sweeps import tuning
from gan_runner.sweeps.compared_number import explain_missing
from gan_runner.sweeps.halving_search import HalvingPlan, HalvingSearch
from gan_runner.sweeps.jobs import (
    DONE,
    Job,
    JobResult,
    first_line,
    has_begun,
    is_done,
    refuse_other_settings,
)
from gan_runner.sweeps.progress import SweepProgress
from gan_runner.sweeps.settings import SweepSettings
from gan_runner.sweeps.tuning import TuningResult
from gan_runner.system.files import write_text
from gan_runner.system.signals import Interrupted
from gan_runner.system.units import duration_text, four_digits

JOB_FAILED = 8
_LISTED = 8  # lines of invalid jobs in a fault


class Candidate(NamedTuple):
    """A combination that the command line makes; `config` raises the Fault of an invalid one."""

    name: str
    overrides: tuple[str, ...]
    config: Callable[[], Config]


class JobRunner(Protocol):
    """Brings jobs to their end, whatever that is, and calls `on_end` with each. None stands for
    one that isn't known before another has ended."""

    def __call__(
        self,
        jobs: Iterable[Job | None],
        *,
        progress: SweepProgress,
        on_end: Callable[[Job, JobResult], None],
    ) -> None: ...


class Sweep:
    """One sweep of this process. A search launches it in several batches, a grid in one."""

    def __init__(
        self,
        settings: SweepSettings,
        folder: Path,
        command: Sequence[str],
        *,
        is_dry: bool = False,
    ) -> None:
        """`is_dry`: its jobs are checked and none is started, and nothing is written."""
        self.is_dry = is_dry
        self._settings = settings
        self._folder = RunFolder(folder)
        self._command = shlex.join(["gan-train", *command])
        self._terminal = Terminal()
        self._progress = SweepProgress(self._terminal, total=0)
        self._announced = 0
        self._held = False
        self._names: list[str] = []  # of all jobs, in the order of the command line
        self._jobs: dict[str, Job] = {}
        self._done: set[str] = set()  # the names of those that were complete before
        self._results: dict[str, JobResult] = {}
        self._search: HalvingSearch | None = None
        self._tuned: Sequence[TuningResult] = ()
        self._metric = ""
        self._notes: set[str] = set()

    @property
    def path(self) -> Path:
        return self._folder.path

    @property
    def jobs_left(self) -> list[Job]:
        """The valid jobs that aren't complete, in the order of the command line."""
        names = [name for name in self._names if name in self._jobs and name not in self._done]
        return [self._jobs[name] for name in names]

    @property
    def jobs_done(self) -> int:
        """The number of jobs that were complete before."""
        return len(self._done)

    def announce(self, count: int) -> None:
        """Say how many jobs there will be. Raises ConfigError if these are too many."""
        jobs = plural(count, "job")
        self._terminal.say(f"sweep: {jobs} in {printable(self.path)}")
        self._progress = SweepProgress(self._terminal, total=count)
        self._announced = count
        if count > self._settings.max_jobs:
            raise ConfigError(
                f"a sweep of {jobs}, sweeping.max_jobs={self._settings.max_jobs}. "
                f"Raise the limit with sweeping.max_jobs={count} or sweep over less."
            )

    def announce_plan(self, plan: HalvingPlan) -> None:
        """Say how many jobs of a search come how far."""
        self._terminal.paragraph(plan.text())

    def note(self, text: str) -> None:
        """Say something of how the jobs are carried out, once; nothing where that is empty."""
        if text and text not in self._notes:
            self._notes.add(text)
            self._terminal.paragraph(text)

    def check(
        self, candidates: Sequence[Candidate], *, searching: bool, here: bool
    ) -> dict[str, Job]:
        """The jobs that can be, by name. Nothing was started or written yet. `here`: they run on
        this machine, where their data must be.

        Raises a fault that lists the invalid ones, unless they are to be skipped.
        """
        from gan_runner.logs.loggers import check_installed
        from gan_runner.training.build import build

        jobs: dict[str, Job] = {}
        faults: dict[str, Fault] = {}
        what = "checked jobs"
        for candidate in self._terminal.track(candidates, description=what, total=len(candidates)):
            path = self.path / candidate.name
            try:
                job = Job(candidate.name, path, candidate.config(), candidate.overrides)
                experiment = build(job.config)
                check_installed(experiment.loggers)
                if has_begun(job.folder):
                    refuse_other_settings(job)
                    if is_done(job, experiment):
                        self._done.add(job.name)
                elif here:
                    experiment.dataset.check_present()
            except Fault as fault:
                faults[candidate.name] = fault
            else:
                jobs[candidate.name] = job
        if faults and (self._settings.on_invalid == "abort" or not jobs) and not searching:
            raise _joint_fault(faults, len(jobs) + len(faults))
        for name, why in faults.items():
            first = first_line(str(why))
            self._terminal.paragraph(f"invalid, left out: {printable(name)}: {printable(first)}")
            self._results[name] = JobResult("invalid", why.exit_code, None, 0.0, str(why))
            self._progress.skip(self._results[name])
        self._names = list(dict.fromkeys([*self._names, *(c.name for c in candidates)]))
        self._jobs |= jobs
        return jobs

    def lock(self) -> None:
        """Make the folder of the sweep, and keep other processes out of it.

        Raises InUseError if another process carries out the same sweep, MachineError.
        """
        if self._held:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(
                f"can't make the folder of the sweep, {printable(self.path)}. {printable(error)}"
            ) from None
        try:
            self._folder.lock()
        except InUseError:
            raise InUseError(
                f"another process carries out this sweep, {printable(self.path)}. "
                "Wait for it to end, or stop it, or name another one with sweep=NAME"
            ) from None
        self._held = True

    def run_jobs(self, jobs: Sequence[Job], carrier: JobRunner) -> None:
        """Bring every job to its end, those aside that are complete already. Raises Interrupted."""
        left = [job for job in jobs if job.name not in self._done]
        for job in jobs:
            if job.name in self._done:
                self._skip(job)
        self._carry(left, carrier, self._note_end)

    def run_search(self, search: HalvingSearch, carrier: JobRunner) -> None:
        """Bring every job as far as the search says. Raises Interrupted."""
        self._search = search
        for line in search.changes(self.path):
            self._terminal.paragraph(f"note: {printable(line, 1000)}")
        repeats = self._announced - len(self._names)
        self._progress = SweepProgress(self._terminal, total=search.total + repeats)
        for job, result in search.earlier:
            self._results[job.name] = result
            self._progress.skip(result)

        def note_end(job: Job, result: JobResult) -> None:
            self._note_end(job, result)
            search.note_end(job, result)
            search.write(self.path)

        search.write(self.path)
        self._carry(search.legs(), carrier, note_end)

    def record_search(self, found: TuningResult, *, metric: str) -> None:
        """Keep how the best settings did with new seeds, in `halving.json`, and for `finish`."""
        if self._search is not None:
            self._tuned, self._metric = [found], metric
            self._search.repeats = found.repeats
            self._search.write(self.path)

    def _carry(
        self,
        jobs: Iterable[Job | None],
        carrier: JobRunner,
        on_end: Callable[[Job, JobResult], None],
    ) -> None:
        try:
            carrier(jobs, progress=self._progress, on_end=on_end)
        except Interrupted:
            self._terminal.end()
            done = sum(result.state in DONE for result in self._results.values())
            self._terminal.say(f"interrupted, {plural(done, 'job')} done. Continue with:")
            self._terminal.say(f"  {printable(self._command, limit=100_000)}")
            raise
        finally:
            self._terminal.end()

    def record(self, found: Sequence[TuningResult], *, metric: str) -> None:
        """Keep what a tuned comparison has found, in `tuned.json`, and for `finish` to show."""
        if self.is_dry:
            return
        self._tuned, self._metric = found, metric
        plain = {"format": 1, "metric": metric, "methods": [one.record for one in found]}
        write_text(self.path / "tuned.json", json.dumps(plain, indent=1) + "\n")

    def finish(self, *, compares: bool = False) -> int:
        """Show how all jobs ended; the exit code. `compares`: a search chose among them."""
        if self._results:
            self._terminal.say(f"\nsweep {printable(self.path)}")
            self._show_jobs()
        if self._tuned:
            what = "the best of each run, on new seeds of the best settings"
            self._terminal.say(f"\n{printable(self._metric)}, {what}")
            rows = [tuple(printable(text) for text in one.row) for one in self._tuned]
            self._terminal.framed_table(tuning.HEAD, rows)
        if self._search is not None:
            for line in self._search.findings(self.path):
                self._terminal.paragraph(line)
        missing = explain_missing(self._jobs_done_now()) if compares else ""
        if missing:
            self._terminal.paragraph(f"error: {missing}")
        failed = [result for result in self._results.values() if self._counts_as_failed(result)]
        if failed and all(result.is_refusal for result in failed):
            self._terminal.say("The same command would be refused again. Change it, or its name.")
            return JOB_FAILED
        if failed:
            self._terminal.say("The log of a job is its train.log. Go on with:")
            self._terminal.say(f"  {printable(self._command, limit=100_000)}")
            return JOB_FAILED
        return ConfigError.exit_code if self.all_failed or missing else 0

    def _counts_as_failed(self, result: JobResult) -> bool:
        """Whether a job should be run again: of a search, settings that diverge are a finding."""
        is_finding = self._search is not None and result.code == NumbersError.exit_code
        return result.is_failure and not is_finding

    def _show_jobs(self) -> None:
        """Show how each job ended; on a terminal its name, which may be long, comes last."""
        heads = ("job", "state", "step", "best", "time", "reason")
        rows = [self._row(name) for name in self._names if name in self._results]
        if self._terminal.width is None:
            self._terminal.table(heads, rows)
            return
        listed = [(*row[1:5], f"{row[0]}: {row[5]}" if row[5] else row[0]) for row in rows]
        self._terminal.listing((*heads[1:5], "job"), listed)

    def release(self) -> None:
        """Let other processes have the folder."""
        self._folder.release()
        self._held = False

    def value(self, name: str) -> float | None:
        """The value of a job for a search; None if it has failed, or is invalid."""
        result = self._results.get(name)
        return self._jobs[name].value() if result and result.state in DONE else None

    @property
    def all_failed(self) -> bool:
        """Whether jobs have ended and none of them is done."""
        return bool(self._results) and not self._jobs_done_now()

    @property
    def lacks_values(self) -> bool:
        """Whether jobs have ended and none of them has the number that a search compares."""
        ended = bool(self._results)
        return ended and all(job.value() is None for job in self._jobs_done_now())

    def _jobs_done_now(self) -> list[Job]:
        return [self._jobs[name] for name, of in self._results.items() if of.state in DONE]

    def _note_end(self, job: Job, result: JobResult) -> None:
        self._results[job.name] = result
        self._progress.end(job, result)

    def _skip(self, job: Job) -> None:
        status = job.folder.status()
        self._terminal.say(f"already complete: {printable(job.path)}")
        result = JobResult(status.state or "completed", 0, status.step, 0.0, "already complete")
        self._results[job.name] = result
        self._progress.skip(result)

    def _row(self, name: str) -> tuple[str, ...]:
        result, job = self._results[name], self._jobs.get(name)
        value = None if job is None else job.value()
        ended = result.state == "completed" and result.seconds > 0
        return (
            printable(name),
            result.state,
            "" if result.step is None else str(result.step),
            "" if value is None else four_digits(value),
            duration_text(result.seconds) if result.seconds else "",
            "" if ended else printable(result.first_line, limit=100),
        )


def _joint_fault(faults: dict[str, Fault], count: int) -> Fault:
    """One fault for all: of their kind, if they are of one."""
    kinds = {type(fault) for fault in faults.values()}
    lines = [f"  {name}: {first_line(str(fault))}" for name, fault in faults.items()]
    if len(lines) > _LISTED:
        lines = [*lines[:_LISTED], f"  and {len(lines) - _LISTED} more"]
    remedy = "Change them."
    if len(faults) < count:
        remedy = "Change them, or leave them out with sweeping.on_invalid=skip"
    verb = "is" if count == 1 else "are"
    jobs = f"{len(faults)} of {plural(count, 'job')} {verb} invalid"
    head = f"{jobs}; none was started. {remedy}"
    kind = kinds.pop() if len(kinds) == 1 else ConfigError
    return kind("\n".join([head, *lines]))
