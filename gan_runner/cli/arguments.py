"""Command lines whose faults are reported as all others are."""

from __future__ import annotations

import difflib
import re
from argparse import Action, ArgumentParser
from pathlib import Path
from typing import Any, NoReturn

from gan_runner import __version__
from gan_runner.errors import ConfigError

_OTHER_FLAGS = {
    **dict.fromkeys(("-o", "--output", "--outfile", "--save"), ("--out", "--html")),
    **dict.fromkeys(("-n", "--count", "--samples", "--num-samples"), ("--num",)),
    **dict.fromkeys(("-c", "--ckpt", "--step", "--epoch"), ("--checkpoint",)),
    **dict.fromkeys(("-m", "--fid"), ("--metrics", "--metric")),
    **dict.fromkeys(("--gpu", "--cuda", "-d"), ("--device",)),
    **dict.fromkeys(("--class", "--classes", "-l"), ("--label",)),
    **dict.fromkeys(("--cols", "--columns", "--ncols", "--nrow"), ("--grid-columns",)),
    **dict.fromkeys(("--page", "--report"), ("--html",)),
}
"""Other programs' words for our flags, of which a command has the first or the second."""

_INVALID_TYPE = re.compile(r"invalid (int) value: '(.*)'")


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
        message = _INVALID_TYPE.sub(r"\2 is not a whole number", message.rstrip("."))
        remedy = self._remedy(message) or f"{self.prog} --help shows what there is."
        end = "" if message.endswith("?") else "."
        raise ConfigError(f"{message}{end} {remedy}")

    def _remedy(self, message: str) -> str:
        """What was likely meant by words that it doesn't take; "" where that can't be said."""
        if missing := re.fullmatch(r"argument ([^:]*): expected one argument", message):
            action = self._option_string_actions[missing[1].split("/")[0]]
            return f"Write {action.option_strings[-1]} {action.metavar or 'VALUE'}"
        if message == "the following arguments are required: RUN":
            return f"gan-runs lists the runs; {self.prog} --help shows what there is."
        unknown = re.fullmatch(r"unrecognized arguments: (\S+?)(?:[= ](.*))?", message)
        return self._remedy_for_unknown(unknown[1], unknown[2] or "", message) if unknown else ""

    def _remedy_for_unknown(self, word: str, value: str, message: str) -> str:
        """What was likely meant by a word, or by a word and its value, that it doesn't take."""
        if not word.startswith("-"):
            if f"--{word}" in self.flags and f" {word}=" in message:
                return f"Options have dashes: --{word} {value}".rstrip()
            if "--out" in self.flags and "." in word:
                return f"Write --out {word}"
            return "To compare several: gan-compare RUN RUN" if "--html" in self.flags else ""
        words = [flag for flag in _OTHER_FLAGS.get(word, ()) if flag in self.flags]
        meant = words or difflib.get_close_matches(word, self.flags, n=1, cutoff=0.75)
        return f"Did you mean: {' '.join([meant[0], value]).strip()}" if meant else ""


class _PrintVersions(Action):
    """Prints the version of gan-runner and of what its results depend on, and ends the command."""

    def __call__(self, parser: ArgumentParser, *_: Any) -> NoReturn:
        from importlib.metadata import version
        from platform import python_version

        used = f"Python {python_version()}, torch {version('torch')}, Hydra {version('hydra-core')}"
        print(f"gan-runner {__version__} ({used})")
        parser.exit()
