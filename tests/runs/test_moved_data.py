"""Data is found from any folder, and where it lies now, if a command says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer, call_command

from gan_runner.config import schema as configuration

Here = Callable[..., Answer]

TABLE = "x,kind\n" + "".join(f"{i % 7}.5,{'uv'[i % 2]}\n" for i in range(60))
TINY = (
    *("threads=1", "device=cpu", "train.steps=2", "train.batch_size=8", "train.sample_every=0"),
    *("model.generator.hidden=[8]", "model.discriminator.hidden=[8]", "model.latent_size=4"),
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a complete run, `run`, on `data/t.csv`, both named by relative paths."""
    folder = tmp_path_factory.mktemp("typed_here")
    (folder / "data").mkdir()
    (folder / "data" / "t.csv").write_text(TABLE)
    overrides = ("dataset=table", "dataset.path=data/t.csv", "cache=cache", "hydra.run.dir=run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert call_command("gan-train", *overrides, *TINY, "model.conditioning=concat") == 0
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """The same run in the folder of this test, where no command was typed before."""
    return Path(shutil.copytree(trained / "run", tmp_path / "run"))


def test_relative_paths_mean_the_folder_in_which_the_command_was_typed(
    trained: Path, here: Here, run: Path
) -> None:
    kept = configuration.read(run / "config.yaml")
    assert kept.dataset["path"] == str(trained / "data" / "t.csv")
    assert kept.cache == str(trained / "cache")
    assert here("gan-train", "resume=run", "train.steps=3").code == 0
    assert here("gan-evaluate", "run", "--metrics", "columns").code == 0


def test_data_that_has_moved_is_named(trained: Path, here: Here, run: Path, tmp_path: Path) -> None:
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("data/t.csv", "gone/t.csv"))
    answer = here("gan-evaluate", "run", "--metrics", "columns")
    assert answer.code == 3
    assert "gone/t.csv" in answer.err
    shutil.copy(trained / "data" / "t.csv", tmp_path / "new.csv")
    answer = here("gan-evaluate", "run", "dataset.path=new.csv", "--metrics", "columns")
    assert (answer.code, answer.err) == (0, "")
    assert "column_wasserstein" in answer.out
    counts = ("--real-per-class", "4", "--synthetic-ratio", "0,1", "--seeds", "2", "--updates", "2")
    assert here("gan-augment", "run", "dataset.path=new.csv", *counts).code == 0


def test_other_data_is_refused(here: Here, run: Path, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text(TABLE.replace("1.5", "9.5"))
    answer = here("gan-evaluate", "run", "dataset.path=other.csv")
    assert answer.code == 6
    assert "not what the run was trained on" in answer.err


def test_a_place_that_the_data_set_lacks_is_refused(here: Here, run: Path) -> None:
    answer = here("gan-evaluate", "run", "dataset.root=photos")
    assert answer.code == 2
    assert "dataset=table has no setting dataset.root" in answer.err


def test_places_without_a_run_are_refused(here: Here) -> None:
    answer = here("gan-evaluate", "dataset.path=new.csv")
    assert answer.code == 2
    assert "no run folder, dataset.path=new.csv" in answer.err


def test_a_complete_run_records_where_its_data_lies_now(
    trained: Path, here: Here, run: Path, tmp_path: Path
) -> None:
    shutil.copy(trained / "data" / "t.csv", tmp_path / "new.csv")
    (tmp_path / "other.csv").write_text(TABLE.replace("1.5", "9.5"))
    assert here("gan-train", "resume=run", "dataset.path=other.csv").code == 6
    answer = here("gan-train", "resume=run", "dataset.path=new.csv")
    assert (answer.code, answer.err) == (0, "")
    assert "the place of the data is recorded." in answer.out
    kept = configuration.read(run / "config.yaml")
    assert kept.dataset["path"] == str(tmp_path / "new.csv")
    assert here("gan-evaluate", "run", "--metrics", "columns").code == 0


def test_missing_data_says_how_to_name_its_place(here: Here, run: Path) -> None:
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("data/t.csv", "gone/t.csv"))
    answer = here("gan-evaluate", "run", "--metrics", "columns")
    assert "say where it lies now: dataset.path=PATH" in answer.err
