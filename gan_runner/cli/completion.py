"""Tab completion of all our commands, as one script for a shell.

Hydra completes the settings of gan-train and gan-data; the options of the others are listed in the
script, so that they answer at once. Files and folders complete as ever.
"""

from __future__ import annotations

import shlex
from argparse import Action
from collections.abc import Iterable
from importlib import import_module

from gan_runner.cli.arguments import Arguments
from gan_runner.errors import ConfigError, printable

SHELLS = ("bash", "zsh", "fish")
WITH_OPTIONS = ("sample", "translate", "evaluate", "augment", "runs", "compare", "report")
"""The commands gan-* that have options and no settings."""

_BASH = """\
_gan_runner_settings()
{
    local word="${COMP_LINE:0:$COMP_POINT}" words IFS=$' \\t\\n'
    word="${word##* }"
    words=$(COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT "$1" -sc query=bash 2>/dev/null)
    COMPREPLY=($(compgen -W "$words" -- "$word"))
    if [[ -n $BASH_VERSION && ${#COMPREPLY[@]} == 0 && $word == *=* ]]; then
        COMPREPLY=($(compgen -P "${word%%=*}=" -f -- "${word#*=}"))
    fi
}
_gan_runner_options()
{
    local word="${COMP_WORDS[COMP_CWORD]}" words=""
    case "$1" in
{cases}
    esac
    if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$words" -- "$word")); fi
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _gan_runner_settings gan-train gan-data
complete -o default -F _gan_runner_options {commands}
"""
_ZSH = "autoload -Uz compinit bashcompinit; compinit; bashcompinit\n"
# whose compgen looks for files by the whole word
_ZSH_FILES = """\
_gan_runner_words()
{
    _bash_complete -o nospace -F _gan_runner_settings || { compset -P '*='; _files; }
}
compdef _gan_runner_words gan-train gan-data
"""
_FISH = """\
function _gan_runner_settings
    set -lx COMP_LINE (commandline -cp)
    set -l words (commandline -cpo)
    set -l found ($words[1] -sc query=fish 2>/dev/null)
    if test -n "$found"
        printf '%s\\n' $found
        return
    end
    set -l word (commandline -ct)
    set -l name (string match -r '^[^=]*=' -- $word)
    for file in (__fish_complete_path (string replace -r '^[^=]*=' '' -- $word))
        echo "$name$file"
    end
end
complete -c gan-train -x -a '(_gan_runner_settings)'
complete -c gan-data -x -a '(_gan_runner_settings)'
"""


def completion_script(shell: str) -> str:
    """The script that lets a shell complete all commands. Raises ConfigError for another shell."""
    if shell not in SHELLS:
        raise ConfigError(
            f"a shell without completion, install={printable(shell)}. "
            f"Use {', '.join(SHELLS[:-1])} or {SHELLS[-1]}."
        )
    parsers = {f"gan-{name}": _parser(name) for name in WITH_OPTIONS}
    if shell == "fish":
        return _FISH + "".join(_fish_lines(name, parser) for name, parser in parsers.items())
    cases = "\n".join(
        f"        *{name}) words={shlex.quote(' '.join(parser.flags))};;"
        for name, parser in parsers.items()
    )
    script = _BASH.replace("{cases}", cases).replace("{commands}", " ".join(parsers))
    return _ZSH + script + _ZSH_FILES if shell == "zsh" else script


def removal_script(shell: str) -> str:
    """The script that takes the completion out of a shell again."""
    commands = ["gan-train", "gan-data", *(f"gan-{name}" for name in WITH_OPTIONS)]
    if shell == "fish":
        return "".join(f"complete -e -c {command}\n" for command in commands)
    return f"complete -r {' '.join(commands)}\n"


def _parser(name: str) -> Arguments:
    parser = import_module(f"gan_runner.cli.{name}").parser()
    assert isinstance(parser, Arguments)
    return parser


def _fish_lines(name: str, parser: Arguments) -> str:
    return "".join(_fish_line(name, option) for option in _options(parser))


def _options(parser: Arguments) -> Iterable[Action]:
    return (option for option in parser.options if option.option_strings)


def _fish_line(name: str, option: Action) -> str:
    flag = option.option_strings[-1].lstrip("-")
    first = shlex.quote((option.help or "").partition(";")[0].replace("%%", "%"))
    values = f" -x -a {shlex.quote(' '.join(map(str, option.choices)))}" if option.choices else ""
    return f"complete -c {name} -l {flag} -d {first}{values}\n"
