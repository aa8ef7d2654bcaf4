"""Faults in the code of a plugin: they are the plugin's, are named so, and end with exit code 2."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from plugin_files import LOSS, ROOT, code_blocks, write_package

Forked = Callable[..., "subprocess.CompletedProcess[str]"]

MLP = ("model=mlp",)
QUICK = (
    *("train.steps=2", "train.batch_size=16", "train.sample_every=0", "train.samples=4"),
    *("device=cpu", "threads=1", "train.ema=0", "evaluation.num=32", "hydra.run.dir=run"),
)
BLOCKS = code_blocks(ROOT / "docs" / "extending.md")
(LOSS_BLOCK, PENALTY, _, _, DATASET, MODEL, METRIC, METHOD) = BLOCKS
DIVIDES = "softplus(-fake / self.temperature)"
MATCHING = '''
from gan_runner.objectives.terms import Matching


class Likeness(Matching):
    """Logits."""

    def __call__(self, real, fake):
        return fake.logits.mean()
'''
TOUCHED = '''

class Dimmed(gan_runner.Augmentation):
    """Examples, flat."""

    def __call__(self, examples: Tensor, at) -> Tensor:
        return examples.flatten(1)


class Plain(gan_runner.Optimizer):
    """No optimizer."""

    lr: float = 0.01

    @property
    def momentum_setting(self) -> str | None:
        return None

    def build(self, parameters):
        return list(parameters)
'''


def write(folder: Path, content: str, old: str, new: str) -> None:
    """The file of a plugin with something else in one place."""
    assert content.count(old) >= 1
    (folder / "my_ideas.py").write_text(content.replace(old, new))


# ---------------------------------------------------------------- what it raises


def test_a_fault_in_training_is_the_plugins(forked: Forked, tmp_path: Path) -> None:
    write(tmp_path, LOSS, DIVIDES, "1 / 0")
    line = LOSS[: LOSS.index(DIVIDES)].count("\n") + 1
    told = (
        "the plugin raised ZeroDivisionError: division by zero, plugin=my_ideas.py, "
        f"line {line}. Mend the plugin."
    )
    done = forked("gan-train", "--plugin", "my_ideas.py", "loss=my_loss", *MLP, *QUICK)
    first, second, third = done.stderr.splitlines()
    assert (done.returncode, first) == (2, f"error: {told}")
    assert second.startswith("The traceback is in ") and second.endswith("train.log.")
    assert third.startswith("No checkpoint was saved yet.")
    log = (tmp_path / "run" / "train.log").read_text()
    assert "Traceback" in log and "my_ideas.py" in log
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["state"], status["exit_code"], status["reason"]) == ("failed", 2, told)


def test_a_fault_of_a_package_is_named_by_its_module(forked: Forked, tmp_path: Path) -> None:
    site = tmp_path / "site"
    package = write_package(site, "lab_ideas", "from lab_ideas import losses\n")
    (package / "losses.py").write_text(LOSS.replace(DIVIDES, "1 / 0"))
    option = package / "conf" / "loss" / "my_loss.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("name: MyLoss\ntemperature: 5.0\nd_steps: 1\nclip: null\npenalty: {}\n")
    done = forked("gan-train", "loss=my_loss", *MLP, *QUICK, site=site)
    assert done.returncode == 2
    assert "division by zero, plugin=lab_ideas, module lab_ideas.losses, line " in done.stderr


def test_a_fault_in_sampling_and_in_evaluation_is_the_plugins(
    forked: Forked, tmp_path: Path
) -> None:
    write(tmp_path, MODEL + METRIC, "import gan_runner", "import gan_runner")
    words = ["--plugin", "my_ideas.py", "model=wide_model", "model.width=8", *QUICK]
    assert forked("gan-train", *words).returncode == 0
    write(tmp_path, MODEL + METRIC, "return nn.Sequential(first", "return nn.Nothing(first")
    done = forked("gan-sample", "run", "--out", "x.npz", "--plugin", "my_ideas.py")
    assert done.returncode == 2
    assert "AttributeError: module 'torch.nn' has no attribute 'Nothing', plugin=my_" in done.stderr
    write(tmp_path, MODEL + METRIC, "value = float(", "value = 1 / 0 * float(")
    done = forked("gan-evaluate", "run", "--metrics", "spread", "--plugin", "my_ideas.py")
    assert done.returncode == 2
    assert done.stderr.startswith("error: the plugin raised ZeroDivisionError: division by zero, ")


def test_a_fault_in_a_sweep_is_the_reason_of_its_job(forked: Forked, tmp_path: Path) -> None:
    write(tmp_path, LOSS, DIVIDES, "1 / 0")
    words = ["--plugin", "my_ideas.py", "-m", "loss=my_loss", "sweep=s", *MLP, *QUICK[:-1]]
    done = forked("gan-train", *words)
    assert done.returncode == 8
    (status,) = (tmp_path / "outputs" / "sweeps" / "s").glob("*/status.json")
    facts = json.loads(status.read_text())
    assert facts["exit_code"] == 2
    assert facts["reason"].startswith("the plugin raised ZeroDivisionError: division by zero")


def test_a_function_with_other_arguments_is_the_plugins(forked: Forked, tmp_path: Path) -> None:
    write(tmp_path, LOSS, "fake: Tensor, real: Tensor | None", "fake: Tensor")
    done = forked("gan-train", "--plugin", "my_ideas.py", "loss=my_loss", *MLP, *QUICK)
    assert done.returncode == 2
    assert "MyLoss.generator() takes 2 positional arguments but 3 were given, pl" in done.stderr


# ---------------------------------------------------------------- what it returns


@pytest.mark.parametrize(
    ("content", "old", "new", "words", "answer"),
    [
        (
            LOSS,
            DIVIDES,
            f"{DIVIDES}.mean()",
            ["loss=my_loss"],
            "MyLoss.generator returned a wrong shape, shape=[]. "
            "Return a value for each example, [16].",
        ),
        (
            LOSS,
            "return softplus(-real",
            "return 1.0\n        softplus(-real",
            ["loss=my_loss"],
            "MyLoss.discriminator returned a value that isn't a tensor, type=float. "
            "Return a value for each example, [16].",
        ),
        (
            PENALTY,
            "fake.logits.square()) / 2",
            "fake.logits.square()).mean()",
            ["loss=hinge", "loss/penalty=logit_norm"],
            "LogitNorm returned a wrong shape, shape=[]. Return a value for each example, [16].",
        ),
        (
            MATCHING,
            "logits.mean()",
            "logits",
            ["loss=hinge", "loss/penalty=likeness"],
            "Likeness returned a wrong shape, shape=[16]. Return a scalar, [].",
        ),
        (
            "from torch import Tensor\nimport gan_runner\n" + TOUCHED,
            "flat",
            "flat",
            ["augment=dimmed"],
            "Dimmed returned a wrong shape, shape=[16, 64]. "
            "Return examples as they were, [16, 1, 8, 8].",
        ),
    ],
)
def test_a_wrong_shape_in_a_step_is_refused(
    forked: Forked,
    tmp_path: Path,
    content: str,
    old: str,
    new: str,
    words: list[str],
    answer: str,
) -> None:
    write(tmp_path, content, old, new)
    done = forked("gan-train", "--plugin", "my_ideas.py", *words, *MLP, *QUICK)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {answer}")


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        (
            "nn.Unflatten(1, shape)",
            "nn.Unflatten(1, (1, 1, *shape[1:]))",
            "the generator of WideModel returned a wrong shape, shape=[16, 1, 1, 8, 8]. "
            "Return an example each, [16, 1, 8, 8].",
        ),
        (
            "nn.Linear(self.width, 1)",
            "nn.Linear(self.width, 2)",
            "WideModel.plain_discriminator returned a wrong shape, shape=[16, 2]. "
            "Return a logit each, [16].",
        ),
        (
            "nn.SiLU(), last, nn.Flatten(0))",
            "nn.SiLU(), nn.Flatten(0))",
            "WideModel.plain_discriminator doesn't end with logits, last layers=SiLU, Flatten. "
            "End with nn.Linear(width, 1) and nn.Flatten(0).",
        ),
        (
            "return nn.Sequential(first, nn.SiLU(), last, *ends)",
            "return nn.ModuleList([first, nn.SiLU(), last, *ends])",
            "WideModel.plain_generator didn't return an nn.Sequential, type=ModuleList. "
            "Return one.",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(
    forked: Forked, tmp_path: Path, old: str, new: str, answer: str
) -> None:
    write(tmp_path, MODEL, old, new)
    words = ["model=wide_model", "model.width=8", "loss=hinge", *QUICK]
    done = forked("gan-train", "--plugin", "my_ideas.py", *words)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {answer}")


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        (
            "return gan_runner.Data(points, space, labels",
            "return (points, labels",
            "TwoMoons.load didn't return data, type=tuple. Return a gan_runner.Data.",
        ),
        (
            "gan_runner.Data(points,",
            "gan_runner.Data(points[:, :1],",
            "TwoMoons.load returned a wrong shape, shape=[4000, 1]. "
            "Return examples [N, *shape] of its space, [4000, 2].",
        ),
        (
            "gan_runner.Data(points,",
            "gan_runner.Data(points.double(),",
            "TwoMoons.load returned vectors of a wrong type, dtype=torch.float64. "
            "Return torch.float32.",
        ),
        (
            "space, labels,",
            "space, labels[:7],",
            "TwoMoons.load returned a wrong shape, shape=[7]. "
            "Return a label for each example, [4000].",
        ),
        (
            "space, labels,",
            "space, labels - 1,",
            "TwoMoons.load returned wrong labels, dtype=torch.int64, least=-1. "
            "Return torch.int64, from 0.",
        ),
    ],
)
def test_data_that_does_not_fit_its_space_is_refused_before_there_is_a_folder(
    forked: Forked, tmp_path: Path, old: str, new: str, answer: str
) -> None:
    content = DATASET.replace('class_names=("upper", "lower")', "")
    write(tmp_path, content, old, new)
    done = forked("gan-train", "--plugin", "my_ideas.py", "dataset=two_moons", *MLP, *QUICK)
    assert (done.returncode, done.stderr) == (2, f"error: {answer}\n")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("old", "new", "answer"),
    [
        (
            'return [gan_runner.Measurement("spread", value, compares="examples")]',
            'return {"spread": value}',
            "spread didn't return a list, type=dict. Return a list of gan_runner.Measurement.",
        ),
        (
            'gan_runner.Measurement("spread", value, compares="examples")',
            "value",
            "spread returned a list of other things, type=float. "
            "Return a list of gan_runner.Measurement.",
        ),
        (
            '("spread", value',
            '("spread", of.fake.float().std()',
            "spread returned a value that isn't a number, spread=Tensor. Return float(value).",
        ),
        (
            '("spread", value',
            '("width", value',
            "spread returned a number that it doesn't declare, number=width. "
            "It declares spread: add a gan_runner.Number.",
        ),
    ],
)
def test_a_metric_of_something_else_than_its_numbers_is_refused(
    forked: Forked, tmp_path: Path, old: str, new: str, answer: str
) -> None:
    write(tmp_path, METRIC, old, new)
    words = ["evaluation.metrics=[spread]", "train.eval_every=2", "dataset=ring", *MLP, *QUICK]
    done = forked("gan-train", "--plugin", "my_ideas.py", *words)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"error: {answer}")


def test_an_optimizer_that_is_none_is_refused(forked: Forked, tmp_path: Path) -> None:
    write(tmp_path, "from torch import Tensor\nimport gan_runner\n" + TOUCHED, "flat", "flat")
    done = forked("gan-train", "--plugin", "my_ideas.py", "optimizer=plain", *MLP, *QUICK)
    assert done.returncode == 2
    assert done.stderr == (
        "error: Plain.build didn't return an optimizer, type=list. "
        "Return a torch.optim.Optimizer.\n"
    )
