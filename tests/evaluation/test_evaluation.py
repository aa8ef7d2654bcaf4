"""Evaluation while training and by gan-evaluate: the numbers, their protocols, and no traces."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Answer, call_command, left_behind, small_run
from PIL import Image

from gan_runner.config.component import parse_settings
from gan_runner.config.schema import Config
from gan_runner.datasets.per_class import indices_by_class
from gan_runner.errors import ConfigError, NumbersError
from gan_runner.evaluation import reference
from gan_runner.evaluation.evaluator import Evaluator
from gan_runner.evaluation.features import classifier
from gan_runner.evaluation.metrics import frechet
from gan_runner.evaluation.metrics.registry import METRICS
from gan_runner.evaluation.report import EvaluationReport
from gan_runner.evaluation.settings import Evaluation
from gan_runner.logs.terminal import Terminal
from gan_runner.sampling.sampler import Sampler
from gan_runner.storage import checkpoint
from gan_runner.training.build import build

SETTINGS: dict[str, Any] = {
    "num": 300,
    "space": "auto",
    "inception_weights": None,
    "metrics": None,
    "target": "auto",
    "seed": 0,
    "neighbors": 5,
    "projections": 32,
    "importance_samples": 5,
    "best": {"metric": "sliced_wasserstein", "direction": "min"},
}
RING = ("dataset=ring", "dataset.count=2000", "model.generator.hidden=[16]", "threads=1")
RING += ("model.discriminator.hidden=[16]", "train.batch_size=32", "train.samples=9", "device=cpu")
EVALUATED = ("train.eval_every=5", "evaluation.num=200", "evaluation.projections=16")
EVALUATED += ("evaluation.best.metric=sliced_wasserstein",)


def ring_run(path: Path, *overrides: str) -> list[str]:
    return [*RING, f"hydra.run.dir={path}", "train.log_every=5", "train.save_every=10", *overrides]


def train_run(path: Path, *overrides: str) -> Path:
    assert call_command("gan-train", *ring_run(path, *overrides)) == 0
    return path


def evaluations(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]


def say_nothing(text: str) -> None:
    """Takes a line."""


def evaluator_of(
    config: Config, *, say: Callable[[str], None] = say_nothing, **settings: Any
) -> Evaluator:
    """The evaluator of a configuration's data, with some settings changed."""
    experiment, cache, track = build(config), Path(config.cache), Terminal().track
    return Evaluator(
        parse_settings({**SETTINGS, **settings}, Evaluation),
        experiment.dataset,
        experiment.dataset.training(cache, track),
        cache=cache,
        device=torch.device("cpu"),
        say=say,
        track=track,
    )


def measure(evaluator: Evaluator, generator: torch.nn.Module) -> EvaluationReport:
    """The report on samples for latent points [N, 4]."""
    return evaluator.measure(Sampler(generator, evaluator._reference.data.space, 4))


class FixedExamples(torch.nn.Module):
    """A generator that makes the same examples [N, *shape], in turn."""

    def __init__(self, examples: torch.Tensor) -> None:
        super().__init__()
        self.examples = torch.nn.Parameter(examples)

    def forward(self, latents: torch.Tensor, labels: None = None) -> torch.Tensor:
        return self.examples[torch.arange(len(latents)) % len(self.examples)]


@pytest.fixture(scope="module")
def evaluated_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on the ring of 20 steps, evaluated at each fifth."""
    path = tmp_path_factory.mktemp("evaluated") / "run"
    return train_run(path, "train.steps=20", "train.keep=9", *EVALUATED)


# ---------------------------------------------------------------- while training


def test_evaluation_leaves_the_training_result_untouched(
    tmp_path: Path, evaluated_run: Path
) -> None:
    plain = train_run(tmp_path / "plain", "train.steps=20", "train.keep=9")
    one = checkpoint.select(plain / "checkpoints", "last")
    other = checkpoint.select(evaluated_run / "checkpoints", "last")
    assert one.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    assert one.facts.state.rng == other.facts.state.rng


def test_evaluation_without_an_ema_leaves_batch_norm_untouched(tmp_path: Path) -> None:
    norm = ("model.generator.norm=batch", "train.ema=0", "train.steps=10")
    plain = train_run(tmp_path / "plain", *norm)
    other = train_run(tmp_path / "other", *norm, *EVALUATED)
    one = checkpoint.select(plain / "checkpoints", "last").tensors
    two = checkpoint.select(other / "checkpoints", "last").tensors
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert evaluations(other)[0]["results"]["high_quality"]["protocol"]["weights"] == "raw"


def test_every_evaluation_is_a_row_and_a_line_with_protocols(evaluated_run: Path) -> None:
    rows = [json.loads(line) for line in (evaluated_run / "metrics.jsonl").read_text().splitlines()]
    measured = {row["step"]: row for row in rows if any(k.startswith("eval/") for k in row)}
    assert [line["step"] for line in evaluations(evaluated_run)] == [5, 10, 15, 20] == [*measured]
    for line in evaluations(evaluated_run):
        for name, result in line["results"].items():
            assert measured[line["step"]][f"eval/{name}"] == result["value"]
            assert {"n_real", "n_fake", "split", "space", "version", "resizing", "seed"} <= set(
                result["protocol"]
            )


def test_the_best_checkpoint_is_that_of_the_best_evaluation(evaluated_run: Path) -> None:
    best = min(evaluations(evaluated_run), key=lambda line: line["best"])
    assert best["best"] == best["results"]["sliced_wasserstein"]["value"]
    assert checkpoint.select(evaluated_run / "checkpoints", "best").step == best["step"]


def test_the_best_checkpoint_outlives_those_that_keep_deletes(tmp_path: Path) -> None:
    # of equal evaluations, and 40 steps cover no mode for long, the first stays the best
    best = ("evaluation.best.metric=modes_covered", "evaluation.best.direction=min")
    run = train_run(tmp_path / "run", "train.steps=40", "train.keep=0", *EVALUATED, *best)
    lines = evaluations(run)
    first = min(lines, key=lambda line: (line["best"], line["step"]))
    assert checkpoint.select(run / "checkpoints", "best").step == first["step"]
    assert set(checkpoint.steps(run / "checkpoints")) == {first["step"], 40}


def test_a_resumed_run_has_the_same_evaluations(tmp_path: Path, evaluated_run: Path) -> None:
    path = train_run(tmp_path / "run", "train.steps=10", "train.keep=9", *EVALUATED)
    with (path / "evaluations.jsonl").open("a") as file:  # a kill after this row, before its save
        file.write(json.dumps({**evaluations(path)[-1], "step": 15, "best": -1.0}) + "\n")
    (path / "checkpoints" / "best.json").unlink()
    assert call_command("gan-train", f"resume={path}", "train.steps=20") == 0
    assert evaluations(path) == evaluations(evaluated_run)
    one, other = left_behind(path), left_behind(evaluated_run)
    assert one["tensors"] == other["tensors"]
    assert one["rows"] == other["rows"]
    for pointer in "last.json", "best.json":
        ours, theirs = (
            json.loads((p / "checkpoints" / pointer).read_text()) for p in (path, evaluated_run)
        )
        assert ours["step"] == theirs["step"]


# ---------------------------------------------------------------- gan-evaluate


def test_gan_evaluate_gives_the_numbers_of_the_training(
    evaluated_run: Path, tmp_path: Path, here: Callable[..., Answer]
) -> None:
    out = tmp_path / "numbers.json"
    answer = here("gan-evaluate", str(evaluated_run), "--out", str(out), "--device", "cpu")
    assert answer.code == 0, answer.err
    (found,) = json.loads(out.read_text())["evaluations"]
    assert found["step"] == 20
    assert found["results"] == evaluations(evaluated_run)[-1]["results"]
    assert "sliced_wasserstein" in answer.out
    assert "protocol" in answer.out


def test_gan_evaluate_repeats_its_numbers_and_leaves_the_run_but_for_their_record(
    evaluated_run: Path, tmp_path: Path, here: Callable[..., Answer]
) -> None:
    def content() -> dict[str, bytes]:
        files = (p for p in sorted(evaluated_run.rglob("*")) if p.is_file())
        return {p.name: p.read_bytes() for p in files if p.name != "later_evaluations.jsonl"}

    before = content()
    for name in "a", "b":
        out = str(tmp_path / f"{name}.json")
        assert (
            here("gan-evaluate", str(evaluated_run), "--out", out, "--checkpoint", "all").code == 0
        )
    assert (tmp_path / "a.json").read_text() == (tmp_path / "b.json").read_text()
    assert content() == before
    found = json.loads((tmp_path / "a.json").read_text())["evaluations"]
    assert [entry["step"] for entry in found] == [5, 10, 15, 20]


def test_numbers_of_different_protocols_stand_in_different_lines(
    evaluated_run: Path, tmp_path: Path, here: Callable[..., Answer]
) -> None:
    for name, extra in (
        ("a", []),
        ("b", ["--num", "100"]),
        ("c", ["--raw"]),
        ("d", ["--seed", "1"]),
    ):
        out = str(tmp_path / f"{name}.json")
        metrics = ["--metrics", "modes"]
        assert here("gan-evaluate", str(evaluated_run), "--out", out, *metrics, *extra).code == 0
    identifiers = {
        json.loads((tmp_path / f"{name}.json").read_text())["evaluations"][0]["results"][
            "high_quality"
        ]["protocol"]["id"]
        for name in "abcd"
    }
    assert len(identifiers) == 4


def test_counts_of_modes_are_those_of_the_samples(
    evaluated_run: Path, tmp_path: Path, here: Callable[..., Answer]
) -> None:
    out, arrays = tmp_path / "numbers.json", tmp_path / "samples.npz"
    assert here("gan-evaluate", str(evaluated_run), "--out", str(out)).code == 0
    assert here("gan-sample", str(evaluated_run), "--num", "200", "--out", str(arrays)).code == 0
    results = json.loads(out.read_text())["evaluations"][0]["results"]
    samples = np.load(arrays)["samples"].astype(np.float64)
    angles = np.arange(8) * 2 * np.pi / 8
    centers = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    distances = np.linalg.norm(samples[:, None] - centers, axis=2).min(axis=1)
    share = (distances <= 3 * 0.02).mean()
    assert results["high_quality"]["value"] == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--metrics", "frechett"], 2, "frechet"),
        (["--metrics", ""], 2, "evaluation.metrics"),
        (["--space", "classifier"], 2, "--space classifier"),
        (["--space", "pixels"], 2, "--space"),
        (["--num", "0"], 2, "--num"),
        (["--checkpoint", "7"], 6, "--checkpoint=7"),
        (["--picture", "x.png"], 2, "--picture"),
        (["--out", "/proc/x/y.json"], 4, "--out"),
    ],
)
def test_a_fault_of_the_user_is_reported_in_short(
    evaluated_run: Path, here: Callable[..., Answer], arguments: list[str], code: int, words: str
) -> None:
    answer = here("gan-evaluate", str(evaluated_run), *arguments)
    assert answer.code == code, answer.err
    assert words in answer.err
    assert len(answer.err.splitlines()) <= 12


def test_other_data_than_the_run_was_trained_on_is_refused(
    tmp_path: Path, here: Callable[..., Answer]
) -> None:
    path = tmp_path / "data.npy"
    np.save(path, np.random.default_rng(0).random((64, 2), dtype=np.float32))
    run = tmp_path / "run"
    array = ("dataset=array", f"dataset.path={path}", "dataset.kind=vectors", "model=mlp")
    small = ("train.batch_size=8", "train.steps=1", "device=cpu", "threads=1")
    assert here("gan-train", *array, *small, f"hydra.run.dir={run}").code == 0
    np.save(path, np.random.default_rng(1).random((64, 2), dtype=np.float32))
    answer = here("gan-evaluate", str(run))
    assert answer.code == 6
    assert "the data" in answer.err


def test_a_single_example_can_be_trained_on_but_not_compared_with(
    tmp_path: Path, here: Callable[..., Answer]
) -> None:
    np.save(tmp_path / "one.npy", np.zeros((1, 8, 8), dtype=np.uint8))
    one = ("dataset=array", f"dataset.path={tmp_path / 'one.npy'}", "train.batch_size=1")
    one += ("train.steps=1", "model.generator.norm=none", "model.discriminator.norm=none")
    answer = here("gan-train", *small_run(tmp_path / "run", *one, "train.eval_every=1"))
    assert answer.code == 3
    assert "dataset.name=Array" in answer.err and "train.eval_every=0" in answer.err
    assert not (tmp_path / "run").exists()
    assert here("gan-train", *small_run(tmp_path / "run", *one)).code == 0
    answer = here("gan-evaluate", "run")
    assert answer.code == 3
    assert len(answer.err.splitlines()) == 1


# ---------------------------------------------------------------- settings, images


def test_every_setting_of_the_file_is_known_and_checked() -> None:
    assert parse_settings(SETTINGS, Evaluation).num == 300
    with pytest.raises(ConfigError, match=r"evaluation\.num"):
        parse_settings({**SETTINGS, "num": 0}, Evaluation, where="evaluation")
    with pytest.raises(ConfigError, match=r"[Dd]id you mean"):
        parse_settings({**SETTINGS, "metrics": ["frechett"]}, Evaluation, where="evaluation")
    with pytest.raises(ConfigError, match=r"evaluation\.metrics.*use null for all"):
        parse_settings({**SETTINGS, "metrics": []}, Evaluation, where="evaluation")


def test_images_without_labels_are_compared_by_a_random_network(
    tmp_path: Path, here: Callable[..., Answer]
) -> None:
    stored = tmp_path / "images.npy"
    np.save(stored, np.random.default_rng(0).integers(0, 256, (120, 8, 8), dtype=np.uint8))
    run, out, beside = tmp_path / "run", tmp_path / "out.json", tmp_path / "beside.png"
    arguments = ("dataset=array", f"dataset.path={stored}", "train.steps=1", f"cache={tmp_path}")
    assert here("gan-train", *small_run(run, *arguments)).code == 0
    answer = here("gan-evaluate", str(run), "--out", str(out), "--picture", str(beside))
    assert answer.code == 0, answer.err
    results = json.loads(out.read_text())["evaluations"][0]["results"]
    assert {"frechet_random", "kid_random", "precision_random", "sliced_wasserstein"} <= set(
        results
    )
    assert results["frechet_random"]["protocol"]["n_real"] == 120
    assert "fid" not in results
    assert beside.stat().st_size > 0


def test_a_class_that_no_sample_shows_has_no_share(
    tmp_path: Path, configured: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "_STEPS", (30, 30))  # dark and light are told apart at once
    folder = tmp_path / "images"
    for name, base in ("dark", 0), ("light", 156):
        (folder / name).mkdir(parents=True)
        for index in range(60):
            pixels = np.random.default_rng(base + index).integers(base, base + 100, (8, 8))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{index}.png")
    config = configured("dataset=image_folder", f"dataset.root={folder}", "dataset.image_size=8")
    evaluator = evaluator_of(config, num=120, metrics=["modes"])

    class Dark(torch.nn.Module):
        """A generator that has lost a class."""

        def __init__(self) -> None:
            super().__init__()
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, latents: torch.Tensor, labels: None = None) -> torch.Tensor:
            return torch.rand(len(latents), 3, 8, 8) * 0.7 - 1.0

    found = measure(evaluator, Dark())
    assert found.shares == {"dark": 2.0, "light": 0.0}
    values = {result.name: result.value for result in found.results}
    assert values["modes_covered"] == 1
    assert values["reverse_kl"] == pytest.approx(np.log(2))
    assert values["total_variation"] == pytest.approx(0.5)


def test_every_metric_has_its_row_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert all(f"\n| `{name}` |" in page for name in METRICS)
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for metric in METRICS.values():
        (row,) = [row for row in rows if row.startswith(f"| `{metric.name}` |")]
        assert all(f"`{number.name}`" in row for number in metric.numbers), row


def test_reals_against_reals_are_near_zero(configured: Callable[..., Config]) -> None:
    evaluator = evaluator_of(configured("dataset=ring", "dataset.count=600"), num=600)
    other = build(configured("dataset=ring", "dataset.count=600", "dataset.seed=1")).dataset
    fresh = other.load(Path(), Terminal().track).examples

    class Copies(torch.nn.Module):
        """A perfect generator: it draws from the data's own distribution."""

        def __init__(self) -> None:
            super().__init__()
            self.used = 0
            self.unused = torch.nn.Parameter(torch.zeros(1))

        def forward(self, latents: torch.Tensor, labels: None = None) -> torch.Tensor:
            self.used += len(latents)
            return fresh[torch.arange(self.used - len(latents), self.used) % len(fresh)]

    found = measure(evaluator, Copies())
    values = {result.name: result.value for result in found.results}
    assert values["frechet_identity"] < 0.05
    assert abs(values["kid_identity"]) < 0.05
    assert values["modes_covered"] == 8
    assert values["high_quality"] > 0.97
    assert 0.4 < values["one_nn_accuracy_identity"] < 0.6
    assert min(values["precision_identity"], values["recall_identity"]) > 0.9
    assert 0.5 < values["memorization_identity"] < 2


@pytest.mark.parametrize(
    "labels",
    [[0] * 59 + [1], [1, 2, 3, *[0] * 57]],
    ids=["a lone one", "lone ones"],
)
def test_labels_that_tell_nothing_apart_are_no_labels(
    labels: list[int], tmp_path: Path, configured: Callable[..., Config]
) -> None:
    path = tmp_path / "data.npz"
    images = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    np.savez(path, samples=images, labels=np.array(labels))
    config = configured("dataset=array", f"dataset.path={path}", f"cache={tmp_path / 'cache'}")
    said: list[str] = []
    evaluator = evaluator_of(config, say=said.append, metrics=None)
    assert said == [
        "the labels have no two classes of two examples or more: the data is evaluated as data "
        "without labels, space random"
    ]
    made = torch.rand(60, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 1
    names = {result.name for result in measure(evaluator, FixedExamples(made)).results}
    assert "precision_random" in names
    assert not names & {"classifier_score", "modes_covered", "label_accuracy"}
    with pytest.raises(ConfigError, match="no two classes"):
        evaluator_of(config, space="classifier")


def test_other_held_out_examples_are_not_taken_for_those_before(
    tmp_path: Path, configured: Callable[..., Config]
) -> None:
    path = tmp_path / "data.npz"
    array = ("dataset=array", f"dataset.path={path}", "dataset.per_class=20")
    images = np.random.default_rng(0).integers(0, 256, (200, 8, 8), dtype=np.uint8)
    labels = np.arange(200) % 2
    orders = indices_by_class(torch.from_numpy(labels), seed=0)
    held_out = torch.cat([order[20:] for order in orders.values()]).numpy()
    found = []
    for cache in "a", "a", "b":  # the second time beside what the first one kept
        np.savez(path, samples=images, labels=labels)
        config = configured(*array, f"cache={tmp_path / cache}")
        evaluator = evaluator_of(config, space="random", metrics=["memorization", "frechet"])
        made = torch.rand(50, 1, 8, 8, generator=torch.Generator().manual_seed(1)) - 1
        results = measure(evaluator, FixedExamples(made)).results
        found.append({result.name: result for result in results})
        images[held_out[::2]] = 0
    first, changed, fresh = found
    assert first["frechet_random"] == changed["frechet_random"]
    memorization = [each["memorization_random"] for each in (first, changed, fresh)]
    assert memorization[1] == memorization[2]
    assert memorization[0].value != memorization[1].value
    assert memorization[0].protocol.id != memorization[1].protocol.id


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("data", ["digits", "ring"])
def test_samples_of_nan_are_not_measured(
    data: str, value: float, configured: Callable[..., Config]
) -> None:
    space = "random" if data == "digits" else "auto"
    evaluator = evaluator_of(configured(f"dataset={data}"), num=50, space=space)
    shape = (1, 8, 8) if data == "digits" else (2,)
    made = torch.zeros(50, *shape)
    made[17] = value  # of an image, a pixel like any other if it were decoded
    with pytest.raises(NumbersError, match="a sample is NaN or Inf"):
        measure(evaluator, FixedExamples(made))


def test_samples_are_shown_beside_the_nearest_of_all_training_examples(
    tmp_path: Path, configured: Callable[..., Config]
) -> None:
    path = tmp_path / "data.npz"
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8), dtype=np.uint8)
    labels = np.arange(300) % 2
    np.savez(path, samples=images, labels=labels)
    config = configured("dataset=array", f"dataset.path={path}", "dataset.per_class=100")
    evaluator = evaluator_of(config, num=20, space="random", metrics=["memorization"])
    training = indices_by_class(torch.from_numpy(labels), seed=0)[0][:8].numpy()
    copies = torch.from_numpy(images[training]).float().div(127.5).sub(1)[:, None]
    shown = measure(evaluator, FixedExamples(copies)).neighbors
    assert shown is not None
    # a picture's rows begin with a sample, beside which lies the example that it is a copy of
    side = shown.shape[0] // 8
    columns = [shown[:, place * side : (place + 1) * side - 4] for place in (0, 1, 2)]
    assert np.array_equal(columns[0], columns[1])
    assert not np.array_equal(columns[0], columns[2])


def test_the_gaussian_of_the_reals_is_fitted_once_for_all_generators(
    configured: Callable[..., Config], monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []

    def fit(features: torch.Tensor) -> frechet.Gaussian:
        fitted.append(len(features))
        return frechet.fit_gaussian(features)

    monkeypatch.setattr(reference, "fit_gaussian", fit)
    config = configured("dataset=ring", "dataset.count=50")
    evaluator = evaluator_of(config, num=40, metrics=["frechet"])
    assert fitted == []  # which metrics without it never are
    reports = [measure(evaluator, FixedExamples(torch.eye(2))) for _ in range(2)]
    assert fitted == [40]
    assert reports[0].results == reports[1].results
