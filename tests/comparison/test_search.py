"""What a search that stops early has found: read with care, told with its doubts, on the page."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import log
from pathlib import Path
from random import Random
from typing import Any

import pytest
from conftest import Answer
from made_runs import made

from gan_runner.comparison.search import (
    RECORD,
    SearchRecord,
    doubts,
    headline,
    importances,
    rung_correlations,
    search_record,
)

Here = Callable[..., Answer]


def plain_job(name: str, *values: float | None, **settings: Any) -> dict[str, Any]:
    step = (100, 300, 900)[len(values) - 1] if values else 0
    return {
        **{"name": name, "settings": settings, "bracket": 0, "state": "paused", "step": step},
        **{"ill_from": None, "values": list(values)},
    }


def plain_search(jobs: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        **{"format": 1, "metric": "frechet", "direction": "min", "factor": 3},
        **{"rungs": [100, 300, 900], "winner": None, "repeats": [], "jobs": jobs, **more},
    }


def read(folder: Path, plain: object) -> SearchRecord | None:
    (folder / RECORD).write_text(json.dumps(plain))
    return search_record(folder)


def jobs_by_rate(count: int) -> list[dict[str, Any]]:
    """Jobs whose value is how far a learning rate is from 1e-3, whatever their loss."""
    random = Random(0)
    rates = [10 ** random.uniform(-5, -1) for _ in range(count)]
    return [
        plain_job(f"j{k}", abs(log(rate / 1e-3)), lr=rate, loss=random.choice(["hinge", "lsgan"]))
        for k, rate in enumerate(rates)
    ]


def test_the_setting_that_decides_is_the_important_one(tmp_path: Path) -> None:
    record = read(tmp_path, plain_search(jobs_by_rate(24)))
    assert record is not None
    found = importances(record)
    assert found is not None and found.step == 100 and found.jobs == 24 and found.r2 > 0.5
    shares = dict(found.shares)
    assert shares["lr"] > 0.8 and shares["loss"] < 0.1 and found.shares[0][0] == "lr"


def test_the_only_setting_explains_all(tmp_path: Path) -> None:
    jobs = [plain_job(f"j{k}", abs(k - 3.0), lr=10.0**-k) for k in range(9)]
    record = read(tmp_path, plain_search(jobs))
    assert record is not None
    found = importances(record)
    assert found is not None and found.shares == (("lr", pytest.approx(1.0)),)


def test_few_jobs_or_one_value_of_a_setting_say_nothing_of_importance(tmp_path: Path) -> None:
    few = read(tmp_path, plain_search(jobs_by_rate(7)))
    assert few is not None and importances(few) is None
    assert "7 jobs with a value" in doubts(few, None)[0]
    same = read(tmp_path, plain_search([plain_job(f"j{k}", float(k), lr=1) for k in range(9)]))
    assert same is not None and importances(same) is None


def test_ranks_are_correlated_over_the_jobs_that_reached_both_rungs(tmp_path: Path) -> None:
    values = [(1.0, 8.0), (2.0, 6.0), (3.0, 4.0), (4.0, 2.0), (9.0,), (None, 1.0)]
    record = read(
        tmp_path, plain_search([plain_job(f"j{k}", *each) for k, each in enumerate(values)])
    )
    assert record is not None
    (only,) = rung_correlations(record)
    assert (only.earlier, only.later, only.jobs) == (100, 300, 4)
    assert only.rho == pytest.approx(-1)


def test_an_order_that_foretells_nothing_is_doubted_with_a_remedy(tmp_path: Path) -> None:
    jobs = [plain_job(f"j{k}", float(k), float(-k)) for k in range(8)]
    record = read(tmp_path, plain_search(jobs))
    assert record is not None
    assert any("hydra.sweeper.rungs=2" in note for note in doubts(record, None))


def test_an_ill_job_with_a_better_value_is_named(tmp_path: Path) -> None:
    ill = {**plain_job("ill", 1.0, 1.0, 1.0), "ill_from": 700}
    jobs = [plain_job("well", 2.0, 2.0, 2.0), ill]
    record = read(tmp_path, plain_search(jobs, winner="well"))
    assert record is not None
    assert (
        headline(record)
    ) == "well is the best, frechet 2.000; 2 jobs, 2 to the end, 1,800 of 1,800 steps (100%)"
    assert any("ill has a better value, 1.000" in note for note in doubts(record, None))


@pytest.mark.parametrize(
    "plain",
    [
        {},
        [],
        {**plain_search([]), "format": 2},
        {**plain_search([]), "rungs": ["a"]},
        plain_search([{**plain_job("j"), "values": [float("nan")]}]),
        plain_search([{**plain_job("j"), "step": -1}]),
        plain_search([{**plain_job("j"), "settings": None}]),
    ],
)
def test_what_isnt_a_search_is_left_out(tmp_path: Path, plain: object) -> None:
    assert read(tmp_path, plain) is None
    (tmp_path / RECORD).write_text("[" * 100_000)
    assert search_record(tmp_path) is None
    (tmp_path / RECORD).unlink()
    (tmp_path / RECORD).symlink_to("/dev/zero")
    assert search_record(tmp_path) is None


def test_the_page_of_a_search_has_its_ranks_and_its_importances(here: Here, tmp_path: Path) -> None:
    sweep = tmp_path / "s"
    jobs = jobs_by_rate(9)
    for job in jobs[:2]:
        made(sweep / job["name"])
    jobs += [plain_job("<b>x", 1.0, 2.0, 3.0, lr="<i>y", loss="hinge")]
    jobs += [plain_job(f"k{k}", float(k), float(k)) for k in range(4)]
    (sweep / RECORD).write_text(json.dumps(plain_search(jobs, winner="<b>x")))
    assert here("gan-compare", str(sweep), "--html", "page.html").code == 0
    text = (tmp_path / "page.html").read_text()
    assert 'id="search"' in text and "Spearman" in text and "functional ANOVA" in text
    assert "<b>x" not in text and "<i>y" not in text and "&lt;b&gt;x" in text
    (sweep / RECORD).unlink()
    assert here("gan-compare", str(sweep), "--html", "page.html").code == 0
    assert 'id="search"' not in (tmp_path / "page.html").read_text()
