"""The contrast of patches of an output with those of its input."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy


def patch_nce(outputs: Tensor, inputs: Tensor, *, temperature: float) -> Tensor:
    """The PatchNCE loss of each image, [N]: the mean cross-entropy of finding, among the patches of
    the input, the one at the same place. Park et al. 2020, arXiv:2007.15651, eq. 3.

    Both are vectors of length 1 of the same S patches, [N, S, D].
    """
    logits = outputs @ inputs.transpose(1, 2) / temperature
    count = logits.shape[1]
    places = torch.arange(count, device=logits.device).expand(len(logits), count)
    return cross_entropy(logits.transpose(1, 2), places, reduction="none").mean(1)
