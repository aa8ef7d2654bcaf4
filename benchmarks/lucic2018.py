"""Write down what a comparison of experiment=lucic2018 has found, beside the paper's table.

    gan-train -m experiment=lucic2018 dataset=mnist,fashion_mnist sweep=lucic2018
    python benchmarks/lucic2018.py outputs/sweeps/lucic2018

The numbers go to docs/lucic2018.json, of the data sets that the sweep has; docs/results.md is
written from it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paper
import results
import yaml
from recipes import machine

from gan_runner.storage.status import read_status


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sweep", type=Path, help="the folder of the sweep")
    record = {**paper.load_record(), **collect(parser.parse_args().sweep)}
    paper.RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    results.write()


def collect(sweep: Path) -> dict[str, Any]:
    """The results of the sweep by data set. Raises ValueError for runs of different protocols."""
    tuned = json.loads((sweep / "tuned.json").read_text())
    record: dict[str, Any] = {}
    runs = list(_runs(sweep))
    for dataset in sorted({run["dataset"] for run in runs}):
        own = [run for run in runs if run["dataset"] == dataset]
        protocols = {json.dumps(run["protocol"], sort_keys=True) for run in own}
        if len(protocols) != 1:
            raise ValueError(f"the runs on {dataset} were measured by different protocols")
        methods = {
            method["name"].split()[0]: {**method, "overrides": _portable(method["overrides"])}
            for method in tuned["methods"]
            if method["name"].split()[1:] in ([], [f"dataset={dataset}"])
        }
        seeds = sorted({run["seed"] for run in own})[1:]
        gans = [run for run in own if run["networks"] is not None]
        record[dataset] = {
            "date": max(run["ended"] for run in own)[:10],
            "machine": machine(),
            "experiment": own[0]["experiment"],
            "methods": methods,
            "networks": sorted({run["networks"] for run in gans}),
            "updates": sorted({run["updates"] for run in own}),
            "protocol": own[0]["protocol"],
            "runs": len(own),
            "seconds": round(sum(run["seconds"] for run in own)),
            "seeds": ", ".join(map(str, seeds)),
        }
    return record


def _portable(overrides: list[str]) -> list[str]:
    """The overrides that matter on another machine: all but where the data lies."""
    return [override for override in overrides if not override.startswith("dataset.root=")]


def _runs(sweep: Path) -> Iterator[dict[str, Any]]:
    """The completed runs of a sweep."""
    for path in sorted(sweep.glob("*/status.json")):
        status = read_status(path)
        if status.state != "completed":
            continue
        config = yaml.safe_load((path.parent / "config.yaml").read_text())
        made, train = config["model"], config["train"]
        sizes = [f"{k} {v}" for k, v in made["generator"].items() if k in ("hidden", "width")]
        row = json.loads((path.parent / "evaluations.jsonl").read_text().splitlines()[-1])
        last = json.loads((path.parent / "metrics.jsonl").read_text().splitlines()[-1])
        (number,) = row["results"].values()
        yield {
            "dataset": config["choices"]["dataset"],
            "experiment": config["choices"].get("experiment"),
            "networks": ", ".join([made["name"], *sizes]) if "discriminator" in made else None,
            "updates": train["steps"] * config["loss"].get("d_steps", 1),
            "seed": config["seed"],
            "protocol": number["protocol"],
            "ended": status.ended,
            "seconds": last["seconds"],
        }


if __name__ == "__main__":
    main()
