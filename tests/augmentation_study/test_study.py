"""gan-augment: what it claims is what was measured, and what it can't know it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Answer, call_command, file_marks, small_run
from PIL import Image
from scipy import stats
from torch import Tensor, nn

from gan_runner.augmentation_study import classifiers, findings, study
from gan_runner.augmentation_study.chart import Panel, chart
from gan_runner.augmentation_study.classifiers import (
    TrainingTask,
    classifier_kind,
    default_classifier,
)
from gan_runner.augmentation_study.intervals import Interval, crossed_interval
from gan_runner.augmentation_study.study import (
    ClassifierData,
    Plan,
    RatioResult,
    TrainedClassifier,
)
from gan_runner.cli.augment import CLASSIFIERS
from gan_runner.data import Data, Space
from gan_runner.errors import ConfigError, NumbersError
from gan_runner.sampling.sampler import Sampler

Here = Callable[..., Answer]
PLANE = Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))
CENTERS = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
QUICK = ("--classifier", "logistic", "--real-per-class", "5", "--seeds", "2", "--device", "cpu")


class Blobs(nn.Module):
    """A conditional generator of Gaussians around `centers`."""

    def __init__(self, centers: Tensor, spread: float) -> None:
        super().__init__()
        self.centers = nn.Parameter(centers)
        self.spread = spread

    def forward(self, latent: Tensor, labels: Tensor) -> Tensor:
        return self.centers[labels] + self.spread * latent


def blobs(count: int, *, seed: int) -> Data:
    rng = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    points = CENTERS[labels] + torch.randn(count, 2, generator=rng)
    return Data(points, PLANE, labels, ("a", "b", "c"))


def sampler(generator: nn.Module) -> Sampler:
    return Sampler(generator, PLANE, latent_dims=2, class_names=("a", "b", "c"))


def parts(per_class: int | None = None) -> ClassifierData:
    return ClassifierData(blobs(300, seed=1), blobs(900, seed=2), "test split", per_class, None)


def plan(**changes: Any) -> Plan:
    asked: dict[str, Any] = {"classifier": "logistic", "per_class": (2,), "ratios": (0.0, 20.0)}
    return Plan(**{**asked, "seeds": 6, "updates": 50, **changes})


def verdicts(generator: nn.Module, asked: Plan) -> dict[tuple[int, float], str]:
    found = study.compare_ratios(list(study.train_classifiers(sampler(generator), parts(), asked)))
    return {(row.per_class, row.ratio): row.verdict for row in found if row.ratio}


# ---------------------------------------------------------------- intervals


def test_seeds_alone_give_students_interval() -> None:
    values = torch.tensor([0.1, 0.4, 0.2, 0.7, 0.3], dtype=torch.float64)
    outcomes = values[:, None].expand(5, 10_000)
    found = crossed_interval(outcomes, confidence=0.95)
    low, high = stats.t.interval(0.95, 4, values.mean(), stats.sem(values))
    assert found == pytest.approx((float(values.mean()), low, high))


def test_examples_alone_give_students_interval() -> None:
    values = (torch.arange(40) % 4 == 0).double()
    found = crossed_interval(values.expand(3, 40), confidence=0.9)
    low, high = stats.t.interval(0.9, 39, 0.25, stats.sem(values))
    assert found == pytest.approx((0.25, low, high))


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng, covered = torch.Generator().manual_seed(0), 0
    for _ in range(400):
        seeds = 0.05 * torch.randn(5, 1, generator=rng)
        examples = 0.5 * torch.randn(1, 100, generator=rng)
        noise = 0.2 * torch.randn(5, 100, generator=rng)
        found = crossed_interval(seeds + examples + noise, confidence=0.95)
        covered += found.low <= 0 <= found.high
    assert 0.93 <= covered / 400 <= 0.99


def test_what_never_differs_has_an_interval_of_no_width() -> None:
    assert crossed_interval(torch.zeros(3, 9), confidence=0.95) == Interval(0.0, 0.0, 0.0)


def test_a_single_example_to_test_on_is_refused() -> None:
    with pytest.raises(ConfigError, match="1 example to test on"):
        study.check_plan(plan(), parts()._replace(test=blobs(1, seed=2)))


# ---------------------------------------------------------------- classifiers


def test_the_command_offers_every_classifier() -> None:
    assert set(CLASSIFIERS) == set(classifiers.CLASSIFIERS)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_learns(name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    images = torch.randn(90, 1, 8, 8, generator=rng) + 2 * (labels - 1.0)[:, None, None, None]
    predict = classifiers.CLASSIFIERS[name].fit(
        TrainingTask(images[:60], labels[:60], 3, updates=40, seed=0)
    )
    assert (predict(images[60:]) == labels[60:]).float().mean() > 0.9


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_seed_decides_what_a_classifier_learns(name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    images, labels = torch.randn(40, 1, 8, 8, generator=rng), torch.arange(40) % 4
    unseen = torch.randn(300, 1, 8, 8, generator=rng)
    task = TrainingTask(images, labels, 4, updates=10, seed=0)
    first = classifiers.CLASSIFIERS[name].fit(task)(unseen)
    torch.manual_seed(99)
    assert torch.equal(first, classifiers.CLASSIFIERS[name].fit(task)(unseen))
    other = classifiers.CLASSIFIERS[name].fit(task._replace(seed=1))(unseen)
    assert torch.equal(first, other) == (name == "logistic")


def test_examples_given_twice_change_nothing_in_a_regression() -> None:
    once = blobs(30, seed=0)
    assert once.labels is not None
    unseen = blobs(2000, seed=5).examples
    first, twice = (
        classifiers.CLASSIFIERS["logistic"].fit(
            TrainingTask(once.examples.repeat(n, 1), once.labels.repeat(n), 3, updates=1, seed=0)
        )(unseen)
        for n in (1, 2)
    )
    assert (first == twice).float().mean() > 0.999


def test_vectors_have_no_pixels_to_convolve() -> None:
    with pytest.raises(ConfigError, match=r"--classifier=cnn\. Use mlp or logistic"):
        classifier_kind("cnn", PLANE)
    assert default_classifier(PLANE) == "mlp"
    assert default_classifier(Space("images", (1, 8, 8))) == "cnn"


# ---------------------------------------------------------------- verdicts


def test_good_samples_help_bad_ones_hurt_and_the_tool_says_so() -> None:
    good, wrong = Blobs(CENTERS, 1.0), Blobs(CENTERS[[1, 2, 0]], 1.0)
    assert verdicts(good, plan(seeds=16)) == {(2, 20.0): "helps"}
    assert verdicts(wrong, plan()) == {(2, 20.0): "hurts"}


def test_samples_do_not_help_where_real_examples_are_enough() -> None:
    found = verdicts(Blobs(CENTERS, 1.0), plan(per_class=(2, 80), ratios=(0.0, 1.0)))
    assert found[80, 1.0] == "no difference"


def test_noise_is_not_said_to_help() -> None:
    noise = Blobs(torch.zeros(3, 2), 3.0)
    for per_class in (2, 5, 20):
        found = verdicts(noise, plan(per_class=(per_class,), ratios=(0.0, 1.0, 5.0)))
        assert "helps" not in found.values()


def test_a_classifier_does_not_depend_on_the_others() -> None:
    generator = sampler(Blobs(CENTERS, 1.0))
    many = plan(classifier="mlp", per_class=(2, 4), ratios=(0.0, 1.0, 2.0), seeds=3)
    found = {
        (one.per_class, one.ratio, one.seed): one.correct
        for one in study.train_classifiers(generator, parts(), many)
    }
    alone = plan(classifier="mlp", per_class=(4,), ratios=(2.0,), seeds=3)
    for one in study.train_classifiers(generator, parts(), alone):
        assert torch.equal(one.correct, found[4, 2.0, one.seed])
    assert len({tuple(correct.tolist()) for correct in found.values()}) == 18


def test_differences_are_of_the_same_seed_and_hold_together() -> None:
    rng = torch.Generator().manual_seed(0)
    right = {
        (ratio, seed): torch.rand(50, generator=rng) < 0.6 + ratio / 20
        for ratio in (0.0, 1.0, 5.0)
        for seed in range(4)
    }
    trained = [TrainedClassifier(9, ratio, seed, 27, 0, of) for (ratio, seed), of in right.items()]
    found = {row.ratio: row for row in study.compare_ratios(trained)}
    apart = torch.stack([right[5.0, s].double() - right[0.0, s].double() for s in range(4)])
    assert found[5.0].difference == crossed_interval(apart, confidence=0.975)
    assert found[0.0].difference is None
    assert found[0.0].accuracies == tuple(right[0.0, s].double().mean().item() for s in range(4))


def test_a_sample_of_nan_ends_it() -> None:
    with pytest.raises(NumbersError):
        list(study.train_classifiers(sampler(Blobs(CENTERS / 0, 1.0)), parts(), plan()))


# ---------------------------------------------------------------- sentences


def sentence(*differences: tuple[float, float, float]) -> str:
    rows = [
        RatioResult(9, ratio, 1, 1, (), Interval(0, 0, 0), Interval(*difference))
        for ratio, difference in zip((1.0, 5.0), differences, strict=False)
    ]
    return findings.sentence(rows, seeds=5)


@pytest.mark.parametrize(
    ("differences", "words"),
    [
        ([(0.03, 0.01, 0.05)], "augmentation helps at ratio 1: +3.00 (+1.00 to +5.00) points."),
        ([(-0.03, -0.05, -0.01)], "augmentation hurts at ratio 1"),
        (
            [(0.01, -0.01, 0.03), (0.0, -0.1, 0.1)],
            "augmentation does not help; it makes no measurable difference with 5 seeds at ratio 1",
        ),
        ([(-0.03, -0.05, -0.01), (0.03, 0.01, 0.05)], "helps at ratio 5: "),
        ([(0.01, -0.01, 0.03), (-0.05, -0.06, -0.04)], "augmentation hurts at ratio 5"),
    ],
)
def test_a_sentence_says_what_was_found(
    differences: list[tuple[float, float, float]], words: str
) -> None:
    assert words in sentence(*differences)


@pytest.mark.parametrize(
    ("data", "words", "is_same"),
    [
        (parts(), "the whole training split", False),
        (parts(5), "5 of each class", False),
        (parts(2), "", True),
        (parts(2)._replace(init_from="old"), "init_from=old", False),
        (parts()._replace(source="a third of each class"), "is tested on", False),
    ],
)
def test_a_generator_that_knew_more_raises_a_doubt(
    data: ClassifierData, words: str, is_same: bool
) -> None:
    doubts = findings.doubts(data, plan())
    assert any(words in doubt for doubt in doubts) if words else doubts == []
    assert (findings.same_examples_note(data, plan()) is not None) == is_same


# ---------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of small conditional runs: on all digits, on 9 of each, and on points."""
    folder = tmp_path_factory.mktemp("runs")
    digits = ("model.conditioning=projection", f"cache={folder / 'cache'}")
    assert call_command("gan-train", *small_run(folder / "all", *digits, "train.steps=1")) == 0
    asked = (*digits, "dataset.per_class=9", "train.steps=1")
    assert call_command("gan-train", *small_run(folder / "few", *asked)) == 0
    points = ("dataset=ring", "dataset.count=900", "model.conditioning=concat", "train.steps=1")
    asked = (*points, "model.generator.hidden=[8]", "model.discriminator.hidden=[8]")
    where = (f"hydra.run.dir={folder / 'points'}", "threads=1", "device=cpu")
    assert call_command("gan-train", *asked, *where, "train.batch_size=16") == 0
    return folder


def test_a_sick_generator_is_not_said_to_help_and_the_run_is_left_as_it_was(
    runs: Path, here: Here
) -> None:
    before = file_marks(runs / "all")
    answer = here("gan-augment", str(runs / "all"), *QUICK, "--out", "x.json", "--plot", "x.png")
    assert (answer.code, answer.err) == (0, "")
    assert file_marks(runs / "all") == before
    found = json.loads(Path("x.json").read_text())
    rows = {row["synthetic_ratio"]: row for row in found["results"]}
    assert [row["n_synthetic"] for row in rows.values()] == [0, 50, 250]
    assert {rows[1.0]["verdict"], rows[5.0]["verdict"]} <= {"hurts", "no difference"}
    assert found["findings"][0] in answer.out
    assert "warning: the data has no test split" in answer.out
    protocol = found["protocol"]
    assert protocol["test"]["source"] == "a third of each class"
    assert (protocol["checkpoint"], protocol["weights"]) == (1, "ema")
    assert protocol["classifier"]["name"] == "logistic"
    assert (protocol["seeds"], protocol["generator_per_class"]) == ([0, 1], "all")
    assert np.asarray(Image.open("x.png")).shape[2] == 3


def test_a_run_on_a_few_examples_is_measured_with_exactly_these(runs: Path, here: Here) -> None:
    asked = ("--classifier", "logistic", "--seeds", "2", "--synthetic-ratio", "1", "--raw")
    answer = here("gan-augment", str(runs / "few"), *asked, "--out", "x.json", "--device", "cpu")
    assert answer.code == 0
    assert "exactly those that the generator was trained on (dataset.per_class=9)" in answer.out
    assert "1707 others" in answer.out and "optimistic" not in answer.out
    found = json.loads(Path("x.json").read_text())
    assert [row["real_per_class"] for row in found["results"]] == [9, 9]
    without = found["results"][0]["accuracies"]
    assert without[0] == without[1]  # a regression on the same examples
    assert found["protocol"]["weights"] == "raw"


def test_the_same_command_gives_the_same_numbers(runs: Path, here: Here) -> None:
    for name in "a", "b":
        asked = ("--real-per-class", "3", "--seeds", "2", "--updates", "9", "--synthetic-ratio=2")
        where = ("--device", "cpu", "--out", f"{name}.json")
        assert here("gan-augment", str(runs / "all"), *asked, *where).code == 0
    assert Path("a.json").read_text() == Path("b.json").read_text()
    assert '"cnn"' in Path("a.json").read_text()


def test_vectors_are_classified_too(runs: Path, here: Here) -> None:
    asked = ("--real-per-class", "5", "--seeds", "2", "--updates", "60", "--device", "cpu")
    answer = here("gan-augment", str(runs / "points"), *asked, "--out", "x.json")
    assert answer.code == 0
    found = json.loads(Path("x.json").read_text())
    assert found["protocol"]["classifier"]["name"] == "mlp"
    assert found["protocol"]["test"]["source"] == "test split"
    assert found["results"][0]["accuracy"]["mean"] > 0.9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--real-per-class", "0"], "--real-per-class"),
        (["--real-per-class", "5,x"], "--real-per-class"),
        (["--real-per-class", "120"], "--real-per-class=120. Use --real-per-class 116"),
        (["--synthetic-ratio", "0"], "--synthetic-ratio"),
        (["--synthetic-ratio", "-1"], "--synthetic-ratio"),
        (["--synthetic-ratio", "nan"], "--synthetic-ratio"),
        (["--real-per-class", "3", "--synthetic-ratio", "0.1"], "--synthetic-ratio=0.1"),
        (["--seeds", "1"], "--seeds"),
        (["--classifier", "svm"], "--classifier"),
        (["--plot", "x.jpg"], "--plot=x.jpg"),
        (["--out", "."], "--out=."),
    ],
)
def test_what_cannot_be_meant_is_refused(
    runs: Path, here: Here, arguments: list[str], words: str
) -> None:
    answer = here("gan-augment", str(runs / "all"), *arguments)
    assert answer.code == 2 and words in answer.err
    assert len(answer.err.splitlines()) == 1


def test_convolutions_on_vectors_are_refused(runs: Path, here: Here) -> None:
    answer = here("gan-augment", str(runs / "points"), "--classifier", "cnn")
    assert answer.code == 2 and "--classifier=cnn" in answer.err


def test_a_run_without_classes_is_refused_with_the_remedy(here: Here, tmp_path: Path) -> None:
    assert here("gan-train", *small_run(tmp_path / "run", "train.steps=0")).code == 0
    answer = here("gan-augment", "run")
    assert answer.code == 2 and "model.conditioning=" in answer.err
    assert here("gan-augment", "nowhere").code == 6


# ---------------------------------------------------------------- the plot


def test_a_plot_shows_an_interval_where_it_is() -> None:
    places = [Interval(50.0, 40.0, 60.0), Interval(90.0, 85.0, 95.0)]
    panel = Panel("title", "across", ["1", "2"], {"a": places}, zero=False)
    assert chart([panel, panel]).shape[1] == 2 * chart([panel]).shape[1]
    blue = (np.abs(chart([panel])[30:].astype(int) - (0, 114, 178)) < 30).all(axis=2)
    halves = np.split(blue, 2, axis=1)  # in each, the column of an interval has the most ink
    left, right = (half[:, half.sum(axis=0).argmax()].nonzero()[0] for half in halves)
    assert left.mean() > right.mean() + 50  # the higher mean is further up
    assert np.ptp(left) == pytest.approx(2 * np.ptp(right), abs=4)  # and its interval half as wide


def test_a_plot_of_one_and_the_same_value_is_drawn() -> None:
    same = Panel("title", "across", ["1"], {"a": [Interval(0.0, 0.0, 0.0)], "b": [None]}, zero=True)
    assert chart([same]).min() < 100
