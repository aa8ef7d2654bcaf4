"""gan-translate: pictures through a trained translator, files and folders of any sizes."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import parse_device, require_runs, run_with_options
from gan_runner.errors import ConfigError, DataError, MachineError, plural, printable

if TYPE_CHECKING:
    from gan_runner.decoding.values import Limits
    from gan_runner.sampling.translated_files import Failed, Job, Plan
    from gan_runner.sampling.translation import Translation

_SMALLEST_TILE = 16
_LARGEST_TILE = 1 << 14


def main() -> None:
    """The command `gan-translate`."""
    sys.exit(run_command(sys.argv[1:]))


def run_command(arguments: list[str]) -> int:
    """Do what the arguments say; the exit code of the contract."""
    return run_with_options(_translate, parser(), arguments)


def parser() -> Arguments:
    """The arguments of the command."""
    arguments = Arguments("gan-translate", description=__doc__)
    arguments.add_argument("run", type=Path, metavar="RUN", help="the run folder of a translator")
    arguments.add_argument(
        "inputs", type=Path, nargs="+", metavar="INPUT", help="pictures, and folders of them"
    )
    arguments.add_argument(
        "--out",
        type=Path,
        default=Path("translated"),
        metavar="FOLDER",
        help="where translations go, by the names of their inputs and in the same sub-folders; "
        "what can't be written in the input's format becomes a .png (translated)",
    )
    arguments.add_argument(
        "--direction",
        choices=("ab", "ba"),
        default="ab",
        help="ba: from targets back to inputs, for runs of method=unpaired (ab)",
    )
    arguments.add_argument(
        "--tile",
        type=_tile,
        metavar="N",
        help="translate pictures with longer sides in tiles of N by N px, blended where they "
        "overlap, for less memory; 0: never (512 px of the output, for pictures of more than a "
        "million)",
    )
    arguments.add_argument("--force", action="store_true", help="replace files that are there")
    arguments.add_argument(
        "--checkpoint", default="last", metavar="last|best|STEP", help="which one (last)"
    )
    arguments.add_argument("--raw", action="store_true", help="the generator itself, not its EMA")
    arguments.add_argument(
        "--device", type=parse_device, default="auto", help="auto, cpu, cuda, cuda:1, mps (auto)"
    )
    return arguments


def _tile(text: str) -> int:
    is_number = text.isdecimal() and len(text) < 6
    if is_number and (int(text) == 0 or _SMALLEST_TILE <= int(text) <= _LARGEST_TILE):
        return int(text)
    fitting = f"{_SMALLEST_TILE} to {_LARGEST_TILE:,}"
    raise argparse.ArgumentTypeError(f"{text} is not a number from {fitting}, or 0")


def _translate(options: argparse.Namespace) -> None:
    require_runs([options.run])
    _check_folder(options.out)
    from gan_runner.logs.terminal import Terminal
    from gan_runner.runs.open import load_generator
    from gan_runner.sampling.translated_files import plan, translate_files

    trained = load_generator(
        options.run, which=options.checkpoint, raw=options.raw, device=options.device
    )
    translation = _translation(trained.sampler.translation, options)
    planned = plan(options.inputs, options.out, translation.space)
    _check_targets(planned.jobs, options)
    limits = _limits(trained.experiment.config.dataset, options.direction)
    terminal, total = Terminal(), len(planned.jobs)
    outcomes = translate_files(translation, planned.jobs, tile=options.tile, limits=limits)
    try:
        tracked = terminal.track(outcomes, description="translating", total=total)
        failed = [*planned.failed, *(outcome for outcome in tracked if outcome is not None)]
    except OSError as error:
        raise MachineError(f"can't write, --out={printable(options.out)}. {error}") from None
    done = total - len(failed) + len(planned.failed)
    if done:
        translated = plural(done, "picture")
        terminal.say(f"{translated} translated at step {trained.step}: {printable(options.out)}")
    if failed:
        for each in failed if len(planned.jobs) + len(planned.failed) > 1 else ():
            terminal.say(f"failed {printable(each.source, 1000)}: {printable(each.reason, 200)}")
        raise _failure(failed, planned)


def _check_folder(out: Path) -> None:
    """Raise ConfigError for a folder of translations that is a file, or is called like one."""
    from gan_runner.datasets.readers.listing import SUFFIXES

    if out.is_file() or (out.suffix.lower() in SUFFIXES and not out.is_dir()):
        folder = printable(shlex.quote(str(out.with_suffix("") if out.suffix else f"{out}_ab")))
        raise ConfigError(
            f"translations go to a folder, --out={printable(out)}. Use --out {folder}"
        )


def _translation(translation: Translation | None, options: argparse.Namespace) -> Translation:
    """That of the direction asked for. Raises ConfigError for a run without it."""
    if translation is None:
        run = printable(shlex.quote(str(options.run)), 1000)
        raise ConfigError(
            f"the run makes samples of latent points, not of pictures, RUN={run}. "
            f"Use gan-sample {run}"
        )
    return translation.turned(options.direction)


def _check_targets(jobs: list[Job], options: argparse.Namespace) -> None:
    """Raise ConfigError for two pictures that would be one file, for one that would replace an
    input, and, without --force, for one that is there already."""
    out = printable(options.out)
    counts = Counter(job.target for job in jobs)
    twice = next((job for job in jobs if counts[job.target] > 1), None)
    if twice is not None:
        first, second = [job.source for job in jobs if job.target == twice.target][:2]
        raise ConfigError(
            f"{printable(first)} and {printable(second)} would both become "
            f"{printable(twice.target)}, --out={out}. Translate them to different folders"
        )
    sources = {job.source.resolve() for job in jobs}
    own = next((job.target for job in jobs if job.target.resolve() in sources), None)
    if own is not None:
        raise ConfigError(
            f"an input would be replaced, {printable(own)}, --out={out}. Use --out translated"
        )
    there = [job.target for job in jobs if job.target.exists()]
    if there and not options.force:
        raise ConfigError(
            f"{plural(len(there), 'file')} there already, such as {printable(there[0])}, "
            f"--out={out}. Name another folder, or replace them: --force"
        )


def _limits(dataset: dict[str, Any], direction: str) -> Limits | None:
    """The stored values that the run's data set takes for black and white; None where it goes by
    each file's depth."""
    plain = dataset.get("source", dataset)
    found = plain.get("input_range" if direction == "ab" else "range", plain.get("range"))
    return tuple(found) if isinstance(found, (list, tuple)) else None


def _failure(failed: list[Failed], planned: Plan) -> DataError:
    total = len(planned.jobs) + len(planned.failed)
    first = printable(failed[0].source, 1000)
    if len(failed) == total == 1:
        return DataError(f"nothing was translated, INPUT={first}: {printable(failed[0].reason)}")
    others = "; the others are done" if len(failed) < total else ""
    return DataError(
        f"{len(failed)} of {plural(total, 'input')} failed, INPUT={first}. "
        f"Repair them or leave them out{others}."
    )


if __name__ == "__main__":
    main()
