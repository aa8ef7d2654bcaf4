"""Jobs of a cluster: what it is asked for, what a task does on its node, how a job is told to have
ended."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from conftest import Answer
from sweep_runs import TINY, status

from gan_runner.config.groups import conf_folder
from gan_runner.config.schema import Config
from gan_runner.errors import ConfigError
from gan_runner.logs.terminal import Terminal
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import Status
from gan_runner.sweeps import cluster, cluster_task
from gan_runner.sweeps.jobs import Job, JobResult
from gan_runner.sweeps.progress import SweepProgress
from gan_runner.sweeps.settings import ClusterSettings
from gan_runner.system import ranks
from gan_runner.system.signals import Interrupted
from gan_runner.training.methods import Adversarial

Here = Callable[..., Answer]

pytestmark = [
    pytest.mark.usefixtures("blank_pictures"),
    pytest.mark.skipif(find_spec("submitit") is None, reason="submitit isn't installed"),
]

LOCAL = ("hydra/launcher=slurm", "hydra.launcher.executor=local")
SLURM = yaml.safe_load((conf_folder() / "hydra" / "launcher" / "slurm.yaml").read_text())
del SLURM["_target_"]


def asked(**settings: object) -> ClusterSettings:
    return ClusterSettings.model_validate_json(json.dumps({**SLURM, **settings}))


@pytest.fixture
def job(tmp_path: Path, configured: Callable[..., Config]) -> Job:
    (tmp_path / "job").mkdir()
    return Job("job", tmp_path / "job", configured(*TINY))


def run(jobs: Sequence[Job], settings: ClusterSettings, folder: Path) -> dict[str, JobResult]:
    """Has the jobs run on the cluster; how each ended."""
    ended: dict[str, JobResult] = {}
    cluster.run_on_cluster(
        jobs,
        settings=settings,
        folder=folder,
        progress=SweepProgress(Terminal(quiet=True), total=len(jobs)),
        on_end=lambda job, result: ended.update({job.name: result}),
    )
    return ended


class Finished:
    """A job of a cluster that has ended: the exit code of each of its processes, None for one that
    left none, and what it printed."""

    def __init__(self, folder: Path, ends: Mapping[int | None, str] | Sequence[Any]) -> None:
        self.ends = [end if isinstance(end, tuple) else (end, "") for end in ends]
        self.num_tasks, self.folder, self.job_id = len(self.ends), folder, "1"
        self.state = "FINISHED"

    def task(self, number: int) -> Any:
        code, printed = self.ends[number]
        result = self.folder / f"{number}.pkl"
        if code is not None:
            result.touch()
        return SimpleNamespace(
            done=lambda: True,
            exception=lambda: None,
            result=lambda: code,
            stderr=lambda: printed,
            state=self.state,
            paths=SimpleNamespace(result_pickle=result, stderr="log.err"),
        )

    def done(self) -> bool:
        return True


class Executor:
    """A cluster whose jobs end in a way as soon as they are sent there."""

    def __init__(self, end: Callable[[Any, Job], Any]) -> None:
        self.end = end
        self.sizes: list[int] = []

    @contextmanager
    def batch(self) -> Iterator[None]:
        self.sizes.append(0)
        yield

    def submit(self, task: Any, job: Job) -> Any:
        self.sizes[-1] += 1
        return self.end(task, job)


@pytest.fixture
def here_as_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run in this process as soon as they are submitted."""
    folder = tmp_path / "submitted"
    folder.mkdir()
    executor = Executor(lambda task, job: Finished(folder, [task(job)]))
    monkeypatch.setattr(cluster, "_executor", lambda *_: executor)
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)


# ---------------------------------------------------------------- what is asked of it

SBATCH = """#!/bin/sh
cp "$1" {folder}/sbatch.sh
echo Submitted batch job 7
"""
SACCT = """#!/bin/sh
echo 'JobID|State|NodeList'
echo '7_0|OUT_OF_MEMORY|node1'
echo '7_1|TIMEOUT|node1'
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with the commands of Slurm, whose first job runs out of memory and the second out
    of time; the file that sbatch gets."""
    from submitit.slurm.slurm import SlurmExecutor, SlurmJob

    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {"sbatch": SBATCH.format(folder=folder), "sacct": SACCT, "srun": "", "scancel": ""}
    for name, text in scripts.items():
        (folder / name).write_text(text or "#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(SlurmJob, "_results_timeout_s", 0)
    monkeypatch.setattr(SlurmExecutor, "_throttle", lambda _: None)
    SlurmJob.watcher.clear()
    return folder / "sbatch.sh"


def test_a_job_on_several_devices_asks_slurm_for_a_task_for_each(
    slurm: Path, tmp_path: Path, configured: Callable[..., Config]
) -> None:
    config = configured(*TINY, "devices=4")
    jobs = [Job(name, tmp_path / name, config) for name in ("a", "b")]
    ended = run(jobs, asked(nodes=2, gpus_per_node=2, n_jobs=1), tmp_path / "files")
    lines = slurm.read_text().splitlines()
    for line in ("nodes=2", "ntasks-per-node=2", "gpus-per-node=2", "cpus-per-task=4", "mem=16GB"):
        assert f"#SBATCH --{line}" in lines
    assert {"#SBATCH --array=0-1%1", "#SBATCH --signal=USR2@120"} <= {*lines}
    (srun,) = (line for line in lines if line.startswith("srun "))
    assert " --kill-on-bad-exit=1 " in srun
    assert [result.reason.partition(".")[0] for result in ended.values()] == [
        "out of memory on the cluster, hydra",
        "out of time on the cluster, hydra",
    ]
    assert "mem_gb=16. Raise it" in ended["a"].reason
    assert [result.code for result in ended.values()] == [4, 4]


@pytest.mark.parametrize(
    ("settings", "devices", "message"),
    [
        ({"nodes": 2}, 3, r"devices=3 with hydra\.launcher\.nodes=2\. Use devices=4"),
        ({"nodes": 4}, 1, r"devices=1 with hydra\.launcher\.nodes=4\. Use devices=4"),
        ({"gpus_per_node": 2}, 4, r"gpus_per_node=2\. Use hydra\.launcher\.gpus_per_node=4"),
        ({"nodes": 2, "executor": "local"}, 2, r"one node.* Use hydra\.launcher\.nodes=1"),
    ],
)
def test_devices_that_dont_fit_the_nodes_are_refused(
    settings: dict[str, object], devices: int, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        cluster.check_devices(asked(**settings), devices)


def test_devices_that_fit_the_nodes_are_taken() -> None:
    for settings, devices in (({"nodes": 2, "gpus_per_node": 2}, 4), ({"gpus_per_node": 0}, 4)):
        cluster.check_devices(asked(**settings), devices)


@pytest.mark.parametrize("words", [["-m", "seed=0,1"], []])
def test_the_command_refuses_devices_that_dont_fit(
    here: Here, tmp_path: Path, words: list[str]
) -> None:
    answer = here(
        "gan-train", *words, "devices=3", "hydra/launcher=slurm", "hydra.launcher.nodes=2"
    )
    assert answer.code == 2
    assert "Use devices=4" in answer.err
    assert not any(tmp_path.rglob("config.yaml"))


def test_jobs_on_as_many_devices_are_one_array(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: Callable[..., Config]
) -> None:
    made: dict[int, Executor] = {}

    def executor(settings: ClusterSettings, folder: Path, devices: int) -> Executor:
        made[devices] = Executor(lambda task, job: Finished(tmp_path, [0]))
        return made[devices]

    monkeypatch.setattr(cluster, "_executor", executor)
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)
    config = configured(*TINY)
    jobs = [
        Job(f"{k}", tmp_path / f"{k}", config.model_copy(update={"devices": devices}))
        for k, devices in enumerate((1, 2, 1))
    ]
    assert run(jobs, asked(), tmp_path).keys() == {"0", "1", "2"}
    assert {devices: each.sizes for devices, each in made.items()} == {1: [2], 2: [1]}


@pytest.mark.parametrize(("several", "sizes"), [(True, [2, 1]), (False, [3])])
def test_a_cluster_gets_the_jobs_of_a_search_as_they_come_and_a_list_as_one_array(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    configured: Callable[..., Config],
    several: bool,
    sizes: list[int],
) -> None:
    executor, ended = Executor(lambda task, job: Finished(tmp_path, [0])), list[str]()
    monkeypatch.setattr(cluster, "_executor", lambda *_: executor)
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)
    config = configured(*TINY)
    jobs = [Job(f"j{k}", tmp_path / f"j{k}", config) for k in range(3)]

    def as_they_come() -> Iterator[Job | None]:
        yield from jobs[:2]
        while len(ended) < 2:
            yield None
        yield jobs[2]

    cluster.run_on_cluster(
        as_they_come() if several else jobs,
        settings=asked(n_jobs=8),
        folder=tmp_path,
        progress=SweepProgress(Terminal(quiet=True), total=3),
        on_end=lambda job, result: ended.append(job.name),
    )
    assert (executor.sizes, sorted(ended)) == (sizes, ["j0", "j1", "j2"])


# ---------------------------------------------------------------- on a node


def test_the_tasks_of_a_job_meet_as_ranks_at_its_first_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ("MASTER_ADDR", "MASTER_PORT", "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    for name in names:
        monkeypatch.setenv(name, "0")
    monkeypatch.delenv("MASTER_PORT")
    slurms = {"JOB_ID": 7, "NTASKS": 4, "JOB_NUM_NODES": 2, "NODEID": 1, "PROCID": 3, "LOCALID": 1}
    for name, value in slurms.items():
        monkeypatch.setenv(f"SLURM_{name}", str(value))
    monkeypatch.setenv("SLURM_JOB_NODELIST", "node[3-4]")
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    assert cluster_task._export_ranks() == (3, 2)
    found = {name: os.environ[name] for name in names if name != "MASTER_PORT"}
    assert list(found.values()) == ["node3", "3", "4", "1", "2"]
    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "1")
    cluster_task._export_ranks()
    assert os.environ["MASTER_ADDR"] == "localhost"


def warn_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has a job get submitit's signal before a step."""
    whole = Adversarial.step

    def warned(self: Adversarial, state: Any, batches: Any) -> None:
        if state.step == step:
            os.kill(os.getpid(), signal.SIGUSR2)
        whole(self, state, batches)

    monkeypatch.setattr(Adversarial, "step", warned)


@pytest.fixture
def submitits(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[BaseException], None]]:
    """Installs a handler of submitit's signal that raises."""
    before = signal.getsignal(signal.SIGUSR2)

    def install(error: BaseException) -> None:
        def handle(number: int, frame: object) -> None:
            raise error

        signal.signal(signal.SIGUSR2, handle)

    yield install
    signal.signal(signal.SIGUSR2, before)


def test_a_job_that_is_preempted_saves_before_it_is_queued_again(
    job: Job, monkeypatch: pytest.MonkeyPatch, submitits: Callable[[BaseException], None]
) -> None:
    warn_at(3, monkeypatch)
    submitits(SystemExit(144))
    with pytest.raises(SystemExit) as ended:
        cluster_task.Task("late")(job)
    assert ended.value.code == 144
    assert (status(job.path)["state"], status(job.path)["step"]) == ("interrupted", 4)
    assert (job.path / "checkpoints" / "step_00000004.safetensors").exists()


def test_a_job_out_of_time_saves_and_is_not_a_defect(
    job: Job, monkeypatch: pytest.MonkeyPatch, submitits: Callable[[BaseException], None]
) -> None:
    from submitit.core.utils import UncompletedJobError

    warn_at(2, monkeypatch)
    submitits(UncompletedJobError("Job not requeued because: timed-out too many times."))
    code = cluster_task.Task("out of time, as the settings say")(job)
    assert (code, status(job.path)["state"], status(job.path)["exit_code"]) == (4, "failed", 4)
    assert status(job.path)["reason"] == "out of time, as the settings say"
    assert status(job.path)["step"] == 3
    assert cluster_task.Task("late")(job) == 0
    assert status(job.path)["state"] == "completed"


# ---------------------------------------------------------------- how it ended

NO_LIFE = "error: rank 0 of the run gives no sign of life, so the run ends."
LOSS = f"{ranks.LOSS}: it was killed, or says itself why it failed."


@pytest.mark.parametrize(
    ("ends", "recorded", "code", "reason"),
    [
        ([0, 0], None, 0, ""),
        ([5, 0], "NaN in the loss", 5, "NaN in the loss"),
        ([4, None], LOSS, 4, "rank 1 was killed, as the machine does when memory runs out"),
        ([4, (3, "error: rank 1: no such folder\n")], LOSS, 4, "rank 1: no such folder"),
        ([3, 3], "rank 1: no such folder", 3, "rank 1: no such folder"),
        (
            [4, (None, "error: out of memory on the cluster\n")],
            f"rank 1 {ranks.KILLED}, as the machine does when memory runs out",
            4,
            "out of memory on the cluster",
        ),
        ([None, 4], None, 4, "killed, as the machine does when memory runs out"),
        ([None, (None, f"warning\n{NO_LIFE}\n")], None, 4, NO_LIFE.removeprefix("error: ")),
        ([4, 4], "the disk is full", 4, "the disk is full"),
    ],
)
def test_a_job_ends_as_the_rank_that_failed_by_itself(
    job: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ends: list[Any],
    recorded: str | None,
    code: int,
    reason: str,
) -> None:
    def end(task: object, job: Job) -> Finished:
        state = {0: "completed", None: "running"}.get(ends[0], "failed")
        RunFolder(job.path).write_status(
            Status(state=state, exit_code=ends[0], reason=recorded, step=4, started="before")
        )
        return Finished(tmp_path, ends)

    monkeypatch.setattr(cluster, "_executor", lambda *_: Executor(end))
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)
    result = run([job], asked(executor="local"), tmp_path)["job"]
    assert result.code == code
    assert code == 0 or result.reason == reason


class Running:
    """A job of a cluster that never ends by itself."""

    def __init__(self) -> None:
        self.is_canceled = False

    def cancel(self, *, check: bool) -> None:
        self.is_canceled = True

    def done(self) -> bool:
        return self.is_canceled

    def task(self, number: int) -> Running:
        return self


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_the_jobs_of_a_cluster_even_while_they_are_submitted(
    job: Job, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    tasks: list[Running] = []

    def send_signal(task: object, job: Job) -> Running:
        tasks.append(Running())
        os.kill(os.getpid(), number)
        return tasks[-1]

    executor = Executor(send_signal)
    monkeypatch.setattr(cluster, "_executor", lambda *_: executor)
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it would be ignored
    try:
        with pytest.raises(Interrupted) as caught:
            run([job], asked(), job.path)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert caught.value.exit_code == 128 + number
    assert [task.is_canceled for task in tasks] == [True]


# ---------------------------------------------------------------- a run alone


@pytest.mark.usefixtures("here_as_cluster")
def test_a_run_alone_is_a_job_in_the_folder_of_a_run_and_goes_on_as_one(
    here: Here, tmp_path: Path
) -> None:
    words = ("loss=hinge", "hydra.run.dir=outputs/run")
    answer = here("gan-train", *TINY, *words, *LOCAL)
    folder = tmp_path / "outputs" / "run"
    assert (answer.code, status(folder)["state"]) == (0, "completed"), answer.err
    assert "[1/1] completed at step 6" in answer.out
    assert "loss=hinge" in (folder / ".hydra" / "overrides.yaml").read_text()
    answer = here("gan-train", "resume=outputs/run", "train.steps=8", *LOCAL)
    assert (answer.code, status(folder)["step"]) == (0, 8), answer.err
    assert "loss=hinge" in (folder / ".hydra" / "overrides.yaml").read_text()


@pytest.mark.usefixtures("here_as_cluster")
def test_a_run_alone_that_fails_says_why_and_ends_with_its_exit_code(
    here: Here, tmp_path: Path
) -> None:
    answer = here("gan-train", *TINY, "train.batch_size=65", "hydra.run.dir=outputs/run", *LOCAL)
    assert answer.code == 2
    assert "error: a batch is larger than the data, train.batch_size=65." in answer.err
    assert "Go on with" not in answer.err


def test_a_run_alone_that_is_canceled_says_how_to_go_on(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(jobs: Sequence[Job], **_: object) -> None:
        RunFolder(jobs[0].path).write_status(Status(state="interrupted", step=4, started="now"))
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr("gan_runner.sweeps.single.run_on_cluster", cancel)
    answer = here("gan-train", *TINY, "hydra.run.dir=outputs/run", *LOCAL)
    assert answer.code == 130
    assert "canceled, the run is at step 4. Continue with:" in answer.out
    assert f"run {' '.join(LOCAL)}" in answer.out.splitlines()[-1]


def test_a_run_alone_that_is_canceled_before_it_began_leaves_nothing(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(*_: object, **__: object) -> None:
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr("gan_runner.sweeps.single.run_on_cluster", cancel)
    answer = here("gan-train", *TINY, "hydra.run.dir=outputs/run", *LOCAL)
    assert (answer.code, "canceled before it began" in answer.out) == (130, True)
    assert not (tmp_path / "outputs").exists()


# ---------------------------------------------------------------- submitit's own processes


@pytest.mark.calibration
def test_jobs_run_by_submitit_and_one_that_fails_stops_no_other(here: Here, tmp_path: Path) -> None:
    answer = here("gan-train", *TINY, "-m", "train.batch_size=8,65", "sweep=s", *LOCAL)
    runs = [tmp_path / "outputs/sweeps/s" / f"batch_size={size}" for size in (8, 65)]
    assert (answer.code, [status(run)["state"] for run in runs]) == (8, ["completed", "failed"])
    assert "a batch is larger than the data" in (runs[1] / "train.log").read_text()


@pytest.mark.calibration
def test_a_run_on_two_devices_is_a_job_of_two_tasks(here: Here, tmp_path: Path) -> None:
    answer = here("gan-train", *TINY, "devices=2", "hydra.run.dir=outputs/run", *LOCAL)
    folder = tmp_path / "outputs" / "run"
    assert (answer.code, status(folder)["state"]) == (0, "completed"), answer.err
    assert status(folder)["devices"] == 2
