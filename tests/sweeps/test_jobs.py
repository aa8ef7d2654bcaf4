"""The decisions of a sweep before, between and after its jobs; here they run in this process."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from conftest import Answer, run_here
from sweep_runs import TINY, marks, status

from gan_runner.config.names import job_name
from gan_runner.config.schema import Config
from gan_runner.errors import ConfigError, MachineError
from gan_runner.logs.terminal import Terminal
from gan_runner.storage.run_folder import RunFolder
from gan_runner.storage.status import Status
from gan_runner.sweeps import job as job_process
from gan_runner.sweeps import processes
from gan_runner.sweeps.jobs import Job, JobResult, job_result, record
from gan_runner.sweeps.progress import SweepProgress
from gan_runner.sweeps.shares import Places, check_n_jobs, threads_each, visible_gpus

pytestmark = pytest.mark.usefixtures("blank_pictures")

Here = Callable[..., Answer]


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["loss=wgan_gp", "seed=0", "train.steps=9"], "loss=wgan_gp,seed=0"),
        (["optimizer.generator.lr=1e-3"], "lr=1e-3"),
        (["optimizer.generator.lr=1e+3"], "lr=1e+3"),
        (["model.generator.hidden=[16,32]"], "hidden=16+32"),
        (
            ["optimizer.generator.lr=1", "optimizer.discriminator.lr=2"],
            "discriminator.lr=2,generator.lr=1",
        ),
        (["loss/penalty=[r2,drift]"], "penalty=r2+drift"),
        (["loss/penalty=[]"], "penalty=none"),
        (["~loss.penalty.r1"], "r1"),
        (["loss/penalty=[]", "train.steps=9"], "penalty=none"),
        (["train.steps=9"], "default"),
        ([], "default"),
    ],
)
def test_a_job_is_named_by_what_differs(overrides: list[str], name: str) -> None:
    assert job_name(overrides, {"train.steps"}) == name


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["loss=hinge", "train.steps=9", "sweep=s", "seed=1"], "loss=hinge,seed=1"),
        (["loss/penalty=[r2]", "device=cpu"], "penalty=r2"),
        (["train.steps=9", "sweep=s", "device=cpu", "cache=/x"], "default"),
    ],
)
def test_a_single_job_is_named_by_its_options_and_its_seed(overrides: list[str], name: str) -> None:
    assert job_name(overrides, {text.partition("=")[0] for text in overrides}) == name


def test_names_are_safe_short_and_never_the_same() -> None:
    values = ["a/b", "a-b", "../x", "a\nb", "a\x1b[0mb", "'a b'", "x" * 500, "x" * 501, "<b>&"]
    found = [job_name([f"dataset.root={value}"], set()) for value in values]
    assert len(set(found)) == len(values)
    lists = ["[[1,2],3]", "[1,[2,3]]", "[1,2,3]", "1+2+3", "[]", "none", "''", "[none]x", "'none'"]
    assert len({job_name([f"model.generator.hidden={v}"], set()) for v in lists}) == len(lists)
    for name in found:
        assert len(name) <= 100
        assert not set(name) & set("/\n\x1b<>&' ")
    many = [f"model.generator.setting_{k}={k}" for k in range(100)]
    assert len(job_name(many, set())) == 100
    assert job_name(many, set()) == job_name(many, set())


# ---------------------------------------------------------------- before the first job


def test_invalid_jobs_are_listed_together_and_none_is_started(here: Here, tmp_path: Path) -> None:
    sweep = ["loss=hinge,wgan_gp,lsgan", "loss.penalty.gradient.weight=2"]
    answer = here("gan-train", *TINY, "-m", *sweep, "health.patience=null,-1")
    assert answer.code == 2
    assert answer.err.startswith("error: 5 of 6 jobs are invalid; none was started.")
    assert "  loss=hinge,patience=null: unknown setting, loss.penalty.gradient" in answer.err
    assert "  loss=wgan_gp,patience=-1: invalid setting, health.patience=-1." in answer.err
    assert list(tmp_path.iterdir()) == []


def test_invalid_jobs_can_be_left_out(here: Here, tmp_path: Path, carried: list[str]) -> None:
    sweep = ["loss=hinge,wgan_gp", "loss.penalty.gradient.weight=2", "sweeping.on_invalid=skip"]
    answer = here("gan-train", *TINY, "-m", *sweep, "sweep=s")
    assert (answer.code, carried) == (0, ["loss=wgan_gp"])
    assert "invalid, left out: loss=hinge: unknown setting" in answer.out
    assert [path.name for path in (tmp_path / "outputs/sweeps/s").glob("*/")] == ["loss=wgan_gp"]
    assert (
        here("gan-train", *TINY, "-m", "train.batch_size=0", "sweeping.on_invalid=skip").code == 2
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            ["seed=range(0,501)"],
            "sweeping.max_jobs=500. Raise the limit with sweeping.max_jobs=501",
        ),
        (["seed=0,1", "train.steps=1,2", "sweeping.max_jobs=3"], "a sweep of 4 jobs"),
        (["seed=0", "sweeping.max_jobs=many"], "sweeping.max_jobs="),
        (["seed=0", "sweeping.on_invalid=shrug"], "sweeping.on_invalid="),
        (["seed=0", "hydra.launcher.n_jobs=0"], "hydra.launcher.n_jobs=0"),
        (["seed=0,1", "sweep=null"], "not a name, sweep=None. Use sweep=NAME"),
        (["seed=0,1", "sweep=a,b"], "a sweep has one name"),
        (["seed=0,1", "sweep=/tmp/x"], "a sweep's name isn't a path, sweep=/tmp/x. Use sweep=NAME"),
        (["seed=0,1", "sweep=a/b"], "a sweep's name isn't a path, sweep=a/b"),
        (["seed=0,1", "sweep="], "not a name, sweep=. Use sweep=NAME"),
        (["seed=0", "hydra/launcher=slurm", "hydra.launcher.mem_gb=much"], "hydra.launcher.mem_gb"),
    ],
)
def test_a_sweep_that_cant_be_meant_is_refused(
    here: Here, tmp_path: Path, settings: list[str], message: str
) -> None:
    answer = here("gan-train", *TINY, "-m", *settings)
    assert (answer.code, message in answer.err) == (2, True), answer.err
    assert list(tmp_path.iterdir()) == []


def test_the_name_of_a_sweep_without_multirun_is_refused(here: Here, tmp_path: Path) -> None:
    answer = here("gan-train", *TINY, "sweep=s")
    assert (answer.code, answer.err) == (
        2,
        "error: sweep=s needs multirun. Add -m, or remove it.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_in_use_is_refused(here: Here, tmp_path: Path, carried: list[str]) -> None:
    (tmp_path / "outputs/sweeps/s").mkdir(parents=True)
    folder = RunFolder(tmp_path / "outputs/sweeps/s")
    folder.lock()
    answer = here("gan-train", *TINY, "-m", "seed=0,1", "sweep=s")
    folder.release()
    assert (answer.code, carried) == (7, [])
    assert "another process carries out this sweep" in answer.err


@pytest.mark.parametrize("sweeper", ["grid", "tuned", "basic"])
def test_launchers_of_others_are_refused(here: Here, tmp_path: Path, sweeper: str) -> None:
    others = [f"hydra/sweeper={sweeper}", "hydra/launcher=basic", "train.eval_every=1"]
    answer = here("gan-train", *TINY, "-m", "seed=0,1", *others)
    assert answer.code == 2
    assert "hydra/launcher=basic. Use hydra/launcher=processes or hydra/launcher=slurm" in (
        answer.err
    )
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- again


def test_the_same_command_does_nothing_again_and_more_steps_go_on(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    settings = [*TINY, "-m", "seed=0,1", "sweep=s", "health.patience=null"]
    assert here("gan-train", *settings).code == 0
    folder = tmp_path / "outputs/sweeps/s"
    before = {k: v for k, v in marks(folder).items() if k != ".lock"}
    assert here("gan-train", *settings, "train.keep=5").code == 0
    assert {k: v for k, v in marks(folder).items() if k != ".lock"} == before
    assert carried == ["seed=0", "seed=1"]
    assert here("gan-train", *settings, "train.steps=8").code == 0
    assert [status(folder / name)["step"] for name in carried[:2]] == [8, 8]


def test_the_same_sweep_in_another_order_of_its_arguments_is_done_already(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    swept = ["seed=0,1", "loss=hinge,lsgan"]
    assert here("gan-train", *TINY, "-m", *swept, "sweep=s").code == 0
    assert carried == [f"loss={loss},seed={seed}" for seed in (0, 1) for loss in ("hinge", "lsgan")]
    assert here("gan-train", *reversed(swept), "sweep=s", *reversed(TINY), "-m").code == 0
    assert len(carried) == 4
    folder = tmp_path / "outputs/sweeps/s"
    (folder / carried[0]).rename(folder / "seed=0,loss=hinge")  # as an earlier version made it
    again = here("gan-train", *TINY, "-m", *swept, "sweep=s")
    assert (again.code, len(carried)) == (0, 4)
    assert "already complete" in again.out and "seed=0,loss=hinge" in again.out


def test_a_value_that_is_named_twice_is_one_job(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    answer = here("gan-train", *TINY, "-m", "seed=0,0,1", "sweep=s")
    assert (answer.code, carried) == (0, ["seed=0", "seed=1"])
    assert "sweep: 2 jobs" in answer.out
    table = answer.out[answer.out.index("\njob") :].splitlines()
    assert [line.split()[0] for line in table[2:]] == ["seed=0", "seed=1"]


def test_a_length_in_epochs_is_kept_and_more_of_them_go_on(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    tiny = [word for word in TINY if "train.steps" not in word]  # one of both is taken
    settings = [*tiny, "-m", "seed=0,1", "sweep=s", "health.patience=null"]
    folder = tmp_path / "outputs/sweeps/s"
    assert here("gan-train", *settings, "train.epochs=1").code == 0
    before = marks(folder / "seed=0")
    assert here("gan-train", *settings, "train.epochs=1").out.count("already complete: ") == 2
    assert marks(folder / "seed=0") == before
    assert here("gan-train", *settings, "train.epochs=2").code == 0
    assert [status(folder / name)["step"] for name in ("seed=0", "seed=1")] == [16, 16]
    assert here("gan-train", *settings, "train.epochs=1").code == 8  # and nothing was lost
    assert status(folder / "seed=0")["state"] == "completed"


def test_a_single_job_goes_on_with_more_steps(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    settings = [*TINY, "-m", "loss=hinge", "sweep=s"]
    assert here("gan-train", *settings).code == 0
    assert here("gan-train", *settings, "train.steps=8").code == 0
    (run,) = (tmp_path / "outputs/sweeps/s").glob("*/")
    assert status(run)["step"] == 8


def test_another_setting_under_the_same_name_is_refused_and_nothing_is_lost(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    settings = [*TINY, "-m", "seed=0,1", "sweep=s"]
    assert here("gan-train", *settings).code == 0
    before = marks(tmp_path / "outputs/sweeps/s/seed=0/checkpoints")
    again = [s if s != "seed=0,1" else "seed=0,1,2" for s in settings]
    answer = here("gan-train", *again, "model.latent_size=3")
    assert (answer.code, len(carried)) == (6, 2)  # nothing was started
    assert "seed=1: a resumed run can't change these settings: model.latent_size: 2" in answer.err
    assert not (tmp_path / "outputs/sweeps/s/seed=2").exists()
    assert status(tmp_path / "outputs/sweeps/s/seed=0")["state"] == "completed"
    assert marks(tmp_path / "outputs/sweeps/s/seed=0/checkpoints") == before


def test_what_a_job_is_refused_for_stands_in_the_table_without_advice_to_try_again(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = [*TINY, "-m", "seed=0,1", "sweep=s"]
    with monkeypatch.context() as patch:
        patch.setattr(processes, "run_in_processes", run_here)
        assert here("gan-train", *settings).code == 0
    answer = here("gan-train", *settings, "train.steps=4")  # of 6 that are done
    assert answer.code == 8
    rows = [line for line in answer.out.splitlines() if line.startswith("seed=")]
    assert len(rows) == 2 and all("train.steps=4" in row for row in rows)
    assert "Go on with" not in answer.out and "would be refused again" in answer.out


def test_data_that_is_missing_here_is_found_before_the_first_job(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    np.save(tmp_path / "here.npy", np.zeros((16, 2), np.float32))
    settings = [s for s in TINY if "ring" not in s and "count" not in s]
    settings += ["dataset=array", "model=mlp", "-m", "sweep=s", "dataset.path=here.npy,there.npy"]
    answer = here("gan-train", *settings)
    assert (answer.code, carried) == (3, [])
    assert "1 of 2 jobs are invalid; none was started" in answer.err
    assert "path=there.npy: missing " in answer.err
    assert here("gan-train", *settings, "sweeping.on_invalid=skip").code == 0
    assert carried == ["path=here.npy"]


def test_a_job_that_never_began_takes_new_settings(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    settings = [*TINY, "dataset=array", "model=mlp", "-m", "sweep=s"]
    settings = [s for s in settings if not s.startswith("dataset.count") and s != "dataset=ring"]
    settings.append("dataset.path=empty.npy,other.npy")
    for name in ("empty.npy", "other.npy"):
        (tmp_path / name).touch()
    assert here("gan-train", *settings).code == 8
    run = tmp_path / "outputs/sweeps/s/path=empty.npy"
    assert (status(run)["state"], status(run)["exit_code"]) == ("failed", 3)
    assert "empty.npy" in str(status(run)["reason"])
    assert here("gan-train", *settings, "train.batch_size=4").code == 8
    assert "batch_size: 4" in (run / "config.yaml").read_text()


def test_settings_below_a_group_that_is_swept_over_reach_every_job(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    tiny = [s for s in TINY if s != "dataset=ring"]
    answer = here("gan-train", *tiny, "-m", "dataset=ring,grid", "dataset.std=0.03", "sweep=s")
    assert (answer.code, carried) == (0, ["dataset=ring", "dataset=grid"])
    for name in carried:
        assert "std: 0.03" in (tmp_path / "outputs/sweeps/s" / name / "config.yaml").read_text()


def test_settings_below_augmentations_that_are_swept_over_reach_every_job(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    swept = "augment=[instance_noise],[instance_noise,diffaugment]"
    settings = ("dataset=digits", "model=mlp", "threads=1", "device=cpu", "train.steps=1")
    answer = here(
        "gan-train", *settings, "-m", swept, "augment.instance_noise.sigma=0.3", "sweep=s"
    )
    assert (answer.code, len(carried)) == (0, 2), answer.err
    for name in carried:
        assert "sigma: 0.3" in (tmp_path / "outputs/sweeps/s" / name / "config.yaml").read_text()


# ---------------------------------------------------------------- how a job ended


@pytest.fixture
def job(tmp_path: Path, configured: Callable[..., Config]) -> Job:
    (tmp_path / "job").mkdir()
    return Job("job", tmp_path / "job", configured(*TINY))


@pytest.mark.parametrize(
    ("code", "state", "recorded"),
    [
        (3, "failed", 3),
        (-signal.SIGKILL, "failed", 137),
        (-signal.SIGSEGV, "failed", 139),
        (143, "interrupted", 143),
        (-signal.SIGTERM, "interrupted", 143),
    ],
)
def test_an_end_that_a_process_couldnt_record_is_recorded(
    job: Job, code: int, state: str, recorded: int
) -> None:
    RunFolder(job.path).write_status(Status(state="running", step=4, started="before"))
    ended = job_result(job, code=code, seconds=2.0)
    assert (ended.state, ended.code, ended.step) == (state, recorded, 4)
    assert (status(job.path)["state"], status(job.path)["exit_code"]) == (state, recorded)
    assert status(job.path)["started"] == "before"
    assert ended.is_failure


def test_what_a_run_said_itself_is_not_written_over(job: Job) -> None:
    RunFolder(job.path).write_status(Status(state="completed", exit_code=0, step=6))
    record(job, state="failed", code=6, reason="refused")
    assert status(job.path)["state"] == "completed"
    RunFolder(job.path).write_status(Status(state="failed", exit_code=5, reason="NaN"))
    assert job_result(job, code=5, seconds=1.0).reason == "NaN"


def test_a_status_that_cant_be_read_is_left_as_it_is(job: Job) -> None:
    (job.path / "status.json").write_text('{"state": "comple')
    assert job_result(job, code=6, seconds=1.0).state == "failed"
    assert (job.path / "status.json").read_text() == '{"state": "comple'


def test_the_folder_of_a_living_process_is_left_alone(job: Job) -> None:
    folder = RunFolder(job.path)
    folder.lock()
    assert job_result(job, code=7, seconds=1.0).reason.startswith("a live process has its folder.")
    folder.release()
    assert not (job.path / "status.json").exists()


# ---------------------------------------------------------------- shares


def test_threads_are_divided_among_the_jobs() -> None:
    assert [threads_each(n, 8) for n in (1, 2, 3, 16)] == [None, 4, 2, 1]


def test_each_job_has_a_gpu_of_its_own_where_there_are_several(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert visible_gpus(3) == ["0", "1", "2"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5, 7")
    gpus = visible_gpus(2)
    three, two = Places(3, cores=8, gpus=gpus), Places(2, cores=8, gpus=gpus)
    given = [three.gpus_of([place], "auto") for place in range(3)]
    assert [g["CUDA_VISIBLE_DEVICES"] for g in given] == ["5", "7", "5"]
    assert two.gpus_of([0, 1], "cuda") == {"CUDA_VISIBLE_DEVICES": "5,7"}
    assert two.gpus_of([1], "cuda:0") == {}
    assert two.gpus_of([1], "cpu") == {}
    assert Places(1, cores=8, gpus=gpus).gpus_of([0], "auto") == {}
    assert Places(2, cores=8, gpus=gpus[:1]).gpus_of([1], "auto") == {}


def test_a_job_takes_a_place_for_each_of_its_devices() -> None:
    four = Places(3, cores=4, gpus=())
    assert [four.at_a_time(devices, "cpu") for devices in (1, 2, 3, 8)] == [3, 2, 1, 1]
    assert four.find([0, 2], 2, "cpu") == [1, 3]
    assert four.find([0, 2, 3], 2, "cpu") is None
    assert four.find([], 8, "cpu") == [0, 1, 2, 3, 4, 5, 6, 7]
    assert four.find([1], 8, "cpu") is None
    asked = Places(4, cores=2, gpus=())  # more than there are cores, as the user wants it
    assert [asked.at_a_time(devices, "auto") for devices in (1, 2)] == [4, 2]
    assert Places(4, cores=64, gpus=["0", "1"]).at_a_time(2, "auto") == 2


def test_fewer_jobs_at_a_time_than_were_asked_for_are_told() -> None:
    two = Places(2, cores=2, gpus=())
    assert two.note(1, "cpu") == ""
    assert Places(1, cores=2, gpus=()).note(2, "cpu") == ""
    assert two.note(2, "cpu") == (
        "note: jobs on 2 devices run 1 at a time, hydra.launcher.n_jobs=2: this machine has 2 cores"
    )
    assert "has 4 GPUs" in Places(3, cores=2, gpus=list("0123")).note(2, "auto")


@pytest.mark.parametrize(("n_jobs", "most", "told"), [(1, 1, False), (2, 2, True)])
def test_jobs_on_one_and_on_two_devices_share_the_machine(
    here: Here, monkeypatch: pytest.MonkeyPatch, n_jobs: int, most: int, told: bool
) -> None:
    asked: list[tuple[list[str], int]] = []

    def note(jobs: list[Job], *, at_a_time: int, **_: object) -> None:
        asked.append(([f"{job.name}: {job.config.devices}" for job in jobs], at_a_time))

    monkeypatch.setattr(processes, "run_in_processes", note)
    monkeypatch.setattr("gan_runner.sweeps.shares.visible_cores", lambda: 2)
    words = ["devices=1,2", "sweep=s", f"hydra.launcher.n_jobs={n_jobs}"]
    answer = here("gan-train", *TINY, "-m", *words)
    assert (answer.code, asked) == (0, [(["devices=1: 1", "devices=2: 2"], most)]), answer.err
    assert ("note: jobs on 2 devices run 1 at a time" in answer.out) == told


class MadeUpProcess:
    """Ends when it was asked for the third time."""

    def __init__(self) -> None:
        self.asked = 0

    def poll(self) -> int | None:
        self.asked += 1
        return 0 if self.asked > 2 else None


def test_a_job_begins_when_there_are_places_for_all_its_devices_and_none_overtakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Config.model_construct(device="cpu")
    jobs = [
        Job(f"{place}", tmp_path / f"{place}", plain.model_copy(update={"devices": devices}))
        for place, devices in enumerate([1, 1, 2, 1, 4, 1])
    ]
    running: dict[str, list[int]] = {}
    seen: list[dict[str, list[int]]] = []

    def start(job: Job, own: list[int]) -> MadeUpProcess:
        running[job.name] = list(own)
        seen.append(dict(running))
        return MadeUpProcess()

    monkeypatch.setattr(processes, "_make_start", lambda *_: start)
    monkeypatch.setattr(processes, "_POLL_SECONDS", 0.0)
    monkeypatch.setattr(processes, "_result_of", lambda child: running.pop(child.job.name))
    processes.run_in_processes(
        jobs,
        places=Places(3, cores=3, gpus=()),
        at_a_time=3,
        progress=SweepProgress(Terminal(quiet=True), total=len(jobs)),
        on_end=lambda job, result: None,
    )
    assert seen == [
        {"0": [0]},
        {"0": [0], "1": [1]},
        {"2": [0, 1]},
        {"2": [0, 1], "3": [2]},
        {"4": [0, 1, 2, 3]},
        {"5": [0]},
    ]


def test_a_job_on_two_devices_is_told_to_its_ranks_and_a_killed_one_is_its_fault(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    several = replace(job, config=job.config.model_copy(update={"devices": 2}))
    told: list[object] = []

    def launch(arguments: tuple[str, ...], count: int) -> int:
        told.append((count, arguments[0], arguments[2], Path(arguments[3]).read_text()))
        assert arguments[1].endswith("import main_of_rank; main_of_rank()")
        raise MachineError("rank 1 was ended by SIGKILL.")

    monkeypatch.setattr(job_process, "launch", launch)
    assert job_process._launch_ranks(several, "what to do") == 4
    assert told == [(2, "-c", str(job.path), "what to do")]
    assert status(job.path)["reason"] == "rank 1 was ended by SIGKILL."
    assert "error: rank 1 was ended" in capsys.readouterr().err


@pytest.mark.parametrize("n_jobs", [0, -1, 1.5, "two", None, True])
def test_a_number_of_jobs_is_a_number(n_jobs: object) -> None:
    with pytest.raises(ConfigError, match=r"hydra\.launcher\.n_jobs="):
        check_n_jobs(n_jobs)


# ---------------------------------------------------------------- progress


def test_in_a_pipe_a_sweep_says_how_far_it_is(
    job: Job, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = 100.0
    monkeypatch.setattr("time.monotonic", lambda: moment)
    progress = SweepProgress(Terminal(), total=3)
    progress.start(job)
    (job.path / "config.yaml").write_text("train: {steps: 100}")
    for step in (10, 20):
        with (job.path / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step}) + "\n")
        moment += 40
        progress.update([job])
    progress.end(job, JobResult("failed", 5, 20, 70.0, "NaN\nand more"))
    assert capsys.readouterr().out.splitlines() == [
        "started  job",
        "0 done, 1 running, 0 failed, 2 waiting; job step 10/100",
        "0 done, 1 running, 0 failed, 2 waiting; job step 20/100, 5 min 20 s left",
        "[1/3] failed at step 20 in 1 min 10 s  job: NaN",
    ]


# ---------------------------------------------------------------- search

OPTUNA = find_spec("optuna") is not None and find_spec("hydra_plugins.hydra_optuna_sweeper")
needs_optuna = pytest.mark.skipif(not OPTUNA, reason="hydra-optuna-sweeper isn't installed")
SEARCH = (
    *("hydra/sweeper=search", "hydra.sweeper.n_trials=3", "train.eval_every=3", "sweep=s"),
    *("evaluation.num=32", "evaluation.metrics=[frechet]", "loss=choice(hinge,lsgan)"),
    "optimizer.generator.lr=interval(1e-4,1e-2)",
)


@needs_optuna
def test_a_search_learns_from_the_best_value_of_each_job_and_goes_on(
    here: Here, tmp_path: Path, carried: list[str]
) -> None:
    answer = here("gan-train", *TINY, "-m", *SEARCH)
    assert (answer.code, len(carried)) == (0, 3), answer.err
    runs = [tmp_path / "outputs/sweeps/s" / name for name in carried]
    rows = [line for run in runs for line in (run / "evaluations.jsonl").read_text().splitlines()]
    best = min(json.loads(row)["best"] for row in rows)
    assert (
        f"best_value: {best!r}"
        in (tmp_path / "outputs/sweeps/s/optimization_results.yaml").read_text()
    )
    assert here("gan-train", *TINY, "-m", *SEARCH).out.count("already complete: ") == 3
    assert len(carried) == 3


@needs_optuna
def test_a_search_of_which_every_job_fails_ends_with_its_table(
    here: Here, carried: list[str]
) -> None:
    answer = here(
        "gan-train", *TINY, "-m", *SEARCH, "train.batch_size=65", "hydra.sweeper.n_trials=1"
    )
    assert answer.code == 8
    assert "failed" in answer.out


@needs_optuna
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["hydra/sweeper=search"], "train.eval_every=0"),
        (["hydra/sweeper=optuna", "train.eval_every=1", "evaluation.best.direction=max"], "worst"),
    ],
)
def test_a_search_for_nothing_is_refused(here: Here, settings: list[str], message: str) -> None:
    answer = here("gan-train", *TINY, "-m", *settings, "seed=0,1")
    assert (answer.code, message in answer.err) == (2, True), answer.err


@pytest.mark.skipif(bool(OPTUNA), reason="hydra-optuna-sweeper is installed")
def test_a_search_without_optuna_names_the_extra(here: Here) -> None:
    assert 'pip install "gan-runner[optuna]"' in here("gan-train", "-m", "hydra/sweeper=search").err


@pytest.mark.skipif(find_spec("submitit") is not None, reason="submitit is installed")
def test_a_cluster_without_submitit_names_the_extra(here: Here) -> None:
    answer = here("gan-train", *TINY, "-m", "seed=0,1", "hydra/launcher=slurm")
    assert (answer.code, 'pip install "gan-runner[slurm]"' in answer.err) == (2, True)
