"""The networks of PyTorch-GAN's dcgan.py, as a plugin: upsampling and convolutions, 32x32."""

from __future__ import annotations

from torch import nn

import gan_runner


class UpsamplingConv(gan_runner.Model):
    """E. Linder-Noren, PyTorch-GAN, implementations/dcgan: sides a multiple of 16."""

    latent_size: int = 100

    def check(self, space: gan_runner.Space) -> None:
        if space.kind != "images" or any(side % 16 for side in space.shape[1:]):
            raise gan_runner.ConfigError(
                "upsampling_conv makes images with sides of a multiple of 16."
            )

    def plain_generator(self, latent_size: int, shape: tuple[int, ...]) -> nn.Sequential:
        channels, height, width = shape
        base = (128, height // 4, width // 4)
        return nn.Sequential(
            nn.Linear(latent_size, base[0] * base[1] * base[2]),
            nn.Unflatten(1, base),
            nn.BatchNorm2d(128),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.BatchNorm2d(128, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(128, 64, 3, padding=1),
            nn.BatchNorm2d(64, 0.8),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(64, channels, 3, padding=1),
            nn.Tanh(),
        )

    def plain_discriminator(self, shape: tuple[int, ...]) -> nn.Sequential:
        channels, height, width = shape
        layers: list[nn.Module] = []
        for before, after in ((channels, 16), (16, 32), (32, 64), (64, 128)):
            layers += [
                nn.Conv2d(before, after, 3, 2, 1),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Dropout2d(0.25),
            ]
            if before != channels:
                layers.append(nn.BatchNorm2d(after, 0.8))
        sides = (height // 16) * (width // 16)
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * sides, 1), nn.Flatten(0))
