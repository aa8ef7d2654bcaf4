"""What to doubt of the likelihood of examples under an autoencoder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

_SEARCHED = 1000  # examples whose values are compared
_SHARE = 0.5  # of the values of a dimension: where fewer are different, they aren't continuous


def likelihood_warning(real: Tensor, parameters: Mapping[str, Any]) -> str | None:
    """One line where the examples [N, *shape], as stored, aren't of the kind that the likelihood is
    of; None otherwise, or for a likelihood of a plugin."""
    kind = parameters.get("likelihood")
    if kind == "bernoulli" and _has_grays(real):
        return (
            "loss.likelihood=bernoulli is a cross-entropy of pixels between black and white, and "
            "no likelihood of them (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845): compare "
            "elbo and log_likelihood only among runs with the same data and this setting."
        )
    if kind == "gaussian" and _are_discrete(real):
        return (
            "loss.likelihood=gaussian is a density, and the values of this data are discrete, to "
            "which no noise was added (Theis et al. 2016, arXiv:1511.01844, section 3.1): compare "
            "elbo and log_likelihood only at the same loss.scale, as a small one raises them."
        )
    return None


def _has_grays(pixels: Tensor) -> bool:
    return bool(((pixels > 0) & (pixels < 255)).any())


def _are_discrete(examples: Tensor) -> bool:
    """Whether values come again in a dimension, as those of 8 bits or with few decimals do."""
    if examples.dtype == torch.uint8:
        return True
    values = examples[:_SEARCHED].flatten(1).sort(0).values
    different = 1 + (values[1:] != values[:-1]).sum(0)
    return bool((different < _SHARE * len(values)).any())
