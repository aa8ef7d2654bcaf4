"""What command lines of gan-train mean. With `train.py`, which runs them, and our plugins in
`hydra_plugins`, which Hydra itself imports, the only doors to Hydra."""

from gan_runner.cli.hydra.command_line import (
    absolute,
    checked,
    composed,
    explained,
    flags_of,
    parsed,
)

__all__ = ["absolute", "checked", "composed", "explained", "flags_of", "parsed"]
