"""A search that stops early beside the full search of the same settings: does it find as good a
winner, and what does it cost?

    python benchmarks/halving.py                             the ring, seeds 0 to 4
    python benchmarks/halving.py --seeds 0,1 --samples 18 --jobs 2
    python benchmarks/halving.py --data digits --seeds 0,1   costs more

Both searches are the commands that a user has, `gan-train -m hydra/sweeper=tuned` and `halving`, in
folders that stay (--out): what is done isn't trained again, so the same command goes on after a
kill. A seed is that of the draws, times 100 that of the runs. The first command of a search is
timed, the repeats with new seeds follow. Numbers go to FOLDER/halving.json, and a table is printed:
the metric of the best settings on new seeds, mean and lowest to highest; and of the search that
stops early its steps, and its seconds of a processor with the starts of all processes (3 to 4 s
each), as shares of the full search's.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import mean
from typing import Any, Literal, NamedTuple

from recipes import machine
from results import ROOT
from scipy.stats import spearmanr

from gan_runner import train
from gan_runner.comparison.search import SearchRecord, search_record
from gan_runner.storage.rows import best_evaluation
from gan_runner.storage.run_folder import RunFolder

BAR = 0.40  # of the full search's steps

HEADS = (
    *("seed", "full search", "stops early", "same settings", "within the interval"),
    *("steps", "processor time", "ranks at rungs and at the end"),
)


class SearchSpace(NamedTuple):
    """What is searched: what all jobs share, and what is drawn."""

    settings: tuple[str, ...]
    drawn: tuple[str, ...]
    metric: str
    direction: Literal["min", "max"]
    steps: int

    @property
    def interval(self) -> int:
        """Steps between two evaluations: a ninth of the run, as the search has by itself."""
        return self.steps // 9

    def command(self, settings: Sequence[str]) -> list[str]:
        """The settings of both searches."""
        best = [f"evaluation.best.{key}={getattr(self, key)}" for key in ("metric", "direction")]
        length = [f"train.steps={self.steps}", f"train.eval_every={self.interval}"]
        return [*self.settings, *best, *length, *self.drawn, *settings]


SEARCH_SPACES = {
    "ring": SearchSpace(
        (
            *("experiment=ring_non_saturating", "loss.d_steps=1", "train.batch_size=64"),
            *("model.generator.hidden=[64,64]", "model.discriminator.hidden=[64,64]"),
            *("model.discriminator.norm=none", "train.log_every=150", "train.sample_every=0"),
            *("evaluation.metrics=[sliced_wasserstein]", "evaluation.num=1000", "threads=1"),
        ),
        (
            "optimizer.generator.lr=tag(log,interval(1e-5,1e-1))",
            "optimizer.discriminator.lr=tag(log,interval(1e-5,1e-1))",
        ),
        "sliced_wasserstein",
        "min",
        630,
    ),
    "digits": SearchSpace(
        ("experiment=digits_hinge", "evaluation.num=1000", "train.sample_every=0"),
        (
            "optimizer.generator.lr=tag(log,interval(1e-5,1e-2))",
            "optimizer.discriminator.lr=tag(log,interval(1e-5,1e-2))",
        ),
        "frechet",
        "min",
        900,
    ),
}


class Task(NamedTuple):
    """Both searches of a space with a seed, below a folder."""

    data: str
    seed: int
    samples: int
    repeats: int
    jobs: int
    out: Path
    settings: tuple[str, ...]

    @property
    def search_space(self) -> SearchSpace:
        return SEARCH_SPACES[self.data]

    def sweep(self, sweeper: str) -> Path:
        """The folder of a search."""
        return self.out / f"{self.data}_{sweeper}_{self.seed}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", nargs="*", help="settings NAME=VALUE of all runs")
    parser.add_argument("--data", choices=sorted(SEARCH_SPACES), default="ring")
    parser.add_argument("--seeds", default="0,1,2,3,4")
    parser.add_argument("--samples", type=int, default=9, help="settings that are tried")
    parser.add_argument("--repeats", type=int, default=3, help="runs of the best with new seeds")
    parser.add_argument("--jobs", type=int, default=1, help="jobs at a time")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "halving")
    options = parser.parse_intermixed_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "halving.json"
    for seed in map(int, options.seeds.split(",")):
        task = Task(
            *(options.data, seed, options.samples, options.repeats, options.jobs, out),
            tuple(options.settings),
        )
        record = _load(kept)
        record.setdefault(options.data, {})[str(seed)] = measure(task)
        kept.write_text(json.dumps(record, indent=1) + "\n")
    print(table(_load(kept)[options.data]))


def measure(task: Task) -> dict[str, Any]:
    """Carry out both searches, unless that is done, and hold them against each other. Raises
    CalledProcessError."""
    seconds = {sweeper: _search(task, sweeper) for sweeper in ("tuned", "halving")}
    (full,) = json.loads((task.sweep("tuned") / "tuned.json").read_text())["methods"]
    early = search_record(task.sweep("halving"))
    assert early is not None, "its command has ended well"
    winner = next(k for k, job in enumerate(early.jobs) if job.name == early.winner)
    found = {
        "tuned": _result(full["best"], full["samples"][full["best"]]["value"], full["repeats"]),
        "halving": _result(winner, early.jobs[winner].values[-1], early.repeats),
    }
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": machine(),
        "metric": task.search_space.metric,
        "direction": task.search_space.direction,
        "jobs": len(early.jobs),
        "steps": task.search_space.steps,
        "share_of_steps": round(early.share, 4),
        "seconds": {sweeper: round(each, 1) for sweeper, each in seconds.items()},
        "ranks": _foretelling(task, early),
        **found,
    }


def table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """The searches of a space in Markdown, a line for each seed, and the bar beneath."""
    rows = [_row(seed, one) for seed, one in sorted(found.items(), key=lambda pair: int(pair[0]))]
    lines = [" | ".join(row) for row in (HEADS, ("---",) * len(HEADS), *rows)]
    good = [_is_as_good(one) for one in found.values()]
    cheap = [one["share_of_steps"] <= BAR for one in found.values()]
    bar = (
        f"as good a winner on {sum(good)} of {len(good)} seeds, at {BAR:.0%} of the steps or less "
        f"on {sum(cheap)}"
    )
    return "\n".join(["", *(f"| {line} |" for line in lines), "", bar])


def _search(task: Task, sweeper: str) -> float:
    """Carry out a search and then the repeats of its winner; the processor's seconds of the search
    without those, of all commands that it took together."""
    folder = task.sweep(sweeper)
    clock = folder.with_suffix(".seconds.json")
    spent = json.loads(clock.read_text()) if clock.exists() else {"seconds": 0.0, "done": False}
    began = _processor_seconds()
    if not spent["done"]:
        try:
            _call(task, sweeper, repeats=0)
            spent["done"] = True
        finally:
            spent["seconds"] += _processor_seconds() - began
            folder.parent.mkdir(parents=True, exist_ok=True)
            clock.write_text(json.dumps(spent) + "\n")
    _call(task, sweeper, repeats=task.repeats)
    print(f"{folder.name}: {spent['seconds']:.0f} s without the repeats", flush=True)
    return float(spent["seconds"])


def _processor_seconds() -> float:
    """Of all processes so far that this one has started, and of those that they have."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _call(task: Task, sweeper: str, *, repeats: int) -> None:
    folder = task.sweep(sweeper)
    command = [
        *(sys.executable, "-m", train.__name__, "-m", f"hydra/sweeper={sweeper}"),
        *task.search_space.command(task.settings),
        *(f"seed={100 * task.seed}", f"hydra.sweeper.seed={task.seed}"),
        *(f"hydra.sweeper.samples={task.samples}", f"hydra.sweeper.repeats={repeats}"),
        *(f"hydra.launcher.n_jobs={task.jobs}", f"sweep={folder.name}"),
        f"hydra.sweep.dir={folder}",
    ]
    with folder.with_suffix(".log").open("a") as log:
        subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, check=True)


def _result(index: int, value: float, repeats: Sequence[float | None]) -> dict[str, Any]:
    known = [each for each in repeats if each is not None]
    return {"best": index, "value": value, "repeats": known}


def _foretelling(task: Task, early: SearchRecord) -> dict[str, float]:
    """Spearman's rank correlation of the values of all jobs of the full search at each rung with
    those at the end."""
    folders = [task.sweep("tuned") / job.name for job in early.jobs]

    def values(step: int) -> list[float]:
        rows = [
            best_evaluation(RunFolder(folder).evaluations, task.search_space.direction, until=step)
            for folder in folders
        ]
        worst = float("inf") if task.search_space.direction == "min" else float("-inf")
        return [worst if row is None else float(row["best"]) for row in rows]

    last = values(early.rungs[-1])
    return {
        str(step): round(float(spearmanr(values(step), last).statistic), 3)
        for step in early.rungs[:-1]
    }


def _is_as_good(one: Mapping[str, Any]) -> bool:
    """Whether the winner of the search that stops early is, on new seeds, within the interval of
    the full search's or better."""
    full, early = one["tuned"]["repeats"], one["halving"]["repeats"]
    if one["tuned"]["best"] == one["halving"]["best"]:
        return True
    return mean(early) <= max(full) if one["direction"] == "min" else mean(early) >= min(full)


def _row(seed: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    full, early = one["tuned"], one["halving"]
    ranks = ", ".join(f"{step}: {rho:.2f}" for step, rho in one["ranks"].items())
    return (
        seed,
        _interval_text(full),
        _interval_text(early),
        "yes" if full["best"] == early["best"] else "no",
        "yes" if _is_as_good(one) else "no",
        f"{one['share_of_steps']:.0%}",
        f"{one['seconds']['halving'] / one['seconds']['tuned']:.0%}",
        ranks,
    )


def _interval_text(found: Mapping[str, Any]) -> str:
    known = found["repeats"]
    return f"{mean(known):.3g} ({min(known):.3g} to {max(known):.3g})"


def _load(kept: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    return found


if __name__ == "__main__":
    main()
