"""Fixtures that tests share: composed configurations, small runs, commands as users call them."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pytest
import torch
from forked_commands import ForkedCommands, ForkedProcess, ForkServer, program
from pydantic import BaseModel
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from gan_runner import train as gan_train
from gan_runner.cli import augment as gan_augment
from gan_runner.cli import compare as gan_compare
from gan_runner.cli import data as gan_data
from gan_runner.cli import evaluate as gan_evaluate
from gan_runner.cli import report as gan_report
from gan_runner.cli import runs as gan_runs
from gan_runner.cli import sample as gan_sample
from gan_runner.cli import translate as gan_translate
from gan_runner.cli.hydra.composer import compose, parse_config, plain_settings
from gan_runner.config.schema import Config
from gan_runner.logs.terminal import Terminal
from gan_runner.runs.finish import train_to_end
from gan_runner.runs.open import create
from gan_runner.storage import checkpoint
from gan_runner.storage.run_folder import RunFolder
from gan_runner.sweeps import processes
from gan_runner.sweeps.job import run_job
from gan_runner.sweeps.jobs import Job, JobResult, job_result
from gan_runner.system.signals import SIGNALS
from gan_runner.training import pictures

ROOT = Path(__file__).parent.parent
SMALL = (
    "model.generator.width=8",
    "model.discriminator.width=8",
    "model.latent_size=16",
    "train.batch_size=16",
    "train.samples=9",
    "train.eval_every=0",
)


@cache
def _composed_model(option: str) -> dict[str, Any]:
    return plain_settings(compose([f"model={option}"]))["model"]


def model_settings(option: str) -> dict[str, Any]:
    """All settings of a model, the shared ones with them, to be changed at will."""
    return deepcopy(_composed_model(option))


PLAIN = {
    "conditioning": "none",
    "label_size": 8,
    "auxiliary_weight": 1.0,
    "code": {"categorical": [], "continuous": 0, "weight": 1.0},
    "packing": 1,
}
"""Settings of a model that every hand-written one needs."""

COMPARING_NOTHING = {
    "minibatch": "none",
    "minibatch_group": 4,
    "minibatch_kernels": 3,
    "minibatch_dims": 2,
}
"""Settings of a discriminator that every hand-written one needs."""


EVERY_DATASET = {"per_class": None, "per_class_seed": 0}
"""Settings of a data set that every hand-written one needs."""


T = TypeVar("T")


def track(items: Iterable[T], *, description: str, total: int) -> Iterator[T]:
    """Passes items through and shows nothing."""
    return iter(items)


def fields(kind: type[BaseModel]) -> dict[str, Any]:
    """The names of a class's settings, nested as in YAML."""
    nested = {}
    for name, field in kind.model_fields.items():
        inner = field.annotation
        is_nested = isinstance(inner, type) and issubclass(inner, BaseModel)
        nested[name] = fields(inner) if is_nested else None
    return nested


_FORKS = "GAN_RUNNER_TEST_FORKS"


def pytest_configure(config: pytest.Config) -> None:
    """One process forks for all workers, which know it by the environment."""
    if not hasattr(config, "workerinput"):
        server = ForkServer()
        os.environ[_FORKS] = server.address
        config.add_cleanup(server.close)


def pytest_collection_finish() -> None:
    """What was imported and collected stays: to search it for garbage takes 3 % of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def configured(tmp_path: Path) -> Callable[..., Config]:
    """Composes as the command line does: configured("loss=hinge", "train.steps=3")."""

    def configure(*overrides: str) -> Config:
        quick = ("threads=1", "device=cpu", "train.eval_every=0")
        lines = [f"cache={tmp_path / 'cache'}", *quick, *overrides]
        return parse_config(compose(lines))

    return configure


@pytest.fixture
def finished(tmp_path: Path, configured: Callable[..., Config]) -> Callable[..., Path]:
    """Trains a run to its end in this process; its folder."""

    def run(*overrides: str, name: str = "run") -> Path:
        path = tmp_path / name
        path.mkdir()
        assert train_to_end(create(configured(*overrides), path, Terminal())) == 0
        return path

    return run


class Answer(NamedTuple):
    """The answer of a command."""

    code: int
    out: str
    err: str


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Answer]:
    """Runs a command of ours in this process, which has torch already, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def call(name: str, *arguments: str) -> Answer:
        capsys.readouterr()
        code = call_command(name, *arguments)
        return Answer(code, *capsys.readouterr())

    return call


_COMMANDS = {
    "gan-train": gan_train,
    "gan-sample": gan_sample,
    "gan-translate": gan_translate,
    "gan-evaluate": gan_evaluate,
    "gan-augment": gan_augment,
    "gan-runs": gan_runs,
    "gan-compare": gan_compare,
    "gan-report": gan_report,
    "gan-data": gan_data,
}


def call_command(name: str, *arguments: str) -> int:
    """Do what a command does, in this process; its exit code."""
    with _process_kept():
        try:
            return _COMMANDS[name].run_command(list(arguments))
        except SystemExit as end:
            return int(end.code or 0)


@contextmanager
def _process_kept() -> Iterator[None]:
    """What a command changes in its process, which usually ends with it, is put back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    answers = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for number, answer in answers.items():
            signal.signal(number, answer)


def argv(name: str, *arguments: str) -> list[str]:
    """A command of ours in this interpreter."""
    return [sys.executable, "-c", program(name), *arguments]


@pytest.fixture
def blank_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has runs in this process log empty pictures, where drawing charts would take longer than
    all else and no picture is looked at."""
    blank = np.zeros((8, 8, 1), np.uint8)
    monkeypatch.setattr(pictures, "draw_examples", lambda *_, **__: blank)


def small_run(path: Path, *overrides: str) -> list[str]:
    """Arguments of a small run on digits into a folder."""
    return [
        *SMALL,
        "threads=1",
        "device=cpu",
        "train.log_every=7",
        "train.sample_every=10",
        "train.save_every=10",
        f"hydra.run.dir={path}",
        *overrides,
    ]


def left_behind(run: Path) -> dict[str, object]:
    """Everything of a run that an interruption must not change: the last weights, optimizers and
    streams, the rows without their times, the series of TensorBoard, the pictures."""
    last = checkpoint.select(run / "checkpoints", "last")
    facts = last.facts.plain()
    return {
        "tensors": {k: _hash(v.contiguous().numpy().tobytes()) for k, v in last.tensors.items()},
        "facts": {k: facts[k] for k in ("step", "counts", "rng", "config", "data")},
        "rows": [_timeless(json.loads(line)) for line in _lines(run / "metrics.jsonl")],
        "series": _series(RunFolder(run).tensorboard),
        "pictures": {p.name: _hash(p.read_bytes()) for p in sorted((run / "samples").iterdir())},
    }


def _timeless(row: dict[str, float]) -> dict[str, float]:
    return {k: v for k, v in row.items() if k not in ("seconds", "speed/images_per_second")}


def _series(folder: Path) -> list[tuple[str, int, str]]:
    """Every (name, step, value) in the event files, in order, times and sessions aside."""
    events = []
    for path in sorted(folder.glob("events*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                if not value.tag.startswith(("_hparams_", "speed/")):
                    content = value.SerializeToString(deterministic=True)
                    events.append((value.tag, event.step, _hash(content)))
    return sorted(events)


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def environment(**changes: str) -> dict[str, str]:
    """The environment of this process with some changes."""
    return {**os.environ, **changes}


def run_here(jobs: Sequence[Job], *, on_end: Callable[[Job, JobResult], None], **_: object) -> None:
    """Carries out the jobs of a sweep in this process."""
    for job in jobs:
        job.prepare()
        on_end(job, job_result(job, code=run_job(job), seconds=1.0))


@pytest.fixture
def carried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Has sweeps carry out their jobs in this process; the names of those that were."""
    names: list[str] = []

    def noting(jobs: Sequence[Job], **how: Any) -> None:
        names.extend(job.name for job in jobs)
        run_here(jobs, **how)

    monkeypatch.setattr(processes, "run_in_processes", noting)
    return names


def file_marks(folder: Path) -> dict[str, tuple[str, int]]:
    """Every file with its digest and the moment of its last change."""
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="session")
def forks() -> ForkedCommands:
    """Runs commands in forks of a process that has imported everything already."""
    return ForkedCommands(os.environ[_FORKS])


@pytest.fixture
def forked(
    tmp_path: Path, forks: ForkedCommands
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of ours in a fork, in a folder of its own: as a process of its own, but quick.
    For what must not stay in this process, as the classes of a plugin."""

    def call(
        name: str, *arguments: str, cwd: Path | None = None, **settings: Any
    ) -> subprocess.CompletedProcess[str]:
        return forks(name, *arguments, cwd=cwd or tmp_path, **settings)

    return call


@pytest.fixture
def popen(forks: ForkedCommands) -> Iterator[Callable[..., ForkedProcess]]:
    """As subprocess.Popen, but quick: for what is done while a command runs. What a test leaves
    running ends with it."""
    with ExitStack() as started:
        yield lambda *command, **how: started.enter_context(forks.popen(*command, **how))
