"""Whatever is wrong with the input, the user gets one short message and nothing is left behind."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import SMALL, Answer, call_command, small_run
from PIL import Image

from gan_runner.errors import MESSAGE_LINES, MachineError
from gan_runner.storage import tensors
from gan_runner.storage.checkpoint import file_name
from gan_runner.training.methods import Adversarial
from gan_runner.training.run import Run

Here = Callable[..., Answer]
Damage = Callable[[Path], object]

FOLDER = ("dataset=image_folder", "dataset.image_size=8", "dataset.root=pictures", "cache=cache")
ARRAY = ("dataset=array", "dataset.path=data.npy")
MNIST = ("dataset=mnist", "dataset.download=false")


@pytest.fixture(scope="module")
def completed_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three steps that nobody changes."""
    path = tmp_path_factory.mktemp("completed") / "run"
    assert call_command("gan-train", *small_run(path, "train.steps=3", "train.save_every=1")) == 0
    return path


@pytest.fixture
def run(completed_run: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(completed_run, tmp_path / "run"))


def assert_refused(answer: Answer, code: int, *words: str) -> None:
    lines = answer.err.splitlines()
    assert answer.code == code, answer
    assert lines[0].startswith("error: ")
    assert len(lines) <= MESSAGE_LINES
    assert "Traceback" not in answer.err + answer.out
    assert all(line.isprintable() for line in lines)
    for word in words:
        assert word in answer.err


def content(folder: Path) -> dict[str, bytes | None]:
    """Every path below a folder, with what is in the files."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


# ---------------------------------------------------------------- the command line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["loss=hing"], ["unknown loss, loss=hing.", "Did you mean 'hinge'?"]),
        (["loss="], ["unknown loss, loss=.", "Choose one of: dragan"]),
        (["loss=["], ["unknown loss, loss=[."]),
        (["loss=null"], ["unknown loss, loss=null."]),
        (["loss=../dataset/mnist"], ["unknown loss, loss=../dataset/mnist."]),
        (["loss/penalty=[r1,r9]"], ["unknown loss/penalty, loss/penalty=r9."]),
        (["loss@elsewhere=hinge"], ["unknown setting, loss@elsewhere=hinge."]),
        (["+loss=hinge"], ["+loss", "without the plus"]),
        (["-m", "loss=hinge,hing"], ["loss=hing.", "'hinge'"]),
        (["loss=hinge,lsgan"], ["loss=hinge,lsgan", "Add -m"]),
        (["-m", "loss=glob(*gan)"], ["loss=glob(*gan). Name them: loss=hinge,lsgan"]),
        (["-m", "seed=glob(*)"], ["seed=glob(*). Name them"]),
        (["trian.steps=3"], ["unknown setting, trian.steps=3.", "Did you mean: train.steps="]),
        (["+trian.steps=3"], ["unknown setting, trian", "'train'"]),
        (["++trian.steps=3"], ["unknown setting, trian", "'train'"]),
        (["~trian.steps"], ["unknown setting, trian.steps.", "'train.steps'"]),
        (["model.generator.wdth=8"], ["wdth=8.", "Did you mean: model.generator.width=8"]),
        (["hydra.nothing=1"], ["unknown setting, hydra.nothing=1.", "--cfg job"]),
        (["=x"], ["unknown setting", "--cfg job"]),
        (["~train.steps"], ["missing setting, train.steps."]),
        (["~dataset"], ["missing setting, dataset."]),
        (["a b"], ["can't read this setting, a b.", "setting=value"]),
        (["loss"], ["can't read this setting, loss."]),
        ([""], ["can't read this setting"]),
        (["seed=${nothing}"], ["no such setting", "seed=${nothing}"]),
        (["seed=???"], ["Missing mandatory value: seed"]),
        (["hydra.run.dir=${nothing}"], ["no such setting", "hydra.run.dir=${nothing}"]),
        (["hydra/launcher=nothing"], ["hydra/launcher/nothing"]),
        (["--foo"], ["--foo", "--help"]),
        (["--cfg", "foo"], ["--cfg", "foo", "'job'"]),
        (["-m", "--cfg", "job"], ["-m can't be combined with --cfg job."]),
        (["--config-dir", "nowhere"], ["--config-dir=nowhere"]),
        (["--config-path", "nowhere"], ["--config-path=nowhere"]),
        (["--resolve"], ["--resolve needs --cfg"]),
        (["hydra.job.chdir=true"], ["hydra.job.chdir=true", "Remove it."]),
        (["+hydra.job.env_set.A=1"], ["hydra.job.env_set.A=1", "Remove it."]),
        (["--experimental-rerun", "config.pickle"], ["pickle"]),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_refused(
    here: Here, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    assert_refused(here("gan-train", *arguments), 2, *words)
    assert content(tmp_path) == {}


def test_an_unknown_setting_beside_an_option_of_ones_own_is_refused(
    here: Here, tmp_path: Path
) -> None:
    (tmp_path / "own" / "loss").mkdir(parents=True)
    (tmp_path / "own" / "loss" / "mine.yaml").write_text("name: Hinge\n")
    answer = here("gan-train", "--config-dir", "own", "loss=mine", "foo.bar=1")
    assert_refused(answer, 2, "unknown setting, foo.bar=1.", "--cfg job")


@pytest.mark.parametrize(
    "setting",
    [
        *("train.steps=abc", "train.steps=1.5", "train.steps=-1", "train.steps=true"),
        *("train.steps=[1]", "train.steps=(3", "train=5"),
        *("train.epochs=0", "train.batch_size=0", "train.keep=-1", "train.ema=1"),
        *("seed=-1", "seed=1e3", "seed=nan", f"seed={2**63}"),
        *("device=tpu", "device=cuda:x", "precision=fp16", "deterministic=1", "threads=0"),
        *("cache=", "init_from="),
        *("model.generator.width=0", "model.generator.width=", "model.latent_size=-3"),
        *("optimizer.generator.lr=0", "optimizer.generator.betas=[0.5,1.0]", "loss.d_steps=0"),
        *("model.name=os.system", "dataset.name=builtins.eval"),
    ],
)
def test_a_value_of_the_wrong_type_or_size_is_named(
    here: Here, tmp_path: Path, setting: str
) -> None:
    key = setting.partition("=")[0]
    answer = here("gan-train", setting)
    assert_refused(answer, 2, key)
    assert content(tmp_path) == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["loss=wgan_gp", "model.discriminator.norm=batch"], ["model.discriminator.norm=batch"]),
        (["train.batch_size=1"], ["train.batch_size=1", "model.generator.norm=batch"]),
        (["train.batch_size=1798"], ["train.batch_size=1798", "1797 examples"]),
        (["dataset=ring", "model=dcgan"], ["model=dcgan", "model=mlp"]),
        (["dataset=image_folder"], ["dataset.root=null", "dataset.root=PATH"]),
        (["dataset=image_folder", "dataset.root="], ['dataset.root=""']),
        (["dataset=image_folder", "dataset.root=~nosuchuser/x"], ["dataset.root=~nosuchuser/x"]),
        (["dataset=image_folder", "dataset.image_size=3"], ["dataset.image_size=3"]),
        (["dataset=array"], ["dataset.path=null", "dataset.path=PATH"]),
    ],
)
def test_settings_that_cannot_go_together_are_refused(
    here: Here, tmp_path: Path, settings: list[str], words: list[str]
) -> None:
    assert_refused(here("gan-train", "train.steps=1", *settings), 2, *words)
    assert content(tmp_path) == {}


def test_control_characters_of_the_input_are_escaped(here: Here) -> None:
    answer = here("gan-train", "loss=\x1b[31mred\nerror: fooled")
    assert_refused(answer, 2, r"\x1b[31mred\nerror: fooled")
    assert answer.err.count("\n") == 1


def test_a_very_long_value_is_cut_short(here: Here) -> None:
    answer = here("gan-train", "loss=" + "x" * 100_000)
    assert_refused(answer, 2, "xxx...")
    assert len(answer.err) < 1000


# ---------------------------------------------------------------- the folder of the run


def test_a_run_folder_that_is_not_empty_is_refused(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    before = content(tmp_path)
    assert_refused(here("gan-train", "hydra.run.dir=mine"), 2, "hydra.run.dir=", "another one")
    assert content(tmp_path) == before


@pytest.mark.parametrize("arguments", [["hydra.run.dir=file/run"], [], ["-m", "seed=0,1"]])
def test_a_file_in_the_place_of_a_folder_is_refused(
    here: Here, tmp_path: Path, arguments: list[str]
) -> None:
    for name in ("file", "outputs"):
        (tmp_path / name).write_text("")
    before = content(tmp_path)
    assert_refused(here("gan-train", *arguments), 4)
    assert content(tmp_path) == before


def test_a_fault_of_the_data_leaves_the_users_own_empty_folder(here: Here, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "new").mkdir()
    for folder in ("mine", "new/deep/run"):
        answer = here("gan-train", *ARRAY, f"hydra.run.dir={folder}")
        assert_refused(answer, 3, "missing", "data.npy")
    assert content(tmp_path) == {"mine": None, "new": None}


# ---------------------------------------------------------------- data


def picture(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)


def no_folder(folder: Path) -> None:
    pass


def empty_folder(folder: Path) -> None:
    (folder / "pictures").mkdir()


def file_for_a_folder(folder: Path) -> None:
    (folder / "pictures").write_text("")


def damaged_picture(folder: Path) -> None:
    for number in range(20):
        picture(folder / "pictures" / f"{number}.png")
    (folder / "pictures" / "torn\x1b.png").write_bytes(b"\x89PNG")


@pytest.mark.parametrize(
    ("lay", "words"),
    [
        (no_folder, ["missing", "pictures"]),
        (empty_folder, ["no images", "PNG, JPEG"]),
        (file_for_a_folder, ["not a folder"]),
        (damaged_picture, [r"torn\x1b.png", "dataset.on_damaged=skip"]),
    ],
)
def test_pictures_that_cannot_be_had_are_named(
    here: Here, tmp_path: Path, lay: Damage, words: list[str]
) -> None:
    lay(tmp_path)
    before = content(tmp_path)
    answer = here("gan-train", *FOLDER)
    assert_refused(answer, 3, "dataset.root=", *words)
    assert content(tmp_path).keys() - before.keys() <= {"cache"}


def test_a_damaged_picture_is_left_out_if_the_user_wants_that(here: Here, tmp_path: Path) -> None:
    damaged_picture(tmp_path)
    settings = [*FOLDER, "dataset.on_damaged=skip", *SMALL, "train.steps=1", "hydra.run.dir=run"]
    answer = here("gan-train", *settings)
    assert answer.code == 0
    assert r"warning: 1 of 21 images are damaged and left out (torn\x1b.png)" in answer.out
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert "1 of 21 images" in status["warnings"][0]


def array(values: object) -> Damage:
    return lambda folder: np.save(folder / "data.npy", np.asarray(values), allow_pickle=True)


def raw(values: bytes) -> Damage:
    return lambda folder: (folder / "data.npy").write_bytes(values)


@pytest.mark.parametrize(
    ("lay", "code", "words"),
    [
        (array(np.array([{}, "x"], object)), 3, ["Save plain numbers"]),
        (array(np.full((20, 8, 8), np.nan)), 3, ["NaN"]),
        (array(np.full((20, 8, 8), 300.0)), 3, ["from 300 to 300", "'dataset.range=[0,300]'"]),
        (array(np.zeros(20)), 3, ["shape [20]", "[N, H, W]"]),
        (array(np.zeros((0, 8, 8))), 3, ["empty"]),
        (array(np.zeros((20, 5))), 2, ["model=dcgan", "model=mlp"]),
        (array(np.zeros((20, 3, 3))), 2, ["3x3", "model=dcgan"]),
        (array(np.zeros((3, 8, 8))), 2, ["train.batch_size=64", "3 examples"]),
        (raw(b"\x93NUMPY\x01\x00"), 3, ["cut off"]),
        (raw(b"PK\x03\x04 no archive"), 3, ["unreadable"]),
        (raw(b"hello"), 3, ["not a NumPy file"]),
        (lambda folder: (folder / "data.npy").mkdir(), 3, ["not a file"]),
        (no_folder, 3, ["missing"]),
    ],
)
def test_an_array_that_does_not_make_a_data_set_is_refused(
    here: Here, tmp_path: Path, lay: Damage, code: int, words: list[str]
) -> None:
    lay(tmp_path)
    before = content(tmp_path)
    assert_refused(here("gan-train", *ARRAY), code, *words)
    assert content(tmp_path) == before


def idx(images: bytes, labels: bytes) -> Damage:
    def lay(folder: Path) -> None:
        place = folder / "data" / "MNIST" / "raw"
        place.mkdir(parents=True)
        (place / "train-images-idx3-ubyte").write_bytes(images)
        (place / "train-labels-idx1-ubyte").write_bytes(labels)

    return lay


IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28]) + bytes(2 * 784)
LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 2, 3, 7])


@pytest.mark.parametrize(
    ("lay", "words"),
    [
        (idx(IMAGES[:-1], LABELS), ["train-images-idx3-ubyte", "1583 bytes", "1584"]),
        (idx(LABELS, IMAGES), ["train-images-idx3-ubyte", "00000801 instead of 00000803"]),
        (idx(IMAGES, LABELS[:7] + b"\x01\x03"), ["train-labels-idx1-ubyte", "1 labels"]),
        (no_folder, ["missing", "dataset.download=true"]),
    ],
)
def test_idx_files_that_are_not_what_they_say_are_named(
    here: Here, tmp_path: Path, lay: Damage, words: list[str]
) -> None:
    lay(tmp_path)
    before = content(tmp_path)
    assert_refused(here("gan-train", *MNIST), 3, "dataset.root=", *words)
    assert content(tmp_path) == before


# ---------------------------------------------------------------- the machine and the numbers


def test_a_device_that_is_not_there_is_refused(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    for device in ("cuda", "cuda:1", "mps"):
        assert_refused(here("gan-train", f"device={device}"), 4, f"device={device}", "device=cpu")
    assert content(tmp_path) == {}


def test_memory_that_runs_out_before_training_leaves_nothing(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("gan_runner.runs.open.fresh_state", exhausted)
    assert_refused(here("gan-train"), 4, "out of memory", "train.batch_size")
    assert content(tmp_path) == {}


def test_a_full_disk_at_a_save_ends_with_the_last_good_checkpoint(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tensors.save_file

    def save(named: object, path: Path, metadata: object) -> None:
        if file_name(20) in path.name:
            path.write_bytes(b"a part")
            raise OSError(28, "No space left on device")
        whole(named, path, metadata=metadata)

    monkeypatch.setattr(tensors, "save_file", save)
    answer = here("gan-train", *small_run(tmp_path / "run", "train.steps=30"))
    assert_refused(answer, 4, "No space left", "step 10", f"gan-train resume={tmp_path / 'run'}")
    left = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert left == ["last.json", file_name(10)]
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["step"]) == ("failed", 4, 10)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert here("gan-train", "resume=run").code == 0


def test_a_disk_that_refuses_everything_at_the_start_leaves_nothing(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gan_runner.storage.status.write_text", full)
    monkeypatch.setattr("gan_runner.logs.log.Log.event", full)
    answer = here("gan-train", *SMALL, "train.steps=1")
    assert answer.code == 4
    assert "error: the disk or the machine refused" in answer.err
    assert content(tmp_path) == {}


@pytest.mark.parametrize("rate", ["1.0e+38", "1.0e+30"])
def test_numbers_that_overflow_end_the_run_at_its_last_finite_checkpoint(
    here: Here, tmp_path: Path, rate: str
) -> None:
    settings = [f"optimizer.{network}.lr={rate}" for network in ("generator", "discriminator")]
    run = tmp_path / "run"
    answer = here("gan-train", *small_run(run, *settings, "train.steps=30", "train.log_every=1"))
    assert_refused(answer, 5, "step", "The run folder is")
    rows = (run / "metrics.jsonl").read_text()
    assert "NaN" not in rows and "Infinity" not in rows
    assert json.loads((run / "status.json").read_text())["exit_code"] == 5


def test_a_defect_of_ours_goes_to_the_log_with_its_traceback(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(Adversarial, "step", broken)
    answer = here("gan-train", *small_run(tmp_path / "run"))
    assert_refused(answer, 1, "a defect in gan-runner, KeyError", "train.log")
    assert "Traceback" in (tmp_path / "run" / "train.log").read_text()


# ---------------------------------------------------------------- resume=RUN


def replace_bytes(old: str, new: str) -> Damage:
    def damage(run: Path) -> None:
        text = (run / "config.yaml").read_text()
        assert old in text
        (run / "config.yaml").write_text(text.replace(old, new, 1))

    return damage


def rewrite_file(name: str, new: bytes) -> Damage:
    return lambda run: (run / name).write_bytes(new)


def in_all_checkpoints(change: Callable[[bytes], bytes]) -> Damage:
    def damage(run: Path) -> None:
        for path in (run / "checkpoints").glob("*.safetensors"):
            path.write_bytes(change(path.read_bytes()))

    return damage


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda run: (run / "config.yaml").unlink(), ["not a run folder", "config.yaml"]),
        (replace_bytes("seed: 0", "seed: 7"), ["config.yaml is not the one"]),
        (replace_bytes("seed: 0", "seed: ${oc.env:HOME}"), ['seed="${oc.env:HOME}"']),
        (replace_bytes("name: DCGAN", "name: os.system"), ["model.name=os.system"]),
        (replace_bytes("name: DCGAN", "_target_: os.system\n  name: DCGAN"), ["model._target_"]),
        (replace_bytes("seed:", "_target_: os.system\nseed:"), ["_target_", "config.yaml"]),
        (replace_bytes("seed:", "unknown: 1\nseed:"), ["unknown setting, unknown=1"]),
        (rewrite_file("config.yaml", b"!!python/object/apply:os.system [id]"), ["unreadable"]),
        (rewrite_file("config.yaml", b"a: &a [x]\nb: *a"), ["alias"]),
        (rewrite_file("config.yaml", b"[" * 10_000), ["unreadable"]),
        (rewrite_file("config.yaml", b"\xff\xfe"), ["unreadable"]),
        (rewrite_file("config.yaml", b""), ["missing setting"]),
        (rewrite_file("status.json", b"{"), ["unreadable status"]),
        (in_all_checkpoints(pickle.dumps), ["not a checkpoint"]),
        (in_all_checkpoints(lambda _: b"text"), ["not a checkpoint"]),
        (in_all_checkpoints(lambda _: b""), ["not a checkpoint"]),
        (in_all_checkpoints(lambda whole: whole[:-50]), ["not a checkpoint"]),
        (in_all_checkpoints(lambda whole: whole[:-1] + b"\x7f"), ["digest is wrong"]),
        (
            in_all_checkpoints(lambda w: w.replace(b'\\"format\\": 1', b'\\"format\\": 9')),
            ["format 9", "reads format 1"],
        ),
    ],
)
def test_a_run_that_is_not_what_was_left_is_refused_and_untouched(
    here: Here, run: Path, damage: Damage, words: list[str]
) -> None:
    damage(run)
    before = content(run)
    assert_refused(here("gan-train", f"resume={run}", "train.steps=4"), 6, *words)
    assert content(run) == before


@pytest.mark.parametrize("name", ["nowhere", "run/config.yaml", "run/checkpoints", "5"])
def test_anything_but_a_run_folder_is_refused(
    here: Here, run: Path, tmp_path: Path, name: str
) -> None:
    before = content(tmp_path)
    assert_refused(here("gan-train", f"resume={name}"), 6, f"{tmp_path / name}")
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (["loss=hinge"], 6, ["loss.name: NonSaturating -> Hinge", "init_from=RUN"]),
        (["seed=5", "train.steps=9"], 6, ["seed: 0 -> 5"]),
        (["model.generator.width=16"], 6, ["model.generator.width: 8 -> 16"]),
        (["train.batch_size=8"], 6, ["train.batch_size: 16 -> 8"]),
        (["init_from=/elsewhere"], 6, ["resume=", "can't be combined with init_from=/elsewhere"]),
        (["train.steps=2"], 2, ["already at step 3", "train.steps=2"]),
        (["train.steps=many"], 2, ['train.steps="many"']),
        (["trian.steps=4"], 2, ["Did you mean: train.steps="]),
        (["hydra.run.dir=elsewhere"], 2, ["hydra.run.dir"]),
        (["-m"], 2, ["resume=", "can't be combined with -m"]),
        (["--cfg", "job"], 2, ["resume=", "can't be combined with --cfg job"]),
    ],
)
def test_a_resumed_run_stays_what_it_is(
    here: Here, run: Path, changes: list[str], code: int, words: list[str]
) -> None:
    before = content(run)
    assert_refused(here("gan-train", f"resume={run}", *changes), code, *words)
    assert content(run) == before


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (["init_from=nowhere"], ["init_from=", "nowhere"]),
        (["init_from=run/checkpoints"], ["no checkpoint to start from"]),
        (["init_from=run", "model.generator.width=16"], ["the networks differ", "init_from="]),
        (["init_from=run", "model.latent_size=17"], ["model.latent_size: 16 -> 17"]),
    ],
)
def test_a_run_can_only_begin_from_one_with_the_same_networks(
    here: Here, run: Path, tmp_path: Path, settings: list[str], words: list[str]
) -> None:
    before = content(tmp_path)
    assert_refused(here("gan-train", *SMALL, "train.steps=1", *settings), 6, *words)
    assert content(tmp_path) == before


# ---------------------------------------------------------------- gan-sample


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, ["RUN", "--help"]),
        (["nowhere"], 6, ["not a run folder, nowhere"]),
        (["run/config.yaml"], 6, ["config.yaml"]),
        (["run", "more"], 2, ["more"]),
        (["run", "--checkpoint", "9"], 6, ["--checkpoint=9", "3, 2, 1"]),
        (["run", "--checkpoint", "best"], 6, ["best.json", "gan-evaluate run --checkpoint all"]),
        (["run", "--checkpoint", "../x\x1b"], 6, [r"--checkpoint=../x\x1b"]),
        (["run", "--num", "0"], 2, ["--num", "from 1"]),
        (["run", "--num", "x"], 2, ["--num: x is not a number"]),
        (["run", "--truncation", "0"], 2, ["--truncation", "at least 0.01"]),
        (["run", "--truncation", "nan"], 2, ["--truncation"]),
        (["run", "--interpolate", "0"], 2, ["--interpolate"]),
        (["run", "--seed", "x"], 2, ["--seed"]),
        (["run", "--seeds", "3-1"], 2, ["--seeds", "3-1"]),
        (["run", "--seeds", "0-99999999"], 2, ["--seeds", "10,000"]),
        (["run", "--seeds", "1,,2"], 2, ["--seeds", "0-15,20"]),
        (["run", "--seeds", "1", "--seed", "2"], 2, ["--seeds", "--seed"]),
        (["run", "--seeds", "1", "--num", "2"], 2, ["--num and --seeds"]),
        (["run", "--scale", "1.5"], 2, ["--scale", "from 1 to 64"]),
        (["run", "--out", "x.svg"], 2, ["--out=x.svg", "run has images"]),
        (["run", "--out", "x.mp4"], 2, ["--out=x.mp4", ".webp"]),
        (["run", "--out", "x.npz", "--scale", "2"], 2, ["--scale=2"]),
        (["run", "--device", "tpu"], 2, ["--device", "tpu"]),
        (["run", "--out", "x.gif"], 2, ["--out=x.gif", "--interpolate"]),
        (["run", "--out", "file/x.png"], 4, ["--out=file/x.png"]),
        (["run", "--out", "file/x.npz"], 4, ["--out=file/x.npz"]),
        (["run", "--out", "file"], 4, ["--out=file"]),
        (["run", "--out", "folder.png"], 2, ["--out=folder.png"]),
        (["run", "--out", "folder.npz"], 2, ["--out=folder.npz"]),
    ],
)
def test_samples_that_cannot_be_made_are_refused(
    here: Here, run: Path, tmp_path: Path, arguments: list[str], code: int, words: list[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "folder.npz").mkdir()
    before = content(tmp_path)
    assert_refused(here("gan-sample", *arguments), code, *words)
    assert content(tmp_path) == before


def test_vectors_cannot_be_sampled_as_pictures(here: Here, tmp_path: Path) -> None:
    settings = ["dataset=ring", "dataset.count=100", "train.steps=0", "hydra.run.dir=run"]
    assert here("gan-train", *settings).code == 0
    for out in ("folder", "x.gif"):
        answer = here("gan-sample", "run", "--out", out, "--interpolate", "3")
        assert_refused(answer, 2, f"--out={out}", ".npz")
        assert not (tmp_path / out).exists()


def test_the_end_is_reported_even_if_it_cannot_be_recorded(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MachineError("can't save a checkpoint.")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Run, "save", fail)
    monkeypatch.setattr(Run, "close", full)
    answer = here("gan-train", *small_run(tmp_path / "run"))
    assert answer.code == 4
    assert "warning: can't record the end of the run" in answer.err
    assert "error: can't save a checkpoint." in answer.err
