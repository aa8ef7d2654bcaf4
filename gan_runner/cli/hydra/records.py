"""What Hydra leaves of a job in its folder, for people and for Hydra's own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf, flag_override
from omegaconf._utils import OmegaConfDumper

from gan_runner.errors import MachineError, printable


def write_records(composed: DictConfig, folder: Path) -> None:
    """Leave in a run folder what Hydra leaves of a job. Raises MachineError."""
    if composed.hydra.output_subdir is None:
        return
    with flag_override(composed.hydra.runtime, ["struct", "readonly"], [False, False]):
        composed.hydra.runtime.output_dir = str(folder)
    settings: Any = OmegaConf.to_container(composed, enum_to_str=True)
    hydra = settings.pop("hydra")
    records = {
        "config.yaml": settings,
        "hydra.yaml": {"hydra": hydra},
        "overrides.yaml": hydra["overrides"]["task"],
    }
    try:
        path = folder / composed.hydra.output_subdir
        path.mkdir(parents=True, exist_ok=True)
        for name, record in records.items():
            (path / name).write_text(_text(record), encoding="utf-8")
    except OSError as error:
        raise MachineError(
            f"can't write in the run folder, hydra.run.dir={printable(folder)}. {printable(error)}"
        ) from None


class _Dumper(getattr(yaml, "CDumper", yaml.Dumper)):  # type: ignore[misc]
    """OmegaConf's own, which Hydra uses, but in C, ten times as fast, where that is."""


_Dumper.add_representer(str, OmegaConfDumper.str_representer)


def _text(record: object) -> str:
    text: str = yaml.dump(
        record, Dumper=_Dumper, default_flow_style=False, allow_unicode=True, sort_keys=False
    )
    return text
