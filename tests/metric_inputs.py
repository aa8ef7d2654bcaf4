"""Inputs of metrics made by hand."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from gan_runner.data import Space
from gan_runner.evaluation.features.spaces import Identity
from gan_runner.evaluation.metrics.inputs import MetricInputs

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("fresh", "centers", "std", "class_counts", "labels", "category")),
    **{"neighbors": 5, "projections": 16, "seed": 0},
}


def inputs(real: Tensor, fake: Tensor, **more: Any) -> MetricInputs:
    """Vectors [N, D] and [M, D] as they are, and what more there is to compare."""
    given = {
        "space": Identity(Space("vectors", (real.shape[1],))),
        "real_features": real,
        "fake_features": fake,
        **NOTHING,
        **more,
    }
    return MetricInputs(real=real, fake=fake, **given)
