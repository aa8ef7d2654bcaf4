"""Translators measured: outputs against held-out targets, beside the trivial answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch
from paired_data import paired_data, space_with_inputs, unpaired_data
from torch import Tensor, nn

from gan_runner.config.component import parse_settings
from gan_runner.data import Data, Space
from gan_runner.data.data import one_hot_pixels
from gan_runner.datasets import Dataset, Track
from gan_runner.datasets.degradations import Mask
from gan_runner.evaluation.evaluator import Evaluator
from gan_runner.evaluation.features import classifier
from gan_runner.evaluation.metrics import fidelity
from gan_runner.evaluation.report import EvaluationReport
from gan_runner.evaluation.settings import Evaluation
from gan_runner.logs.terminal import Terminal
from gan_runner.sampling.sampler import Sampler
from gan_runner.sampling.translation import Translation

SETTINGS: dict[str, Any] = {
    "num": 300,
    "space": "auto",
    "inception_weights": None,
    "metrics": None,
    "target": "auto",
    "seed": 0,
    "neighbors": 3,
    "projections": 16,
    "importance_samples": 5,
    "best": {"metric": "psnr", "direction": "max"},
}


class HeldOut:
    """All that an evaluation asks of a data set; no class of theirs, which runs could name."""

    def __init__(self, data: Data | None) -> None:
        self._data = data

    def test(self, cache: Path, track: Track) -> Data | None:
        return self._data


class Constant(nn.Module):
    """A translator that makes the same of everything, in [-1, 1]."""

    def __init__(self, output: Tensor) -> None:
        super().__init__()
        self.output = nn.Parameter(output)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.output.expand(len(inputs), *self.output.shape)


class Repeat(nn.Module):
    """A translator of gray images into color ones that are as gray, and larger."""

    def __init__(self, factor: int = 1, *, channels: int = 3, shift: float = 0.0) -> None:
        super().__init__()
        self.factor, self.channels = factor, channels
        self.shift = nn.Parameter(torch.tensor(shift))

    def forward(self, inputs: Tensor) -> Tensor:
        larger = inputs.repeat_interleave(self.factor, 2).repeat_interleave(self.factor, 3)
        return larger[:, :1].expand(-1, self.channels, -1, -1) + self.shift


def report_of(
    translator: nn.Module,
    data: Data,
    held_out: Data | None,
    tmp_path: Path,
    *,
    back: nn.Module | None = None,
    factor: int = 1,
    **settings: Any,
) -> EvaluationReport:
    """The report on a translator trained on data."""
    evaluator = Evaluator(
        parse_settings({**SETTINGS, **settings}, Evaluation),
        cast(Dataset, HeldOut(held_out)),
        data,
        cache=tmp_path,
        device=torch.device("cpu"),
        say=str,
        track=Terminal().track,
    )
    translation = Translation(translator, data.space, factor=factor, back=back)
    return evaluator.measure(Sampler(translator, data.space, 0, translation=translation))


def values(report: EvaluationReport) -> dict[str, float]:
    return {result.name: result.value for result in report.results}


def test_paired_numbers_are_those_of_held_out_pairs_beside_the_trivial_answer(
    tmp_path: Path,
) -> None:
    data, held_out = paired_data(30, 16), paired_data(20, 16)
    report = report_of(Repeat(), data, held_out, tmp_path)
    found = values(report)
    gray = held_out.input_rows(torch.arange(20), seed=0).expand(-1, 3, -1, -1)
    expected = float(fidelity.psnr(gray, held_out.rows(torch.arange(20))).mean())
    assert found["psnr"] == pytest.approx(expected)
    assert report.best == found["psnr"]
    # gray images are also what an input is without a translator
    for name in ("psnr", "ssim", "l1"):
        assert found[f"{name}_trivial"] == pytest.approx(found[name])
    assert found["perceptual_trivial_random"] == pytest.approx(found["perceptual_random"])
    assert found["frechet_trivial_random"] == pytest.approx(found["frechet_random"])
    protocols = {result.name: result.protocol for result in report.results}
    assert {protocol.split for protocol in protocols.values()} == {"held out"}
    assert protocols["psnr"].n_real == protocols["psnr"].n_fake == 20
    assert protocols["psnr"].parameters["held_out_data"] == held_out.digest[:12]
    assert protocols["psnr_trivial"].n_fake == 0
    assert protocols["psnr_trivial"].parameters["answer"] == "input"
    assert protocols["ssim"].parameters["window"] == 11
    assert report.neighbors is None
    assert report.translations is not None


def test_the_trivial_answer_to_a_smaller_input_is_bicubic(tmp_path: Path) -> None:
    data = paired_data(20, 16, factor=4)
    report = report_of(Repeat(4), data, paired_data(20, 16, factor=4), tmp_path, factor=4)
    answers = {
        result.protocol.parameters["answer"]
        for result in report.results
        if result.name.endswith("_trivial")
    }
    assert answers == {"bicubic"}


def test_the_trivial_answer_to_inputs_of_many_channels_is_the_mean_of_targets(
    tmp_path: Path,
) -> None:
    data = paired_data(20, 16, channels=7)
    found = {r.name: r for r in report_of(Repeat(), data, None, tmp_path).results}
    assert found["l1_trivial"].protocol.parameters["answer"] == "mean of targets"
    targets = data.rows(torch.arange(20))
    mean = targets.float().mean(0, keepdim=True).round().to(torch.uint8).expand_as(targets)
    assert found["l1_trivial"].value == pytest.approx(float(fidelity.l1(mean, targets).mean()))


def test_numbers_of_training_examples_are_doubted(tmp_path: Path) -> None:
    report = report_of(Repeat(), paired_data(20, 16), None, tmp_path)
    assert any("training examples" in doubt for doubt in report.doubts)
    assert {result.protocol.split for result in report.results} == {"train"}


def test_label_maps_have_iou_of_each_class_and_no_psnr(tmp_path: Path) -> None:
    rng = torch.Generator().manual_seed(0)
    classes = (torch.rand(20, 16, 16, generator=rng) > 0.95).long()
    targets = one_hot_pixels(classes, 3)
    space = Space(
        "images",
        (3, 16, 16),
        inputs=Space("images", (1, 16, 16)),
        label_names=("sky", "road", "sea"),
    )
    inputs = (classes[:, None] * 200).to(torch.uint8)
    data = Data(targets, space, inputs=inputs)
    of_first = torch.tensor([1.0, -1.0, -1.0])[:, None, None].expand(3, 16, 16)
    found = values(report_of(Constant(of_first), data, None, tmp_path))
    share = float((classes == 0).double().mean())
    assert found["pixel_accuracy"] == found["pixel_accuracy_trivial"] == pytest.approx(share)
    assert found["iou/sky"] == pytest.approx(share)
    assert found["iou/road"] == 0
    assert "iou/sea" not in found  # which is nowhere
    assert found["iou"] == pytest.approx(share / 2)
    assert not {"psnr", "ssim", "l1"} & set(found)


def test_domains_have_cycles_and_distances_in_both_directions(tmp_path: Path) -> None:
    data, held_out = unpaired_data(30, 26, 16), unpaired_data(20, 24, 16)
    there, back = Repeat(channels=1, shift=-0.5), Repeat(channels=1, shift=0.25)
    report = report_of(there, data, held_out, tmp_path, back=back)
    found = values(report)
    assert found["cycle_l1"] == pytest.approx(0.125, abs=1 / 255)
    assert found["cycle_back_l1"] > 0.05  # of dark targets, of which some can't be darker
    assert {"frechet_random", "frechet_trivial_random"} <= set(found)
    assert {"frechet_back_random", "frechet_back_trivial_random"} <= set(found)
    assert not {"psnr", "ssim", "l1", "perceptual_random"} & set(found)
    protocols = {result.name: result.protocol for result in report.results}
    assert (protocols["cycle_l1"].n_real, protocols["cycle_l1"].n_fake) == (20, 24)
    assert report.translations is not None


def test_the_distance_back_is_0_where_targets_come_back_as_the_inputs_are(tmp_path: Path) -> None:
    data = unpaired_data(30, 30, 16)
    assert isinstance(data.inputs, Tensor)
    same = Data(data.examples, data.space, inputs=data.examples.clone(), paired=False)
    same_report = report_of(
        Repeat(channels=1), same, None, tmp_path, back=Repeat(channels=1), metrics=["frechet_back"]
    )
    assert values(same_report)["frechet_back_random"] == pytest.approx(0, abs=1e-6)


def test_a_translator_of_one_direction_has_no_cycle(tmp_path: Path) -> None:
    found = values(report_of(Repeat(channels=1), unpaired_data(20, 20, 16), None, tmp_path))
    assert "cycle_l1" not in found
    assert "frechet_back_random" not in found


def test_the_class_of_a_translation_is_judged_beside_what_real_and_untranslated_images_reach(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(classifier, "_STEPS", (40, 40))  # stripes are easy
    data, held_out = domains_of_classes(120), domains_of_classes(40)
    there, back = Repeat(channels=1, shift=-1.0), Repeat(channels=1, shift=1.0)
    report = report_of(there, data, held_out, tmp_path, back=back)
    found = values(report)
    assert found["label_accuracy_real"] == found["label_accuracy_back_real"] == 1
    assert found["label_accuracy"] == found["label_accuracy_back"] == 1
    assert {"label_accuracy_trivial", "label_accuracy_back_trivial"} <= set(found)
    assert "frechet_back_classifier" in found
    protocols = {result.name: result.protocol for result in report.results}
    assert protocols["label_accuracy_real"].n_fake == 0
    ways = [protocols[f"label_accuracy{way}"] for way in ("", "_back")]
    assert ways[0].version != ways[1].version
    wrong = Constant(torch.ones(1, 16, 16))
    assert values(report_of(wrong, data, held_out, tmp_path, back=back))["label_accuracy"] == 0.5


def domains_of_classes(count: int) -> Data:
    """Dark targets with a stripe at the top or at the bottom, and as bright inputs others."""
    labels = torch.arange(count) % 2
    targets = torch.zeros(count, 1, 16, 16, dtype=torch.uint8)
    targets[labels == 0, :, 2:6] = 127
    targets[labels == 1, :, 10:14] = 127
    inputs, of_inputs = targets.flip(0) + 127, labels.flip(0)
    space = space_with_inputs(targets, inputs)
    return Data(
        targets,
        space,
        labels,
        ("top", "bottom"),
        inputs=inputs,
        paired=False,
        input_labels=of_inputs,
    )


def test_the_trivial_answer_to_a_masked_input_is_filled_with_the_mean_of_targets(
    tmp_path: Path,
) -> None:
    images = paired_data(20, 16).examples
    degradation = Mask(share=0.25, place="center", fill=0)
    space = Space("images", (3, 16, 16), inputs=Space("images", (3, 16, 16)))
    data = Data(images, space, inputs=degradation)
    found = {r.name: r for r in report_of(Repeat(), data, None, tmp_path).results}
    assert found["l1_trivial"].protocol.parameters["answer"] == "mean filling"
    middle = data.rows(torch.arange(20))[:, :, 4:12, 4:12]
    mean = middle.float().mean(0, keepdim=True).round().to(torch.uint8).expand_as(middle)
    expected = float(fidelity.l1(mean, middle).mean()) / 4
    assert found["l1_trivial"].value == pytest.approx(expected)
