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

import gan_runner
from gan_runner.api import Rows

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
    assert isinstance(rows, Rows)
    assert rows["petal length (cm)"].dtype.kind == "f"
    assert rows["species"].tolist() == ["setosa", "versicolor", "virginica"] * 10
    words = [str(run.path), "--num", "30", "--seed", "3", "--out", str(out)]
    assert call_command("gan-sample", *words) == 0
    with out.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["species"] for row in written] == rows["species"].tolist()
    lengths = [float(row["petal length (cm)"]) for row in written]
    assert np.allclose(lengths, rows["petal length (cm)"])


def test_rows_become_a_data_frame_where_there_is_pandas(runs: Runs) -> None:
    rows = runs("rows").sample(4)
    assert isinstance(rows, Rows)
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
    assert np.array_equal(run.decode(run.latents(6, seed=1)), run.sample(6, seed=1))
    assert np.array_equal(run.sample(3, seed=1), run.sample(6, seed=1)[:3])


def test_no_sample_at_all_has_the_shape_of_samples(runs: Runs) -> None:
    assert runs("images").sample(0).shape[0] == 0


def test_truncation_bounds_every_coordinate(runs: Runs) -> None:
    assert runs("plain").latents(50, truncation=0.5).abs().max() <= 0.5


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "labels", ["virginica", 2, np.int64(2), torch.tensor(2), ["virginica"] * 4, [2] * 4]
)
def test_a_class_is_chosen_by_name_or_place_for_all_or_each(runs: Runs, labels: Any) -> None:
    run = runs("rows")
    rows, expected = run.sample(4, labels=labels), run.sample(4, labels=torch.full((4,), 2))
    assert isinstance(rows, Rows) and isinstance(expected, Rows)
    assert rows["species"].tolist() == ["virginica"] * 4
    assert all(np.array_equal(rows[name], expected[name]) for name in expected)


def test_each_sample_has_its_label(runs: Runs) -> None:
    rows = runs("rows").sample(3, labels=["virginica", 0, "versicolor"])
    assert isinstance(rows, Rows)
    assert rows["species"].tolist() == ["virginica", "setosa", "versicolor"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("lily", "no such class, labels=lily. Choose one of: setosa, versicolor, virginica"),
        (3, "no such class, labels=3"),
        (torch.tensor([0, 1, 3]), "no such class"),
        (torch.tensor(-1), "no such class"),
        ([0, 1], r"3 samples need a label each, shape=\[2\]"),
        ([[0, 1, 2]], "no such class"),
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


def test_a_run_is_moved_and_stays_itself(runs: Runs) -> None:
    run = gan_runner.open(runs("plain").path, device="cpu")
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
        ({"checkpoint": 7}, "CheckpointError", "no such checkpoint"),
        ({"weights": "mean"}, "ConfigError", "weights=mean isn't known. Use 'ema' or 'raw'"),
        ({"device": "gpu"}, "ConfigError", "device=gpu isn't known. Use auto, cpu"),
        ({"plugins": "x.py"}, "ConfigError", "not a list, plugins=x.py"),
        ({"plugins": ["none.py"]}, "ConfigError", "no such file, --plugin="),
    ],
)
def test_what_can_not_be_opened_is_refused(
    runs: Runs, settings: dict[str, Any], fault: str, message: str
) -> None:
    with pytest.raises(getattr(gan_runner, fault), match=message):
        gan_runner.open(runs("plain").path, **settings)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(gan_runner.CheckpointError, match="not a run folder"):
        gan_runner.open(tmp_path)


def test_a_run_says_how_its_data_was_read(finished: Callable[..., Path]) -> None:
    path = finished("dataset=iris", "train.steps=0")
    report = gan_runner.open(path).data_report()
    assert (report["examples"], report["kind"]) == (105, "table")
    (path / "data.json").unlink()
    with pytest.raises(gan_runner.CheckpointError, match="no reading report"):
        gan_runner.open(path).data_report()
