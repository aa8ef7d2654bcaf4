"""The wheel carries the configuration, and the installed commands find it there."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_every_yaml_of_the_configuration_is_in_the_wheel(wheel: Path) -> None:
    here = {path.relative_to(ROOT / "conf").as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    packed = {
        name.removeprefix("gan_runner/conf/")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("gan_runner/conf/")
    }
    assert here == packed


def test_what_pages_are_made_of_is_in_the_wheel_with_its_license(wheel: Path) -> None:
    folder = ROOT / "gan_runner" / "comparison" / "page"
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    names = zipfile.ZipFile(wheel).namelist()
    assert {path.relative_to(ROOT).as_posix() for path in files} <= set(names)
    assert any(
        name.endswith("licenses/gan_runner/comparison/page/vendor/uplot/LICENSE") for name in names
    )


def test_an_installed_wheel_has_the_plugins_for_sweeps(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import hydra_plugins.gan_runner_sweeps as p; print(p.__file__)"
    code += "; import gan_runner.train as t; t.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "-m", "seed=0,1", "sweeping.max_jobs=2", "train.batch_size=1"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert str(tmp_path) in done.stdout
    assert (done.returncode, "2 of 2 jobs are invalid" in done.stderr) == (2, True), done.stderr


def test_an_installed_wheel_composes_from_its_own_configuration(
    wheel: Path, tmp_path: Path
) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = "import gan_runner.train as t; print(t.__file__); t.main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "loss=hinge", "--cfg", "job"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout
    assert "name: Hinge" in done.stdout


def test_the_wheel_offers_the_commands(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
    entries = archive.read(name).decode()
    assert "gan-train = gan_runner.train:main" in entries
    assert "gan-sample = gan_runner.cli.sample:main" in entries
    assert "gan-augment = gan_runner.cli.augment:main" in entries
    assert "gan-runs = gan_runner.cli.runs:main" in entries
    assert "gan-compare = gan_runner.cli.compare:main" in entries
    assert "gan-data = gan_runner.cli.data:main" in entries
    assert "gan-report = gan_runner.cli.report:main" in entries


def test_every_template_of_the_page_is_in_the_wheel(wheel: Path) -> None:
    folder = Path("gan_runner/comparison/page/templates")
    here = {(folder / path.name).as_posix() for path in (ROOT / folder).iterdir()}
    assert here <= set(zipfile.ZipFile(wheel).namelist())
    assert {Path(name).name for name in here} >= {"page.html", "page.css", "page.js"}
