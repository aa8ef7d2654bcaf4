"""Slips in the commands beside gan-train are answered at once, with what to type."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer

Here = Callable[..., Answer]


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("gan-sample RUN --output s.png", "Did you mean: --out s.png"),
        ("gan-sample RUN s.png", "Write --out s.png"),
        ("gan-sample RUN num=3", "Options have dashes: --num 3"),
        ("gan-evaluate RUN --out n.csv", "Write --out n.json"),
        ("gan-sample RUN -n 5", "Did you mean: --num 5"),
        ("gan-sample RUN --out", "Write --out PATH"),
        ("gan-sample", "gan-runs lists the runs; gan-sample --help shows what there is."),
        ("gan-evaluate RUN --checkpoints all", "Did you mean: --checkpoint all"),
        ("gan-report RUN -o r.html", "Did you mean: --html r.html"),
        ("gan-report RUN RUN", "To compare several: gan-compare RUN RUN"),
        ("gan-compare RUN --html", "Write --html FILE"),
    ],
)
def test_a_slip_in_a_flag_is_answered_with_the_flag(here: Here, line: str, remedy: str) -> None:
    answer = here(*line.split())
    assert (answer.code, answer.err.endswith(f". {remedy}\n")) == (2, True), answer.err


@pytest.mark.parametrize("words", [["-m", "seed=0,1"], ["dry_run=true"]])
def test_what_takes_one_process_is_refused_to_those_of_a_launcher(
    words: list[str], here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    answer = here("gan-train", *words)
    assert answer.code == 2
    assert "WORLD_SIZE=2. Start it without torchrun." in answer.err
    assert list(tmp_path.iterdir()) == []


def test_the_only_process_of_a_launcher_trains(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert here("gan-train", "train.steps=x").err.startswith("error: invalid setting, train.steps")


def test_a_whole_number_is_asked_for_in_plain_words(here: Here) -> None:
    answer = here("gan-sample", "RUN", "--seed", "1,2")
    assert "argument --seed: 1,2 is not a whole number." in answer.err


@pytest.mark.parametrize("command", ["gan-sample", "gan-evaluate", "gan-augment"])
def test_a_folder_that_is_no_run_is_answered_with_the_newest_run(
    here: Here, tmp_path: Path, command: str
) -> None:
    made_run(tmp_path / "outputs" / "day" / "run")
    answer = here(command, "photos")
    assert answer.code == 6
    assert answer.err.endswith("The newest here: outputs/day/run (gan-runs lists all)\n")


def test_a_run_in_a_setting_is_answered_with_the_folder_alone(here: Here, tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    assert here("gan-sample", "resume=run").err.endswith("Name its folder: run\n")
    assert here("gan-train", "resume=outputs").err.startswith("error: no such run folder")
    assert here("gan-train", "resume=.").err.startswith("error: not a run folder")


def test_a_page_is_refused_by_the_name_of_another_kind_of_file(here: Here, tmp_path: Path) -> None:
    made_run(tmp_path / "run")
    answer = here("gan-data", "run", "--html", "x.pdf")
    assert (answer.code, "Write --html x.html" in answer.err) == (2, True)


def test_a_folder_of_pictures_is_answered_with_how_to_read_it(here: Here, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    answer = here("gan-data", "photos")
    assert "gan-data dataset=image_folder dataset.root=photos" in answer.err


def made_run(path: Path) -> None:
    """A folder that looks like that of a run."""
    path.mkdir(parents=True)
    for name in ("config.yaml", "status.json"):
        (path / name).write_text("{}")
