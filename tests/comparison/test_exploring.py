"""A page in a browser: curves under the pointer, samples of a step, tables, keys."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import BROWSER, Page, browsing
from made_runs import made, write_rows
from test_page import EVIL, add_pictures, png

from gan_runner.comparison.compared import compare
from gan_runner.comparison.page.page import page

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

STEPS = list(range(0, 1000, 5))
LOSSES = {"hinge": 1.0, "=lsgan": 2.0}


def loss_at(step: int, level: float, seed: int) -> float:
    """The logged loss: in its range, and at its place, known."""
    return level + seed + step / 1000


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of two losses with two seeds each, and one of a single run."""
    folder = tmp_path_factory.mktemp("pages")
    for loss, level in LOSSES.items():
        for seed in range(2):
            run = made(
                folder / "runs" / f"{level}_{seed}", level, level + seed, loss=loss, seed=seed
            )
            rows = [{"step": s, "loss/generator": loss_at(s, level, seed)} for s in STEPS]
            write_rows(run / "metrics.jsonl", rows)
            add_pictures(run, 100, 500, 900)
            (run / "real.png").write_bytes(png(8, 8))
    for number in range(2):
        made(folder / "evil" / f"{EVIL}{number}", 1.0, loss=f"{EVIL}{number}")
        add_pictures(folder / "evil" / f"{EVIL}{number}", 50, 100)
    found = {"many": folder / "runs", "one": folder / "runs" / "1.0_0", "evil": folder / "evil"}
    for name, place in found.items():
        (folder / f"{name}.html").write_text(page(compare([place])))
    return {name: folder / f"{name}.html" for name in found}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(tmp_path_factory.mktemp("profile")) as shown:
        shown.show_as(width=1280)
        yield shown


class Reader:
    """A reader of an opened page."""

    def __init__(self, browser: Page, path: Path) -> None:
        self.browser = browser
        browser.open(path.as_uri())
        browser.wait_for("document.readyState === 'complete' && typeof charts === 'object'")

    def ask(self, expression: str) -> Any:
        return self.browser.evaluate(expression)

    def see(self, selector: str, place: int = 0) -> list[float]:
        """Bring an element into sight; its left, top, width and height."""
        element = f"document.querySelectorAll({json.dumps(selector)})[{place}]"
        self.browser.wait_for(f"!!{element}")
        self.ask(f"{element}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = "({x, y, width, height}) => [x, y, width, height]"
        return [float(each) for each in self.ask(f"({box})({element}.getBoundingClientRect())")]

    def click(self, selector: str, place: int = 0) -> None:
        x, y, width, height = self.see(selector, place)
        self.browser.drag((x + width / 2, y + height / 2), (x + width / 2, y + height / 2))

    def loss_chart(self) -> list[float]:
        """The place of the chart of the loss, drawn."""
        self.ask("document.querySelector('#curves-head').scrollIntoView()")
        self.browser.wait_for("charts.every(chart => chart.plot)")
        return self.see(".chart .u-over", self.ask(f"charts.indexOf({LOSS})"))


LOSS = "charts.find(chart => chart.name === 'loss/generator')"


@pytest.fixture
def many(browser: Page, pages: dict[str, Path]) -> Reader:
    return Reader(browser, pages["many"])


@pytest.fixture
def one(browser: Page, pages: dict[str, Path]) -> Reader:
    return Reader(browser, pages["one"])


def test_the_values_under_the_pointer_are_those_of_the_rows(many: Reader) -> None:
    x, y, width, height = many.loss_chart()
    many.browser.mouse("mouseMoved", x + 0.4 * width, y + height / 2)
    many.browser.mouse("mouseMoved", x + 0.5 * width, y + height / 2)
    many.browser.wait_for(f"!{LOSS}.tip.hidden")
    tip = many.ask(f"[...{LOSS}.tip.children].map(line => line.textContent)")
    step = int(tip[0].removeprefix("step "))
    assert abs(step - 500) <= 10
    said = {name: loss_at(step, level, 0) for name, level in LOSSES.items()}
    assert tip[1:] == [
        f"{name}{low + 0.5:.4g} ({low:.4g} to {low + 1:.4g})" for name, low in said.items()
    ]


def test_dragging_zooms_and_escape_resets(many: Reader) -> None:
    x, y, width, height = many.loss_chart()
    whole = many.ask(f"[{LOSS}.plot.scales.x.min, {LOSS}.plot.scales.x.max]")
    many.browser.drag((x + width / 4, y + height / 2), (x + width / 2, y + height / 2))
    least, most = many.ask(f"[{LOSS}.plot.scales.x.min, {LOSS}.plot.scales.x.max]")
    assert whole == [0, 995]
    assert (least, most) == (pytest.approx(249, abs=5), pytest.approx(498, abs=5))
    many.ask(f"{LOSS}.place.focus()")
    many.browser.key("Escape")
    assert many.ask(f"[{LOSS}.plot.scales.x.min, {LOSS}.plot.scales.x.max]") == whole


def test_arrow_keys_read_values_without_a_mouse(one: Reader) -> None:
    one.loss_chart()
    one.ask(f"{LOSS}.place.focus()")
    one.browser.key("End")
    one.browser.key("ArrowLeft")
    one.browser.wait_for(f"!{LOSS}.tip.hidden")
    assert one.ask(f"{LOSS}.tip.textContent") == f"step 990{loss_at(990, 1.0, 0):.4g}"


def test_a_group_is_switched_off_and_on(many: Reader) -> None:
    many.loss_chart()
    shown = f"{LOSS}.plot.series.map(each => each.show)"
    assert many.ask(shown)[1::4] == [True, True]
    many.click(".legend button")
    assert many.ask(shown)[1::4] == [False, True]
    many.click(".legend button")
    assert many.ask(shown)[1::4] == [True, True]


def test_smoothing_is_the_unbiased_exponential_mean(one: Reader) -> None:
    one.loss_chart()
    one.ask(
        "(input => { input.value = 0.9; input.dispatchEvent(new Event('input')); })"
        "(document.querySelector('#smoothing'))"
    )
    shown = one.ask(f"{LOSS}.plot.data[1]")
    values = np.array([loss_at(step, 1.0, 0) for step in STEPS])
    weights = 0.9 ** np.arange(len(values))
    expected = [
        weights[: k + 1][::-1] @ values[: k + 1] / weights[: k + 1].sum() for k in (0, 7, 99)
    ]
    assert [shown[k] for k in (0, 7, 99)] == pytest.approx(expected)


def test_axes_are_logarithmic_on_demand(one: Reader) -> None:
    one.loss_chart()
    assert one.ask(f"[{LOSS}.plot.scales.y.distr, {LOSS}.plot.scales.x.distr]") == [1, 1]
    one.ask(f"{LOSS}.log.click(), document.querySelector('#log-steps').click()")
    assert one.ask(f"[{LOSS}.plot.scales.y.distr, {LOSS}.plot.scales.x.distr]") == [3, 3]
    assert one.ask(f"{LOSS}.plot.data[0][0]") == 5  # step 0 has no place there


def test_the_csv_of_a_chart_has_its_points_and_no_formula(many: Reader) -> None:
    many.loss_chart()
    many.ask("saved = null, URL.createObjectURL = blob => (saved = blob, 'data:,'), 0")
    many.ask(f"{LOSS}.csv()")
    heads, *rows = csv.reader(many.ask("saved.text()").splitlines())
    assert heads == [
        *("step", "hinge", "hinge least", "hinge greatest"),
        *("'=lsgan", "'=lsgan least", "'=lsgan greatest"),
    ]
    assert [float(x) for x in rows[2]] == pytest.approx([10, 1.51, 1.01, 2.01, 2.51, 2.01, 3.01])
    assert len(rows) == len(STEPS)


def test_the_slider_shows_the_samples_of_its_step_and_marks_it_in_the_curves(many: Reader) -> None:
    visible = "all('.strips [data-place]:not([hidden])').map(each => each.dataset.place)"
    assert set(many.ask(visible)) == {"2"}
    x, y, width, height = many.loss_chart()
    place = (x + 0.52 * width, y + height / 2)
    many.browser.drag(place, place)
    assert set(many.ask(visible)) == {"1"}
    assert many.ask("slider.querySelector('output').textContent") == "step 500"
    many.see(".slider input")
    many.ask("slider.querySelector('input').focus()")
    many.browser.key("Home")
    many.browser.wait_for("place() === 0")
    assert set(many.ask(visible)) == {"0"}


def test_a_picture_is_enlarged_beside_real_examples(many: Reader) -> None:
    many.click(".strips.large figure:not(.real) img:not([hidden])")
    alts = "all('img', enlarged).map(image => image.alt)"
    assert many.ask("enlarged.open")
    assert many.ask(alts) == ["real examples", "samples of 1.0_0 at step 900"]
    many.browser.key("ArrowLeft")
    assert many.ask(alts)[1] == "samples of 1.0_0 at step 500"
    many.click(".enlarged button")
    assert not many.ask("enlarged.open")


def test_a_table_sorts_by_a_column_and_filters_its_rows(many: Reader) -> None:
    column = "all('#runs tbody tr:not([hidden])').map(row => row.cells[0].textContent.trim())"
    many.click("#runs thead button")
    many.click("#runs thead button")
    names = ["2.0_1", "2.0_0", "1.0_1", "1.0_0"]
    assert many.ask(column) == names
    assert many.ask("document.querySelector('#runs thead th').ariaSort") == "descending"
    means = "all('#leaderboard tbody tr').map(row => sortKey(row.cells[2]))"
    assert many.ask(means) == [1.5, 2.5]  # apart from the interval below
    settings = "all('#differences details tbody tr')"
    rows = many.ask(f"{settings}.length")
    many.ask(
        "(input => { input.value = 'EPS Discrim'; input.dispatchEvent(new Event('input')); })"
        "(document.querySelector('#differences details .filter input'))"
    )
    assert rows > many.ask(f"{settings}.filter(row => !row.hidden).length") == 1


def test_names_from_outside_stay_texts_wherever_a_script_puts_them(
    browser: Page, pages: dict[str, Path]
) -> None:
    evil = Reader(browser, pages["evil"])
    x, y, width, height = evil.loss_chart()
    evil.browser.mouse("mouseMoved", x + 0.4 * width, y + height / 2)
    evil.browser.mouse("mouseMoved", x + 0.5 * width, y + height / 2)
    evil.browser.wait_for(f"!{LOSS}.tip.hidden")
    assert evil.ask(f"{LOSS}.tip.textContent").count(EVIL) == 2
    evil.click(".strips.large img:not([hidden])")
    assert EVIL in evil.ask("enlarged.textContent")
    assert evil.ask("all('.legend button').map(button => button.textContent.trim())") == [
        f"{EVIL}{number}" for number in range(2)
    ]
    assert evil.ask("all('img').every(image => image.src.startsWith('data:image/png'))")
    assert evil.ask("all('script').length") == 2


def test_a_narrow_page_has_nothing_beside_it(browser: Page, pages: dict[str, Path]) -> None:
    browser.show_as(width=400, dark=True)
    for path in pages.values():
        reader = Reader(browser, path)
        reader.loss_chart()
        assert reader.ask("document.documentElement.scrollWidth <= innerWidth")
        assert reader.ask("getComputedStyle(document.body).backgroundColor") == "rgb(15, 20, 26)"
    browser.show_as(width=1280)
