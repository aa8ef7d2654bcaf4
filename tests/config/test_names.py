"""A run's folder says what the run is; a job has one name whatever the order of the arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer

from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.cli.hydra.composer import run_folder
from gan_runner.config.names import job_name
from gan_runner.errors import ConfigError
from gan_runner.sweeps.folders import job_folders, write_overrides

Here = Callable[..., Answer]


def name(*words: str) -> str:
    """The name of the run folder behind date and time."""
    command = read_command_line(list(words))
    folder = run_folder(command.composer().compose(command.lines))
    assert folder.parts[0] == "outputs" and len(folder.parts) == 3
    return folder.name[len("17-32-40_") :]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "digits_dcgan_softplus_r1"),
        (["loss=hinge", "optimizer.generator.lr=1e-3"], "digits_dcgan_hinge_lr=1e-3"),
        (["optimizer.generator.lr=1e-3", "loss=hinge"], "digits_dcgan_hinge_lr=1e-3"),
        (["experiment=digits_hinge"], "digits_hinge"),
        (["experiment=digits_hinge", "loss=lsgan", "seed=3"], "digits_hinge_lsgan_seed=3"),
        (["dataset=ring"], "ring_mlp_softplus_r1"),
        (["model=vae", "train.steps=200"], "digits_vae_elbo_steps=200"),
        (["loss=hinge", "loss/penalty=[r2,drift]"], "digits_dcgan_hinge_r2+drift"),
        (["~loss.penalty.r1"], "digits_dcgan_softplus_r1_no-r1"),
        (["deterministic=true"], "digits_dcgan_softplus_r1_deterministic"),
        (["device=cpu", "train.log_every=7", "cache=/x"], "digits_dcgan_softplus_r1"),
        (["name=my idea"], "my idea"),
        (["name=12"], "12"),
        (["dataset=image_folder", "dataset.root=/a/my photos"], "my-photos_dcgan_softplus_r1"),
        (["dataset=mnist", "dataset.root=../data"], "mnist_dcgan_softplus_r1"),
        (["dataset=table", "dataset.path=x/wine.csv"], "wine_mlp_softplus_r1"),
        (
            ["init_from=outputs/2026-11-20/17-32-40_old"],
            "digits_dcgan_softplus_r1_init_from=old",
        ),
    ],
)
def test_a_run_is_named_by_what_it_is(words: list[str], expected: str) -> None:
    assert name(*words) == expected


def test_a_name_is_short_and_safe_and_says_how_much_it_leaves_out() -> None:
    many = [f"model.generator.width={'9' * 30}", "train.steps=9"]
    found = name(*many, "dataset=image_folder", f"dataset.root=/a/<b>&\x1b{'x' * 40}")
    assert len(found) <= 80 and found.endswith("_width=999999999999999999999999_+1")
    assert not set(found) & set("<>&\x1b/ ")


@pytest.mark.parametrize("text", ["a/b", "a\\\\b", "..", "", "a\tb", "x" * 201])
def test_a_name_that_is_none_of_a_folder_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="name="):
        name(f"name='{text}'")


@pytest.mark.parametrize(
    ("words", "other"),
    [
        (["-m", "seed=0,1"], "-m. Its jobs are named by what differs, the sweep by sweep=NAME."),
        (["hydra.run.dir=y"], "hydra.run.dir. Remove one of them."),
        (["resume=y"], "name=x. Remove one of them."),
    ],
)
def test_a_name_has_no_place_where_the_folder_is_named_already(
    words: list[str], other: str
) -> None:
    with pytest.raises(ConfigError, match="can't be combined with") as refused:
        read_command_line(["name=x", *words])
    assert str(refused.value).endswith(other)


# ---------------------------------------------------------------- jobs


def test_the_name_of_a_job_is_the_same_in_any_order_of_its_arguments() -> None:
    overrides = ["seed=1", "optimizer.generator.lr=1", "loss=hinge", f"dataset.root={'x/' * 60}"]
    names = {job_name(order, set()) for order in (overrides, overrides[::-1])}
    assert len(names) == 1
    assert names.pop().startswith("loss=hinge,root=x-x")
    assert job_name(["seed=1", "loss=hinge", "dataset=ring"], set()) == (
        "dataset=ring,loss=hinge,seed=1"
    )


@pytest.mark.parametrize("earlier", ["seed=0,loss=hinge", "loss=hinge,seed=0"])
def test_a_folder_that_was_named_in_another_order_is_that_of_its_job(
    tmp_path: Path, earlier: str
) -> None:
    folder = tmp_path / earlier
    folder.mkdir()
    write_overrides(folder, [*earlier.split(","), "train.steps=9"])
    jobs = [["train.steps=8", "loss=hinge", "seed=0"], ["loss=hinge", "seed=1", "train.steps=8"]]
    assert job_folders(tmp_path, jobs, {"train.steps"}) == [earlier, "loss=hinge,seed=1"]


def test_a_folder_of_other_arguments_or_without_a_note_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "seed=0,loss=hinge").mkdir()  # its note is lost
    (tmp_path / "loss=lsgan").mkdir()
    write_overrides(tmp_path / "loss=lsgan", ["loss=lsgan", "seed=0"])  # of other shared keys
    jobs = [["loss=hinge", "seed=0"], ["loss=lsgan", "seed=0"]]
    assert job_folders(tmp_path, jobs, set()) == ["loss=hinge,seed=0", "loss=lsgan,seed=0"]
