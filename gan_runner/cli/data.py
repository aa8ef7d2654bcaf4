"""gan-data: say what a data set is read as, without training; or what a run has read."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import (
    check_file,
    exit_code,
    run_meant,
    run_with_options,
    write_file,
)
from gan_runner.config import overrides
from gan_runner.config.other_words import data_line
from gan_runner.errors import CheckpointError, ConfigError, printable
from gan_runner.system.signals import Interrupted

if TYPE_CHECKING:
    from gan_runner.comparison.page.data_page import Illustrations
    from gan_runner.data_report.report import ReadingReport
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.data import ReadData

_COMPLETION = ("-sc", "--shell-completion")  # flags of Hydra


def main() -> None:
    """The command `gan-data`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    try:
        if any(argument in _COMPLETION for argument in arguments):
            return exit_code(lambda: _complete(arguments))
        return run_with_options(_show, _parser(), arguments)
    except Interrupted as interrupted:
        return interrupted.exit_code


def _complete(arguments: list[str]) -> None:
    """What the shell's completion needs, as gan-train gives it: the words are the same."""
    from gan_runner.cli.hydra.command_line import read_command_line
    from gan_runner.cli.hydra.flags import answer_flags

    answer_flags(read_command_line(arguments))


def _parser() -> Arguments:
    parser = Arguments(
        "gan-data",
        description=__doc__,
        epilog="It takes the settings of gan-train: gan-data dataset=table dataset.path=x.csv. "
        "gan-train --help lists the data sets. Tab completion: "
        'eval "$(gan-train -sc install=bash)"',
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="SETTING=VALUE | RUN",
        help="dataset=NAME, dataset.*, cache=FOLDER, as of gan-train; or a run folder",
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="a page with pictures, in one file"
    )
    parser.add_argument(
        "--png", type=Path, metavar="FILE", help="examples and histograms, as one picture"
    )
    parser.add_argument(
        "--write-columns",
        type=Path,
        metavar="FILE",
        help="what a table's columns were guessed to be, to be edited for dataset.columns=FILE",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON, with all digits")
    return parser


def _show(options: argparse.Namespace) -> None:
    from gan_runner.logs.terminal import Terminal

    for path, option in (options.html, "--html"), (options.png, "--png"):
        if path is not None:
            check_file(path, option)
    if options.png is not None and options.png.suffix.lower() != ".png":
        what = f"pictures are written as PNG, --png={printable(options.png)}"
        raise ConfigError(f"{what}. Use --png {quote(printable(options.png.with_suffix('.png')))}")
    if options.write_columns is not None:
        _refuse_existing(options.write_columns)
    run = _run_folder(options.words)
    if run is not None:
        if options.write_columns is not None:
            what = "the file of columns needs the table, --write-columns"
            raise ConfigError(f"{what}. Name it: dataset=table dataset.path=FILE")
        if options.png is not None:
            raise ConfigError("a picture needs the data, --png. Name the data set: dataset=NAME")
        _require_reading(run)
        from gan_runner.storage.run_folder import RunFolder

        report, read = RunFolder(run).reading_report(), None
    else:
        read = _read(options, Terminal(quiet=options.json))
        report = read.report
    terminal = Terminal()
    terminal.say(_text(report, as_json=options.json))
    _write_files(options, report, read, Terminal(quiet=options.json))


def _refuse_existing(path: Path) -> None:
    """Raise ConfigError for a file that is there, which may have been edited."""
    check_file(path, "--write-columns")
    if path.exists():
        what = f"the file is there already, --write-columns={printable(path)}"
        raise ConfigError(f"{what}. Remove it, or name another.")


def _run_folder(words: list[str]) -> Path | None:
    """The run folder that is meant; its name may look like a setting. Raises ConfigError."""
    if len(words) == 1 and Path(words[0]).is_dir():
        return Path(words[0])
    if len(words) > 1 and all(Path(word).is_dir() for word in words):
        raise ConfigError(f"several run folders, {printable(words[1])}. Name one.")
    for word in words:
        if "=" not in word and not word.startswith("~"):
            raise ConfigError(
                f"neither a setting nor a run folder, {printable(word)}. "
                f"{_how_to_name(word)}, or a run folder alone."
            )
    return None


def _require_reading(folder: Path) -> None:
    """Raise CheckpointError for a folder that isn't that of a run: it may have runs in it, as that
    of a sweep, or pictures."""
    if any((folder / name).is_file() for name in ("config.yaml", "data.json")):
        return
    if next(folder.glob("*/config.yaml"), None) is None:
        remedy = f"To read it as a folder of images: gan-data {data_line(str(folder))}"
    else:
        remedy = run_meant(folder, lambda meant: f"gan-data {quote(printable(meant, 1000))}")
    raise CheckpointError(f"not a run folder, {printable(folder)}. {remedy}")


def _how_to_name(word: str) -> str:
    """The settings of a file, as its name tells its kind."""
    tables = dict.fromkeys((".csv", ".tsv", ".parquet", ".gz"), "table")
    kinds = {".npy": "array", ".npz": "array", **tables}
    kind = kinds.get(Path(word).suffix.lower())
    if kind is None:
        return "Write dataset=NAME dataset.path=FILE"
    return f"Write dataset={kind} {overrides.override('dataset.path', word)}"


def _read(options: argparse.Namespace, terminal: Terminal) -> ReadData:
    """The data set that the settings name, composed as gan-train composes it."""
    from gan_runner.cli.hydra.command_line import read_command_line
    from gan_runner.cli.hydra.composer import parse_config

    files = [word for file in options.plugin for word in ("--plugin", str(file))]
    command = read_command_line([*options.words, *files])
    if command.resume is not None or command.multirun or command.dry_run:
        raise ConfigError("gan-data trains nothing. Remove resume, hydra.mode and dry_run.")
    for override in command.overrides:
        if override.is_sweep_override():
            shown = printable(override.input_line)
            raise ConfigError(f"several values, {shown}. gan-data reads one data set.")
    composed = command.composer().compose(command.lines)
    config = parse_config(composed, command.plugins)
    from gan_runner.runs.data import read_data

    return read_data(config, terminal.track)


def _text(report: ReadingReport, *, as_json: bool) -> str:
    from gan_runner.data_report.text import full_text

    return json.dumps(report.plain(), indent=2) if as_json else "\n".join(full_text(report))


def _write_files(
    options: argparse.Namespace, report: ReadingReport, read: ReadData | None, terminal: Terminal
) -> None:
    if options.html is not None:
        from gan_runner.comparison.page.data_page import data_page

        illustrations = None if read is None else _illustrations(read)
        write_file(options.html, data_page(report, illustrations), "--html")
        terminal.say(f"--html: {printable(options.html)}")
    if options.write_columns is not None and read is not None:
        from gan_runner.data_report.columns_file import columns_text

        write_file(options.write_columns, columns_text(report, read.data), "--write-columns")
        terminal.say(f"--write-columns: {printable(options.write_columns)}")
    if options.png is not None and read is not None:
        from gan_runner.sampling.pictures.overview import overview
        from gan_runner.sampling.pictures.png import encode_png

        found = overview(read.data)
        write_file(options.png, encode_png(found.picture), "--png")
        terminal.say("\n".join([f"--png: {printable(options.png)}", *found.notes]))


def _illustrations(read: ReadData) -> Illustrations:
    from gan_runner.comparison.page.data_page import Illustrations
    from gan_runner.sampling.pictures.overview import overview
    from gan_runner.sampling.pictures.png import encode_png

    found = overview(read.data)
    examples, histograms = encode_png(found.examples), encode_png(found.histograms)
    return Illustrations(examples, histograms, found.rows, found.notes)


if __name__ == "__main__":
    main()
