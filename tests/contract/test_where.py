"""Rows by a condition, as the command and Python give them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Answer, call_command

import gan_runner
from gan_runner.errors import ConfigError

Here = Callable[..., Answer]

LONG = "\"petal length (cm)\" > 3 and species in ('virginica', 'versicolor')"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A run of irises, `none`, conditional or with a `vector`, trained when it is first asked
    for."""
    folder = tmp_path_factory.mktemp("runs")

    def run(conditioning: str) -> Path:
        path = folder / conditioning
        small = [
            *("dataset=iris", "model.generator.hidden=[16]", "model.discriminator.hidden=[16]"),
            *("model.latent_size=8", "threads=1", "device=cpu", "train.batch_size=16"),
            *("train.steps=5", "train.eval_every=0", "train.sample_every=0"),
            f"hydra.run.dir={path}",
        ]
        if conditioning == "vector":
            small.append("dataset.conditional_vector=[species]")
        else:
            small.append(f"model.conditioning={conditioning}")
        if not path.exists():
            assert call_command("gan-train", *small) == 0
        return path

    return run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("conditioning", ["none", "concat", "vector"])
def test_the_rows_of_a_file_are_the_first_of_the_seed_in_which_the_condition_holds(
    conditioning: str, runs: Callable[[str], Path], here: Here, tmp_path: Path
) -> None:
    run = str(runs(conditioning))
    answer = here(
        "gan-sample", run, "--where", LONG, "--num", "20", "--seed", "4", "--out", "x.csv"
    )
    assert answer.code == 0, answer.err
    assert here("gan-sample", run, "--num", "3000", "--seed", "4", "--out", "all.csv").code == 0
    wanted = [
        row
        for row in rows_of(tmp_path / "all.csv")
        if float(row["petal length (cm)"]) > 3 and row["species"] != "setosa"
    ]
    assert rows_of(tmp_path / "x.csv") == wanted[:20]
    assert len(wanted) >= 20
    said = answer.out + answer.err
    assert f"% of 1,024 rows: {LONG}" in said and "shares of the data" not in said


def test_a_condition_on_the_class_takes_every_row_of_it(
    runs: Callable[[str], Path], here: Here, tmp_path: Path
) -> None:
    run = str(runs("concat"))
    answer = here("gan-sample", run, "--where", "species='setosa'", "--num", "9", "--out", "x.csv")
    assert "accepted 100.00% of 1,024 rows: species = 'setosa'" in answer.out + answer.err
    assert here("gan-sample", run, "--label", "setosa", "--num", "9", "--out", "y.csv").code == 0
    assert rows_of(tmp_path / "x.csv") == rows_of(tmp_path / "y.csv")


def test_a_category_of_the_conditional_vector_is_given_to_the_generator(
    runs: Callable[[str], Path], here: Here, tmp_path: Path
) -> None:
    run = str(runs("vector"))
    answer = here("gan-sample", run, "--where", "species='setosa'", "--num", "9", "--out", "x.csv")
    assert "accepted 100.00% of 1,024 rows: species = 'setosa'" in answer.out + answer.err
    assert {row["species"] for row in rows_of(tmp_path / "x.csv")} == {"setosa"}
    answer = here("gan-sample", run, "--where", LONG, "--num", "9", "--out", "y.csv")
    assert answer.code == 0 and "100.00%" not in answer.out + answer.err
    refused = here("gan-sample", run, "--label", "setosa", "--out", "z.csv")
    assert refused.code == 2 and "--where" in refused.err


def test_arrays_and_pictures_hold_the_same_rows(
    runs: Callable[[str], Path], here: Here, tmp_path: Path
) -> None:
    words = ("gan-sample", str(runs("concat")), "--where", LONG, "--num", "12", "--out")
    assert here(*words, "x.npz").code == here(*words, "x.png").code == here(*words, "x.csv").code
    arrays = np.load(tmp_path / "x.npz")
    assert arrays["samples"].shape == (12, 4) and set(arrays["labels"].tolist()) <= {1, 2}
    lengths = [float(row["petal length (cm)"]) for row in rows_of(tmp_path / "x.csv")]
    assert arrays["samples"][:, 2].tolist() == pytest.approx(lengths)
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_a_condition_that_is_too_rare_is_a_fault_of_the_user_and_writes_nothing(
    runs: Callable[[str], Path], here: Here, tmp_path: Path
) -> None:
    asked = ("--where", '"petal length (cm)" > 2000', "--max-draws", "3000", "--out", "x.csv")
    answer = here("gan-sample", str(runs("none")), *asked)
    assert answer.code == 2
    assert "0 of 64 rows found in 3,000 draws, --max-draws=3000" in answer.err
    assert "less than 1 of 1,000 samples" in answer.err
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--where", "petal > 3"], ['error: no such column, --where=petal > 3.', "\n    ^^^^^"]),
        (["--where", "species='rose'"], ["Choose one of: 'setosa', 'versicolor', 'virginica'"]),
        (["--where", "species='setosa'", "--label", "setosa"], ["--label and --where=species"]),
        (["--where", "species='setosa'", "--balanced"], ["two choices of rows, --balanced"]),
        (["--where", "species='setosa'", "--per-class", "3"], ["two choices of rows, --per-class"]),
        (["--where", "species='setosa'", "--seeds", "1-3"], ["--seeds can't be combined with"]),
        (["--where", "species='setosa'", "--interpolate", "3"], ["--interpolate can't"]),
        (["--max-draws", "100"], ["--max-draws=100 is of --where. Add that, or remove it."]),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_for_is_said(
    options: list[str], words: list[str], runs: Callable[[str], Path], here: Here
) -> None:
    answer = here("gan-sample", str(runs("concat")), *options, "--out", "x.csv")
    assert answer.code == 2
    for each in words:
        assert each in answer.err


@pytest.mark.parametrize("conditioning", ["none", "concat"])
def test_python_gives_the_rows_of_the_command(
    conditioning: str, runs: Callable[[str], Path], here: Here, tmp_path: Path
) -> None:
    run = runs(conditioning)
    assert here("gan-sample", str(run), "--where", LONG, "--num", "15", "--out", "x.csv").code == 0
    rows = gan_runner.open(run, device="cpu").sample(15, where=LONG)
    assert isinstance(rows, gan_runner.api.TableRows)
    written = rows_of(tmp_path / "x.csv")
    assert rows["species"].tolist() == [row["species"] for row in written]
    lengths = [float(row["petal length (cm)"]) for row in written]
    assert rows["petal length (cm)"].tolist() == pytest.approx(lengths)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"where": "petal > 3"}, "no such column, where=petal > 3"),
        ({"where": 3}, "not a text, where=3"),
        ({"where": LONG, "labels": 0}, "two choices of rows, labels and where="),
        ({"where": LONG, "balanced": True}, "two choices of rows, balanced and where="),
        ({"where": LONG, "max_draws": 0}, "not a number of draws, max_draws=0"),
        ({"max_draws": 10}, "max_draws=10 is of where"),
        ({"where": '"petal length (cm)" > 2000', "max_draws": 10}, "10 draws, max_draws=10: "),
    ],
)  # fmt: skip
def test_python_says_what_cannot_be_asked_for(
    arguments: dict[str, object], words: str, runs: Callable[[str], Path]
) -> None:
    run = gan_runner.open(runs("concat"), device="cpu")
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        run.sample(5, **arguments)  # type: ignore[arg-type]
