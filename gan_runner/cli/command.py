"""The shared code of the commands beside gan-train: their end, and options of the same meaning."""

from __future__ import annotations

import argparse
import io
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from gan_runner.cli.arguments import Arguments
from gan_runner.config.groups import DATA_PLACES
from gan_runner.errors import (
    CheckpointError,
    ConfigError,
    Fault,
    MachineError,
    printable,
    report,
)
from gan_runner.system.files import write_user_file
from gan_runner.system.signals import end_at_once
from gan_runner.system.threads import share_cores

_DEFECT = 1  # of ours
_NO_PAGES = (".pdf", ".png", ".jpg", ".jpeg", ".svg", ".csv", ".json", ".txt", ".md", ".ipynb")
"""The ends of names of files that aren't pages."""


def exit_code(work: Callable[[], int | None]) -> int:
    """Do the work of a command, which may give another exit code than 0; a fault is reported in
    short. The exit code of the contract."""
    end_at_once()
    share_cores()
    _print_any_letter()
    try:
        return work() or 0
    except Fault as fault:
        return report(fault)
    except Exception as error:
        from gan_runner.runs.finish import as_fault

        if (known := as_fault(error)) is None:
            traceback.print_exc()
            return _DEFECT
        return report(known)


def _print_any_letter() -> None:
    """Letters that the terminal's locale lacks are escaped: no name ends a command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run_with_options(
    work: Callable[[argparse.Namespace], int | None],
    parser: Arguments,
    arguments: list[str] | None,
    *,
    imports_plugins: bool = True,
) -> int:
    """Do the work of a command with its options; the exit code.

    The plugins that there are, `options.plugins`, are imported, unless the command does that itself
    where it needs them: they cost the time that torch takes.
    """

    def read_and_work() -> int | None:
        from gan_runner.config.plugins import find_plugins, load_plugins

        options = parser.parse_intermixed_args(arguments)
        options.plugins = find_plugins(options.plugin)
        if imports_plugins:
            load_plugins(options.plugins)
        try:
            return work(options)
        except Fault as fault:
            _write_as_options(fault, options)
            raise

    return exit_code(read_and_work)


def _write_as_options(fault: Fault, options: argparse.Namespace) -> None:
    """Options in a fault where gan-train has settings: --device cpu for device=cpu, and --space
    classifier for evaluation.space=classifier."""
    keys = [key for key in ("device", "cache") if hasattr(options, key)]
    keys += [f"evaluation.{key}" for key in ("space", "num", "seed") if hasattr(options, key)]
    for key in keys:
        name = key.rpartition(".")[2]
        text = re.sub(rf"(?<![\w.]){re.escape(key)}=(?=\S)", f"--{name} ", str(fault.args[0]))
        fault.args = (text,)


def require_runs(paths: Sequence[Path]) -> None:
    """Raise CheckpointError for a path that isn't a run folder, before torch is imported."""
    for path in paths:
        if not (path / "config.yaml").is_file():
            shown, remedy = printable(path, 1000), run_meant(path, _quote)
            raise CheckpointError(f"not a run folder, {shown}. It has no config.yaml. {remedy}")


def run_meant(path: Path, quote: Callable[[Path], str]) -> str:
    """The remedy for a run that isn't there, with what `quote` makes of a folder: that of a file in
    it, that behind a setting, one in the folder, as of a sweep, else the last one begun here."""
    from gan_runner.storage.summary import run_folders

    _, equals, named = str(path).partition("=")
    for folder in (Path(named) if equals else path, *path.parents[:2]):
        if folder != path and (folder / "config.yaml").is_file():
            return f"Name its folder: {quote(folder)}"
    found = sorted(path.glob("*/config.yaml"))
    within = [file for file in found if not file.parent.name.startswith(".")]  # .hydra is none
    if within:
        return f"Name one of the runs in it: {quote(within[0].parent)}"
    runs = run_folders(Path("outputs")) if Path("outputs").is_dir() else ()
    newest = max(runs, key=lambda run: (run / "config.yaml").stat().st_mtime, default=None)
    if newest is None:
        return "gan-runs DIR lists the runs below a folder."
    return f"The newest here: {quote(newest)} (gan-runs lists all)"


def _quote(path: Path) -> str:
    return printable(shlex.quote(str(path)), 1000)


def check_file(path: Path, option: str) -> None:
    """Make the folder of a file that a command is asked for. Raises ConfigError for what is a
    folder itself and for a page by the name of another kind of file, MachineError if the disk
    refuses."""
    if option == "--html" and path.suffix.lower() in _NO_PAGES:
        page = _quote(path.with_suffix(".html"))
        raise ConfigError(f"a page is HTML, --html={printable(path)}. Write --html {page}")
    try:
        if path.is_dir():
            raise ConfigError(f"a folder, {option}={printable(path)}. Name a file.")
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _write_error(path, option, error) from None


def write_file(path: Path, content: str | bytes, option: str) -> None:
    """Write the file that a command was asked for. Raises what `check_file` raises."""
    check_file(path, option)
    try:
        write_user_file(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise _write_error(path, option, error) from None


def _write_error(path: Path, option: str, error: OSError) -> MachineError:
    return MachineError(f"can't write, {option}={printable(path)}. {printable(error)}")


def add_measuring_options(parser: Arguments) -> None:
    """The options of commands that measure a run's generator on its data, read again."""
    parser.add_argument("--raw", action="store_true", help="the generator itself, not its EMA")
    parser.add_argument("--cache", type=Path, metavar="FOLDER", help="(that of the run)")
    parser.add_argument(
        "--device", type=parse_device, default="auto", help="auto, cpu, cuda ... (auto)"
    )


def split_data_places(words: Sequence[str]) -> tuple[list[Path], dict[str, str]]:
    """The run folders among words, and where their data lies now: the values of DATA_PLACES.
    Raises ConfigError for words without a run."""
    keys = tuple(f"{key}=" for key in DATA_PLACES)
    for word in words:
        if (
            re.match(r"[a-z]+\.[\w.]+=", word)
            and not word.startswith(keys)
            and not Path(word).exists()
        ):
            remedy = (
                "Only dataset.path=FILE, dataset.root=FOLDER and their like can be, where the data "
                "lies now."
            )
            raise ConfigError(f"not a setting of this command, {printable(word)}. {remedy}")
    runs = [Path(word) for word in words if not word.startswith(keys)]
    if not runs:
        raise ConfigError(f"no run folder, {printable(words[0])}. Name one before it.")
    pairs = (word.partition("=") for word in words if word.startswith(keys))
    return runs, {key: path for key, _, path in pairs}


def parse_count(text: str) -> int:
    """A number of examples, from a command line."""
    if not (text.isdecimal() and 1 <= int(text) <= 10_000_000):
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to 10,000,000")
    return int(text)


def parse_device(text: str) -> str:
    """The name of a device, from a command line."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text} is not auto, cpu, cuda, cuda:1 or mps")
    return text
