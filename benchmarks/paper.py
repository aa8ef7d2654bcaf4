"""A table of a paper beside what was measured of it: Lucic et al. 2018, arXiv:1711.10337, table 2.

The numbers of the paper are Frechet Inception Distances, mean and deviation over 50 seeds of the
best of 100 settings. Its protocol is that of its code, github.com/google/compare_gan, version 1.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

RECORD = Path(__file__).parent.parent / "docs" / "lucic2018.json"
DATASETS = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
PAPER = {
    "minimax": ("MM GAN", (9.8, 0.9), (29.6, 1.6)),
    "non_saturating": ("NS GAN", (6.8, 0.5), (26.5, 1.6)),
    "lsgan": ("LSGAN", (7.8, 0.6), (30.7, 2.2)),
    "wgan": ("WGAN", (6.7, 0.4), (21.5, 1.6)),
    "wgan_gp": ("WGAN GP", (20.3, 5.0), (24.5, 2.1)),
    "dragan": ("DRAGAN", (7.6, 0.4), (27.7, 1.2)),
    "began": ("BEGAN", (13.1, 1.0), (22.9, 0.9)),
    "vae": ("VAE", (23.8, 0.6), (58.7, 1.2)),
}
"""The paper's name of each method, and its numbers on either data set."""

Method = Mapping[str, Any]
Compared = Mapping[str, Any]


def load_record() -> dict[str, Any]:
    """The measurements by data set."""
    found: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return found


def section(record: Mapping[str, Compared]) -> str:
    """The part of docs/results.md that holds the paper beside the measured numbers."""
    parts = [
        "## Lucic et al. 2018, table 2",
        '"Are GANs created equal?" (arXiv:1711.10337) tunes every loss alike and reports the mean'
        "\nand the deviation over seeds. `gan-train -m experiment=lucic2018"
        "\ndataset=mnist,fashion_mnist sweep=lucic2018 hydra.launcher.n_jobs=2` does so in small;"
        "\n`python benchmarks/lucic2018.py outputs/sweeps/lucic2018` writes this table.",
        *(text for name in DATASETS for text in _dataset(name, record.get(name))),
        *(["### What differs from the paper", _differences(record)] if record else []),
    ]
    return "\n\n".join(parts) + "\n"


def _dataset(name: str, found: Compared | None) -> list[str]:
    heading = f"### {DATASETS[name]}"
    if found is None:
        missing = "Not measured: the data set was not available. The same command measures it with"
        return [heading, f"{missing}\n`dataset={name}`. The paper's numbers:", _table(name, None)]
    seconds = found["seconds"] / 60
    when = (
        f"Measured on {found['date']} on {found['machine']}, {found['runs']} runs, together "
        f"{seconds:.0f} minutes of one core"
    )
    return [heading, f"{when}, seeds {found['seeds']} of the best settings.", _table(name, found)]


def _table(name: str, found: Compared | None) -> str:
    which = list(DATASETS).index(name)
    rows = [["method", "paper: FID"]]
    if found is not None:
        rows[0] += ["measured", "lowest to highest", "of the search", "best settings"]
    rows.append(["---"] * len(rows[0]))
    for method, (called, *numbers) in PAPER.items():
        paper = "{} ± {}".format(*numbers[which])
        rows.append([f"{called} (`{method}`)", paper])
        if found is not None:
            rows[-1] += _measured_cells(found["methods"].get(method))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _measured_cells(method: Method | None) -> list[str]:
    if method is None:
        return ["not measured", "", "", ""]
    values = [sample["value"] for sample in method["samples"] if sample["value"] is not None]
    again = [value for value in method["repeats"] if value is not None]
    if method["best"] is None or not again:
        return ["every run has failed", "", "", ""]
    best = method["samples"][method["best"]]
    searched = f"{best['value']:.3g} of {min(values):.3g} to {max(values):.3g}"
    settings = ", ".join(f"`{text}`" for text in best["overrides"]) or "the defaults"
    return [_spread(again), f"{min(again):.3g} to {max(again):.3g}", searched, settings]


def _spread(values: Sequence[float]) -> str:
    deviation = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):.3g}{deviation}"


def _differences(record: Mapping[str, Compared]) -> str:
    protocols = {found["protocol"]["id"]: found["protocol"] for found in record.values()}
    spaces = [f"`{key}` ({one['space']}, {one['split']})" for key, one in protocols.items()]
    networks = {text for found in record.values() for text in found["networks"]}
    updates = sorted({count for found in record.values() for count in found["updates"]})
    recipes = {str(found["experiment"]) for found in record.values()}
    seeds = {str(found["seeds"]) for found in record.values()}
    tried = {len(m["samples"]) for found in record.values() for m in found["methods"].values()}
    rows = [
        ("", "paper", "here"),
        (
            "distance",
            "Fréchet, features of Inception, 10,000 test images",
            "Fréchet, features of a classifier of the data set, 10,000 training images: protocol "
            f"{', '.join(spaces)}. `evaluation.space=inception` with its weights gives the paper's "
            "space. **The two columns have different scales: only the order can be compared.**",
        ),
        (
            "networks",
            "InfoGAN's: 1024 hidden units, width 64",
            f"{'; '.join(sorted(networks))}. `experiment=lucic2018_paper` has the paper's",
        ),
        (
            "budget",
            "20 epochs: 15,625 updates of D by 64 examples",
            f"{' to '.join(f'{n:,}' for n in dict.fromkeys((updates[0], updates[-1])))} updates",
        ),
        (
            "search",
            "100 settings of the wide space",
            f"{' or '.join(map(str, sorted(tried)))} settings, the authors' own first, of the "
            f"space of {' and '.join(sorted(recipes))} (`lucic2018`: the paper's narrow one)",
        ),
        (
            "seeds",
            "50, outliers left out",
            f"{'; '.join(sorted(seeds))}, which the search has not seen; none left out",
        ),
        ("checkpoints", "the best of four", "the last"),
        (
            "batch norm of D",
            "random for every loss",
            "random; layer norm in its place where a penalty differentiates D (WGAN GP, DRAGAN)",
        ),
        (
            "initial weights",
            "N(0, 0.02)",
            "the same, but He's in the D of WGAN GP and DRAGAN, narrow layers without batch norm",
        ),
        ("latent vectors", "uniform on [-1, 1]", "normal (of the VAE, normal in both)"),
        ("images", "in [0, 1], sigmoid", "in [-1, 1], tanh"),
        ("BEGAN", "measured", "missing: its D is an autoencoder"),
    ]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "| --- | --- | --- |", *lines[1:]])
