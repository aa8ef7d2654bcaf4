"""The page of gan-compare and gan-report: whole in one file, and harmless whatever it shows."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
import struct
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import BROWSER
from conftest import Answer
from jinja2 import UndefinedError
from made_runs import made, write_rows
from page_elements import Elements

from gan_runner.comparison import findings
from gan_runner.comparison.compared import compare
from gan_runner.comparison.grouping import group_runs
from gan_runner.comparison.page import uplot
from gan_runner.comparison.page.curves import curves
from gan_runner.comparison.page.gallery import gallery
from gan_runner.comparison.page.page import _environment
from gan_runner.comparison.record import find_records
from gan_runner.data import Data, Decision, Reading, Space
from gan_runner.data_report.describe import describe
from gan_runner.data_report.report import write_report

Here = Callable[..., Answer]

EVIL = "<img src=x onerror=alert(1)>"
QUOTES = "\"'><script>alert(2)</script>{{ 7 * 7 }}{% if %}"


def png(width: int = 4, height: int = 4) -> bytes:
    """A gray picture."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def add_pictures(run: Path, *steps: int, content: bytes | None = None) -> Path:
    (run / "samples").mkdir()
    for step in steps:
        (run / "samples" / f"step_{step:08d}.png").write_bytes(content or png())
    return run


@pytest.fixture
def page(here: Here, tmp_path: Path) -> Callable[..., str]:
    """The page that gan-compare makes of `runs`."""

    def call(*options: str) -> str:
        answer = here("gan-compare", "runs", "--html", "out/page.html", *options)
        assert (answer.code, answer.err) == (0, ""), answer
        return (tmp_path / "out" / "page.html").read_text()

    return call


Page = Callable[..., str]


def two_losses(runs: Path) -> None:
    for loss, level in (("hinge", 1.0), ("lsgan", 2.0)):
        for seed in range(2):
            run = made(runs / f"{loss}{seed}", level + 2, level + seed, loss=loss, seed=seed)
            add_pictures(run, 100, 200)


def test_a_page_has_its_sections_in_the_order_of_a_reader(tmp_path: Path, page: Page) -> None:
    two_losses(tmp_path / "runs")
    heads = re.findall(r"<h2 .*?>(.*?)</h2>", page())
    sections = ("Samples", "Leaderboard", "Curves", "Data", "Differences", "Resources", "Runs")
    assert tuple(heads) == sections


def test_a_page_needs_nothing_from_elsewhere(tmp_path: Path, page: Page) -> None:
    two_losses(tmp_path / "runs")
    for tag, attributes in Elements(page()).found:
        assert tag not in ("link", "iframe", "object", "embed", "base", "form")
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/png;base64,")), (tag, value)
        assert "url(http" not in (attributes.get("style") or "")


def test_the_only_scripts_are_the_two_that_the_policy_allows(tmp_path: Path, page: Page) -> None:
    two_losses(tmp_path / "runs")
    text = page()
    scripts = re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
    assert scripts[0] == uplot.script()
    digests = (base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert len(scripts) == 2
    assert f"script-src {allowed};" in policy
    assert "default-src 'none'" in policy


def test_the_library_that_draws_curves_is_the_one_that_was_recorded() -> None:
    files = {path.name: path.read_bytes() for path in uplot.FOLDER.iterdir()}
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == (
        uplot.SHA256
    )
    assert b"MIT License" in files["LICENSE"]
    assert f"(v{uplot.VERSION})" in uplot.script()


def test_texts_from_outside_are_only_texts(tmp_path: Path, page: Page) -> None:
    sick = {"name": EVIL, "step": EVIL, "evidence": QUOTES, "advice": f"</p>{EVIL}"}
    names = (EVIL, QUOTES.replace("/", "|"), "\x1b[31mred")
    for seed, name in enumerate(names):
        run = made(
            tmp_path / "runs" / name, 2.0, 1.0, loss=f"{QUOTES}{seed}", seed=seed, verdicts=[sick]
        )
        rows = [{"step": s, f"loss/{EVIL}": 1.0, QUOTES: 2.0} for s in (1, 2)]
        write_rows(run / "metrics.jsonl", rows)
        add_pictures(run, 100)
    text = page("--metric", "frechet")
    elements = Elements(text)
    assert [tag for tag, _ in elements.found].count("script") == 2
    for tag, attributes in elements.found:
        assert not any(name.startswith("on") for name in attributes), (tag, attributes)
        assert tag != "img" or (attributes["src"] or "").startswith("data:")
    for shown in (EVIL, QUOTES, "\\x1b[31mred"):
        assert shown in elements.said
    assert "\x1b" not in text


def test_a_template_may_name_only_what_it_is_given() -> None:
    with pytest.raises(UndefinedError):
        _environment().from_string("{{ nobody }}").render()


def test_pictures_at_equal_steps_stand_side_by_side(tmp_path: Path, page: Page) -> None:
    two_losses(tmp_path / "runs")
    (tmp_path / "runs" / "hinge1" / "samples" / "step_00000100.png").unlink()
    elements = Elements(page())
    (steps,) = [a["data-steps"] for _, a in elements.found if a.get("data-steps")]
    assert steps == "100 200"
    pictures = [a for tag, a in elements.found if tag == "img"]
    assert [a["data-place"] for a in pictures].count("0") == 3
    assert [a["data-place"] for a in pictures].count("1") == 4
    assert all(("hidden" in a) == (a["data-place"] == "0") for a in pictures)
    assert "no picture at step 100" in elements.said


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg onload=alert(1)>",
        b"\x89PNG",
        png(9000, 1),
        png() + b"\0" * 5_000_000,
    ],
)
def test_a_file_other_than_a_picture_of_ours_is_not_shown(
    tmp_path: Path, page: Page, content: bytes
) -> None:
    run = add_pictures(made(tmp_path / "runs" / "a", 1.0), 100)
    (run / "samples" / "step_00000100.png").write_bytes(content)
    text = page()
    assert "no picture at step 100" in text
    assert "data:image" not in text


def test_a_page_stays_small_however_many_pictures_there_are(tmp_path: Path, page: Page) -> None:
    for seed in range(30):
        add_pictures(made(tmp_path / "runs" / f"{seed:02}", 1.0, seed=seed), *range(0, 500, 10))
    text = page()
    assert text.count("data:image/png") == 24 * 12
    assert "24 of 30 runs with pictures are shown." in text
    assert "12 of 50 steps are shown." in text


def test_runs_of_two_directions_are_shown_in_both(tmp_path: Path, page: Page) -> None:
    for seed in range(2):
        run = made(tmp_path / "runs" / f"two{seed}", 1.0, loss="two", seed=seed)
        add_pictures(run, 100)
        (run / "samples" / "back_00000100.png").write_bytes(png())
        (run / "real.png").write_bytes(png(6, 6))
    add_pictures(one := made(tmp_path / "runs" / "one", 1.0, loss="one"), 100)
    (one / "real.png").write_bytes(png(7, 7))
    text = page()
    assert text.count("data:image/png") == 7
    captions = [part.split("</figcaption>")[0] for part in text.split("<figcaption>real examples")]
    assert [caption.count("two") for caption in captions[1:]] in ([1, 0], [0, 1])
    for run in ("two0", "two1"):
        there, back = (
            text.index(f'alt="{direction} and back of {run} at step 100"')
            for direction in ("inputs to targets", "targets to inputs")
        )
        assert there < back
    assert "seed 0, targets to inputs and back" in text
    assert 'alt="samples of one at step 100"' in text
    assert "1 more run<" in text


def test_large_pictures_are_shown_of_few_steps_and_few_runs(tmp_path: Path) -> None:
    large = png() + b"\0" * 3_900_000
    for seed in range(4):
        for loss in ("hinge", "lsgan"):
            run = made(tmp_path / "runs" / f"{loss}{seed}", 1.0, loss=loss, seed=seed)
            add_pictures(run, 100, 200, content=large)
    records = find_records([tmp_path / "runs"])
    found = gallery(group_runs(records).groups)
    shown = [picture for strip in found.strips for picture in strip.pictures]
    assert None not in shown and len(shown) * len(large) <= 24 << 20
    assert found.steps == (200,)
    assert found.notes == (
        "2 of 8 runs with pictures are shown.",
        "1 of 2 steps are shown.",
    )
    assert [strip.group.label for strip in found.strips] == ["hinge", "lsgan"]


def test_a_page_of_many_curves_and_pictures_takes_less_than_three_megabytes(
    tmp_path: Path, page: Page
) -> None:
    rng = np.random.default_rng(0)
    for seed in range(2):
        for loss in range(10):
            run = made(tmp_path / "runs" / f"{loss}_{seed}", 1.0, loss=f"loss{loss}", seed=seed)
            values = rng.normal(size=(90, 30))
            rows = [
                {"step": 10 * k} | {f"loss/{name}": float(v) for name, v in enumerate(row)}
                for k, row in enumerate(values)
            ]
            write_rows(run / "metrics.jsonl", rows)
            add_pictures(run, *range(100, 1300, 100), content=png() + b"\0" * 30_000)
    text = page()
    assert 1_500_000 < len(text) < 3_000_000
    (steps,) = [a["data-steps"] for _, a in Elements(text).found if a.get("data-steps")]
    assert len((steps or "").split()) == 4


def test_runs_without_anything_make_a_page(tmp_path: Path, page: Page) -> None:
    for name in "ab":
        run = made(tmp_path / "runs" / name, loss=name, state="failed", exit_code=5)
        for rows in ("metrics.jsonl", "evaluations.jsonl"):
            (run / rows).unlink()
    text = page()
    assert "train.eval_every" in text
    assert "No rows yet" in text
    assert "not recorded" in text


def test_a_report_is_the_page_of_one_run(here: Here, tmp_path: Path) -> None:
    sick = {"name": "oscillation", "step": 50, "evidence": "It swings", "advice": "Add r1."}
    run = add_pictures(made(tmp_path / "runs" / "a", 1.0, 3.0, verdicts=[sick]), 100)
    assert run.is_dir()
    answer = here("gan-report", "runs/a", "--html", "page.html")
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.splitlines()[2].split() == [
        *("frechet_identity", "3", "200", "1", "100"),
        answer.out.splitlines()[2].split()[-1],
    ]
    assert "verdict: oscillation at step 50: It swings. Add r1." in answer.out
    text = (tmp_path / "page.html").read_text()
    assert "frechet_identity: 3 at step 200; the best was 1 at step 100." in text
    assert "It swings. Add r1." in text
    made(tmp_path / "runs" / "b", 1.0)
    many = here("gan-report", "runs")
    assert many.code == 2
    assert "gan-compare" in many.err


def test_a_last_value_that_is_the_best_is_said_once(tmp_path: Path) -> None:
    made(tmp_path / "a", 3.0, 1.0)
    (board,) = compare([tmp_path / "a"]).boards
    assert findings.result_text(board) == "1 at step 200, the best."


def test_warnings_are_folded_in_the_table_of_runs(here: Here, tmp_path: Path) -> None:
    for name in ("a", "b"):
        status = made(tmp_path / "runs" / name, 1.0) / "status.json"
        plain = json.loads(status.read_text())
        status.write_text(json.dumps({**plain, "warnings": ["few samples"]}))
    assert here("gan-compare", "runs", "--html", "page.html").code == 0
    text = (tmp_path / "page.html").read_text()
    assert text.count("<summary>1 warning</summary>") == 2


def test_a_page_says_how_its_runs_were_made(here: Here, tmp_path: Path) -> None:
    run = made(tmp_path / "a", 1.0)
    status = json.loads((run / "status.json").read_text())
    status |= {"versions": {"gan_runner": "0.2.0", "torch": "2.13.0"}, "machine": EVIL}
    status |= {"git": {"commit": "0123456789abcdef", "changed": True}, "threads": 2}
    status |= {"started": "2026-11-20T17:32:40+00:00", "parameters": {"generator": 41602}}
    (run / "status.json").write_text(json.dumps(status))
    (run / ".hydra").mkdir()
    (run / ".hydra" / "overrides.yaml").write_text(f"- name='{EVIL}'\n- {'lr=1' * 300}\n")
    assert here("gan-report", "a", "--html", "page.html").code == 0
    said = Elements((tmp_path / "page.html").read_text()).said
    assert shlex.join(["gan-train", f"name='{EVIL}'", "lr=1" * 300]) in said  # whole
    assert "gan-runner 0.2.0, commit 0123456789ab with changes" in said
    assert "torch 2.13.0" in said
    assert f"cpu, 2 threads, {EVIL}" in said
    assert "2026-11-20 17:32 UTC" in said
    assert "10 s of training" in said
    assert "41,602 parameters of generator" in said


def test_a_page_of_one_run_speaks_of_one(here: Here, tmp_path: Path) -> None:
    run = made(tmp_path / "a", 1.0, 0.5)
    add_pictures(run, 100)
    assert here("gan-report", "a", "--html", "page.html").code == 0
    text = (tmp_path / "page.html").read_text()
    said = Elements(text[text.index("<main>") : text.index("</main>")]).said
    assert not re.findall(r"\b(groups?|runs|seeds|leaderboards?)\b", said)
    (run / "evaluations.jsonl").unlink()
    assert here("gan-report", "a", "--html", "page.html").code == 0
    assert "t evaluated. It is of another version" in (tmp_path / "page.html").read_text()


def test_samples_stand_beside_real_examples_once_for_all_runs_of_the_same_data(
    tmp_path: Path, page: Page
) -> None:
    two_losses(tmp_path / "runs")
    for run in (tmp_path / "runs").iterdir():
        (run / "real.png").write_bytes(png(6, 6))
    alts = [a["alt"] for tag, a in Elements(page()).found if tag == "img"]
    assert alts[0] == "real examples"
    assert alts.count("real examples") == 1
    (tmp_path / "runs" / "lsgan0" / "real.png").write_bytes(png(7, 7))
    alts = [a["alt"] for tag, a in Elements(page()).found if tag == "img"]
    assert alts.count("real examples") == 2


def test_curves_can_be_seen_where_no_script_runs(tmp_path: Path, page: Page) -> None:
    two_losses(tmp_path / "runs")
    text = page()
    drawings = re.findall(r"<noscript><svg.*?</svg></noscript>", text)
    assert len(drawings) == len(re.findall('data-points="', text)) == 2
    assert drawings[0].count("<polyline") == drawings[0].count("<polygon") == 2
    assert "step 100" in drawings[0]


def test_the_best_step_is_a_step(tmp_path: Path) -> None:
    for seed, values in enumerate([(0.25, 9.0, 9.0), (9.0, 0.5, 9.0)]):
        made(tmp_path / str(seed), *values, seed=seed)
    (board,) = compare([tmp_path]).boards
    cells = dict(
        zip(findings.board_heads(board), findings.line_cells(board, board.lines[0]), strict=True)
    )
    assert (cells["best mean"], cells["best step"]) == ("0.375", "100 to 200")


# ---------------------------------------------------------------- how data was read


def with_report(run: Path, **changes: Any) -> Path:
    reading = Reading(
        source=EVIL, decisions=(Decision(QUOTES, "Use dataset.label=null."),), labels="sub-folders"
    )
    space = Space("vectors", (2,), (0.0, 0.0), (1.0, 1.0))
    data = Data(torch.zeros(4, 2), space, torch.tensor([0, 0, 0, 1]), ("cat", EVIL), reading)
    write_report(run / "data.json", replace(describe(data, name=""), **changes))
    return run


def data_section(text: str) -> str:
    return text.split('<section id="data">')[1].split("</section>", maxsplit=1)[0]


def test_the_page_of_a_run_says_how_its_data_was_read(here: Here, tmp_path: Path) -> None:
    with_report(made(tmp_path / "a", 1.0))
    assert here("gan-report", "a", "--html", "page.html").code == 0
    text = (tmp_path / "page.html").read_text()
    section = Elements(data_section(text))
    said = " ".join(section.said.split())
    assert "4 vectors for training" in said
    assert "sub-folders: 2 classes, 1 to 3 each" in said
    assert "Use dataset.label=null." in said
    assert [tag for tag, _ in section.found if tag == "details"] == ["details"] * 2
    assert not {"img", "script"} & {tag for tag, _ in section.found}


def test_runs_of_the_same_data_share_a_report_and_others_have_their_own(
    tmp_path: Path, page: Page
) -> None:
    for name in "ab":
        with_report(made(tmp_path / "runs" / name, 1.0, loss=name))
    assert data_section(page()).count("4 vectors for training") == 1
    assert "<h4>" not in data_section(page())
    with_report(made(tmp_path / "runs" / "c", 1.0, loss="c"), examples=5)
    made(tmp_path / "runs" / "d", 1.0, loss="d")
    section = data_section(page())
    assert "<h4>a, b</h4>" in section
    assert "<h4>c</h4>" in section
    assert "runs without a reading report: d." in section


def test_a_report_that_is_none_is_left_out_with_a_warning(here: Here, tmp_path: Path) -> None:
    (made(tmp_path / "a", 1.0) / "data.json").write_text('{"source": 7}')
    answer = here("gan-report", "a", "--html", "page.html")
    assert answer.code == 0
    assert answer.err.startswith("warning: unreadable reading report")
    assert "Not recorded." in data_section((tmp_path / "page.html").read_text())


# ---------------------------------------------------------------- in a browser

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")


def open_page(path: Path, profile: Path) -> tuple[str, str]:
    """The page's document after its script has run, and what the browser said of it."""
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}"]
    options += ["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--dump-dom"]
    done = subprocess.run(
        [str(BROWSER), *options, path.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, "\n".join(x for x in done.stderr.splitlines() if "CONSOLE" in x)


@needs_browser
def test_a_browser_shows_the_page_and_runs_nothing_but_its_own_scripts(
    tmp_path: Path, page: Page
) -> None:
    breakout = f"{EVIL}{QUOTES}"
    for seed in range(2):
        run = made(tmp_path / "runs" / f"{EVIL}{seed}", 2.0, 1.0, loss=f"{breakout}{seed}")
        add_pictures(run, 100, 200)
    page()
    document, said = open_page(tmp_path / "out" / "page.html", tmp_path / "profile")
    assert said == ""  # nothing refused by the policy, no script that failed
    (slider,) = [a for _, a in Elements(document).found if a.get("class") == "slider"]
    assert "hidden" not in slider
    assert 'class="plot"' in document


# ---------------------------------------------------------------- the curves


def test_a_curve_is_the_mean_of_the_runs_in_a_band_of_all_of_them(tmp_path: Path) -> None:
    table = np.random.default_rng(2).normal(size=(3, 40))
    for seed, values in enumerate(table):
        made(tmp_path / str(seed), *values, seed=seed)
    (group,) = group_runs(find_records([tmp_path])).groups
    (curve,) = curves([group], lambda record: record.logged["loss/generator"])
    assert curve is not None
    logged = table + np.arange(3)[:, None]  # as `made` logs it
    assert curve.steps.tolist() == list(range(100, 4001, 100))
    assert curve.mean == pytest.approx(logged.mean(axis=0), rel=1e-12)
    assert (curve.least.tolist(), curve.greatest.tolist()) == (
        logged.min(axis=0).tolist(),
        logged.max(axis=0).tolist(),
    )


def test_of_many_steps_each_stretch_becomes_a_point(tmp_path: Path) -> None:
    made(tmp_path / "a", *np.linspace(0, 1, 5000))
    made(tmp_path / "b", 7.0, seed=1)  # failed early
    (group,) = group_runs(find_records([tmp_path]), by=["loss"]).groups
    (curve,) = curves([group], lambda record: record.logged["loss/generator"])
    assert curve is not None
    assert len(curve.steps) == 200
    assert curve.mean[1:].tolist() == sorted(curve.mean[1:])
    assert (curve.mean[0], curve.greatest[0], curve.greatest[1] < 1) == (4.0, 8.0, True)
    assert curve.mean[-1] == pytest.approx(1 - 12 / 4999, abs=1e-3)


def test_a_status_of_any_content_makes_a_page(tmp_path: Path, page: Page) -> None:
    run = made(tmp_path / "runs" / "a", 1.0, 1e38)
    deep = json.loads("[" * 400 + "]" * 400)
    status = json.loads((run / "status.json").read_text())
    status |= {"parameters": {"generator": 10**400, "discriminator": [1]}, "peak_memory": True}
    status |= {"device": deep, "reason": deep, "warnings": [deep], "state": "stopped"}
    status |= {"verdicts": [{"name": "x", "step": deep, "evidence": deep, "advice": deep}]}
    (run / "status.json").write_text(json.dumps(status))
    settings = json.loads((run / "config.yaml").read_text())
    settings |= {"odd": [{"a": 1}], "evaluation": {"best": {"metric": ["x"], "direction": ["y"]}}}
    (run / "config.yaml").write_text(json.dumps(settings) + "\n")
    rows = [json.loads(line) for line in (run / "evaluations.jsonl").read_text().splitlines()]
    rows[0]["results"]["frechet_identity"]["protocol"]["parameters"] = deep
    rows += [{"step": 300, "results": {"x": {"value": 1, "protocol": {"k": deep}}}}]
    write_rows(run / "evaluations.jsonl", rows)
    assert "not recorded" in page()
