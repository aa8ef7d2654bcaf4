"""What other trackers make of a run, by their own readers; one that fails never ends a training."""

from __future__ import annotations

import csv
import importlib
import struct
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Answer

from gan_runner.errors import ConfigError
from gan_runner.logs.log import Log, rewind
from gan_runner.logs.loggers import CSV, Logger, MLflow, TensorBoard, WandB, check_installed
from gan_runner.logs.tensorboard import tag
from gan_runner.logs.terminal import Terminal
from gan_runner.logs.trackers import Note, RunFacts, Tracker, read_notes
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import Verdict

Here = Callable[..., Answer]

FACTS = RunFacts("run (day)", "seed: 0", {"seed": 0, "loss.name": "Hinge", "threads": None})
PICTURE = np.zeros((8, 8, 1), dtype=np.uint8)
QUICK = ("model=mlp", "device=cpu", "threads=1", "train.steps=2", "train.sample_every=0")


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def session(
    folder: RunFolder,
    loggers: Mapping[str, Logger],
    steps: range,
    *,
    success: bool | None,
    warn: Callable[[int, str], None] | None = None,
) -> None:
    """A process that logs these steps, and a picture at the last."""
    log = Log(folder, Terminal(quiet=True), loggers)
    log.begin(steps.start - 1, FACTS, warn=warn)
    for step in steps:
        log.row(step, step / 10, {**numbers(step), "speed/images_per_second": 1.0})
    log.picture(steps[-1], PICTURE)
    log.verdict(Verdict("mode_collapse", steps[-1], "Samples are alike.", "loss=r3gan"))
    log.flush()
    log.close(success=success)


def numbers(step: int) -> dict[str, float]:
    return {"loss/generator": step + 0.5, "elbo": 1.0, "elbo/divergence": 2.0}


# ---------------------------------------------------------------- metrics.csv


def table(folder: RunFolder) -> list[dict[str, str]]:
    with folder.metrics_csv.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_has_every_row_and_a_column_for_each_name(folder: RunFolder) -> None:
    log = Log(folder, Terminal(quiet=True), {"csv": CSV()})
    log.begin(0, FACTS)
    log.numbers(1, 0.1, {"loss/generator": 0.5})
    log.numbers(1, 0.2, {"eval/fid": 3.0, 'eval/a, "b"': 4.0})
    log.numbers(2, 0.3, {"loss/generator": 0.25})
    log.close(success=True)
    assert [list(row.values()) for row in table(folder)] == [
        ["1", "0.1", "0.5", "", ""],
        ["1", "0.2", "", "3.0", "4.0"],
        ["2", "0.3", "0.25", "", ""],
    ]
    assert list(table(folder)[0]) == [
        "step",
        "seconds",
        "loss/generator",
        "eval/fid",
        'eval/a, "b"',
    ]


def test_the_table_of_a_resumed_run_has_each_row_once(folder: RunFolder) -> None:
    session(folder, {"csv": CSV()}, range(1, 6), success=None)
    rewind(folder, 3)
    session(folder, {"csv": CSV()}, range(4, 8), success=True)
    assert [int(row["step"]) for row in table(folder)] == list(range(1, 8))


# ---------------------------------------------------------------- MLflow


@pytest.mark.skipif(find_spec("mlflow") is None, reason="mlflow isn't installed")
def test_mlflow_reads_one_run_of_all_sessions_with_each_number_once(
    folder: RunFolder, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("mlruns")
    loggers = {"mlflow": MLflow(tracking_uri=str(store), experiment="gan")}
    session(folder, loggers, range(1, 6), success=None)
    rewind(folder, 3)
    assert read_notes(folder)["mlflow"].sent == 5
    session(folder, loggers, range(4, 8), success=True)
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=str(store))
    (experiment,) = [e for e in client.search_experiments() if e.name == "gan"]
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "loss/generator")
    assert [(m.step, m.value) for m in history] == [(s, s + 0.5) for s in range(1, 8)]
    assert {"elbo/elbo", "elbo/divergence"} <= run.data.metrics.keys()
    assert (run.info.run_name, run.info.status) == (folder.name, "FINISHED")
    assert run.data.params == {"seed": "0", "loss.name": "Hinge", "threads": "null"}
    assert any("samples" in each.path for each in client.list_artifacts(run.info.run_id, "images"))


# ---------------------------------------------------------------- Weights & Biases


def wandb_records(path: Path) -> list[Any]:
    """The records of a file of W&B, by its own protocol: LevelDB's log around messages."""
    from wandb.proto.wandb_internal_pb2 import Record

    content, position, found, begun = path.read_bytes(), 7, [], b""
    while position + 7 <= len(content):
        room = 32768 - position % 32768
        if room < 7:
            position += room
            continue
        size, kind = struct.unpack_from("<HB", content, position + 4)
        begun += content[position + 7 : position + 7 + size]
        if kind in (1, 4):  # whole, or the last part
            found.append(Record.FromString(begun))
            begun = b""
        position += 7 + size
    return found


def history(records: list[Any], name: str) -> list[tuple[int, str]]:
    """The steps and values of a name, in JSON."""
    found = []
    for record in records:
        items = {i.key or i.nested_key[0]: i.value_json for i in record.history.item}
        if name in items:
            found.append((record.history.step.num, items[name]))
    return found


@pytest.mark.skipif(find_spec("wandb") is None, reason="wandb isn't installed")
def test_wandb_has_one_run_of_all_sessions_with_each_number_once_and_no_links(
    folder: RunFolder,
) -> None:
    loggers = {"wandb": WandB(project="gan", entity=None, mode="offline")}
    session(folder, loggers, range(1, 6), success=None)
    rewind(folder, 3)
    importlib.import_module("wandb").teardown()  # its service ends, as with the process of a run
    session(folder, loggers, range(4, 8), success=True)
    importlib.import_module("wandb").teardown()  # the last records are in the file by then
    folder.refuse_links()
    files = sorted((folder.path / "wandb").glob("offline-run-*/*.wandb"))
    records = [record for file in files for record in wandb_records(file)]
    runs = [record.run for record in records if record.HasField("run")]
    assert {(run.run_id, run.project) for run in runs} == {(read_notes(folder)["wandb"][0], "gan")}
    assert {run.display_name for run in runs} == {folder.name}
    assert history(records, "loss/generator") == [(s, str(s + 0.5)) for s in range(1, 8)]
    assert [step for step, _ in history(records, "samples")] == [5, 7]
    config = {item.key for run in runs for item in run.config.update}
    assert {"seed", "loss.name"} <= config


# ---------------------------------------------------------------- any


class Memory(Tracker):
    """A tracker outside of the run folder, which fails at a step."""

    is_outside = True

    def __init__(self, logged: list[int], fails_at: int) -> None:
        self._logged, self._fails_at = logged, fails_at

    def begin(self, facts: RunFacts, tracked_id: str | None) -> str:
        return tracked_id or "one"

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        if step == self._fails_at:
            raise RuntimeError("no network\x1b[31m")
        self._logged.append(step)

    def picture(self, name: str, step: int, picture: Any, content: bytes) -> None: ...

    def text(self, name: str, text: str, step: int) -> None: ...

    def flush(self) -> None: ...

    def close(self, *, success: bool | None) -> None: ...


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that a tracker has got, which stands in W&B's place and fails at step 4."""
    found: list[int] = []
    monkeypatch.setattr(WandB, "open", lambda self, folder: Memory(found, fails_at=4))
    return found


LOGGERS = {"wandb": WandB(project="gan", entity=None, mode="offline")}


def test_a_tracker_that_fails_is_said_once_and_the_run_goes_on(
    folder: RunFolder, logged: list[int]
) -> None:
    said: list[tuple[int, str]] = []
    session(folder, LOGGERS, range(1, 7), success=True, warn=lambda *each: said.append(each))
    assert logged == [1, 2, 3]
    assert said == [
        (
            4,
            "the run isn't logged to wandb from here on, logger=wandb. "
            "RuntimeError: no network\\x1b[31m",
        )
    ]
    assert len(folder.metrics.read_text().splitlines()) == 6


def test_a_tracker_whose_package_is_broken_is_said_once(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: WandB, folder: RunFolder) -> Tracker:
        raise ImportError("no module")

    monkeypatch.setattr(WandB, "open", fail)
    said: list[str] = []
    session(folder, LOGGERS, range(1, 3), success=True, warn=lambda _, text: said.append(text))
    assert said == [
        "the run isn't logged to wandb from here on, logger=wandb. ImportError: no module"
    ]


def test_a_tracker_that_comes_later_gets_the_rows_that_there_are(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(folder, {}, range(1, 4), success=None)
    found: list[int] = []
    monkeypatch.setattr(WandB, "open", lambda self, folder: Memory(found, fails_at=99))
    rewind(folder, 2)
    session(folder, LOGGERS, range(3, 5), success=True)
    assert found == [1, 2, 3, 4]


@pytest.mark.parametrize("content", ["", "[]", "{", '{"wandb": 1}', '{"wandb": {"id": 1}}'])
def test_notes_of_a_stranger_are_those_of_trackers_or_nothing(
    folder: RunFolder, content: str
) -> None:
    folder.trackers.write_text(content)
    assert read_notes(folder) == {}
    folder.trackers.write_text('{"wandb": {"id": "a", "sent": 3, "more": 1}}')
    assert read_notes(folder) == {"wandb": Note("a", 3)}


def test_a_logger_whose_package_is_missing_is_refused_before_anything_is_written(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WandB, "library", "no_such_package")
    with pytest.raises(ConfigError, match="isn't installed, logger=wandb"):
        check_installed(LOGGERS)
    answer = here("gan-train", *QUICK, "logger=[tensorboard,wandb]")
    assert answer.code == 2
    assert 'Install it: pip install "gan-runner[no_such_package]".' in answer.err
    assert list(tmp_path.iterdir()) == []


def test_a_run_has_the_loggers_that_are_asked_for_and_resumes_with_others(
    here: Here, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    assert here("gan-train", *QUICK, "logger=[]", "hydra.run.dir=run").code == 0
    assert not any(path.name.startswith("events.out") for path in run.rglob("*"))
    resumed = here("gan-train", "resume=run", "train.steps=3", "logger=[tensorboard,csv]")
    assert resumed.code == 0, resumed.err
    assert any((run / "run").glob("events.out.tfevents.*"))
    assert [row["step"] for row in table(RunFolder(run))][-1] == "3"


# ---------------------------------------------------------------- TensorBoard


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("loss/discriminator", "Loss/discriminator"),
        ("elbo", "Loss/elbo"),
        ("elbo/divergence", "Loss/elbo/divergence"),
        ("samples", "Samples/fake"),
        ("real", "Samples/real"),
        ("logits/real", "logits/real"),
        ("eval/frechet_classifier", "eval/frechet_classifier"),
        ("eval/fid", "eval/fid"),
        ("eval/mmd_identity", "eval_more/mmd_identity"),
        ("eval/of_a_plugin", "eval_more/of_a_plugin"),
        ("eval/share/cat", "eval_by_class/cat"),
        ("eval/column_wasserstein/age", "eval_by_column/column_wasserstein/age"),
    ],
)
def test_losses_and_samples_are_the_first_groups_of_tensorboard(name: str, expected: str) -> None:
    assert tag(name) == expected
    assert expected[:2] in ("Lo", "Sa") or expected > "Samples"


def test_event_files_lie_where_tensorboard_names_the_run(tmp_path: Path) -> None:
    alone = RunFolder(tmp_path / "17-32-40_digits_dcgan_hinge")
    assert alone.tensorboard == alone.path / "digits_dcgan_hinge"
    assert RunFolder(tmp_path / "samples").tensorboard.name == "samples_run"
    job = RunFolder(tmp_path / "losses" / "loss=hinge")
    (job.path / ".hydra").mkdir(parents=True)
    (job.path / ".hydra" / "overrides.yaml").touch()
    (tmp_path / "losses" / ".lock").touch()
    assert (job.tensorboard, job.sweep) == (job.path, "losses")
    for place in ("tensorboard", "an earlier name"):  # before the folder was renamed, or was ours
        old = RunFolder(tmp_path / place / "run")
        (old.path / place).mkdir(parents=True)
        (old.path / place / "events.out.tfevents.1.2.3").touch()
        assert old.tensorboard == old.path / place
    session(alone_made(alone), {"tensorboard": TensorBoard()}, range(1, 2), success=True)
    (path,) = alone.tensorboard.iterdir()
    alone.remove_event_files()
    assert not path.exists() and not alone.tensorboard.exists()


def alone_made(folder: RunFolder) -> RunFolder:
    folder.path.mkdir()
    return folder
