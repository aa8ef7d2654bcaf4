"""Command lines whose faults are reported as all others are."""

from __future__ import annotations

from argparse import Action, ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from gan_runner import __version__
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
        self.add_argument("--version", action=_PrintVersions, nargs=0, help="of gan-runner")

    @property
    def flags(self) -> list[str]:
        """The options that it knows, as they are written."""
        return list(self._option_string_actions)

    @property
    def options(self) -> list[Action]:
        """All that it takes, in the order of its help."""
        return list(self._actions)

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message.rstrip('.')}. {self.prog} --help shows what there is.")


class _PrintVersions(Action):
    """Prints the version of gan-runner and of what its results depend on, and ends the command."""

    def __call__(self, parser: ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version
        from platform import python_version

        used = f"Python {python_version()}, torch {version('torch')}, Hydra {version('hydra-core')}"
        print(f"gan-runner {__version__} ({used})")
        parser.exit()
