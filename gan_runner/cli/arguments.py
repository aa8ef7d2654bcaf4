"""Command lines whose faults are reported as all others are."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from gan_runner.errors import ConfigError


class Arguments(ArgumentParser):
    """Reads a command line. Raises ConfigError where argparse would print its usage and exit.

    Every command takes plugins: `--plugin FILE`, as often as there are files.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Those of ArgumentParser."""
        super().__init__(*arguments, **settings)
        self.add_argument(
            "--plugin",
            action="append",
            default=[],
            type=Path,
            metavar="FILE",
            help="a file with losses, models, data sets, metrics ... of your own",
        )

    @property
    def flags(self) -> list[str]:
        """The options that it knows, as they are written."""
        return list(self._option_string_actions)

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message.rstrip('.')}. {self.prog} --help shows what there is.")
