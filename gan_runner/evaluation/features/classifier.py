"""Features of a small classifier, trained once for each labeled set of images."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from torch.optim.lr_scheduler import OneCycleLR

from gan_runner.data import Data, Space
from gan_runner.data.stored import ReadBatch, read_batches, read_whole
from gan_runner.evaluation.features.cache import CachedTensors, read_cached, write_cached
from gan_runner.evaluation.features.spaces import NetworkSpace, build_network
from gan_runner.storage.tensors import tensor_digest
from gan_runner.system import ranks
from gan_runner.system.eager_optimizers import Adam
from gan_runner.system.units import duration_text

PROCEDURE = "classifier-1"  # another number whenever anything below changes the weights
WIDTH = 128
_BATCH, _EPOCHS, _RATE = 64, 15, 4e-3
_STEPS = 300, 2400
_TIMED_STEPS, _ANNOUNCED_SECONDS = 20, 20.0
_MOST_KEPT_BYTES = 256 << 20  # of images on disk that are decoded once, not for each epoch
_LEAST_GAIN = 0.3
"""Of what the most frequent class leaves wrong, so much must be right at least."""


def classifier(
    data: Data, *, cache: Path, device: torch.device, say: Callable[[str], None]
) -> ClassifierFeatures:
    """The space of a classifier of this data set, from the cache or else trained now.

    Distances in the features of a network that was trained on the data follow what the classes
    differ in, where Inception's, trained on photographs, don't. Raises ValueError for data without
    labels or pixels.
    """
    if data.labels is None or data.space.kind != "images" or not data.tells_classes_apart:
        raise ValueError("a classifier needs labeled images, two or more of two classes or more")
    network = _untrained(data)
    facts = {"recipe": PROCEDURE, "data": data.digest}
    path = cache / "classifiers" / f"{tensor_digest('|'.join(facts.values()), {})[:16]}.safetensors"
    leads = ranks.rank() == 0
    found: CachedTensors = ranks.share(
        _trained(network, data, facts, path, device=device, say=say) if leads else None
    )
    network.load_state_dict(found.tensors)
    return ClassifierFeatures(network, data.space, found, device)


def saved_classifier(
    data: Data, tensors: Mapping[str, Tensor], *, device: torch.device
) -> ClassifierFeatures:
    """The space of a classifier of this data set with these weights. Raises RuntimeError for those
    of another network."""
    network = _untrained(data)
    network.load_state_dict(tensors)
    return ClassifierFeatures(network, data.space, CachedTensors(dict(tensors), {}), device)


def _untrained(data: Data) -> Classifier:
    assert data.labels is not None, "a classifier has labels to learn"
    classes = int(data.labels.max()) + 1
    return build_network(lambda: Classifier(data.space.shape, classes), seed=0)


def _trained(
    network: Classifier,
    data: Data,
    facts: dict[str, Any],
    path: Path,
    *,
    device: torch.device,
    say: Callable[[str], None],
) -> CachedTensors:
    """The weights at `path`, which are trained and written there where they aren't yet."""
    found = read_cached(path, facts, like=network.state_dict())
    if found is None:
        trained = _train(network, data, facts, device=device, say=say)
        # another process may have been faster: all use the weights that are on disk
        found = read_cached(path, facts, like=trained.tensors)
        if found is None:
            found = trained
            write_cached(path, found, say=say)
    return found


def classifier_warning(facts: Mapping[str, Any], class_counts: Tensor) -> str | None:
    """One line where a classifier, by its `facts`, is hardly better than to name the most frequent
    of classes [K], as far as the unseen images can tell; else None."""
    accuracy, unseen = float(facts["accuracy"]), int(facts["held_out"])
    most = float(class_counts.max() / class_counts.sum())
    chance = 2 * math.sqrt(most * (1 - most) / unseen)
    if accuracy >= most + max(_LEAST_GAIN * (1 - most), chance):
        return None
    return (
        f"the classifier is right for {accuracy:.2%} of {unseen} unseen images, the most frequent "
        f"class alone would be {most:.2%}: numbers in its space say little. "
        "Use evaluation.space=random or evaluation.space=inception"
    )


@final
class Classifier(nn.Module):
    """Convolutions that halve images to at most 4 px, a hidden layer, a linear one."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        channels, *sides = shape
        halvings = max(1, math.ceil(math.log2(max(sides) / 4)))
        # the smallest images pass the first layer in full
        strides = [1] * (max(sides) <= 16) + [2] * halvings
        layers: list[nn.Module] = []
        for left, stride in zip(reversed(range(len(strides))), strides, strict=True):
            width = max(16, min(64, 128 >> left))
            layers += _layer(channels, width, kernel=3 if layers else 5, stride=stride)
            channels = width
        maps = channels * math.prod(math.ceil(side / 2**halvings) for side in sides)
        hidden = [nn.Flatten(), nn.Linear(maps, WIDTH, bias=False), nn.BatchNorm1d(WIDTH)]
        self.features = nn.Sequential(*layers, *hidden, nn.ReLU())
        self.logits = nn.Linear(WIDTH, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Encoded images [N, C, H, W] -> logits [N, K]."""
        logits: Tensor = self.logits(self.features(images))
        return logits


def _layer(channels: int, width: int, *, kernel: int, stride: int) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.ReLU()]


@final
class ClassifierFeatures(NetworkSpace):
    """The activations before the last layer of a trained classifier."""

    name = "classifier"

    def __init__(
        self, network: Classifier, space: Space, trained: CachedTensors, device: torch.device
    ) -> None:
        version = tensor_digest(PROCEDURE, network.state_dict())[:12]
        super().__init__(
            network,
            space,
            version=version,
            size=WIDTH,
            device=device,
            facts=trained.facts,
            logits=network.logits,
        )
        self._body = network.features

    def of_encoded(self, examples: Tensor) -> Tensor:
        features: Tensor = self._body(examples)
        return features


def _train(
    network: Classifier,
    data: Data,
    facts: dict[str, Any],
    *,
    device: torch.device,
    say: Callable[[str], None],
) -> CachedTensors:
    """Weights that fit all but a held-out sixth, and how many of that sixth they get right."""
    say(f"training the classifier for this data set, once, on {device} ...")
    started = time.perf_counter()
    rng = torch.Generator().manual_seed(0)
    shuffled = torch.randperm(len(data), generator=rng)
    split = len(data) - held_out_size(len(data))
    steps = min(max(_EPOCHS * split // _BATCH, _STEPS[0]), _STEPS[1])
    if steps * _BATCH > len(data):
        data = replace(data, examples=read_whole(data.examples, most_bytes=_MOST_KEPT_BYTES))
    training = _Training(network.to(device), data, device, rng)
    # a caller that only evaluates may have switched gradients off
    with torch.enable_grad():
        training.fit(shuffled[:split], steps, say=say)
    accuracy = training.accuracy(shuffled[split:])
    seconds = time.perf_counter() - started
    say(f"trained in {seconds:.0f} s, {accuracy:.2%} of {len(data) - split} unseen images right")
    measured = {**facts, "accuracy": accuracy, "held_out": len(data) - split}
    return CachedTensors({k: v.cpu() for k, v in network.state_dict().items()}, measured)


def _announce(seconds: float, *, say: Callable[[str], None]) -> None:
    """Say how long it takes, where somebody would wonder, and what takes no time."""
    if seconds >= _ANNOUNCED_SECONDS:
        say(
            f"this takes about {duration_text(seconds)} more. To evaluate without a classifier: "
            "evaluation.space=random"
        )


def held_out_size(count: int) -> int:
    """A sixth, at least 300 if that leaves twice as many to train on, at most 10,000."""
    return min(max(count // 6, min(300, count // 3), 1), 10_000)


class _Training(NamedTuple):
    """A network, the data that it is trained on, and the stream of its batches and shifts."""

    network: Classifier
    data: Data
    device: torch.device
    rng: torch.Generator

    def fit(self, indices: Tensor, steps: int, *, say: Callable[[str], None]) -> None:
        """Adam with one cycle of the learning rate, over images shifted by a pixel or two."""
        optimizer = Adam(self.network.parameters(), lr=_RATE)
        schedule = OneCycleLR(optimizer, max_lr=_RATE, total_steps=steps)
        self.network.train()
        started = time.perf_counter()
        batches = read_batches(self.data.examples, self._order(indices, steps))
        for step, batch in enumerate(batches):
            if step == _TIMED_STEPS:
                _announce((time.perf_counter() - started) / step * (steps - step), say=say)
            images, labels = self._encoded(batch)
            loss = cross_entropy(self.network(self._shift(images)), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

    def accuracy(self, indices: Tensor) -> float:
        """The share of these images that the network classifies right."""
        self.network.eval()
        right = 0
        with torch.no_grad():
            for batch in read_batches(self.data.examples, indices.split(2 * _BATCH)):
                images, labels = self._encoded(batch)
                right += int((self.network(images).argmax(1) == labels).sum())
        return right / len(indices)

    def _order(self, indices: Tensor, steps: int) -> Tensor:
        """Indices [steps, batch size], each once an epoch."""
        epochs = -(-steps * _BATCH // len(indices))
        orders = [torch.randperm(len(indices), generator=self.rng) for _ in range(epochs)]
        return indices[torch.cat(orders)[: steps * _BATCH]].view(steps, _BATCH)

    def _encoded(self, batch: ReadBatch) -> tuple[Tensor, Tensor]:
        """Encoded images [N, C, H, W] and labels [N] on the device."""
        assert self.data.labels is not None
        images = batch.examples.to(self.device)
        labels = self.data.labels.index_select(0, batch.indices.to(self.data.labels.device))
        return self.data.space.encode(images), labels.to(self.device)

    def _shift(self, images: Tensor) -> Tensor:
        """A batch shifted as one by up to 2 px, 1 px below 32 px; edges go on."""
        height, width = images.shape[2:]
        reach = 1 if max(height, width) < 32 else 2
        down, right = torch.randint(2 * reach + 1, (2,), generator=self.rng).tolist()
        padded = pad(images, (reach,) * 4, mode="replicate")
        return padded[:, :, down : down + height, right : right + width]
