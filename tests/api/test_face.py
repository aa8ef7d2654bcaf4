"""`import gan_runner`: small, quick, and its pages and notebooks do what they show."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import pytest
from forked_commands import ForkedProcess
from plugin_files import LOSS, ROOT, code_blocks

import gan_runner

QUICKER = {"train.steps": 3, "train.sample_every": 0, "device": "cpu", "threads": 1}


def test_the_import_costs_no_torch_and_no_time() -> None:
    code = (
        "import sys, time; began = time.process_time(); import gan_runner;"
        "took = time.process_time() - began;"
        "heavy = {'torch', 'numpy', 'pydantic', 'hydra', 'yaml'} & {*sys.modules};"
        "print(took < 0.05, heavy, sorted(m for m in sys.modules if 'gan_runner' in m))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(" ", 1)[0] == "True"
    assert "set()" in done.stdout
    assert "['gan_runner']" in done.stdout


def test_every_public_name_is_there_and_no_other() -> None:
    assert {*gan_runner.__all__, "__version__"} == {*dir(gan_runner)}
    assert all(getattr(gan_runner, name) is not None for name in gan_runner.__all__)
    assert gan_runner.open.__module__.startswith("gan_runner.api")
    with pytest.raises(AttributeError, match="no attribute 'opn'"):
        _ = gan_runner.opn


def test_every_name_has_its_docstring() -> None:
    names = [name for name in gan_runner.__all__ if not getattr(gan_runner, name).__doc__]
    assert names == []


@pytest.fixture
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fit trains a few steps whatever it is asked for, in a folder of its own."""
    from gan_runner.api import training

    words = [f"{key}={value}" for key, value in QUICKER.items()]
    read = training.read_command_line
    monkeypatch.setattr(training, "read_command_line", lambda given: read([*given, *words]))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("quick")
def test_the_page_on_python_runs_from_top_to_bottom() -> None:
    blocks = code_blocks(ROOT / "docs" / "python.md")
    assert len(blocks) >= 5
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)


def test_the_first_program_of_the_page_is_short() -> None:
    assert len(code_blocks(ROOT / "docs" / "python.md")[0].splitlines()) <= 10


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("name", "last"), [("first_steps", "again"), ("own_pictures", "strength")])
def test_a_notebook_runs_from_top_to_bottom(
    name: str, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mpl, "get_backend", mpl.get_backend)
    mpl.use("Agg")
    notebook = json.loads((ROOT / "examples" / f"{name}.ipynb").read_text())
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert len(cells) >= 5
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    names: dict[str, object] = {}
    for cell in cells:
        exec("".join(cell["source"]), names)
    assert last in names


def test_a_program_trains_opens_and_evaluates_with_a_file_of_its_own(
    popen: Callable[..., ForkedProcess], tmp_path: Path
) -> None:
    (tmp_path / "my_ideas.py").write_text(LOSS)
    program = f"""
import gan_runner

settings = {{**{QUICKER!r}, "loss": "my_loss", "hydra.run.dir": "run"}}
assert gan_runner.compose(settings, plugins=["my_ideas.py"])["loss"]["temperature"] == 2.0
run = gan_runner.fit(settings, plugins=["my_ideas.py"], quiet=True)
assert [plugin["name"] for plugin in run.config["plugins"]] == ["my_ideas.py"]
print(run.sample(2).shape)
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, timeout=120)
    program = """
import gan_runner
from gan_runner.errors import CheckpointError

try:
    gan_runner.open("run")
except CheckpointError as error:
    assert "the run needs a plugin, my_ideas.py" in str(error)
else:
    raise AssertionError("opened without its plugin")
gan_runner.open("run", plugins=["my_ideas.py"])
"""
    assert popen([sys.executable, "-c", program], cwd=tmp_path).wait() == 0
