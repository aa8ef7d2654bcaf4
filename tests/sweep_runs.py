"""The parts that tests of sweeps share: jobs of a second, and what they leave."""

from __future__ import annotations

import json
from pathlib import Path

TINY = (
    *("dataset=ring", "dataset.count=64", "device=cpu", "threads=1"),
    *("model.generator.hidden=[4]", "model.discriminator.hidden=[4]", "model.latent_size=2"),
    *("train.batch_size=8", "train.steps=6", "train.save_every=2", "train.log_every=2"),
    *("train.sample_every=0", "train.eval_every=0", "evaluation.num=64"),
)


def status(run: Path) -> dict[str, object]:
    return json.loads((run / "status.json").read_text())


def marks(folder: Path) -> dict[str, int]:
    """When each file below a folder was written last."""
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*")}
