"""Variational autoencoders of fully connected layers. Kingma & Welling 2014, arXiv:1312.6114."""

from __future__ import annotations

from torch import nn

from gan_runner.data import Space
from gan_runner.models.autoencoder import Autoencoder
from gan_runner.models.mlp import Perceptron, refuse_norms_of_maps


class DenseVAE(Autoencoder):
    """Fully connected, for vectors, sequences and images, which are flattened inside."""

    generator: Perceptron
    encoder: Perceptron

    def check(self, space: Space) -> None:
        refuse_norms_of_maps(self, option="vae")

    def plain_decoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return self.generator.build_decoder(self.latent_size, shape, bounded=False)

    def plain_encoder(self, shape: tuple[int, ...]) -> nn.Sequential:
        return self.encoder.build_encoder(shape, 2 * self.latent_size)

    def adversary(self, shape: tuple[int, ...]) -> dict[str, nn.Module]:
        return {}
