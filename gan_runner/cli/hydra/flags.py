"""The answers to Hydra's own flags: --cfg, --info, --hydra-help, and the shell's completion."""

from __future__ import annotations

from hydra._internal.utils import get_args_parser

from gan_runner.cli.hydra.command_line import CommandLine
from gan_runner.cli.hydra.composer import explain_errors


def answer_flags(command: CommandLine) -> None:
    """Print what Hydra is asked for; nothing is trained. Raises ConfigError."""
    flags, composer = command.flags, command.composer()
    hydra, primary = composer.hydra, composer.primary
    with explain_errors(lambda: composer.known_settings(command.lines), command.lines):
        if flags.hydra_help:
            hydra.hydra_help(primary, get_args_parser(), flags)
        elif flags.cfg:
            hydra.show_cfg(primary, flags.overrides, flags.cfg, flags.package, flags.resolve)
        elif flags.info:
            hydra.show_info(flags.info, primary, flags.overrides)
        else:
            hydra.shell_completion(primary, flags.overrides)
