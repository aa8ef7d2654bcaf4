"""The heads in whose outputs patches are compared: Park et al. 2020, arXiv:2007.15651."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import normalize

_LEAST_NORM = 1e-4  # of what is divided by its norm: of smaller ones the gradient would explode


class PatchHeads(nn.Module):
    """A network of two layers for each of several layers of an encoder: features of patches
    [N, S, channels] -> vectors [N, S, width] of length 1.

    Weights are torch's own, with biases: without any, a gray pixel of 0 would have no direction.
    """

    def __init__(self, channels: Sequence[int], *, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(of, width), nn.ReLU(), nn.Linear(width, width))
            for of in channels
        )

    def forward(self, patches: Sequence[Tensor]) -> list[Tensor]:
        """Of each layer, in their order."""
        return [
            normalize(head(of).float(), dim=-1, eps=_LEAST_NORM)
            for head, of in zip(self.heads, patches, strict=True)
        ]
