"""Outputs of a trained generator for inputs: what every picture, metric and file is made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor, nn

from gan_runner.data import Space
from gan_runner.data.shapes import check_shape
from gan_runner.errors import ConfigError, NumbersError
from gan_runner.models.autoencoder import Decoder, as_decoder
from gan_runner.models.codes import Code
from gan_runner.objectives.elbo import VariationalObjective
from gan_runner.sampling.evaluating import evaluating
from gan_runner.sampling.latents import LatentStream, draw_labels
from gan_runner.sampling.translation import Translation

Weights = Literal["ema", "raw"]
"""Whether the weights sampled are the generator's EMA, or its own."""

CHUNK = 64
"""Latent points in a forward pass, always: products of matrices round otherwise in other sizes, and
an example must not depend on how many are made with it."""

_DECODED_AT_ONCE = 1 << 20  # numbers
_DECODED_OF_TABLE = 1 << 24  # each column takes its time, however few rows there are


@dataclass(frozen=True)
class Sampler:
    """A generator joined with what its inputs and outputs mean.

    `class_names`: the classes that it is conditioned on, none if it isn't conditional, and
    `class_counts`: how many training examples each has, none where that isn't known. The last
    dimensions of its `latent_dims` are those of `code`, where it has latent codes. `weights` says
    whether they are the EMA. An autoencoder has an `encoder` and the `elbo` that it
    was trained by, if that is of examples themselves. A translator has no latent points but a
    `translation` of inputs.

    Sampling never disturbs training: random streams are the sampler's own, networks are evaluated
    in evaluation mode and left as they were.
    """

    generator: nn.Module
    space: Space
    latent_dims: int
    class_names: tuple[str, ...] = ()
    code: Code | None = None
    encoder: nn.Module | None = None
    elbo: VariationalObjective | None = None
    weights: Weights = "raw"
    class_counts: tuple[int, ...] = ()
    translation: Translation | None = None

    @property
    def classes(self) -> int:
        """The number of classes that it is conditioned on; 0 if it isn't conditional."""
        return len(self.class_names)

    @property
    def device(self) -> torch.device:
        return next(self.generator.parameters()).device

    @property
    def decoder(self) -> Decoder:
        """The generator of an autoencoder by its type."""
        return as_decoder(self.generator)

    def sample(
        self,
        count: int,
        *,
        labels: int | Sequence[int] | Tensor | None = None,
        seed: int,
        truncation: float | None = None,
    ) -> Tensor:
        """`count` examples as stored, [count, *shape] on the CPU; the first of a seed are the same
        however many there are.

        `labels`: one for all, or one for each; without them a conditional generator goes through
        its classes in turn. Of a table with a conditional vector they are places in it. Raises
        NumbersError for a sample that is NaN or Inf.
        """
        return self.decode(self.latents(count, seed=seed, truncation=truncation), labels)

    def latents(self, count: int, *, seed: int, truncation: float | None = None) -> Tensor:
        """Latent points [count, latent_dims] on the CPU, the same for the same seed.

        Raises ConfigError for a translator, which has none.
        """
        return self.latent_stream(seed=seed, truncation=truncation).take(count)

    def latent_stream(self, *, seed: int, truncation: float | None = None) -> LatentStream:
        """The same points of a seed part by part. Raises ConfigError as `latents`."""
        if self.translation is not None:
            raise ConfigError(
                "this run translates images and has no latent points to sample. "
                "Use gan-translate RUN INPUT --out FOLDER, in Python translate(images)"
            )
        return LatentStream(self.latent_dims, seed=seed, truncation=truncation)

    def decode(self, latents: Tensor, labels: int | Sequence[int] | Tensor | None = None) -> Tensor:
        """The examples of latent points [N, latent_dims], as stored: [N, *shape] on the CPU.

        Raises NumbersError for a sample that is NaN or Inf, PluginError for one of another shape.
        """
        chosen = self.label_each(len(latents), labels)
        # small examples are decoded many at a time
        most = _DECODED_AT_ONCE if self.space.columns is None else _DECODED_OF_TABLE
        at_once = CHUNK * max(1, most // (CHUNK * prod(self.space.network_shape)))
        decoded = []
        with torch.no_grad(), evaluating(self.generator):
            for begin in range(0, len(latents), at_once):
                part = slice(begin, begin + at_once)
                outputs = self._outputs(latents[part], None if chosen is None else chosen[part])
                examples = self.space.decode(outputs)
                # before decoding, which makes a pixel of anything, and after it: it may overflow
                if not bool(outputs.isfinite().all() and examples.isfinite().all()):
                    raise NumbersError(
                        "a sample is NaN or Inf: the training has diverged. Take an earlier "
                        "checkpoint, or train with lower learning rates."
                    )
                decoded.append(examples.cpu())
        return torch.cat(decoded) if decoded else torch.empty(0, *self.space.shape)

    def _outputs(self, latents: Tensor, labels: Tensor | None) -> Tensor:
        """What the generator makes of latent points, a chunk at a time."""
        chunks = []
        for begin in range(0, len(latents), CHUNK):
            part = slice(begin, begin + CHUNK)
            of = None if labels is None else _fill_chunk(labels[part]).to(self.device)
            outputs = self.generator(_fill_chunk(latents[part]).to(self.device), of)
            shape = (CHUNK, *self.space.network_shape)
            check_shape(outputs, shape, source="the generator", meaning="an example each")
            chunks.append(outputs[: len(latents[part])])
        return torch.cat(chunks)

    def label_each(
        self, count: int, labels: int | Sequence[int] | Tensor | None = None
    ) -> Tensor | None:
        """A label for each of `count` examples, int64 [count]; None if it isn't conditional."""
        if labels is None:
            return torch.arange(count) % self.classes if self.classes else None
        chosen = torch.as_tensor(labels)
        return chosen.expand(count) if chosen.ndim == 0 else chosen

    def draw_labels(self, count: int, *, seed: int) -> Tensor | None:
        """Labels int64 [count] by the shares of the training data, in turn where these aren't
        known; None if it isn't conditional."""
        if not self.class_counts:
            return self.label_each(count)
        return draw_labels(count, self.class_counts, seed=seed)

    def find_class(self, name: str) -> int | None:
        """The label of a class by its name, or by its place where names aren't numbers themselves,
        for which a place could be mistaken; None if there is no such class."""
        if name in self.class_names:
            return self.class_names.index(name)
        numbered = all(is_whole_number(other) for other in self.class_names)
        if name.isdecimal() and int(name) < self.classes and not numbered:
            return int(name)
        return None

    def code_values(self, latents: Tensor) -> list[Tensor]:
        """The latent codes of points [N, latent_dims], each [N]; none without codes."""
        return [] if self.code is None else self.code.values(latents[:, -self.code.size :])

    def reconstruct(self, examples: Tensor) -> Tensor:
        """Examples as stored, decoded from the means of their posteriors; on the CPU."""
        assert self.encoder is not None, "an autoencoder has an encoder"
        with torch.no_grad(), evaluating(self.encoder), evaluating(self.generator):
            mean, _ = self.encoder(self.space.encode(examples.to(self.device)))
            return self.space.decode(self.generator(mean)).cpu()


def _fill_chunk(part: Tensor) -> Tensor:
    """[N, ...] and its last row again and again, up to a whole chunk."""
    missing = CHUNK - len(part)
    return torch.cat((part, part[-1:].repeat_interleave(missing, dim=0))) if missing else part


def is_whole_number(text: str) -> bool:
    """Whether a name is a whole number, as those of digits are."""
    return text.removeprefix("-").isdecimal()
