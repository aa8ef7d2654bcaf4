"""Command lines whose faults are reported as all others are."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import NoReturn

from gan_runner.errors import ConfigError


class Arguments(ArgumentParser):
    """Reads a command line. Raises ConfigError where argparse would print its usage and exit."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message.rstrip('.')}. {self.prog} --help shows what there is.")
