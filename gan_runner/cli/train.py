"""gan-train: compose a configuration, check it, create or continue a run, train.

Neither torch nor Hydra is imported before it is needed, so that help and faults of the
configuration answer at once.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import exit_code, run_meant
from gan_runner.cli.restarts import forget_run, remember_run, run_before_restart
from gan_runner.config.groups import GROUPS
from gan_runner.errors import CheckpointError, ConfigError, printable
from gan_runner.system.launcher import end_with_launcher, is_launched, launch, rank_here
from gan_runner.system.signals import Interrupted, end_at_once, exit_process

if TYPE_CHECKING:
    from gan_runner.cli.hydra.command_line import CommandLine
    from gan_runner.config.schema import Config
    from gan_runner.logs.terminal import Terminal
    from gan_runner.training.run import Run


_WIDEST_HELP = 100  # characters
_OWN_RANKS = "a job of a cluster starts its own ranks"


def main() -> None:
    """The command `gan-train`."""
    exit_process(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    asks_help = any(word in ("-h", "--help") or word.startswith("--help=") for word in arguments)
    try:
        return exit_code(lambda: _help(arguments) if asks_help else _run(arguments))
    except Interrupted as interrupted:
        return interrupted.exit_code


def _help(arguments: list[str]) -> None:
    """Print the overview, or what there is to know of the groups, options and settings that are
    named; plugins are imported where that takes it. Raises ConfigError."""
    from gan_runner.config.help import OptionSource, help_text
    from gan_runner.config.plugins import find_plugins

    spread = [part for word in arguments for part in _spread(word)]
    known, words = _help_parser().parse_known_args(spread)
    topics = [word for word in words if not word.startswith("-")]
    plugins = find_plugins(known.plugin)
    folders = [plugin.conf for plugin in plugins if plugin.conf is not None]
    source = OptionSource((*folders, *known.config_dir))
    if plugins:
        from gan_runner.cli.plugin_help import source_with_plugins

        source = source_with_plugins(source, plugins)
    print(help_text(topics, source, width=_help_width()), end="")


def _help_parser() -> Arguments:
    parser = Arguments("gan-train", add_help=False)
    parser.add_argument("-h", "--help", action="store_true")
    parser.add_argument("--config-dir", "-cd", type=Path, action="append", default=[])
    return parser


def _spread(word: str) -> list[str]:
    """--help=loss as --help loss."""
    return word.split("=", 1) if word.startswith("--help=") else [word]


def _help_width() -> int:
    """Characters in a line of help: the terminal's, up to what reads well; 80 in a pipe."""
    return min(_WIDEST_HELP, shutil.get_terminal_size().columns)


def _run(arguments: list[str]) -> int:
    from gan_runner.cli.hydra.command_line import read_command_line

    end_with_launcher()
    command = read_command_line(arguments)
    if command.asks_hydra:
        from gan_runner.cli.hydra.flags import answer_flags

        answer_flags(command)
        return 0
    if command.multirun:
        _refuse_ranks("a sweep shares a machine among its jobs, not a job among devices")
        from gan_runner.cli.hydra.sweeps import run_sweep

        return run_sweep(command)
    if command.dry_run:
        _refuse_ranks("a dry run measures one process")
    if rank_here():
        # of a rank 0 that is gone, the launcher says it in a line; torch adds a trace of 30
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        from gan_runner.config.plugins import load_plugins
        from gan_runner.runs.ranks import follow

        load_plugins(command.plugins)
        return follow()
    return _start(command, arguments)


def _start(command: CommandLine, arguments: list[str]) -> int:
    from gan_runner.cli.hydra.cluster import check_job, is_on_cluster, train_on_cluster
    from gan_runner.cli.hydra.composer import parse_config, run_folder
    from gan_runner.cli.hydra.records import write_records
    from gan_runner.config.plugins import load_plugins

    if command.resume is not None:
        load_plugins(command.plugins)
        return _resume(command, command.resume, arguments)
    if rank_here() is not None:
        from gan_runner.runs.resume import Changes, reopen

        if (begun := run_before_restart()) is not None:
            load_plugins(command.plugins)
            return _train(partial(reopen, begun, Changes(None, ())), begun)
    composed = command.composer().compose(command.lines)
    if command.dry_run:
        return _run_dry(parse_config(composed, command.plugins), command)
    config = parse_config(composed, command.plugins, on_checked=_announce)
    on_cluster = is_on_cluster(composed)
    if on_cluster:
        _refuse_ranks(_OWN_RANKS)
        check_job(config, composed)
    elif config.devices > 1 and rank_here() is None:
        return _launch(arguments, config.devices)
    from gan_runner.storage.run_folder import claim_until_begun  # after all faults of settings

    generated = not command.names_folder
    with claim_until_begun(run_folder(composed), generated=generated, undo_on=end_at_once) as path:
        write_records(composed, path)
        if on_cluster:
            return train_on_cluster(config, path, command, composed)
        return _create(config, path)


def _launch(arguments: list[str], devices: int) -> int:
    """Run this command in so many processes; the exit code."""
    return launch(("-m", "gan_runner.train", *arguments), devices)


def _refuse_ranks(why: str) -> None:
    """Raise ConfigError for one of several processes of a launcher, such as torchrun."""
    if rank_here() is not None:
        count = printable(os.environ["WORLD_SIZE"])
        raise ConfigError(f"{why}, WORLD_SIZE={count}. Start it without torchrun.")


def _announce(config: Config) -> None:
    """Say what is starting, before torch and the data take their time."""
    from gan_runner.logs.terminal import Terminal

    if is_launched():
        return  # who launched this process has said it
    chosen = [config.choices.get(group, "") for group in ("model", "loss", "dataset")]
    model, loss, dataset = map(printable, chosen)
    plan = config.train
    length = f"{plan.steps:,} steps" if plan.epochs is None else f"{plan.epochs:,} epochs"
    Terminal().announce(f"starting {model}, {loss} on {dataset}: {length}, seed={config.seed}")


def _resume(command: CommandLine, run: str, arguments: list[str]) -> int:
    from gan_runner.cli.hydra.cluster import launcher_of_resumed, resume_on_cluster
    from gan_runner.cli.hydra.composer import full_path
    from gan_runner.config.overrides import override
    from gan_runner.config.plain_yaml import read_plain
    from gan_runner.logs.terminal import Terminal
    from gan_runner.storage.run_folder import RunFolder

    folder, keys = RunFolder(full_path(run, key="resume")), command.changed_keys
    if not folder.config.is_file():
        what, why = "no such run folder", ""
        if folder.path.is_dir():
            what, why = "not a run folder", f" It has no {folder.config.name}."
        remedy = run_meant(folder.path, lambda meant: override("resume", str(meant)))
        raise CheckpointError(f"{what}, resume={printable(folder.path)}.{why} {remedy}")
    folder.refuse_links()
    saved = read_plain(folder.config)
    config = _compose_changes(command, _saved_choices(saved)) if keys else None
    if not is_launched():
        Terminal().announce(f"resuming {printable(run, 1000)}")
    if (composed := launcher_of_resumed(command)) is not None:
        _refuse_ranks(_OWN_RANKS)
        return resume_on_cluster(folder.path, config, command, composed)
    devices = config.devices if config is not None and "devices" in keys else saved.get("devices")
    if isinstance(devices, int) and devices > 1 and rank_here() is None:
        return _launch(arguments, devices)
    from gan_runner.runs.resume import Changes, reopen

    changes = Changes(config, tuple(sorted(keys)))
    return _train(partial(reopen, folder.path, changes), folder.path)


def _saved_choices(plain: Mapping[str, object]) -> dict[str, object]:
    """The options that a run chose of each group, and all its loggers."""
    chosen, loggers = plain.get("choices"), plain.get("logger")
    found = {"logger": f"[{','.join(map(str, loggers))}]"} if isinstance(loggers, dict) else {}
    return {**(chosen if isinstance(chosen, dict) else {}), **found}


def _compose_changes(command: CommandLine, chosen: Mapping[str, object]) -> Config:
    """The changes that the command line asks of a run, composed with the options that the run
    chose."""
    from gan_runner.cli.hydra.composer import parse_config

    changed = command.changed_keys
    lines = [
        f"{group}={chosen[group]}"
        for group in GROUPS
        if group.replace("/", ".") not in changed
        and set(str(chosen.get(group)).strip("[]").split(",")) <= {*command.options_of(group)}
    ]
    composed = command.composer().compose([*lines, *command.changes])
    return parse_config(composed, command.plugins)


def _run_dry(config: Config, command: CommandLine) -> int:
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.dry_run import run_dry

    shows_config = command.flags.cfg is not None
    words = command.words_without("dry_run")
    if shows_config:
        words = [word for word in words if word not in ("--cfg", "-c", "--cfg=job", "job")]
    run_dry(config, Terminal(), command=words, shows_config=shows_config)
    return 0


def _create(config: Config, path: Path) -> int:
    from gan_runner.runs.open import create

    return _train(partial(create, config, path), path)


def _train(obtain: Callable[[Terminal], Run | None], path: Path) -> int:
    """Train the run that `obtain` gives to its end; the exit code."""
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.finish import train_to_end
    from gan_runner.runs.ranks import lead
    from gan_runner.system import ranks

    terminal = Terminal()
    if rank_here() is not None:
        ranks.join()
        remember_run(path)
    run = obtain(terminal)
    lead(run)
    if run is None:
        terminal.say(f"already complete: {printable(path)}")
        return 0
    code = train_to_end(run)
    if code == 0 and rank_here() is not None:
        forget_run()
    return code


if __name__ == "__main__":
    main()
