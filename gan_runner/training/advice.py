"""What a new run proposes before its first step: settings that suit its data better."""

from __future__ import annotations

from gan_runner.data import Data
from gan_runner.datasets import Array, ImageFolder, Table
from gan_runner.errors import printable
from gan_runner.models import Model
from gan_runner.training.experiment import Experiment

FEW_IMAGES = 5000
"""With fewer, D overfits soon enough to spoil G (Karras et al. 2020, arXiv:2006.06676)."""


def advice(experiment: Experiment, data: Data) -> str | None:
    """A sentence with the settings to add, or None."""
    if isinstance(experiment.dataset, ImageFolder | Array) and data.space.kind == "images":
        return _augmentation(experiment, data)
    if isinstance(experiment.dataset, Table):
        return _conditioning(experiment, data)
    return None


def _augmentation(experiment: Experiment, data: Data) -> str | None:
    """On images of one's own that are so few that D learns them by heart, and that nothing
    augments."""
    can_augment = experiment.method.augments and not experiment.config.augment
    if not can_augment or len(data) >= FEW_IMAGES:
        return None
    return f"D soon knows {len(data):,} images by heart. Augment what it sees: augment=ada"


def _conditioning(experiment: Experiment, data: Data) -> str | None:
    """On a table with classes that are one more column for G, which nothing makes it learn beside
    all others: docs/tables.md has what was measured."""
    columns = data.space.columns
    label = None if columns is None else columns.label
    is_plain = isinstance(experiment.model, Model) and not experiment.model.conditional
    if label is None or not is_plain or data.space.conditional_vector_size:
        return None
    return (
        f"samples teach classifiers of {printable(label.name)} more where D predicts it, too: "
        "model.conditioning=auxiliary loss=wgan_gp loss.d_steps=1"
    )
