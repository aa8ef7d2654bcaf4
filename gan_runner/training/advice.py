"""What a new run proposes before its first step: settings that suit its data better."""

from __future__ import annotations

from gan_runner.data import Data
from gan_runner.datasets import Array, ImageFolder
from gan_runner.training.experiment import Experiment

FEW_IMAGES = 5000
"""With fewer, D overfits soon enough to spoil G (Karras et al. 2020, arXiv:2006.06676)."""


def advice(experiment: Experiment, data: Data) -> str | None:
    """A sentence with the setting to add, or None: on images of one's own that are so few that D
    learns them by heart, and that nothing augments."""
    is_own = isinstance(experiment.dataset, ImageFolder | Array) and data.space.kind == "images"
    can_augment = experiment.method.augments and not experiment.config.augment
    if not is_own or not can_augment or len(data) >= FEW_IMAGES:
        return None
    return f"D soon knows {len(data):,} images by heart. Augment what it sees: augment=ada"
