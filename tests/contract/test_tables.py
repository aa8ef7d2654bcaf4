"""Tables through the commands: trained, resumed, sampled as rows, measured by what they teach."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import Answer, call_command, left_behind
from PIL import Image

from gan_runner.datasets.bundled import IRIS
from gan_runner.evaluation.table_report.report import read_table_report
from gan_runner.storage import checkpoint

Here = Callable[..., Answer]

NAMES = [*IRIS.features, "species"]


def small(path: Path | str, *overrides: str) -> list[str]:
    return [
        *("dataset=iris", "model.generator.hidden=[16]", "model.discriminator.hidden=[16]"),
        *("model.latent_size=8", "threads=1", "device=cpu", "train.batch_size=16"),
        *("train.log_every=5", "train.sample_every=10", "train.save_every=10"),
        *("health.samples.every=10", f"hydra.run.dir={path}", *overrides),
    ]


def rows_of(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("plain") / "run"
    assert call_command("gan-train", *small(run, "train.steps=5", "train.eval_every=5")) == 0
    return run


@pytest.fixture(scope="module")
def conditional_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("conditional") / "run"
    plan = ("model.conditioning=concat", "train.steps=5", "train.sample_every=0")
    assert call_command("gan-train", *small(run, *plan)) == 0
    return run


@pytest.mark.parametrize("way", ["none", "concat"])
def test_samples_are_rows_with_names_units_and_a_label(
    way: str, plain_run: Path, conditional_run: Path, here: Here, tmp_path: Path
) -> None:
    run = plain_run if way == "none" else conditional_run
    equal = ["--balanced"] if way == "concat" else []
    assert here("gan-sample", str(run), "--num", "12", *equal, "--out", "x.csv").code == 0
    names, *rows = rows_of(tmp_path / "x.csv")
    assert names == NAMES and len(rows) == 12
    assert all(len(cell.split(".")[1]) == 1 for row in rows for cell in row[:4])
    species = [row[4] for row in rows]
    assert set(species) <= set(IRIS.classes)
    if way == "concat":
        assert species == list(IRIS.classes) * 4


def test_rows_of_one_class_are_asked_for_by_its_name(
    conditional_run: Path, here: Here, tmp_path: Path
) -> None:
    arguments = ["--label", "virginica", "--per-class", "3", "--out", "x.csv"]
    assert here("gan-sample", str(conditional_run), *arguments).code == 0
    assert [row[4] for row in rows_of(tmp_path / "x.csv")[1:]] == ["virginica"] * 3


@pytest.mark.usefixtures("blank_pictures")
def test_a_table_of_samples_is_a_table_again(plain_run: Path, here: Here, tmp_path: Path) -> None:
    here("gan-sample", str(plain_run), "--num", "80", "--out", "x.csv")
    again = [o for o in small("again", "train.steps=1") if o != "dataset=iris"]
    asked = ["dataset=table", "dataset.path=x.csv", "dataset.test_ratio=0"]
    done = here("gan-train", *asked, *again)
    assert done.code == 0, done.err
    columns = checkpoint.select(tmp_path / "again" / "checkpoints", "last").facts.space.columns
    assert columns is not None
    assert [column.name for column in columns.columns] == NAMES


@pytest.mark.usefixtures("blank_pictures")
def test_names_that_csv_must_quote_come_back_as_they_were(here: Here, tmp_path: Path) -> None:
    name, value = 'a,"b"\n=1+1', "x\t'; --"
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[name, "n"], *([value, f"{i}.5"] for i in range(40))])
    asked = ["dataset=table", "dataset.path=t.csv", "dataset.delimiter=','", "train.steps=1"]
    arguments = [o for o in small("run") if o != "dataset=iris"]
    assert here("gan-train", *asked, *arguments).code == 0
    assert here("gan-sample", "run", "--num", "3", "--out", "x.csv").code == 0
    found = rows_of(tmp_path / "x.csv")
    assert found[0] == [name, "n"]
    assert [row[0] for row in found[1:]] == [value] * 3


def test_arrays_and_pictures_of_a_table_are_written_too(
    plain_run: Path, here: Here, tmp_path: Path
) -> None:
    assert here("gan-sample", str(plain_run), "--num", "7", "--out", "x.npz").code == 0
    with np.load(tmp_path / "x.npz", allow_pickle=False) as arrays:
        assert arrays["samples"].shape == (7, 7)
        assert arrays["samples"][:, 4:].sum() == 7
    assert here("gan-sample", str(plain_run), "--num", "200", "--out", "x.png").code == 0
    for path in tmp_path / "x.png", plain_run / "samples" / "step_00000005.png":
        pixels = np.asarray(Image.open(path))
        assert pixels.shape == (640, 640, 3)
        colors = set(map(tuple, pixels.reshape(-1, 3).tolist()))
        assert colors >= {(0, 114, 178), (230, 159, 0), (0, 158, 115)}  # one for each class


@pytest.mark.usefixtures("blank_pictures")
@pytest.mark.parametrize(
    ("dataset", "out"),
    [("iris", "x.gif"), ("iris", "folder"), ("ring", "x.csv"), ("digits", "x.csv")],
)
def test_files_that_can_not_hold_such_samples_are_refused(
    dataset: str, out: str, here: Here, tmp_path: Path
) -> None:
    arguments = [o for o in small("run", "train.steps=0") if o != "dataset=iris"]
    done = here("gan-train", f"dataset={dataset}", "model=mlp", *arguments)
    assert done.code == 0, done.err
    more = ["--interpolate", "3"] if out == "x.gif" else []
    done = here("gan-sample", "run", "--out", out, *more)
    assert done.code == 2
    assert f"--out={out} needs " in done.err and ". Use a ." in done.err
    assert not (tmp_path / out).exists()


MIXED = "id,when,pay,bonus,city,state,sick\n" + "".join(
    f"{k + 1},2024-{1 + k % 12:02d}-{1 + k % 28:02d},{1000 + 37 * k % 900},"
    f"{0 if k % 3 else 10 * k},"
    f"{('Bonn', 'Kiel', 'Ulm')[k % 3]},{('NW', 'SH', 'BW')[k % 3]},{'yes' if k % 4 else ''}\n"
    for k in range(90)
)
"""A row number, dates, whole numbers, a spike at 0, a column that says another, missing values."""


@pytest.mark.parametrize(
    "own",
    [
        ["dataset=iris"],
        ["dataset=iris", "dataset.conditional_vector=[species]"],
        ["dataset.number_encoding=quantile"],
        ["dataset.number_encoding=plain", "dataset.constraints=['city -> state', 'bonus >= 0']"],
        ["dataset.number_encoding=modes"],
        ["dataset.bounds=none", "dataset.spikes=false"],
        ["dataset.label=city", "model.conditioning=auxiliary"],
        ["dataset.conditional_vector=['*']", "dataset.label=null"],
    ],
    ids=" ".join,
)
def test_a_run_on_a_table_is_resumed_bit_for_bit_with_its_evaluations(
    own: list[str], here: Here, tmp_path: Path
) -> None:
    if "dataset=iris" not in own:
        (tmp_path / "mixed.csv").write_text(MIXED)
        own = ["dataset=table", f"dataset.path={tmp_path / 'mixed.csv'}", *own]
        own = [*own, "model.latent_size=64"]
    metrics = "[frechet,tstr]" if "dataset=iris" in own else "[frechet,impossible]"
    plan = (*own, "train.steps=4", "train.keep=9", f"evaluation.metrics={metrics}")
    each = [f"train.{what}_every=2" for what in ("eval", "sample", "save", "log")]
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    settings = small(whole, *each, "health.samples.every=2", *plan)
    settings.remove("dataset=iris")
    done = here("gan-train", *settings)
    assert done.code == 0, done.err
    shutil.copytree(whole, halved)
    # as a kill after step 2 would have left it
    (halved / "checkpoints" / "step_00000004.safetensors").unlink()
    for name in "last.json", "best.json", "status.json":
        path = halved / ("checkpoints" if name != "status.json" else "") / name
        path.unlink(missing_ok=True)
    for path in (halved / "samples").glob("*4.png"):
        path.unlink()
    assert here("gan-train", f"resume={halved}").code == 0
    found = left_behind(halved)
    assert found == left_behind(whole)
    if "tstr" in metrics:
        pictures = {"confusion_00000002.png", "confusion_00000004.png"}
        assert pictures < found["pictures"].keys()  # type: ignore[attr-defined]


def test_an_evaluation_tells_what_samples_teach_as_numbers_tables_and_a_picture(
    plain_run: Path, here: Here, tmp_path: Path
) -> None:
    asked = ["--out", "x.json", "--picture", "x.png"]
    done = here("gan-evaluate", str(plain_run), *asked)
    assert done.code == 0, done.err
    evaluation = json.loads((tmp_path / "x.json").read_text())["evaluations"][0]
    numbers = {name: result["value"] for name, result in evaluation["results"].items()}
    assert numbers["trtr_accuracy"] > 0.85
    each = [f"column_wasserstein/{name}" for name in IRIS.features]
    assert numbers["column_wasserstein"] == pytest.approx(np.mean([numbers[n] for n in each]))
    for name in "column_variation/species", "correlation_difference", "closest_record_share":
        assert name in numbers
    models = [value for name, value in numbers.items() if name.startswith("efficacy_f1/")]
    assert numbers["efficacy_f1"] == pytest.approx(np.mean(models))
    assert numbers["efficacy_f1_real"] > 0.85
    assert {"impossible_share", "column_shapes", "pair_trends", "membership_auc"} < numbers.keys()
    # of a wide table not all lines are shown, so those of columns come last
    shown = [line.split()[0] for line in done.out.splitlines() if line.strip()]
    assert shown.index("impossible_share") < shown.index(each[0].split()[0])
    confusion = evaluation["confusion"]
    assert confusion["classes"] == list(IRIS.classes)
    real = np.array(confusion["real"])
    assert np.trace(real) / 45 == pytest.approx(numbers["trtr_accuracy"])
    assert evaluation["classes"]["setosa"]["trtr_recall"] == real[0, 0] / 15
    assert "trained on real" in done.out and "trained on samples" in done.out
    row = json.loads((plain_run / "metrics.jsonl").read_text().splitlines()[-1])
    assert row["eval/tstr_accuracy"] == numbers["tstr_accuracy"]
    drawn = [tmp_path / "x.png", plain_run / "samples" / "confusion_00000005.png"]
    assert Image.open(drawn[0]).size == Image.open(drawn[1]).size


def test_an_evaluation_leaves_what_a_page_shows_of_every_column(plain_run: Path) -> None:
    found = read_table_report(plain_run / "table.json")
    assert {column.name for column in found.columns} == set(NAMES)
    assert found.step == 5


def test_a_checkpoint_whose_classes_are_not_the_tables_is_refused(
    conditional_run: Path, here: Here, tmp_path: Path
) -> None:
    run = shutil.copytree(conditional_run, tmp_path / "run")
    found = checkpoint.select(run / "checkpoints", "last")
    facts = replace(found.facts, classes=(*found.facts.classes, "of a stranger"), class_counts=())
    checkpoint.write(run / "checkpoints", found.tensors, facts)
    done = here("gan-sample", "run", "--out", "x.csv")
    assert done.code == 6
    assert "no names of classes" in done.err


def test_a_table_of_a_single_class_can_not_condition_a_model(here: Here, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{i}.5,a\n" for i in range(40)))
    arguments = [o for o in small("run", "model.conditioning=concat") if o != "dataset=iris"]
    done = here("gan-train", "dataset=table", "dataset.path=t.csv", *arguments)
    assert done.code == 2
    assert "a single class" in done.err
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.usefixtures("blank_pictures")
def test_the_recipe_learns_irises_that_teach_a_classifier_as_much_as_real_ones(
    here: Here, tmp_path: Path
) -> None:
    asked = ["experiment=iris", "train.steps=300", "train.sample_every=0"]
    asked += ["evaluation.metrics=[frechet,tstr,columns]", "train.eval_every=300"]
    done = here("gan-train", *asked, "device=cpu", f"hydra.run.dir={tmp_path / 'run'}")
    assert done.code == 0, done.err
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    row = json.loads(rows[-1])
    assert row["eval/trtr_accuracy"] > 0.9
    assert row["eval/tstr_accuracy"] > row["eval/trtr_accuracy"] - 0.1
    assert row["eval/column_wasserstein"] < 0.25


def test_a_number_to_predict_is_measured_by_regressors(here: Here, tmp_path: Path) -> None:
    """A table of prices has no label: what samples teach of the price is said all the same."""
    rng = np.random.default_rng(0)
    area, age = rng.integers(30, 200, 200), rng.integers(0, 90, 200)
    price = 3000 * area - 900 * age + rng.integers(-9000, 9000, 200)
    rows = zip(rng.choice(["north", "south"], 200), area, age, price, strict=True)
    table = tmp_path / "houses.csv"
    table.write_text("side,area,age,price\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in rows))
    words = ["dataset=table", f"dataset.path={table}", "train.steps=5", "train.eval_every=5"]
    words += ["evaluation.metrics=[efficacy]", "evaluation.best.metric=efficacy_r2"]
    trained = here("gan-train", *small(tmp_path / "run", *words, "train.sample_every=0")[1:])
    assert trained.code == 0, trained.err
    done = here("gan-evaluate", str(tmp_path / "run"), "--out", "x.json")
    assert done.code == 0, done.err
    results = json.loads((tmp_path / "x.json").read_text())["evaluations"][0]["results"]
    assert results["efficacy_r2_real"]["value"] > 0.7 > results["efficacy_r2"]["value"]
    assert results["efficacy_r2"]["protocol"]["parameters"]["target"] == "price"
    assert len([name for name in results if name.startswith("efficacy_r2/")]) == 4
    other = ["--metrics", "efficacy", "--target", "side", "--out", "y.json"]
    assert here("gan-evaluate", str(tmp_path / "run"), *other).code == 0
    results = json.loads((tmp_path / "y.json").read_text())["evaluations"][0]["results"]
    assert "efficacy_f1" in results and "efficacy_r2" not in results
    missed = here("gan-evaluate", str(tmp_path / "run"), "--target", "prize")
    assert missed.code == 2 and "Did you mean 'price'?" in missed.err
