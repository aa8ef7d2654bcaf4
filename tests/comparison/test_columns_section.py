"""The columns of a table on the page of a run, and on that of many."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import BROWSER, browsing
from conftest import Answer
from made_runs import made, write_rows
from numpy.typing import NDArray
from page_elements import Elements

from gan_runner.comparison.compared import compare
from gan_runner.comparison.page.columns import section
from gan_runner.comparison.page.drawing import steps_path
from gan_runner.data import Column, Columns, Data, Space
from gan_runner.data_report.describe import describe
from gan_runner.data_report.report import write_report
from gan_runner.evaluation.table_report.compare import compare_tables
from gan_runner.evaluation.table_report.report import MOST_COLUMNS, write_table_report

Here = Callable[..., Answer]
Rows = list[tuple[Column, NDArray[Any]]]

EVIL = "<img src=x onerror=alert(1)>"


def people(*, shift: float = 0.0, seed: int = 0, job: str = "clerk") -> Rows:
    rng = np.random.default_rng(seed)
    gain = np.where(rng.random(800) < 0.9, 0.0, rng.integers(100, 9000, 800))
    gain[:40] = np.nan
    ages = (rng.integers(17, 91, 800) + shift).astype(np.int64)
    jobs = (ages > 40) + (rng.random(800) < 0.2).astype(np.int64)
    return [
        (Column("age", decimals=0), ages),
        (Column("gain", decimals=0), gain),
        (Column("job", (job, "nurse", "")), jobs),
    ]


def of_table(run: Path, *, shift: float = 30.0, step: int = 200, job: str = "clerk") -> Path:
    """The run, with a table report on samples whose ages are higher than real ones."""
    found = compare_tables(people(job=job), people(shift=shift, seed=1, job=job))
    write_table_report(run / "table.json", replace(found, step=step))
    return run


def columns_section(text: str) -> str:
    return text.split('<section id="columns">')[1].split("</section>", maxsplit=1)[0]


@pytest.fixture
def report(here: Here, tmp_path: Path) -> Callable[..., str]:
    """The section of columns on the page of a run."""

    def call(run: str = "a") -> str:
        answer = here("gan-report", run, "--html", "page.html")
        assert (answer.code, answer.err) == (0, ""), answer
        return columns_section((tmp_path / "page.html").read_text())

    return call


def test_columns_stand_the_worst_first_with_their_distances(
    tmp_path: Path, report: Callable[..., str]
) -> None:
    of_table(made(tmp_path / "a", 1.0))
    text = report()
    heads = re.findall(r"<h3>(\w+) <span>(.*?) ([\d.]+)</span></h3>", text)
    assert [(name, measure) for name, measure, _ in heads] == [
        ("age", "KS distance"),
        ("job", "total variation"),
        ("gain", "KS distance"),
    ]
    distances = [float(value) for _, _, value in heads]
    assert distances == sorted(distances, reverse=True)
    assert "800 sampled rows at step 200 beside 800 real ones" in Elements(text, glue=" ").said


def test_numbers_are_histograms_and_spikes_and_missing_values_bars_beside_them(
    tmp_path: Path, report: Callable[..., str]
) -> None:
    of_table(made(tmp_path / "a", 1.0))
    text = report()
    gain = text.split("<h3>gain")[1].split("</table>")[0]
    assert gain.count('<path class="real"') == gain.count('<path class="sampled"') == 1
    rows = re.findall(r'<th scope="row">(.*?)</th>.*?number">(.*?)</td>', gain, flags=re.DOTALL)
    assert rows[0][0] == "0"
    assert rows[-1] == ("<em>missing</em>", "5.0 %")
    job = text.split("<h3>job")[1].split("</table>")[0]
    assert "<svg" not in job
    assert job.count('<i class="sampled"') == 3


def test_pairs_are_three_triangles_and_a_list(tmp_path: Path, report: Callable[..., str]) -> None:
    of_table(made(tmp_path / "a", 1.0))
    text = report()
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert captions == ["real", "sampled", "sampled less real"]
    assert text.count("<rect") == 3 * 3
    said = Elements(text, glue=" ").said
    for measure in ("Pearson's correlation", "correlation ratio"):
        assert measure in said.split("The pairs that differ most")[1]


def test_every_drawing_has_a_text_for_those_who_can_not_see_it(
    tmp_path: Path, report: Callable[..., str]
) -> None:
    of_table(made(tmp_path / "a", 1.0))
    drawings = [a for tag, a in Elements(report(), glue=" ").found if tag == "svg"]
    assert len(drawings) == 2 + 3
    assert all(a["role"] == "img" and len(a["aria-label"] or "") > 20 for a in drawings)


def test_numbers_of_tables_stand_with_a_sentence_on_their_meaning(
    tmp_path: Path, report: Callable[..., str]
) -> None:
    run = of_table(made(tmp_path / "a", 0.25, 0.125, name="column_variation"))
    said = " ".join(Elements(report(), glue=" ").said.split())
    assert "column_ variation 0.125 Less is better: 0 where categories" in said
    made(tmp_path / "b", 0.5)  # which is no number of tables
    of_table(tmp_path / "b")
    assert "frechet" not in report("b")
    assert run.is_dir()


def test_names_from_outside_are_only_texts_on_the_page_of_columns(
    tmp_path: Path, report: Callable[..., str]
) -> None:
    real: Rows = [(Column(EVIL, (EVIL, '"><script>')), np.arange(40) % 2)]
    real += [(Column(f"{EVIL}{k}"), np.random.default_rng(k).normal(size=40)) for k in range(2)]
    write_table_report(made(tmp_path / "a", 1.0) / "table.json", compare_tables(real, real))
    elements = Elements(report(), glue=" ")
    assert not {"img", "script"} & {tag for tag, _ in elements.found}
    assert not any(n.startswith("on") for _, attributes in elements.found for n in attributes)
    assert EVIL in elements.said


def table_data(names: Sequence[str]) -> Data:
    columns = Columns(tuple(Column(name) for name in names), 1.0, straight_through=False)
    ends = (0.0,) * len(names), (1.0,) * len(names)
    space = Space("table", (len(names),), *ends, columns)
    return Data(torch.zeros(4, len(names)), space)


def test_the_page_of_an_older_run_on_a_table_says_how_its_columns_are_compared(
    tmp_path: Path, report: Callable[..., str]
) -> None:
    run = made(tmp_path / "a", 1.0)
    write_report(run / "data.json", describe(table_data("xy"), name=""))
    assert "gan-evaluate" in report()


def test_the_page_of_a_run_on_other_data_has_no_columns(here: Here, tmp_path: Path) -> None:
    made(tmp_path / "a", 1.0)
    assert here("gan-report", "a", "--html", "page.html").code == 0
    assert 'id="columns"' not in (tmp_path / "page.html").read_text()


def test_a_damaged_report_is_a_warning_and_the_page_is_made(here: Here, tmp_path: Path) -> None:
    run = of_table(made(tmp_path / "a", 1.0))
    (run / "table.json").write_text('{"columns": 7}')
    answer = here("gan-report", "a", "--html", "page.html")
    assert answer.code == 0
    assert "warning: unreadable table report" in answer.err
    assert 'id="columns"' not in (tmp_path / "page.html").read_text()


def test_the_page_of_thousands_of_columns_is_small_and_says_how_many_it_shows(
    here: Here, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    names = [f"column {k} of very many that a table has" for k in range(5000)]
    tables: list[Rows] = [[(Column(name), rng.normal(size=40)) for name in names] for _ in range(2)]
    run = made(tmp_path / "a", 1.0)
    write_table_report(run / "table.json", compare_tables(*tables))
    protocol = {"data": "d1", "space": "data", "parameters": {}}
    fields = {"metric": "column_wasserstein", "space": "data", "protocol": protocol}
    results = {f"column_wasserstein/{n}": {"value": 1.0, "column": n, **fields} for n in names}
    write_rows(run / "evaluations.jsonl", [{"step": 100, "results": results}])
    assert here("gan-report", "a", "--html", "page.html").code == 0
    text = (tmp_path / "page.html").read_text()
    assert len(text) < 6_000_000
    shown = columns_section(text)
    assert len(shown) < 500_000
    assert shown.count("KS distance</span>") + shown.count("KS distance ") == MOST_COLUMNS
    assert "the 40 worst of 5,000 columns are shown." in shown
    assert "pairs are those of the first 30 of 5,000 columns." in shown


def test_groups_stand_side_by_side_column_by_column(here: Here, tmp_path: Path) -> None:
    for loss, shift in (("hinge", 0.0), ("lsgan", 30.0)):
        for seed in range(2):
            of_table(
                made(tmp_path / "runs" / f"{loss}{seed}", 1.0, loss=loss, seed=seed), shift=shift
            )
    assert here("gan-compare", "runs", "--html", "page.html").code == 0
    text = columns_section((tmp_path / "page.html").read_text())
    said = " ".join(Elements(text, glue=" ").said.split())
    found = section(compare([tmp_path / "runs"]))
    assert [group.label for group in found["groups"]] == ["hinge", "lsgan"]
    near, far = next(row["distances"] for row in found["distances"] if row["name"] == "age")
    assert near < 0.1
    assert far > 0.3
    assert f"age {near:.3f} {far:.3f}" in said
    assert "run hinge0" in said
    assert text.count('class="grid columns"') == 1  # the charts are those of one run


def test_an_outline_goes_up_and_down_at_every_edge() -> None:
    plain = steps_path([0, 1, 2], [1.0, 0.5], size=(100, 60), above=10, logarithmic=False)
    assert plain == "M0 60V10.0H50.0V35.0H100.0V60Z"
    scaled = steps_path([1, 10, 1000], [0.0, 1.0], size=(90, 60), above=10, logarithmic=True)
    assert scaled == "M0 60V60.0H30.0V10.0H90.0V60Z"
    assert "nan" not in steps_path([3, 3], [1.0], size=(90, 60), above=10, logarithmic=False)


@pytest.mark.skipif(BROWSER is None, reason="needs a headless Chromium")
@pytest.mark.parametrize("width", [360, 700, 1400])
def test_the_columns_fit_into_a_window(here: Here, tmp_path: Path, width: int) -> None:
    job = "a job with a name that is far longer than what a card has room for"
    of_table(made(tmp_path / "a", 1.0), job=job)
    assert here("gan-report", "a", "--html", "page.html").code == 0
    with browsing(tmp_path / "profile") as page:
        page.show_as(width=width)
        page.open(f"file://{tmp_path / 'page.html'}")
        page.text("The pairs that differ most")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        inside = "[...document.querySelectorAll('.columns .card')].every(card => "
        inside += "[...card.querySelectorAll('table, svg')].every(part => "
        inside += "part.getBoundingClientRect().right <= card.getBoundingClientRect().right + 1))"
        assert page.evaluate(inside)
