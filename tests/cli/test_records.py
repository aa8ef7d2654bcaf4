"""What Hydra leaves in a run folder is what Hydra itself would write there."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gan_runner.cli.hydra.composer import compose
from gan_runner.cli.hydra.records import write_records


@pytest.mark.parametrize(
    "overrides",
    [
        ["loss=hinge", "seed=3"],
        ["experiment=ring_r3gan", "quick=true", "name='1e-4: on # é \"x\"'"],
        ["dataset=image_folder", "dataset.root=2023", "dataset.ignore=['yes','1e5','~']"],
    ],
)
def test_records_are_those_of_hydra(tmp_path: Path, overrides: list[str]) -> None:
    composed = compose(overrides)
    write_records(composed, tmp_path)
    settings = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    records = {
        "config.yaml": settings,
        "hydra.yaml": OmegaConf.masked_copy(composed, ["hydra"]),
        "overrides.yaml": composed.hydra.overrides.task,
    }
    for name, record in records.items():
        assert (tmp_path / ".hydra" / name).read_text() == OmegaConf.to_yaml(record), name
