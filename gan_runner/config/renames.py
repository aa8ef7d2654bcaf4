"""Settings and classes that had another name before, each answered with its new one.

CHANGELOG lists them.
"""

from __future__ import annotations

RENAMED = {
    "train.average": "train.ema",
    "train.average_ramp": "train.ema_warmup",
    "model.gamma": "method.gamma",
    "model.scale": "method.scale",
    "augment.ada.colours": "augment.ada.colors",
    "augment.diffaugment.colour": "augment.diffaugment.color",
    "evaluation.neighbours": "evaluation.neighbors",
    "health.samples.neighbours": "health.samples.neighbors",
    "health.memorisation.ratio": "health.memorization.ratio",
    "health.action.memorisation": "health.action.memorization",
}

RENAMED_CLASSES = {"SlopePower": "GradientNormPower", "VAE": "DenseVAE", "VAEGAN": "ConvVAEGAN"}
"""By the `name` of a node, where its family has no class of the old name: VAE is a method, too."""


def new_name(key: str) -> str:
    """The remedy for a setting by its old name; empty for any other."""
    return f"Did you mean '{RENAMED[key]}'?" if key in RENAMED else ""
