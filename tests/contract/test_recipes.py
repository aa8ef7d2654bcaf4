"""The recipes' measured results: complete, equal wherever they are shown, never mixed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import paper
import pytest
import recipes
import results

LOSSES = ("non_saturating", "lsgan", "wgan_gp", "hinge", "softplus_r1", "r3gan")
SEEDS = {"0", "1", "2"}


def measurement(value: float, protocol: str = "aaaaaaaaaa") -> dict[str, Any]:
    whole = {"id": protocol, "n_real": 10, "parameters": {"modes": 8}}
    return {
        "seconds": 70,
        "threads": 1,
        "date": "2026-11-21",
        "machine": "a processor, 2 cores",
        "verdicts": [],
        "results": {"high_quality": {"value": value, "protocol": whole}},
    }


def test_every_recipe_was_measured() -> None:
    record = results.load_record()
    assert set(record) == set(recipes.recipes(["*"]))
    for data in "digits", "ring", "grid":
        for loss in LOSSES:
            assert set(record[f"{data}_{loss}"]) == SEEDS


def test_the_tables_and_headers_say_what_the_record_says() -> None:
    record = results.load_record()
    assert results.TABLES.read_text() == results.page(record, paper.load_record())
    for name, seeds in record.items():
        text = (results.RECIPES / f"{name}.yaml").read_text()
        assert text == results.with_header(text, name, seeds)


def test_the_record_holds_each_protocol_once() -> None:
    stored = json.loads(results.RECORD.read_text())
    named = [
        result["protocol"]
        for seeds in stored["recipes"].values()
        for run in seeds.values()
        for result in run["results"].values()
    ]
    assert set(named) == set(stored["protocols"])
    assert results.RECORD.stat().st_size < 200_000


def test_a_saved_record_reads_back_with_whole_protocols(tmp_path: Path) -> None:
    record = {"ring_hinge": {"0": measurement(0.9), "1": measurement(0.8)}}
    results.save_record(record, tmp_path / "results.json")
    assert results.load_record(tmp_path / "results.json") == record


def test_two_protocols_with_one_id_are_not_saved(tmp_path: Path) -> None:
    other = measurement(0.8)
    other["results"]["high_quality"]["protocol"]["n_real"] = 20
    record = {"ring_hinge": {"0": measurement(0.9), "1": other}}
    with pytest.raises(ValueError, match="two protocols have the id aaaaaaaaaa"):
        results.save_record(record, tmp_path / "results.json")


def test_numbers_of_different_protocols_stand_in_different_tables() -> None:
    record = {
        "ring_hinge": {"0": measurement(0.9)},
        "ring_lsgan": {"0": measurement(0.8)},
        "ring_wgan": {"0": measurement(0.7, "bbbbbbbbbb")},
    }
    first, second = results.tables(record).split("\n## ")[1:]
    assert "ring_hinge" in first and "ring_lsgan" in first and "aaaaaaaaaa" in first
    assert "ring_wgan" in second and "bbbbbbbbbb" in second and "ring_hinge" not in second


def test_seeds_of_different_protocols_are_refused() -> None:
    record = {"ring_hinge": {"0": measurement(0.9), "1": measurement(0.9, "bbbbbbbbbb")}}
    with pytest.raises(ValueError, match="protocols"):
        results.tables(record)


def test_a_summary_is_the_mean_with_the_lowest_and_the_highest() -> None:
    record = {"ring_hinge": {str(k): measurement(v) for k, v in enumerate((0.5, 0.6, 1.0))}}
    assert "| 0.7 (0.5 to 1) |" in results.tables(record)


def test_a_header_is_replaced_and_the_description_stays() -> None:
    old = "# @package _global_\n# What it is.\n# Measured on a day:\n# 3.\ntrain:\n  steps: 3\n"
    new = results.with_header(old, "ring_hinge", {"0": measurement(0.9)})
    lines = new.splitlines()
    assert lines[:3] == [
        "# @package _global_",
        "# What it is.",
        "# Command: gan-train experiment=ring_hinge",
    ]
    assert lines[3].startswith("# Measured on 2026-11-21, one core of a processor, 70 s each")
    assert "high_quality 0.9 (protocol aaaaaaaaaa in docs/results.md)." in new.replace("\n# ", " ")
    assert new.endswith("train:\n  steps: 3\n") and "# 3." not in new


def test_a_time_is_that_of_the_processor_where_it_was_measured() -> None:
    seeds = {str(k): measurement(0.9) | {"cpu_seconds": 60 + k} for k in range(2)}
    header = results.with_header("# What it is.\ntrain:\n", "ring_hinge", seeds)
    assert "60 to 61 s of CPU time each" in header.replace("\n# ", " ")
    assert "| 60 to 61 of CPU time |" in results.tables({"ring_hinge": seeds})


def paper_results(**methods: dict[str, Any]) -> dict[str, Any]:
    """The measurements of a paper's table on MNIST."""
    protocol = {"id": "aaaaaaaaaa", "space": "classifier", "split": "train"}
    facts = {"date": "2026-11-21", "machine": "a processor", "runs": 3, "seconds": 60}
    facts |= {"seeds": "1, 2", "updates": [8, 9], "networks": ["N"], "experiment": "lucic2018"}
    return {"mnist": {**facts, "protocol": protocol, "methods": methods}}


def trial(*values: float | None, best: int | None, again: list[float | None]) -> dict[str, Any]:
    samples = [{"overrides": [f"lr={place}"], "value": v} for place, v in enumerate(values)]
    return {"samples": samples, "best": best, "repeats": again}


def test_a_papers_number_stands_beside_the_measured_one_and_failures_are_named() -> None:
    text = paper.section(
        paper_results(
            wgan=trial(5.0, 4.0, best=1, again=[6.0, None, 8.0]),
            lsgan=trial(None, None, best=None, again=[]),
            dragan=trial(5.0, None, best=0, again=[None, None]),
        )
    )
    assert "| WGAN (`wgan`) | 6.7 ± 0.4 | 7 ± 1.4 | 6 to 8 | 4 of 4 to 5 | `lr=1` |" in text
    assert "| LSGAN (`lsgan`) | 7.8 ± 0.6 | every run has failed |" in text
    assert "| DRAGAN (`dragan`) | 7.6 ± 0.4 | every run has failed |" in text
    assert "| VAE (`vae`) | 23.8 ± 0.6 | not measured |" in text
    assert "8 to 9 updates" in text and "2 settings" in text and "`aaaaaaaaaa`" in text


def test_a_data_set_that_was_not_measured_has_the_papers_numbers_alone() -> None:
    text = paper.section({})
    assert text.count("Not measured: ") == 2
    assert "| WGAN (`wgan`) | 21.5 ± 1.6 |" in text and "differs" not in text
