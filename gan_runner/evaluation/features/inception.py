"""Features of the InceptionV3 of 2015-12-05, in which the FID of papers is measured."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from gan_runner.datasets.readers.torchvision import torchvision
from gan_runner.errors import DataError, MachineError, printable
from gan_runner.evaluation.features.spaces import FeatureSpace

PUBLISHED = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
_INSTALL = 'pip install "gan-runner[metrics]"'


def inception(*, weights: Path, device: torch.device) -> FeatureSpace:
    """The space of torch-fidelity's InceptionV3: 2048 features, logits of 1008 classes.

    Heusel et al. 2017 (FID) measure in its last pooling layer, Salimans et al. 2016 (Inception
    Score) take its softmax. `weights` is the published file; with any other one the numbers are
    comparable only among themselves, and `facts["published"]` is False. Raises MachineError if
    the package or the file is missing, DataError if the file holds no such weights.
    """
    content = _content(weights)
    network = _network(_state(content, weights), weights)
    return Inception(network, hashlib.sha256(content).hexdigest(), device)


@final
class Inception(FeatureSpace):
    """Gray images are repeated to three channels; other than 1 or 3 channels are refused."""

    name = "inception"
    resizing = "bilinear 299x299 (TensorFlow 1.x)"
    batch_size = 32
    procedure: ClassVar[str] = "inception-1"

    def __init__(self, network: nn.Module, sha256: str, device: torch.device) -> None:
        self._network = network.to(device)
        super().__init__(
            version=hashlib.sha256(f"{self.procedure}|{sha256}".encode()).hexdigest()[:12],
            size=2048,
            device=device,
            facts={"recipe": self.procedure, "weights": sha256, "published": sha256 == PUBLISHED},
            logits=self._logits,
        )

    def _features(self, batch: Tensor) -> Tensor:
        # alpha isn't dropped: nobody sees what lies under transparent pixels
        if batch.dim() != 4 or batch.shape[1] not in (1, 3):
            raise DataError(
                f"Inception takes images of 1 or 3 channels, not examples of shape "
                f"{tuple(batch.shape[1:])}. Compare them in another feature space."
            )
        features: Tensor = self._network(batch.expand(-1, 3, -1, -1))[0]
        return features

    def _logits(self, features: Tensor) -> Tensor:
        # without the bias, as the Inception Score's own code has it
        return features @ self._network.get_parameter("fc.weight").T


def _content(weights: Path) -> bytes:
    """The bytes of the file, read once, so that what is hashed is what is used."""
    url = _module().URL_INCEPTION_V3
    where = f"evaluation.inception_weights={printable(weights)}"
    try:
        return weights.read_bytes()
    except FileNotFoundError:
        raise MachineError(
            f"missing the weights of InceptionV3, {where}. Put them there:\n"
            f"  curl --create-dirs -L -o '{printable(weights)}' {url}"
        ) from None
    except OSError as error:
        raise MachineError(
            f"can't read the weights of InceptionV3 ({error.strerror or error}), {where}."
        ) from None


def _module() -> Any:
    """torch-fidelity's module of the network. Raises MachineError without the package."""
    torchvision()  # torch-fidelity imports it, and some need its door
    try:
        from torch_fidelity import feature_extractor_inceptionv3
    except ImportError as error:
        raise MachineError(
            f"torch-fidelity is missing ({printable(error)}), feature space inception. {_INSTALL}"
        ) from None
    return feature_extractor_inceptionv3


def _state(content: bytes, weights: Path) -> dict[str, Tensor]:
    """Named tensors out of a pickle, whose programs are refused."""
    try:
        found = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        return {str(name): torch.as_tensor(tensor) for name, tensor in found.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise _damaged_error(weights, error) from None


def _network(state: dict[str, Tensor], weights: Path) -> nn.Module:
    """The network with these weights."""
    # torch-fidelity unpickles whatever it is given: it gets bytes of our own making
    ours = io.BytesIO()
    torch.save(state, ours)
    ours.seek(0)
    with torch.random.fork_rng(devices=[]):  # layers draw weights when they are made
        try:
            network: nn.Module = _module().FeatureExtractorInceptionV3("inception", ["2048"], ours)
        except RuntimeError as error:  # names or shapes differ
            raise _damaged_error(weights, error) from None
    return network


def _damaged_error(weights: Path, error: Exception) -> DataError:
    return DataError(
        f"not the weights of InceptionV3 ({printable(error)}), "
        f"evaluation.inception_weights={printable(weights)}. Delete the file and download it again."
    )
