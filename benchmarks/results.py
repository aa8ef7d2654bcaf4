"""Write docs/results.md, and the headers of the recipes, from what was measured.

`recipes.py` measures single runs, `lucic2018.py` a comparison of a paper.
"""

from __future__ import annotations

import copy
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import paper

ROOT = Path(__file__).parent.parent
RECIPES = ROOT / "conf" / "experiment"
RECORD = ROOT / "docs" / "results.json"
TABLES = ROOT / "docs" / "results.md"

COLUMNS = (
    *("psnr", "psnr_trivial", "ssim", "ssim_trivial", "cycle_l1", "cycle_back_l1"),
    *("label_accuracy", "label_accuracy_trivial", "label_accuracy_real"),
    *("label_accuracy_back", "label_accuracy_back_trivial", "label_accuracy_back_real"),
    *("code_accuracy", "elbo", "log_likelihood"),
    *("efficacy_f1", "efficacy_f1_real", "tstr_accuracy", "trtr_accuracy", "impossible_share"),
    *("column_shapes", "pair_trends", "spike_difference", "missing_difference"),
    *("closest_record_share", "membership_auc", "column_wasserstein", "correlation_difference"),
    *("modes_covered", "high_quality", "reverse_kl", "total_variation"),
    *("frechet_classifier", "frechet_trivial_classifier"),
    *("frechet_back_classifier", "frechet_back_trivial_classifier"),
    *("kid_classifier", "precision_classifier", "recall_classifier"),
    *("density_classifier", "coverage_classifier", "classifier_score", "memorization_classifier"),
    "mmd_identity",
)
"""The numbers that are recorded and shown, in this order, where a recipe has them."""
SHORT = {"_classifier": "", "_identity": "", "_score": " score", "modes_covered": "modes", "_": " "}
HIGHLIGHTS = {
    "cycle_l1": (
        *("label_accuracy", "label_accuracy_back", "label_accuracy_real", "cycle_l1"),
        *("cycle_back_l1", "frechet_classifier", "frechet_trivial_classifier"),
    ),
    "psnr": (
        *("psnr", "psnr_trivial", "ssim", "ssim_trivial"),
        *("label_accuracy", "label_accuracy_real"),
    ),
    "high_quality": ("modes_covered", "high_quality"),
    "efficacy_f1": ("efficacy_f1", "efficacy_f1_real", "impossible_share", "membership_auc"),
    "tstr_accuracy": ("tstr_accuracy", "trtr_accuracy"),
    "elbo": ("elbo", "log_likelihood"),
    "label_accuracy": ("label_accuracy", "frechet_classifier"),
    "code_accuracy": ("code_accuracy", "frechet_classifier"),
    "frechet_classifier": ("frechet_classifier", "precision_classifier", "coverage_classifier"),
}
"""The numbers in the header of a recipe: those beside the first of these that it has."""

Record = dict[str, Any]


def load_record(path: Path = RECORD) -> dict[str, dict[str, Record]]:
    """All that was measured: by recipe, by seed. Each number carries its whole protocol."""
    if not path.exists():
        return {}
    stored = json.loads(path.read_text())
    recipes: dict[str, dict[str, Record]] = stored["recipes"]
    for result in _results(recipes):
        identifier = result["protocol"]
        result["protocol"] = {"id": identifier, **copy.deepcopy(stored["protocols"][identifier])}
    return recipes


def save_record(record: Mapping[str, Mapping[str, Record]], path: Path = RECORD) -> None:
    """Write the record. Each protocol stands in the file once, and numbers name it by its id.

    Raises ValueError where one id names two protocols.
    """
    recipes = copy.deepcopy(record)
    protocols: dict[str, Any] = {}
    for result in _results(recipes):
        protocol = result["protocol"]
        identifier = result["protocol"] = protocol.pop("id")
        if protocols.setdefault(identifier, protocol) != protocol:
            raise ValueError(f"two protocols have the id {identifier}")
    stored = {"protocols": protocols, "recipes": recipes}
    text = json.dumps(stored, indent=1, sort_keys=True)
    # a line for each protocol and each run: deeper indentation was a quarter of the file
    path.write_text(re.sub(r"\n {3,}", " ", text) + "\n")


def _results(recipes: Mapping[str, Mapping[str, Record]]) -> Iterator[dict[str, Any]]:
    for seeds in recipes.values():
        for run in seeds.values():
            yield from run["results"].values()


def write() -> None:
    """Write the tables and the headers of the recipes from the record."""
    record = load_record()
    TABLES.write_text(page(record, paper.load_record()))
    for name, seeds in record.items():
        path = RECIPES / f"{name}.yaml"
        path.write_text(with_header(path.read_text(), name, seeds))


def page(record: Mapping[str, Mapping[str, Record]], compared: Mapping[str, Any]) -> str:
    """The text of docs/results.md."""
    return f"{tables(record)}\n{paper.section(compared)}"


def with_header(text: str, name: str, seeds: Mapping[str, Record]) -> str:
    """A recipe whose leading comment ends with its command and what was measured."""
    lines = text.splitlines()
    end = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    described = [line for line in lines[:end] if not line.startswith("# Command:")]
    commands = (line for line in lines[:end] if line.startswith("# Command:"))
    command = next(commands, f"# Command: gan-train experiment={name}")
    cut = next((i for i, line in enumerate(described) if line.startswith("# Measured")), None)
    measured = textwrap.wrap(_measurement(seeds), width=98)
    header = [*described[:cut], command]
    return "\n".join([*header, *(f"# {line}" for line in measured), *lines[end:]]) + "\n"


def _measurement(seeds: Mapping[str, Record]) -> str:
    """The sentence on what a recipe gave."""
    first = next(iter(seeds.values()))
    highlights = next(names for name, names in HIGHLIGHTS.items() if name in first["results"])
    names = [name for name in highlights if name in first["results"]]
    numbers = ", ".join(f"{name} {_summary(seeds, name)}" for name in names)
    protocols = {first["results"][name]["protocol"]["id"] for name in names}
    cores = "one core" if first["threads"] == 1 else f"{first['threads']} threads"
    return (
        f"Measured on {first['date']}, {cores} of {first['machine'].partition(',')[0]}, "
        f"{_seconds(seeds, ' s')} each, {_seeds(seeds)}: {numbers} "
        f"(protocol {', '.join(sorted(protocols))} in docs/results.md)."
    )


def tables(record: Mapping[str, Mapping[str, Record]]) -> str:
    """A table for each set of protocols: numbers stand in one column only if they compare."""
    groups: dict[tuple[tuple[str, str], ...], dict[str, Mapping[str, Record]]] = {}
    for name in sorted(record):
        groups.setdefault(_protocols(record[name]), {})[name] = record[name]
    parts = [
        "# Measured results",
        "Written by `python benchmarks/recipes.py`, which trains every recipe of `conf/experiment`"
        "\nand measures its last checkpoint by `gan-evaluate`; all digits and protocols are in"
        "\n[results.json](results.json). Mean over the seeds, lowest and highest in brackets. The"
        "\ntime is that of training alone, where several runs shared the machine; CPU time has the"
        "\nstart and the evaluations of a run in it, too.",
    ]
    for protocols, group in groups.items():
        parts += [*_table(dict(protocols), group)]
    return "\n\n".join(parts) + "\n"


def _protocols(seeds: Mapping[str, Record]) -> tuple[tuple[str, str], ...]:
    """The shown numbers of a recipe with the digests of their protocols, the same for all seeds."""
    found = {
        tuple(
            (name, one["results"][name]["protocol"]["id"])
            for name in COLUMNS
            if name in one["results"]
        )
        for one in seeds.values()
    }
    if len(found) != 1:
        raise ValueError("the seeds of a recipe were measured by different protocols")
    return found.pop()


def _table(protocols: Mapping[str, str], group: Mapping[str, Mapping[str, Record]]) -> list[str]:
    first = next(iter(next(iter(group.values())).values()))
    rows = [["recipe", "seeds", "seconds", *(_short_name(name) for name in protocols), "verdicts"]]
    rows.append(["---"] * len(rows[0]))
    for name, seeds in group.items():
        numbers = [_summary(seeds, column) for column in protocols]
        verdicts = sorted({verdict for one in seeds.values() for verdict in one["verdicts"]})
        which = _seeds(seeds).removeprefix("seeds ").removeprefix("seed ")
        rows.append([f"`{name}`", which, _seconds(seeds), *numbers, ", ".join(verdicts) or "none"])
    by_id: dict[str, list[str]] = {}
    for name, identifier in protocols.items():
        by_id.setdefault(identifier, []).append(_short_name(name))
    explained = [
        f"- {', '.join(names)}: protocol `{identifier}`, {_protocol_text(first, identifier)}"
        for identifier, names in by_id.items()
    ]
    names = list(group)
    heading = names[0].partition("_")[0] if len(names) > 1 else names[0]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    when = f"Measured on {_dates(group)} on {first['machine']}, one run a core."
    return [f"## {heading}", when, "\n".join(lines), "\n".join(explained)]


def _protocol_text(one: Record, identifier: str) -> str:
    """A protocol in words."""
    protocols = (result["protocol"] for result in one["results"].values())
    plain = next(protocol for protocol in protocols if protocol["id"] == identifier)
    facts = {k: v for k, v in plain.items() if k not in ("id", "parameters")} | plain["parameters"]
    return ", ".join(f"{name} {_fact(value)}" for name, value in facts.items())


def _fact(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _dates(group: Mapping[str, Mapping[str, Record]]) -> str:
    dates = sorted({one["date"] for seeds in group.values() for one in seeds.values()})
    return " to ".join(dict.fromkeys((dates[0], dates[-1])))


def _summary(seeds: Mapping[str, Record], name: str) -> str:
    values = list(_values(seeds, name))
    if len({f"{value:.3g}" for value in values}) == 1:
        return f"{values[0]:.3g}"
    return f"{mean(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def _values(seeds: Mapping[str, Record], name: str) -> Iterator[float]:
    return (one["results"][name]["value"] for one in seeds.values())


def _seconds(seeds: Mapping[str, Record], unit: str = "") -> str:
    """How long a training takes: CPU time, where it was measured."""
    of_cpu = all("cpu_seconds" in one for one in seeds.values())
    found = sorted(one["cpu_seconds" if of_cpu else "seconds"] for one in seeds.values())
    text = " to ".join(dict.fromkeys((str(found[0]), str(found[-1])))) + unit
    return f"{text} of CPU time" if of_cpu else text


def _seeds(seeds: Mapping[str, Record]) -> str:
    return ("seeds " if len(seeds) > 1 else "seed ") + ", ".join(sorted(seeds))


def _short_name(name: str) -> str:
    for long, short in SHORT.items():
        name = name.replace(long, short)
    return name.strip()
