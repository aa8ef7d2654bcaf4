"""The spaces in which real and generated examples are compared: one interface, and three of them.

The others have files of their own: classifier.py, stacked.py and inception.py.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, final

import torch
from torch import Tensor, nn

from gan_runner.data import Examples, Space
from gan_runner.data.stored import read_chunks
from gan_runner.storage.tensors import tensor_digest

Network = TypeVar("Network", bound=nn.Module)


class FeatureSpace(ABC):
    """Maps examples as stored (uint8 [N, C, H, W] or float32 [N, D]) to features.

    `version`: 12 hex digits that change with whatever the features depend on.
    `size`: how many numbers describe one example.
    `resizing`: how images are resized on their way in.
    `is_cached`: whether features cost more to compute than to read from the disk.
    `facts`: plain data that go into the protocol of what is measured here. Their key of the
    procedure is `recipe`, as in the protocols of earlier numbers, which stay comparable so.
    `logits`: features [N, size] -> logits [N, K], where the space belongs to a classifier.
    """

    name: ClassVar[str]
    resizing: ClassVar[str] = "none"
    batch_size: ClassVar[int] = 256
    is_cached: ClassVar[bool] = True

    def __init__(
        self,
        *,
        version: str,
        size: int,
        device: torch.device,
        facts: Mapping[str, Any],
        logits: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        self.version = version
        self.size = size
        self.device = device
        self.facts = dict(facts)
        self.logits = logits

    @final
    def features(self, examples: Examples) -> Tensor:
        """float32 [N, size] on the space's device, without gradients."""
        with torch.no_grad():
            batches = read_chunks(examples, self.batch_size)
            return torch.cat([self._features(batch.to(self.device)) for batch in batches])

    @final
    def probabilities_of(self, features: Tensor) -> Tensor | None:
        """p(y|x) by features [N, size], float32 [N, K], where the space belongs to a classifier,
        else None."""
        if self.logits is None:
            return None
        with torch.no_grad():
            return self.logits(features.to(self.device)).softmax(1)

    @abstractmethod
    def _features(self, batch: Tensor) -> Tensor:
        """Features of one batch, which is on the device."""


class NetworkSpace(FeatureSpace):
    """The space of a network that is never trained again, through which examples can be
    differentiated.

    `network` has all its weights, frozen and in evaluation mode.
    """

    def __init__(
        self,
        network: nn.Module,
        space: Space,
        *,
        version: str,
        size: int,
        device: torch.device,
        facts: Mapping[str, Any],
        logits: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        super().__init__(version=version, size=size, device=device, facts=facts, logits=logits)
        self.network = network.eval().requires_grad_(False).to(device)
        self._space = space

    @abstractmethod
    def of_encoded(self, examples: Tensor) -> Tensor:
        """Features [N, size] of encoded examples [N, *shape] on the device, with gradients."""

    @final
    def _features(self, batch: Tensor) -> Tensor:
        return self.of_encoded(self._space.encode(batch))


@final
class Identity(FeatureSpace):
    """Vectors as they are, in the data's own units (less their origin), on the CPU."""

    name = "identity"
    is_cached = False

    def __init__(self, space: Space) -> None:
        version = tensor_digest(f"identity-1|{space.shape}", {})[:12]
        size = math.prod(space.shape)
        super().__init__(version=version, size=size, device=torch.device("cpu"), facts={})

    def _features(self, batch: Tensor) -> Tensor:
        return batch.to(torch.float32).flatten(1)


@final
class Scaled(FeatureSpace):
    """Vectors as the networks get them, so that no column outweighs the others by its unit."""

    name = "scaled"
    is_cached = False

    def __init__(self, space: Space) -> None:
        self._space = space
        version = tensor_digest(f"scaled-1|{space}", {})[:12]
        size = math.prod(space.shape)
        super().__init__(version=version, size=size, device=torch.device("cpu"), facts={})

    def _features(self, batch: Tensor) -> Tensor:
        return self._space.standardize(batch).flatten(1)


@final
class RandomNetwork(NetworkSpace):
    """Features for images without labels, from a network that was never trained: strided
    convolutions down to maps of 4 x 4, then a random projection to 64 numbers.

    Distances between sets stay meaningful in such an embedding, and it favors no kind of image:
    Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models", who take a
    VGG16 with random weights. This is a smaller network, so the numbers aren't comparable to
    theirs.
    """

    name = "random"
    procedure: ClassVar[str] = "random-1"

    def __init__(self, space: Space, *, device: torch.device) -> None:
        network = build_network(lambda: _build_strided(space.shape, size=64), seed=0)
        version = tensor_digest(self.procedure, network.state_dict())[:12]
        facts = {"recipe": self.procedure}
        super().__init__(network, space, version=version, size=64, device=device, facts=facts)

    def of_encoded(self, examples: Tensor) -> Tensor:
        features: Tensor = self.network(examples)
        return features


def _build_strided(shape: tuple[int, ...], *, size: int) -> nn.Module:
    """Halve images [N, *shape] until they are at most 4 px, then project them to [N, size]."""
    channels, *sides = shape
    halvings = max(0, math.ceil(math.log2(max(sides) / 4)))
    widths = [max(16, 128 >> left) for left in range(halvings, -1, -1)]
    layers: list[nn.Module] = []
    for index, width in enumerate(widths):
        stride = 1 if index == 0 else 2
        layers += [nn.Conv2d(channels, width, 3, stride=stride, padding=1), nn.ReLU()]
        channels = width
    pooled = [nn.AdaptiveAvgPool2d(4), nn.Flatten()]
    return nn.Sequential(*layers, *pooled, nn.Linear(channels * 16, size))


def build_network(build: Callable[[], Network], *, seed: int) -> Network:
    """A network with weights that are the same on every machine: uniform, He et al. 2015, eq. 10.

    Biases are 0. The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        network = build()  # layers draw weights of their own when they are made
    rng = torch.Generator().manual_seed(seed)
    for parameter in network.parameters():
        if parameter.dim() > 1:
            fan_in = parameter[0].numel()
            # uniform, whose bits no vectorized logarithm or cosine rounds differently
            uniform = torch.rand(parameter.shape, generator=rng) * 2 - 1
            parameter.data.copy_(uniform * math.sqrt(6 / fan_in))
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            parameter.data.zero_()
    return network
