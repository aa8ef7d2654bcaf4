"""The answers to Hydra's own flags: --cfg, --info, --hydra-help, and the shell's completion, whose
script is ours since it serves all commands."""

from __future__ import annotations

from collections.abc import Sequence

from hydra._internal.utils import get_args_parser

from gan_runner.cli.completion import completion_script, removal_script
from gan_runner.cli.hydra.command_line import CommandLine
from gan_runner.cli.hydra.composer import explain_errors


def answer_flags(command: CommandLine) -> None:
    """Print what Hydra is asked for; nothing is trained. Raises ConfigError."""
    flags = command.flags
    if flags.shell_completion and (script := _script(flags.overrides)):
        print(script, end="")
        return
    composer = command.composer()
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


def _script(words: Sequence[str]) -> str:
    """The script that installs or removes the completion; "" for a question of one."""
    for word in words:
        what, _, shell = word.partition("=")
        if what == "install":
            return completion_script(shell)
        if what == "uninstall":
            return removal_script(shell)
    return ""
