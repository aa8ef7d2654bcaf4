"""The registry of metrics: without torch, complete, and at one with the functions."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
import yaml
from metric_inputs import inputs
from torch import Tensor

from gan_runner.config.component import parse_settings
from gan_runner.config.groups import conf_folder
from gan_runner.data import Data, Space
from gan_runner.data.column import Column
from gan_runner.data.columns import Columns
from gan_runner.errors import ConfigError
from gan_runner.evaluation.cost import estimated_seconds
from gan_runner.evaluation.features.spaces import FeatureSpace, RandomNetwork
from gan_runner.evaluation.metrics.efficacy import EfficacyTask
from gan_runner.evaluation.metrics.frechet import fit_gaussian
from gan_runner.evaluation.metrics.inputs import Measurement, MetricInputs, SplitLikelihood
from gan_runner.evaluation.metrics.measures import MEASURES, computes
from gan_runner.evaluation.metrics.neighbors import FreshExamples
from gan_runner.evaluation.metrics.paired import TOGETHER
from gan_runner.evaluation.metrics.real_rows import RealRows
from gan_runner.evaluation.metrics.registry import (
    METRICS,
    Cost,
    Metric,
    Need,
    Number,
    good_values,
    numbers,
    numbers_of,
    register,
    suggest_metric,
    suggest_number,
)
from gan_runner.evaluation.metrics.translated import Translated, TrivialAnswers, WayBack
from gan_runner.evaluation.metrics.tstr import TSTR, ClassifierResult
from gan_runner.evaluation.settings import Evaluation

SPACES = ("classifier", "random", "inception", "identity", "scaled")
SETTINGS = yaml.safe_load((conf_folder() / "evaluation" / "standard.yaml").read_text())
POINTS = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))


class ClassifierSpace(FeatureSpace):
    """Examples as they are, which are logits of three classes at once."""

    name = "classifier"

    def __init__(self) -> None:
        cpu = torch.device("cpu")
        super().__init__(version="0" * 12, size=3, device=cpu, facts={}, logits=lambda x: x)

    def _features(self, batch: Tensor) -> Tensor:
        return batch


def result() -> ClassifierResult:
    return ClassifierResult(0.5, np.eye(2, dtype=np.int64))


class ImageClassifier(FeatureSpace):
    """A classifier of images, whose features are logits."""

    name = "classifier"

    def __init__(self) -> None:
        cpu = torch.device("cpu")
        super().__init__(version="1" * 12, size=64, device=cpu, facts={}, logits=lambda x: x)

    def _features(self, batch: Tensor) -> Tensor:
        return OF_IMAGES.features(batch)


THIRD = torch.arange(30) % 3
IMAGES = torch.randint(
    256, (60, 3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
OF_IMAGES = RandomNetwork(Space("images", (3, 12, 12)), device=torch.device("cpu"))


def translated(**more: Any) -> dict[str, Any]:
    """What a translator gives beside outputs and targets."""
    targets, outputs = (OF_IMAGES.features(images) for images in IMAGES.split(30))
    answers = TrivialAnswers(IMAGES[:30].flip(0), "input", OF_IMAGES)
    given = {"paired": True, "label_names": (), "trivial": answers, "labels": THIRD, **more}
    return {
        "translated": Translated(**given),
        "space": OF_IMAGES,
        "real_features": targets,
        "fake_features": outputs,
    }


def way_back(space: FeatureSpace = OF_IMAGES) -> WayBack:
    some, others = IMAGES.split(30)
    features = space.features(others)
    return WayBack(
        outputs=others,
        inputs=others,
        labels=THIRD,
        cycled=some,
        targets_cycled=others,
        trivial=some,
        space=space,
        real_features=features,
        fit_real=lambda: fit_gaussian(features),
    )


COLUMNS = Columns((Column("a"), Column("b", ("x", "y"), label=True)), 1.0, True)
TABLE = RealRows(
    Data(POINTS[:30], Space("table", (3,), (0.0,) * 3, (1.0,) * 3, COLUMNS)), POINTS[:30], None
)
OTHER_ROWS = TABLE.decode(POINTS[:20] + 0.1, None)

GIVEN: dict[Need, dict[str, Any]] = {
    Need.HELD_OUT: {
        "fresh": FreshExamples(POINTS, POINTS[:20] + 0.1),
        "held_out_rows": OTHER_ROWS,
    },
    Need.CLASSIFIER: {"space": ClassifierSpace()},
    Need.MODES: {"centers": POINTS[:4], "std": 0.1},
    Need.LABELS: {"labels": THIRD, "space": ClassifierSpace()},
    Need.CODES: {"category": THIRD, "space": ClassifierSpace()},
    Need.LIKELIHOOD: {"likelihood": SplitLikelihood(POINTS[:, 0], POINTS[:, 1], "train", {})},
    Need.TSTR: {"tstr": TSTR(result(), result())},
    Need.TABLE: {"columns": COLUMNS, "table": TABLE},
    Need.EFFICACY: {
        "table": TABLE,
        "efficacy": EfficacyTask(TABLE.in_use, OTHER_ROWS, "b", seed=0),
    },
    Need.TRANSLATOR: translated(),
    Need.PAIRS: translated(),
    Need.LABEL_MAPS: translated(label_names=("sky", "road", "sea")),
    Need.DOMAINS: translated(paired=False, back=way_back()),
    Need.LABELED_DOMAINS: translated(paired=False, back=way_back(ImageClassifier())),
}


def measure_vectors(metric: str, *given: Need) -> list[str]:
    """The numbers that a metric gives of vectors, or of images where a translator made them, and of
    what is given beside them."""
    more = {key: value for need in given for key, value in GIVEN[need].items()}
    real, fake = IMAGES.split(30) if "translated" in more else POINTS.split(30)
    found = MEASURES[metric](inputs(real, fake, **more))
    if "efficacy" in more:  # which has other numbers where it predicts a number
        more["efficacy"] = EfficacyTask(TABLE.in_use, OTHER_ROWS, "a", seed=0)
        found += MEASURES[metric](inputs(real, fake, **more))
    return list(dict.fromkeys(measurement.number for measurement in found))


def test_every_metric_has_a_function_and_every_function_a_metric() -> None:
    assert set(MEASURES) == set(METRICS)


@pytest.mark.parametrize("metric", METRICS)
def test_a_metric_gives_the_numbers_of_its_entry_where_its_needs_are_met(metric: str) -> None:
    entry = METRICS[metric]
    assert measure_vectors(metric, *entry.needs) == [number.name for number in entry.numbers]
    for need in entry.needs:
        assert measure_vectors(metric, *(other for other in entry.needs if other is not need)) == []


def test_a_plugin_adds_a_metric_by_an_entry_and_a_function() -> None:
    number = Number("extent", "max", "extent_{space}")
    entry = Metric("extent", (number,), "How far samples reach.", cost=Cost(pair_passes=1))

    def extent(of: MetricInputs) -> list[Measurement]:
        return [Measurement("extent", float(of.fake_features.abs().max()))]

    with mock.patch.dict(METRICS), mock.patch.dict(MEASURES):
        computes(register(entry))(extent)
        assert register(entry) is entry  # a module may be imported anew
        assert measure_vectors("extent") == ["extent"]
        plain = inputs(*POINTS.split(30))
        assert MEASURES["extent"](plain)[0].name_in(plain.space) == "extent_identity"
        assert estimated_seconds(["extent"], examples=10**5, features=10) == 70.0
        settings = {**SETTINGS, "metrics": ["extent"]}
        settings["best"] = {"metric": "extent", "direction": "max"}
        assert parse_settings(settings, Evaluation).best.metric == "extent"
    assert "extent" not in METRICS


def test_the_classifiers_of_tstr_count_where_they_are_fitted() -> None:
    size = {"examples": 50_000, "features": 5_000}
    assert estimated_seconds(["tstr"], **size) == 0
    assert estimated_seconds(["tstr"], **size, has_tstr=True) == pytest.approx(575)


def test_the_models_of_efficacy_count_where_they_are_fitted_for_as_many_rows_as_they_take() -> None:
    size = {"examples": 50_000, "features": 108}
    assert estimated_seconds(["efficacy"], **size) == 0
    assert estimated_seconds(["efficacy"], **size, has_efficacy=True) == pytest.approx(5, rel=0.01)


def test_metrics_of_each_class_count_again() -> None:
    size = {"examples": 1000, "features": 400}
    whole = estimated_seconds(["frechet", "tstr"], **size)
    assert estimated_seconds(["frechet", "tstr"], **size, classes=2) == pytest.approx(
        3 * whole, rel=0.15
    )


def test_metrics_that_share_a_walk_over_pairs_count_it_once() -> None:
    assert {name for name, each in METRICS.items() if each.cost.shares_walk} == TOGETHER
    size = {"examples": 10_000, "features": 784}
    assert estimated_seconds(TOGETHER, **size) == estimated_seconds(["kid"], **size)
    assert estimated_seconds(["kid"], **size) == pytest.approx(8.4, rel=0.01)
    classes = estimated_seconds(TOGETHER, **size, classes=10)
    assert classes == pytest.approx(1.1 * estimated_seconds(["kid"], **size))


@pytest.mark.parametrize("metric", ["mmd", "memorization", "closest_record"])
def test_work_on_a_thinned_set_grows_with_the_other_at_most(metric: str) -> None:
    seconds = [estimated_seconds([metric], examples=n, features=50) for n in (10_000, 40_000)]
    assert seconds[1] == pytest.approx(seconds[0] * (1 if metric == "mmd" else 4))


def test_work_in_many_dimensions_is_bounded_by_the_number_of_examples() -> None:
    assert estimated_seconds(["frechet"], examples=140, features=5_000) < 0.1


@pytest.mark.parametrize("taken", ["frechet", "modes", "recall"])
def test_a_plugins_metric_has_names_of_its_own(taken: str) -> None:
    entry = Metric("own", (Number(taken, "min"),), "What it says.")
    with pytest.raises(ConfigError, match=taken):
        register(entry)
    with pytest.raises(ConfigError, match=taken):
        register(replace(entry, name=taken, numbers=(Number("own", None),)))


def test_a_direction_that_is_none_is_refused() -> None:
    entry = Metric("own", (Number("own", "lower"),), "What it says.")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"unknown direction, own=lower\. Use 'min', 'max'"):
        register(entry)
    assert "own" not in METRICS


def test_every_need_is_some_metrics() -> None:
    assert {need for metric in METRICS.values() for need in metric.needs} == set(Need)


def test_no_two_numbers_have_one_name() -> None:
    listed = [number.name for metric in METRICS.values() for number in metric.numbers]
    assert len(set(listed)) == len(listed) == len(numbers())
    for space in SPACES:
        assert max(Counter(n.name_in(space) for n in numbers().values()).values()) == 1


def test_numbers_are_called_in_rows_as_ever() -> None:
    """Names of metrics.jsonl and TensorBoard that scripts rely on."""
    plain = {
        *("classifier_score", "sliced_wasserstein", "modes_covered", "high_quality", "reverse_kl"),
        *("total_variation", "label_accuracy", "code_accuracy", "elbo", "log_likelihood"),
        *("tstr_accuracy", "trtr_accuracy", "column_wasserstein", "column_variation"),
        *("correlation_difference", "closest_record_share", "closest_record_train"),
        *("closest_record_held_out", "psnr", "psnr_trivial", "ssim", "ssim_trivial", "l1"),
        *("l1_trivial", "iou", "iou_trivial", "pixel_accuracy", "pixel_accuracy_trivial"),
        *("cycle_l1", "cycle_back_l1", "label_accuracy_trivial", "label_accuracy_real"),
        *("label_accuracy_back", "label_accuracy_back_trivial", "label_accuracy_back_real"),
        *("column_shapes", "pair_trends", "spike_difference", "missing_difference"),
        *("impossible_share", "efficacy_f1", "efficacy_f1_real", "efficacy_accuracy"),
        *("efficacy_accuracy_real", "efficacy_r2", "efficacy_r2_real"),
        *("exact_copies", "exact_copies_train"),
        *("exact_copies_held_out", "membership_auc", "singling_out_share"),
        "singling_out_share_held_out",
    }
    spaced = {"frechet", "kid", "precision", "recall", "density", "coverage", "mmd"}
    spaced |= {"memorization", "one_nn_accuracy", "perceptual", "perceptual_trivial"}
    spaced |= {"frechet_trivial", "frechet_back", "frechet_back_trivial"}
    for space in SPACES:
        names = plain | {f"{name}_{space}" for name in spaced}
        if space == "inception":
            names = names - {"frechet_inception", "classifier_score"} | {"fid", "inception_score"}
        assert {number.name_in(space) for number in numbers().values()} == names


def test_a_name_stands_for_the_numbers_of_a_metric_or_for_itself() -> None:
    assert numbers_of("manifold") == ("precision", "recall", "density", "coverage")
    assert numbers_of("recall") == ("recall",)
    assert numbers_of("frechet_identity") == ()


@pytest.mark.parametrize(
    ("written", "metric", "number"),
    [
        ("fid", "frechet", "frechet"),
        ("FID", "frechet", "frechet"),
        ("is", "classifier_score", "classifier_score"),
        ("inception score", "classifier_score", "classifier_score"),
        ("swd", "sliced_wasserstein", "sliced_wasserstein"),
        ("dcr", "closest_record", None),
        ("KSComplement", "column_shapes", "column_shapes"),
        ("ML efficacy", "efficacy", None),
        ("mia", "membership", "membership_auc"),
        ("precision", "manifold", "precision"),
        ("coverage", "manifold", "coverage"),
        ("modes_covered", "modes", "modes_covered"),
        ("frechett", "frechet", "frechet"),
    ],
)
def test_a_name_of_the_field_is_answered_with_that_of_the_registry(
    written: str, metric: str, number: str | None
) -> None:
    assert suggest_metric(written) == f"Did you mean '{metric}'?"
    if number is not None:
        assert suggest_number(written) == f"Did you mean '{number}'?"


def test_a_measure_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    assert suggest_metric("ppl").startswith("Choose one of: classifier_score, ")
    assert suggest_number("fid", ["kid", "loss/generator"]) == "Did you mean 'kid'?"


def test_no_other_name_is_that_of_two_metrics() -> None:
    names = [
        name
        for metric in METRICS.values()
        for name in (metric.name, *(n.name for n in metric.numbers), *metric.other_names)
        if name not in (n.name for n in metric.numbers if n.name == metric.name)
    ]
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_what_a_metric_says_is_one_sentence(metric: Any) -> None:
    assert metric.description.endswith(".") and ". " not in metric.description
    assert len(metric.description) < 100


def test_the_registry_needs_no_torch() -> None:
    code = "import sys, gan_runner.evaluation.metrics.registry, gan_runner.evaluation.protocol; "
    code += "print([name for name in ('torch', 'numpy', 'pydantic') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_number_says_which_values_are_good() -> None:
    for name, number in numbers().items():
        sentence = good_values(name) or ""
        assert sentence.endswith("."), name
        if number.direction is not None:
            worded = {"min": "Less is better", "max": "More is better", "half": "0.5 is best"}
            assert sentence.startswith((worded[number.direction], "About 1 is good")), name


def test_a_number_without_a_sentence_of_its_own_says_its_direction() -> None:
    with mock.patch.dict(METRICS):
        register(Metric("own", (Number("own", "min"),), "What it says."))
        assert good_values("own") == "Less is better."
    assert good_values("nobody") is None


def test_a_number_like_no_other_is_answered_with_all_of_them() -> None:
    assert suggest_number("foo").startswith("Choose one of: classifier_score, ")
