"""Train and measure The recipes of single runs of conf/experiment, and write down what they gave.

    python benchmarks/recipes.py                             every recipe, seeds 0, 1 and 2
    python benchmarks/recipes.py 'ring_*' digits_hinge --seeds 0,1,2 --jobs 2
    python benchmarks/recipes.py 'mnist_*' --seeds 0 dataset.root=../data
    python benchmarks/recipes.py --write                     only write anew what is known

Every run is trained and measured by the commands that a user has, `gan-train` and `gan-evaluate`,
in a folder that stays (--out): a run that is complete is not trained again. The numbers go to
docs/results.json; docs/results.md and the header of each recipe are written from it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import results
from results import RECIPES, ROOT, Record

from gan_runner import train
from gan_runner.cli import evaluate
from gan_runner.storage.run_folder import RunFolder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="recipes, with * and ?, and settings NAME=VALUE")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "recipes")
    parser.add_argument("--write", action="store_true", help="train nothing")
    options = parser.parse_intermixed_args()
    if not options.write:
        settings = [name for name in options.names if "=" in name]
        patterns = [name for name in options.names if "=" not in name]
        jobs = [
            RecipeRun(name, int(seed), options.out.resolve(), tuple(settings))
            for name in recipes(patterns or ["*"])
            for seed in options.seeds.split(",")
        ]
        with ThreadPoolExecutor(options.jobs) as pool:
            for job, record in zip(jobs, pool.map(_measure, jobs), strict=True):
                _save(job, record)
    results.write()


def recipes(patterns: list[str]) -> list[str]:
    """The recipes of single runs whose names match a pattern."""
    paths = (path for path in RECIPES.glob("*.yaml") if "sweeper" not in path.read_text())
    names = sorted(path.stem for path in paths)
    return [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]


# ---------------------------------------------------------------- measuring


class RecipeRun(NamedTuple):
    """A recipe to train with a seed."""

    recipe: str
    seed: int
    out: Path
    settings: tuple[str, ...]


def _measure(job: RecipeRun) -> Record:
    """Train, unless it is done, and measure. Raises CalledProcessError."""
    run = job.out / f"{job.recipe}_{job.seed}"
    numbers = run.with_suffix(".json")
    folder = RunFolder(run)
    if not (run / "status.json").exists():
        where = [f"hydra.run.dir={run}", f"seed={job.seed}"]
        _train(run, f"experiment={job.recipe}", *where, *job.settings)
    if folder.status().state != "completed":
        _train(run, f"resume={run}")
    status = folder.status()
    _call(evaluate, run, str(run), "--out", str(numbers))
    (found,) = json.loads(numbers.read_text())["evaluations"]
    last = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    cpu_seconds = float(_cpu_time(run).read_text())
    print(f"{run.name}: {last['seconds']:.0f} s, {cpu_seconds:.0f} s of CPU time", flush=True)
    return {
        "seconds": round(last["seconds"]),
        "cpu_seconds": round(cpu_seconds),
        "threads": status.threads,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": machine(),
        "verdicts": [verdict.name for verdict in status.verdicts],
        "results": {name: of for name, of in found["results"].items() if name in results.COLUMNS},
    }


def _train(run: Path, *arguments: str) -> None:
    """Train, or go on, and add up the CPU time, which other work on the machine hardly changes."""
    path = _cpu_time(run)
    earlier = float(path.read_text()) if path.exists() else 0.0
    path.write_text(str(earlier + _call(train, run, *arguments)))


def _cpu_time(run: Path) -> Path:
    """The file of the CPU seconds of a run's training, evaluations and start included."""
    return run.with_suffix(".cpu")


def _call(module: ModuleType, run: Path, *arguments: str) -> float:
    """The CPU seconds that a command took. Raises CalledProcessError."""
    run.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", module.__name__, *arguments]
    with run.with_suffix(".log").open("a") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def machine() -> str:
    """The processor's name and how many cores of it there are."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def _save(job: RecipeRun, measured: Record) -> None:
    record = results.load_record()
    record.setdefault(job.recipe, {})[str(job.seed)] = measured
    results.save_record(record)


if __name__ == "__main__":
    main()
