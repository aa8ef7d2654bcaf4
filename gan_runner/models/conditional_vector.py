"""The conditional vector of a table: networks that are given one category of one column.

Xu et al. 2019, arXiv:1907.00503, section 4.3. There a loss teaches G to make the category that it
is given; here its rows have it by construction. Asked for none, G draws one as often as the data
have it, by a coordinate of the latent point, so that a row follows from its latent point alone.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_runner.data.columns import Columns
from gan_runner.models.conditioning import LabelConcatDiscriminator, LabelConcatGenerator, OneHot
from gan_runner.models.labels import ClassConditional


class VectorGenerator(ClassConditional):
    """Gives a generator a category of the conditional vector, which its rows then have."""

    borders: Tensor  # of the places of the vector in [0, 1], as long as the categories are frequent
    given: Tensor  # [K, E]: what each category makes of an encoded row
    fixed: Tensor  # [K, E]: which numbers of the row it says

    def __init__(self, network: ClassConditional, columns: Columns) -> None:
        super().__init__()
        self.network = network
        vector = columns.conditional_vector
        shares = torch.tensor([column.shares[k] for column, k in vector], dtype=torch.float64)
        borders = (shares.cumsum(0) / shares.sum()).float()[:-1]
        given = torch.zeros(len(vector), columns.encoded_width)
        fixed = torch.zeros(len(vector), columns.encoded_width, dtype=torch.bool)
        begins = columns.encoded_begins
        for place, (column, k) in enumerate(vector):
            begin = begins[column.name]
            given[place, begin + k] = 1
            fixed[place, begin : begin + column.width] = True
        for name, tensor in (("borders", borders), ("given", given), ("fixed", fixed)):
            self.register_buffer(name, tensor, persistent=False)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """Latents [N, L], and places in the conditional vector [N] or None -> rows [N, E]."""
        places = self._draw(latents[:, -1]) if labels is None else labels
        rows = self.network(latents[:, :-1], places)
        return torch.where(self.fixed[places], self.given[places], rows)

    def _draw(self, normal: Tensor) -> Tensor:
        """The place that each of these normal numbers [N] falls on."""
        uniform = torch.special.ndtr(normal)
        places: Tensor = (uniform[:, None] > self.borders).sum(1)
        return places


def build_with_vector(
    generator: Callable[[int], ClassConditional],
    discriminator: Callable[[tuple[int, ...]], nn.Sequential],
    latent_size: int,
    columns: Columns,
) -> tuple[ClassConditional, LabelConcatDiscriminator]:
    """Fresh networks of rows, both given the conditional vector: as `build_conditional`, of latent
    points of which a coordinate draws the category where none is given."""
    size, width = len(columns.conditional_vector), columns.encoded_width
    network = LabelConcatGenerator(generator(latent_size - 1 + size), OneHot(size))
    return (
        VectorGenerator(network, columns),
        LabelConcatDiscriminator(discriminator((width + size,)), OneHot(size)),
    )
