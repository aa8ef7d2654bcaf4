"""A trained run in Python: samples in the data's own values, its generator, what it logged."""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import call_command
from test_training import QUICK
from torch import Tensor

import gan_runner
from gan_runner.api import TableRows, trained_run

KINDS: dict[str, dict[str, Any]] = {
    "images": {"model.conditioning": "concat", "model.generator.init": "he"},
    "plain": {"train.save_every": 1, "model.generator.init": "he"},
    "vectors": {"dataset": "ring", "dataset.count": 200},
    "sequences": {"dataset": "sines", "dataset.count": 50},
    "rows": {"dataset": "iris", "model.conditioning": "concat"},
}
OTHERS = {key: value for key, value in QUICK.items() if not key.startswith("model.")}
"""For models without a width."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], gan_runner.TrainedRun]:
    """A run of each kind of data, trained when it is first asked for."""
    folder, found = tmp_path_factory.mktemp("runs"), dict[str, gan_runner.TrainedRun]()

    def run(kind: str) -> gan_runner.TrainedRun:
        if kind not in found:
            quick = OTHERS if "dataset" in KINDS[kind] else QUICK
            settings = {**quick, **KINDS[kind], "hydra.run.dir": folder / kind}
            found[kind] = gan_runner.fit(settings, quiet=True)
        return found[kind]

    return run


Runs = Callable[[str], gan_runner.TrainedRun]


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("kind", "shape", "dtype"),
    [
        ("images", (5, 8, 8, 1), np.uint8),
        ("vectors", (5, 2), np.float32),
        ("sequences", (5, 24, 2), np.float32),
    ],
)
def test_samples_have_the_values_of_files(
    runs: Runs, kind: str, shape: tuple[int, ...], dtype: type, tmp_path: Path
) -> None:
    run = runs(kind)
    samples = run.sample(5, seed=3)
    assert isinstance(samples, np.ndarray)
    assert (samples.shape, samples.dtype) == (shape, dtype)
    out = tmp_path / "x.npz"
    words = [str(run.path), "--num", "5", "--seed", "3", "--out", str(out)]
    assert call_command("gan-sample", *words) == 0
    assert np.array_equal(np.load(out)["samples"], samples)


def test_rows_have_a_column_by_name_with_its_own_type(runs: Runs, tmp_path: Path) -> None:
    run, out = runs("rows"), tmp_path / "x.csv"
    rows = run.sample(30, seed=3)
    assert isinstance(rows, TableRows)
    assert rows["petal length (cm)"].dtype.kind == "f"
    assert run.class_shares == (1 / 3,) * 3
    balanced = run.sample(30, seed=3, balanced=True)
    assert isinstance(balanced, TableRows)
    assert balanced["species"].tolist() == ["setosa", "versicolor", "virginica"] * 10
    words = [str(run.path), "--num", "30", "--seed", "3", "--out", str(out)]
    assert call_command("gan-sample", *words) == 0
    with out.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["species"] for row in written] == rows["species"].tolist()
    lengths = [float(row["petal length (cm)"]) for row in written]
    assert np.allclose(lengths, rows["petal length (cm)"])


def test_classes_are_drawn_by_the_data_or_take_turns_and_a_line_says_which(
    runs: Runs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = runs("rows"), tmp_path / "x.csv"

    def classes(*options: str) -> tuple[list[str], str]:
        assert call_command("gan-sample", str(run.path), *options, "--out", str(out)) == 0
        with out.open(newline="") as file:
            return [row["species"] for row in csv.DictReader(file)], capsys.readouterr().out

    drawn, said = classes("--num", "60")
    assert len(set(drawn)) == 3 and drawn[:3] != ["setosa", "versicolor", "virginica"]
    assert "classes by their shares of the data: setosa 33.3%" in said
    assert classes("--num", "7")[0] == drawn[:7]
    equal, said = classes("--num", "6", "--balanced")
    assert equal == ["setosa", "versicolor", "virginica"] * 2
    assert "all 3 classes in turn; their shares of the data are setosa 33.3%" in said
    assert classes("--per-class", "2")[0] == equal
    chosen, said = classes("--num", "2", "--label", "virginica")
    assert chosen == ["virginica"] * 2 and "shares" not in said


def test_rows_become_a_data_frame_where_there_is_pandas(runs: Runs) -> None:
    rows = runs("rows").sample(4)
    assert isinstance(rows, TableRows)
    if find_spec("pandas") is None:
        with pytest.raises(gan_runner.MachineError, match="pip install pandas"):
            rows.to_dataframe()
    else:
        assert list(rows.to_dataframe()) == list(rows)


def test_the_same_seed_gives_the_same_samples_and_another_others(runs: Runs) -> None:
    run = runs("images")
    again = gan_runner.open(run.path)
    assert np.array_equal(run.sample(6, seed=1), again.sample(6, seed=1))
    assert not np.array_equal(run.sample(6, seed=1), run.sample(6, seed=2))
    assert np.array_equal(run.decode(run.latents(6, seed=1)), run.sample(6, seed=1, balanced=True))
    for count in (1, 3, 65):
        assert np.array_equal(run.sample(count, seed=1), run.sample(80, seed=1)[:count])


def test_no_sample_at_all_has_the_shape_of_samples(runs: Runs) -> None:
    assert runs("images").sample(0).shape[0] == 0


def test_truncation_bounds_every_coordinate(runs: Runs) -> None:
    assert runs("plain").latents(50, truncation=0.5).abs().max() <= 0.5


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "labels",
    [
        *("virginica", 2, np.int64(2), torch.tensor(2), np.array(2), np.array([2] * 4)),
        *(["virginica"] * 4, [2] * 4, [torch.tensor(2)] * 4, torch.full((4,), 2, dtype=torch.int8)),
    ],
)
def test_a_class_is_chosen_by_name_or_place_for_all_or_each(runs: Runs, labels: Any) -> None:
    run = runs("rows")
    rows, expected = run.sample(4, labels=labels), run.sample(4, labels=torch.full((4,), 2))
    assert isinstance(rows, TableRows) and isinstance(expected, TableRows)
    assert rows["species"].tolist() == ["virginica"] * 4
    assert all(np.array_equal(rows[name], expected[name]) for name in expected)


def test_each_sample_has_its_label(runs: Runs) -> None:
    rows = runs("rows").sample(3, labels=["virginica", 0, "versicolor"])
    assert isinstance(rows, TableRows)
    assert rows["species"].tolist() == ["virginica", "setosa", "versicolor"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("lily", "no such class, labels=lily. Choose one of: setosa, versicolor, virginica"),
        (3, "no such class, labels=3"),
        (torch.tensor([0, 1, 3]), "no such class"),
        (torch.tensor(-1), "no such class"),
        ([0, 1], r"labels don\'t match 3 samples, shape=\[2\]. Use \[3\]"),
        ([[0, 1, 2]], "no such class"),
        (1.0, "no such class, labels=1.0"),
        ([1.0, 2.0, 0.0], "no such class, labels=1.0"),
        (np.array([1.0, 2.0, 0.0]), "no such class, labels=1.0"),
        (torch.tensor([1.0, 2.0, 0.0]), "whole numbers, labels.dtype=torch.float32"),
        (torch.tensor([True, False, True]), "whole numbers, labels.dtype=torch.bool"),
        (torch.zeros(3, 1, dtype=torch.long), r"match 3 samples, shape=\[3, 1\]. Use \[3\]"),
        (True, "no such class, labels=True"),
        ({0, 1, 2}, "no such class, labels={0, 1, 2}"),
        (object(), "no such class, labels=<object"),
    ],
)
def test_labels_that_there_are_not_are_refused(runs: Runs, labels: Any, message: str) -> None:
    with pytest.raises(gan_runner.ConfigError, match=message):
        runs("rows").sample(3, labels=labels)


def test_an_unconditional_run_takes_no_labels(runs: Runs) -> None:
    assert runs("plain").class_names == ()
    with pytest.raises(gan_runner.ConfigError, match="isn't conditional, labels=3"):
        runs("plain").sample(3, labels=3)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda run: run.sample(-1), "count=-1"),
        (lambda run: run.sample(1, truncation=0.001), "truncation=0.001"),
        (lambda run: run.decode(torch.zeros(2, 3)), r"shape=\[2, 3\]. Use \[N, 16\]"),
        (lambda run: run.decode(torch.zeros(2, 16).bool()), "dtype=torch.bool. Use float32"),
        (lambda run: run.decode(torch.full((2, 16), torch.nan)), "NaN or Inf"),
        (lambda run: run.decode(None), "not latent points, latents=None"),
        (lambda run: run.decode([[1.0], [1.0, 2.0]]), "not latent points, latents="),
        (lambda run: run.sample("x"), "not a number of samples, count=x. Use a whole number"),
        (lambda run: run.sample(3.5), "count=3.5"),
        (lambda run: run.sample(True), "count=True"),
        (lambda run: run.sample(10**12), "count=1000000000000"),
        (lambda run: run.sample(1, seed="x"), "not a seed, seed=x. Use a whole number"),
        (lambda run: run.sample(1, seed=1.5), "seed=1.5"),
        (lambda run: run.latents(1, seed=None), "seed=None"),
        (lambda run: run.sample(1, truncation="x"), "truncation=x"),
        (lambda run: run.sample(1, truncation=float("nan")), "truncation=nan"),
        (lambda run: run.to("bogus"), "device=bogus isn't known. Use auto, cpu"),
        (lambda run: run.to(None), "device=None isn't known"),
    ],
)
def test_what_can_not_be_sampled_is_refused(
    runs: Runs, ask: Callable[[gan_runner.TrainedRun], object], message: str
) -> None:
    with pytest.raises(gan_runner.ConfigError, match=message):
        ask(runs("plain"))


# ---------------------------------------------------------------- networks and facts


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_is_a_plain_module_in_evaluation_mode(runs: Runs, kind: str) -> None:
    run = runs(kind)
    labels = torch.zeros(4, dtype=torch.long) if run.class_names else None
    assert not any(module.training for module in run.generator.modules())
    latents = torch.randn(4, run.latent_dims)
    with torch.no_grad():
        outputs = run.generator(latents, labels)
        assert run.generator(latents[:2], None if labels is None else labels[:2]).shape[0] == 2
    assert outputs.shape[0] == 4
    if kind in ("images", "plain"):
        assert outputs.shape[1:] == (1, 8, 8)
        assert outputs.abs().max() <= 1
    run.sample(3)
    assert not run.generator.training


def test_a_generator_without_classes_needs_no_labels(runs: Runs) -> None:
    run = runs("plain")
    assert run.generator(torch.zeros(2, run.latent_dims)).shape == (2, 1, 8, 8)


@pytest.mark.parametrize("seed", [-1, 2**80, np.int64(3), torch.tensor(3)])
def test_any_whole_number_is_a_seed(runs: Runs, seed: Any) -> None:
    run = runs("plain")
    assert np.array_equal(run.sample(2, seed=seed), run.sample(2, seed=int(seed)))


@pytest.mark.parametrize("convert", [np.asarray, Tensor.double, Tensor.tolist])
def test_points_of_other_kinds_are_decoded_as_tensors_are(
    runs: Runs, convert: Callable[[Tensor], Any]
) -> None:
    run = runs("plain")
    points = run.latents(3)
    assert np.array_equal(run.decode(convert(points)), run.decode(points))


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_there_is_not_is_refused(runs: Runs) -> None:
    with pytest.raises(gan_runner.MachineError, match="CUDA is not available, device=cuda"):
        runs("plain").to("cuda")


def test_a_run_is_moved_and_stays_itself(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = gan_runner.open(runs("plain").path, device=torch.device("cpu"))
    assert run.to("cpu") is run
    monkeypatch.setattr(trained_run, "find_device", torch.device)
    assert run.to("meta") is run
    assert next(run.generator.parameters()).device.type == "meta"


def test_a_checkpoint_and_its_weights_are_chosen(runs: Runs) -> None:
    path = runs("plain").path
    assert gan_runner.open(path, checkpoint=1).step == 1
    ema, raw = (gan_runner.open(path, weights=weights) for weights in ("ema", "raw"))
    pairs = zip(ema.generator.parameters(), raw.generator.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)


def test_a_run_says_where_it_is(runs: Runs) -> None:
    run = runs("plain")
    assert repr(run) == f"TrainedRun({str(run.path)!r}, step=2)"
    assert run.metrics()[-1]["step"] == 2
    assert run.config["train"]["steps"] == 2


@pytest.mark.parametrize(
    ("settings", "fault", "message"),
    [
        ({"checkpoint": 7}, "CheckpointError", "no such checkpoint, checkpoint=7. Choose"),
        ({"weights": "mean"}, "ConfigError", "weights=mean isn't known. Use 'ema' or 'raw'"),
        ({"device": "gpu"}, "ConfigError", "device=gpu isn't known. Use auto, cpu"),
        ({"plugins": "x.py"}, "ConfigError", "not a list, plugins=x.py"),
        ({"plugins": ["none.py"]}, "ConfigError", r"no such file, plugins=\['.*none.py'\]"),
        ({"plugins": 3}, "ConfigError", "not a list, plugins=3"),
        ({"plugins": [3]}, "ConfigError", r"not a path, plugins=\[3\]"),
        ({"checkpoint": 3.5}, "ConfigError", "not a checkpoint, checkpoint=3.5. Use 'last'"),
        ({"checkpoint": True}, "ConfigError", "not a checkpoint, checkpoint=True"),
        ({"device": 3}, "ConfigError", "device=3 isn't known. Use auto, cpu"),
        ({"device": None}, "ConfigError", "device=None isn't known"),
    ],
)
def test_what_can_not_be_opened_is_refused(
    runs: Runs, settings: dict[str, Any], fault: str, message: str
) -> None:
    with pytest.raises(getattr(gan_runner, fault), match=message):
        gan_runner.open(runs("plain").path, **settings)


@pytest.mark.parametrize("path", [None, 3, b"run", ["run"]])
def test_what_is_not_a_path_is_not_opened(path: Any) -> None:
    for function in (gan_runner.open, gan_runner.evaluate):
        with pytest.raises(gan_runner.ConfigError, match="not a path, run="):
            function(path)


def test_a_home_folder_that_there_is_not_is_refused() -> None:
    with pytest.raises(gan_runner.ConfigError, match="no such home folder, run=~nobody-here/run"):
        gan_runner.open("~nobody-here/run")


def test_a_folder_that_does_not_hold_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(gan_runner.CheckpointError, match="not a run folder"):
        gan_runner.open(tmp_path)


# ---------------------------------------------------------------- numbers


def test_an_open_run_is_evaluated_as_it_was_opened(runs: Runs) -> None:
    path = runs("plain").path
    asked: dict[str, Any] = {"metrics": ["sliced_wasserstein"], "num": 40}
    by_path = gan_runner.evaluate(path, checkpoint=1, weights="raw", **asked)
    opened = gan_runner.open(path, checkpoint=1, weights="raw")
    assert gan_runner.evaluate(opened, **asked) == by_path
    last = gan_runner.evaluate(runs("plain"), **asked)
    assert last == gan_runner.evaluate(path, **asked)
    assert last["sliced_wasserstein"]["value"] != by_path["sliced_wasserstein"]["value"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"checkpoint": "best"}, "the run is open already, checkpoint=best"),
        ({"weights": "raw"}, "the run is open already, weights=raw"),
        ({"plugins": ["x.py"]}, r"the run is open already, plugins=\['x.py'\]"),
        ({"metrics": "frechet"}, "not a list, metrics=frechet"),
        ({"metrics": ["frechett"]}, r"metrics=.*Did you mean 'frechet'\?$"),
        ({"num": "x"}, '^invalid setting, num="x"'),
        ({"seed": -1}, "^invalid setting, seed=-1"),
        ({"space": "x"}, '^invalid setting, space="x"'),
        ({"device": 3}, "device=3 isn't known"),
    ],
)
def test_what_can_not_be_evaluated_is_refused(
    runs: Runs, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(gan_runner.ConfigError, match=message):
        gan_runner.evaluate(runs("plain"), **arguments)


def test_a_run_says_how_its_data_was_read(finished: Callable[..., Path]) -> None:
    path = finished("dataset=iris", "train.steps=0")
    report = gan_runner.open(path).data_report()
    assert (report["examples"], report["kind"]) == (105, "table")
    (path / "data.json").unlink()
    with pytest.raises(gan_runner.CheckpointError, match="no reading report"):
        gan_runner.open(path).data_report()
