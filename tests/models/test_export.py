"""Generators can be exported, in evaluation mode, with a free batch dimension."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.data import Column, Columns, Space
from gan_runner.training.build import build
from gan_runner.training.state import frozen_copy

CLASSES = 3
IMAGES = Space("images", (1, 8, 8))
VECTORS = Space("vectors", (2,), (0.0,) * 2, (1.0,) * 2)
SEQUENCES = Space("sequences", (4, 2), (0.0,) * 2, (1.0,) * 2)
COLUMNS = Columns((Column("age"), Column("color", ("red", "green"))), 0.7, True)
TABLE = Space("table", (3,), (0.0,) * 3, (1.0,) * 3, COLUMNS)

NARROW = ("model.generator.width=8", "model.latent_size=8")
R3GAN = ("model=r3gan", "model.generator.widths=[8]", "model.generator.cardinality=[2]")
CODES = ("model.code.categorical=[3]", "model.code.continuous=1")
RNN = ("dataset=sines", "model=rnn", "model.latent_size=8", "model.generator.hidden=8")

CASES: dict[str, tuple[Space, tuple[str, ...]]] = {
    "dcgan_projection": (IMAGES, ("model=dcgan", "model.conditioning=projection", *NARROW)),
    "dcgan_codes": (IMAGES, ("model=dcgan", *CODES, *NARROW)),
    "simple_conv_concat": (IMAGES, ("model=simple_conv", "model.conditioning=concat", *NARROW)),
    "infogan_embedding": (IMAGES, ("model=infogan", "model.conditioning=embedding", *NARROW)),
    "resnet_projection": (*(IMAGES, ("model=resnet", "model.conditioning=projection", *NARROW)),),
    "resnet_attention": (IMAGES, ("model=resnet", "model.generator.attention=8", *NARROW)),
    "r3gan_auxiliary": (IMAGES, (*R3GAN, "model.conditioning=auxiliary")),
    "mlp_spectral": (VECTORS, ("model=mlp", "model.generator.norm=spectral")),
    "mlp_table_projection": (
        *(TABLE, ("model=mlp", "model.generator.norm=layer", "model.conditioning=projection")),
    ),
    "rnn": (SEQUENCES, (*RNN, "model.generator.latent=per_step")),
    "rnn_gru_concat": (
        *(SEQUENCES, (*RNN, "model.generator.cell=gru", "model.conditioning=concat")),
    ),
    "vae": (VECTORS, ("model=vae", "loss.likelihood=gaussian")),
    "conv_vae": (IMAGES, ("model=conv_vae",)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_exported_generator_gives_the_numbers_of_eager_for_every_batch(case: str) -> None:
    space, overrides = CASES[case]
    model = build(parse_config(compose(list(overrides)))).model
    torch.manual_seed(0)
    generator = frozen_copy(model.parts(space, CLASSES)["generator"])  # as a saved one is
    exported = export(generator, inputs(4, model.latent_dims, conditional=model.conditional))
    for size in 1, 7, 64:
        given = inputs(size, model.latent_dims, conditional=model.conditional)
        with torch.no_grad():
            torch.testing.assert_close(
                exported(*given), generator(*given), atol=1e-6, rtol=1e-6, msg=f"batch {size}"
            )


class Exported(nn.Module):
    """Around a generator: the names `code` and `graph` are an exported module's own."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        examples: Tensor = self.generator(latents, labels)
        return examples


def export(generator: nn.Module, example: tuple[Tensor, Tensor | None]) -> nn.Module:
    batch = torch.export.Dim("batch", min=1)
    shapes = {
        name: None if given is None else {0: batch}
        for name, given in zip(("latents", "labels"), example, strict=True)
    }
    return torch.export.export(Exported(generator), example, dynamic_shapes=shapes).module()


def inputs(size: int, dims: int, *, conditional: bool) -> tuple[Tensor, Tensor | None]:
    latents = torch.randn(size, dims, generator=torch.Generator().manual_seed(size))
    return latents, torch.arange(size) % CLASSES if conditional else None
