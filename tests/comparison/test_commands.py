"""The commands that make runs again, also of runs that came from a stranger."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest
from made_runs import made

from gan_runner.comparison.commands import run_command, sweep_command
from gan_runner.comparison.record import Record, find_records


def records(folder: Path, *overrides: list[str]) -> list[Record]:
    for number, texts in enumerate(overrides):
        path = made(folder / str(number), 1.0) / ".hydra"
        path.mkdir()
        (path / "overrides.yaml").write_text("".join(f"- {json.dumps(x)}\n" for x in texts))
    return find_records([folder])


def test_the_command_of_a_run_has_its_settings_but_for_its_place(tmp_path: Path) -> None:
    given = ["dataset=table", 'dataset.path="my data.csv"', "+x=1"]
    (record,) = records(tmp_path, [*given, "sweep=s", "hydra.run.dir=outputs/a"])
    assert shlex.split(run_command(record) or "") == ["gan-train", *given]


def test_true_and_false_are_written_as_they_were_typed(tmp_path: Path) -> None:
    (record,) = records(tmp_path, ["loss=hinge", "quick=True", "train.epochs=None"])
    assert run_command(record) == "gan-train loss=hinge quick=true train.epochs=null"


def test_runs_of_a_full_product_have_one_command(tmp_path: Path) -> None:
    found = records(
        tmp_path, *([f"loss={x}", "lr=1", f"seed={y}"] for x in ("hinge", "lsgan") for y in (0, 1))
    )
    assert sweep_command(found) == "gan-train -m loss=hinge,lsgan lr=1 seed=0,1"
    assert sweep_command(found[:3]) is None
    assert sweep_command([*found, *found]) is None


@pytest.mark.parametrize(
    "text", ["--plugin=/tmp/evil.py", "-m", "a=1\nrm -rf ~", "a=\x1b[31m", "a", "$(id)=1"]
)
def test_a_word_that_may_be_more_than_a_setting_leaves_no_command(
    tmp_path: Path, text: str
) -> None:
    (record,) = records(tmp_path, ["loss=hinge", text])
    assert run_command(record) is None


def test_what_a_shell_would_run_is_quoted(tmp_path: Path) -> None:
    (record,) = records(tmp_path, ["name=$(touch x); `id`"])
    assert run_command(record) == "gan-train 'name=$(touch x); `id`'"


def test_a_file_that_is_no_list_of_settings_leaves_no_command(tmp_path: Path) -> None:
    (record,) = records(tmp_path, ["loss=hinge"])
    path = record.summary.path / ".hydra" / "overrides.yaml"
    for content in ("a: 1", "- 1", "- [a=1]", "\xff", "- a=1\n- &x [*x]"):
        path.write_bytes(content.encode("latin-1"))
        (again,) = find_records([tmp_path])
        assert run_command(again) is None
