"""Plugins through the commands: classes of a file or a package, and the runs that use them."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from forked_commands import ForkedCommands
from plugin_files import LOSS, ROOT, code_blocks

Forked = Callable[..., "subprocess.CompletedProcess[str]"]

EXTENDING = ROOT / "docs" / "extending.md"
PACKAGE = ROOT / "examples" / "plugin"
QUICK = [
    *("train.steps=2", "train.batch_size=16", "train.sample_every=0", "train.samples=4"),
    *("device=cpu", "threads=1", "train.ema=0", "evaluation.num=32"),
]


@pytest.fixture
def ideas(tmp_path: Path) -> Path:
    """A file with a loss."""
    path = tmp_path / "my_ideas.py"
    path.write_text(LOSS)
    return path


@pytest.fixture(scope="module")
def plugin_run(tmp_path_factory: pytest.TempPathFactory, forks: ForkedCommands) -> Path:
    """A run with a plugin's loss, whose file lies beside its folder."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "my_ideas.py").write_text(LOSS)
    words = ["--plugin", "my_ideas.py", "loss=my_loss", *QUICK, "hydra.run.dir=run"]
    assert forks("gan-train", *words, cwd=folder).returncode == 0
    return folder / "run"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package of the examples, as pip installs it."""
    target = tmp_path_factory.mktemp("site")
    flags = ["--no-build-isolation", "--no-deps", "--no-index", "--disable-pip-version-check"]
    pip = [sys.executable, "-m", "pip", "install", "-q", *flags, "--target", str(target)]
    subprocess.run([*pip, str(PACKAGE)], check=True, timeout=300)
    return target


def recorded_plugins(run: Path) -> list[str]:
    """The names of the plugins that a run used."""
    config = yaml.safe_load((run / "config.yaml").read_text())
    return [plugin["name"] for plugin in config["plugins"]]


# ---------------------------------------------------------------- a file


def test_the_page_on_extending_runs_as_it_stands(forked: Forked, tmp_path: Path) -> None:
    (tmp_path / "my_ideas.py").write_text("\n\n".join(code_blocks(EXTENDING)))
    text = EXTENDING.read_text()
    lines = [shlex.split(line) for line in text.splitlines() if line.startswith("    gan-train")]
    assert len(lines) >= 10
    single = [line[1:] for line in lines if "-m" not in line]
    for line in single:
        done = forked("gan-train", *line, *QUICK)
        assert done.returncode == 0, done.stderr
    runs = sorted(tmp_path.glob("outputs/*/*"))
    assert len(runs) == len([line for line in single if "--help" not in line])
    assert all(recorded_plugins(run) == ["my_ideas.py"] for run in runs)


def test_each_block_of_the_page_on_extending_stands_alone(forked: Forked, tmp_path: Path) -> None:
    for number, block in enumerate(code_blocks(EXTENDING)):
        (tmp_path / f"ideas_{number}.py").write_text(block)
        done = forked("gan-train", "--help", "--plugin", f"ideas_{number}.py")
        assert done.returncode == 0, done.stderr


def test_one_file_gives_components_of_every_kind_without_yaml(
    forked: Forked, tmp_path: Path
) -> None:
    (tmp_path / "my_ideas.py").write_text("\n\n".join(code_blocks(EXTENDING)))
    chosen = [
        *(
            "loss=tempered_loss",
            "loss/penalty=logit_norm",
            "model=wide_model",
            "optimizer=nesterov_adam",
        ),
        *("augment=dimmed", "loss.temperature=3", "evaluation.metrics=[spread]"),
    ]
    words = ["--plugin", "my_ideas.py", *chosen, *QUICK, "hydra.run.dir=run"]
    assert forked("gan-train", *words).returncode == 0
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert config["loss"]["temperature"] == 3.0
    assert config["loss"]["penalty"]["logit_norm"] == {
        "name": "LogitNorm",
        "weight": 0.01,
        "every": 1,
    }
    assert config["augment"]["dimmed"] == {"name": "Dimmed", "strength": 0.1}
    assert config["model"]["width"] == 256 and config["model"]["packing"] == 1
    assert config["optimizer"]["discriminator"]["name"] == "NesterovAdam"
    (row,) = map(json.loads, (tmp_path / "run" / "metrics.jsonl").read_text().splitlines())
    assert "penalty/logit_norm" in row


def test_a_folder_conf_beside_a_file_wins(forked: Forked, ideas: Path) -> None:
    option = ideas.parent / "conf" / "loss" / "my_loss.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("name: MyLoss\ntemperature: 5.0\nd_steps: 2\nclip: null\npenalty: {}\n")
    done = forked("gan-train", "--plugin", ideas.name, "loss=my_loss", "--cfg", "job", "-p", "loss")
    assert yaml.safe_load(done.stdout)["temperature"] == 5.0
    assert yaml.safe_load(done.stdout)["d_steps"] == 2


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("loss=my_los", "unknown loss, loss=my_los. Did you mean 'my_loss'?"),
        (
            "loss.temperatur=3",
            "unknown setting, loss.temperatur=3. Did you mean: loss.temperature=3",
        ),
    ],
)
def test_a_misspelt_name_of_a_plugin_gets_a_suggestion(
    forked: Forked, ideas: Path, word: str, answer: str
) -> None:
    done = forked("gan-train", "--plugin", ideas.name, "loss=my_loss", word)
    assert (done.returncode, done.stderr) == (2, f"error: {answer}\n")
    assert not (ideas.parent / "outputs").exists()


def test_the_help_lists_the_options_of_a_file(forked: Forked, ideas: Path) -> None:
    done = forked("gan-train", "--help", "loss", "loss=my_loss", "--plugin", ideas.name)
    assert done.returncode == 0
    assert f"  {'my_loss':<16} A loss of one's own.\n" in done.stdout
    assert "\n  loss.temperature=2.0  number\n" in done.stdout
    assert "my_loss" not in forked("gan-train", "--help", "loss").stdout


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (None, "no such file, --plugin="),
        ("import nothing_such\n", "the plugin can't be imported, plugin=my_ideas.py. ModuleNotF"),
        (LOSS.replace(": float = 2.0", ": float"), "a setting without a default, "),
        (LOSS.replace("def generator", "def generato"), "an incomplete class, "),
        (LOSS.replace("MyLoss", "Hinge"), "two options of one name, loss=hinge. Rename the class"),
        (LOSS.replace("MyLoss", "LeastSquares"), "two classes of one name, name=LeastSquares: "),
    ],
)
def test_a_file_that_will_not_do_is_refused(
    forked: Forked, ideas: Path, content: str | None, answer: str
) -> None:
    ideas.unlink() if content is None else ideas.write_text(content)
    done = forked("gan-train", "--plugin", ideas.name, *QUICK)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {answer}")
    assert "Traceback" not in done.stderr
    assert not (ideas.parent / "outputs").exists()


def test_the_jobs_of_a_sweep_have_the_file(forked: Forked, ideas: Path) -> None:
    words = ["loss=hinge,my_loss", "sweep=s", "hydra.launcher.n_jobs=2", "model=mlp", *QUICK]
    done = forked("gan-train", "--plugin", ideas.name, "-m", *words)
    assert done.returncode == 0, done.stderr + done.stdout
    runs = sorted((ideas.parent / "outputs" / "sweeps" / "s").glob("*/config.yaml"))
    assert sorted(recorded_plugins(run.parent) for run in runs) == [[], ["my_ideas.py"]]
    again = forked("gan-train", "--plugin", ideas.name, "-m", *words)
    assert again.returncode == 0, again.stderr


# ---------------------------------------------------------------- runs with a plugin


@pytest.mark.parametrize("name", ["gan-sample", "gan-evaluate", "gan-train"])
def test_a_run_needs_its_file_again(forked: Forked, plugin_run: Path, name: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in plugin_run.rglob("*")}
    words = {
        "gan-sample": [str(plugin_run), "--out", "x.png"],
        "gan-evaluate": [str(plugin_run)],
        "gan-train": [f"resume={plugin_run}", "train.steps=40"],
    }
    done = forked(name, *words[name], cwd=plugin_run.parent)
    assert done.returncode == 6
    assert done.stderr.startswith("error: the run needs a plugin, my_ideas.py (sha256 ")
    assert done.stderr.endswith("Give it again: --plugin my_ideas.py or GAN_RUNNER_PLUGINS\n")
    assert {path: path.stat().st_mtime_ns for path in plugin_run.rglob("*")} == before


def test_a_run_is_sampled_with_its_file(
    forked: Forked, plugin_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = plugin_run.parent / "my_ideas.py"
    done = forked("gan-sample", str(plugin_run), "--out", "a.npz", "--plugin", str(file))
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("GAN_RUNNER_PLUGINS", str(file))
    done = forked("gan-sample", str(plugin_run), "--out", "b.npz")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_a_run_is_resumed_with_its_file_and_says_if_it_has_changed(
    forked: Forked, ideas: Path
) -> None:
    words = ["--plugin", ideas.name, "loss=my_loss", *QUICK, "hydra.run.dir=run"]
    assert forked("gan-train", *words).returncode == 0
    ideas.write_text(LOSS + "# changed\n")
    done = forked("gan-train", "--plugin", ideas.name, "resume=run", "train.steps=4")
    assert done.returncode == 0, done.stderr
    assert "the plugin my_ideas.py has changed since the run began" in done.stdout
    done = forked("gan-train", "--plugin", ideas.name, "resume=run", "loss.temperature=9")
    assert done.returncode == 6
    assert "loss.temperature: 2.0 -> 9\n" in done.stderr


@pytest.mark.parametrize("name", ["gan-sample", "gan-evaluate", "gan-train"])
def test_a_run_never_imports_what_it_names(forked: Forked, plugin_run: Path, name: str) -> None:
    stranger = plugin_run.parent / f"stranger_{name}"
    stranger.mkdir()
    config = yaml.safe_load((plugin_run / "config.yaml").read_text())
    trap = stranger / "trap.py"
    trap.write_text("from pathlib import Path\nPath(__file__).with_name('sprung').touch()\n")
    config["plugins"] = [
        {"name": plugin, "version": "1", "sha256": sha256}
        for plugin in ("trap", "trap.py", str(trap))
        for sha256 in (None, 64 * "0")
    ]
    (stranger / "config.yaml").write_text(yaml.safe_dump(config))
    words = {
        "gan-sample": [str(stranger), "--out", "x.png"],
        "gan-evaluate": [str(stranger)],
        "gan-train": [f"resume={stranger}"],
    }
    done = forked(name, *words[name], cwd=stranger)
    assert done.returncode == 6
    assert done.stderr.startswith("error: the run needs a plugin, trap (version 1).")
    assert not (stranger / "sprung").exists()


# ---------------------------------------------------------------- a package


def test_the_package_of_the_examples_is_short() -> None:
    files = [path for kind in ("py", "yaml", "toml") for path in PACKAGE.rglob(f"*.{kind}")]
    assert sum(len(path.read_text().splitlines()) for path in files) < 120


def test_the_package_of_the_examples_is_installed_and_trained(
    forked: Forked, site: Path, tmp_path: Path
) -> None:
    measured = ["evaluation.metrics=[radius_error]", "evaluation.best.metric=radius_error"]
    words = [
        *("loss=soft_hinge", "dataset=spiral", "model=skip_mlp", "dataset.count=100"),
        *(*measured, "train.eval_every=2", *QUICK, "hydra.run.dir=run"),
    ]
    for line in (words, ["resume=run", "train.steps=4"]):
        done = forked("gan-train", *line, site=site)
        assert done.returncode == 0, done.stderr
    assert recorded_plugins(tmp_path / "run") == ["gan-ideas"]
    evaluated = (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()
    assert all("radius_error" in json.loads(line)["results"] for line in evaluated)
    assert forked("gan-train", "resume=run", "train.steps=6").returncode == 6


@pytest.mark.calibration
def test_a_package_whose_metric_is_among_all_is_recorded_when_it_is_measured(
    forked: Forked, site: Path, tmp_path: Path
) -> None:
    words = ["dataset=ring", "model=mlp", *QUICK, "evaluation.metrics=null", "hydra.run.dir=run"]
    assert forked("gan-train", *words, "train.eval_every=0", site=site).returncode == 0
    assert recorded_plugins(tmp_path / "run") == []
    resumed = ["resume=run", "train.steps=4", "train.eval_every=4"]
    assert forked("gan-train", *resumed, site=site).returncode == 0
    assert recorded_plugins(tmp_path / "run") == ["gan-ideas"]
    (row,) = (tmp_path / "run" / "evaluations.jsonl").read_text().splitlines()
    assert {"radius_error", "frechet_identity"} <= {*json.loads(row)["results"]}
    assert forked("gan-train", "resume=run", "train.steps=6").returncode == 6
