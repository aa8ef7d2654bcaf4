"""Runs measured by the metric of a plugin: compared without it as far as their rows go."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from made_runs import PROTOCOL, made
from plugin_files import METRIC, write_package

from gan_runner.evaluation.protocol import digest_of

Forked = Callable[..., "subprocess.CompletedProcess[str]"]

WARNING = (
    "warning: metric spread is of a plugin that isn't loaded. Give --plugin FILE or install it.\n"
)
TRACE = "from pathlib import Path\nPath(__file__).with_name('imported').touch()\n"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run measured by the metric of a plugin, and the plugin's file beside it."""
    (tmp_path / "my_ideas.py").write_text(METRIC)
    return made(tmp_path / "run", 3.0, 1.0, 2.0, name="spread")


def test_a_metric_of_a_plugin_is_shown_without_it_and_named_once(forked: Forked, run: Path) -> None:
    other = made(run.with_name("other"), 4.0, name="spread", loss="wgan_gp")
    for words in (["run", "other"], ["run", "other", "--metric", "spread"]):
        done = forked("gan-compare", *words)
        assert (done.returncode, done.stderr) == (0, WARNING)
        assert done.stdout.startswith("spread (no order), protocol ")
        assert all(loss in done.stdout for loss in ("hinge", "wgan_gp"))
    done = forked("gan-report", "run")
    assert (done.returncode, done.stderr) == (0, WARNING)
    assert "spread  2" in done.stdout
    listed = forked("gan-runs", ".")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert other.name in listed.stdout


def test_the_best_of_a_metric_that_is_not_known_is_left_open(forked: Forked, run: Path) -> None:
    assert forked("gan-compare", "run", "--json", "found.json").stderr == WARNING
    (board,) = json.loads((run.parent / "found.json").read_text())["boards"]
    (found,) = board["groups"][0]["runs"]
    assert (board["direction"], found["best"], found["final"]) == (None, None, 2.0)


def test_a_loaded_plugin_says_which_values_are_better(forked: Forked, run: Path) -> None:
    done = forked("gan-compare", "run", "--plugin", "my_ideas.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("spread (less is better), protocol ")
    done = forked("gan-report", "run", environment={"GAN_RUNNER_PLUGINS": "my_ideas.py"})
    assert done.stdout.splitlines()[2].split() == [
        *("spread", "2", "300", "1", "200"),
        digest_of(PROTOCOL),
    ]


def test_the_best_of_a_metric_that_was_not_measured_is_not_damage(
    forked: Forked, run: Path
) -> None:
    path = run / "evaluations.jsonl"
    rows = [json.loads(line) | {"best": None} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert forked("gan-compare", "run").stderr == WARNING
    path.write_text("".join(json.dumps(row | {"confusion": {"a": [1]}}) + "\n" for row in rows))
    assert forked("gan-compare", "run").stderr == WARNING


@pytest.mark.parametrize("name", ["gan-runs", "gan-compare", "gan-report"])
def test_a_package_is_imported_only_for_a_metric_of_a_plugin(
    forked: Forked, run: Path, name: str
) -> None:
    site = run.parent / "site"
    package = write_package(site, "lab_ideas", TRACE + METRIC)
    made(run.with_name("ours"), 1.0)
    assert forked(name, "ours", site=site).returncode == 0
    assert not (package / "imported").exists()
    done = forked(name, "run", site=site)
    assert (done.returncode, done.stderr) == (0, "")
    assert (package / "imported").exists() == (name != "gan-runs")


def test_the_plugins_of_a_run_are_shown_in_short(forked: Forked, run: Path) -> None:
    for sha256 in ("1" * 64, "2" * 64):
        path = made(run.with_name(sha256[0]), 1.0)
        settings = json.loads((path / "config.yaml").read_text())
        settings["plugins"] = [
            {"name": "my_ideas.py", "version": None, "sha256": sha256},
            {"name": "lab_ideas", "version": "1.0", "sha256": None},
        ]
        (path / "config.yaml").write_text(json.dumps(settings))
    done = forked("gan-compare", "1", "2")
    assert all(f"my_ideas.py {12 * digit}, lab_ideas 1.0" in done.stdout for digit in "12")
