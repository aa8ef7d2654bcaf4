"""Messages that a user gets: what they propose is pasted into a shell, and then it works."""

from __future__ import annotations

import ast
import io
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

import gan_runner
from gan_runner.cli.arguments import Arguments
from gan_runner.cli.command import run_with_options
from gan_runner.cli.hydra.command_line import read_command_line
from gan_runner.cli.hydra.composer import compose, parse_config
from gan_runner.config.overrides import override
from gan_runner.config.schema import parse
from gan_runner.datasets.readers.intensities import number
from gan_runner.errors import ConfigError, MachineError
from gan_runner.health import advice as advices
from gan_runner.runs.finish import as_fault
from gan_runner.sampling.outputs import find_format
from gan_runner.sweeps.sweep import _joint_fault

_SETTING = re.compile(r"""'[\w./]+=(?:[^']|'"'"')*'\S*|[\w./]+=[^\s']+""")  # as it is printed
_ENDED = re.compile(
    r"""(?:[a-z_.}]+(?:/[a-z]+)?=[^\s"]*[^\s.,"']|\{[^{}]*(?:override|remedies\.add|adding)\([^{}]*\)\})[.,;](?=\s|$)"""
)
_TRY = ("dry_run=true", "threads=1", "device=cpu", "train.steps=1", "train.batch_size=4")
_VECTORS = "dataset=array dataset.path=v.npy model=mlp"

FAULTS = [
    "model=mlp model.generator.norm=instance",
    "model=mlp model.discriminator.norm=instance",
    "train.batch_size=1",
    "train.batch_size=1 model.generator.norm=layer model.discriminator.minibatch=stddev",
    "model.packing=3",
    "model=resnet model.generator.attention=[7]",
    "model=vae dataset=table dataset.path=t.csv",
    "loss=elbo",
    "model=vae method=adversarial",
    "model=vae loss=hinge",
    "dataset.per_class=5000",
    "train.keep=3.0",
    "train.batch_size=1e1",
    "optimizer.generator.betas=0.5",
    "evaluation.metrics=frechet",
    f"{_VECTORS} dataset.per_class=5",
    f"{_VECTORS} augment=ada",
    f"{_VECTORS} dataset.flip=true",
    f"{_VECTORS} model.conditioning=concat",
    "dataset=table dataset.path=t.csv model=mlp 'dataset.numeric=[a (cm)]'",
    "dataset=table dataset.path=t.csv model=mlp dataset.label=true",
    "dataset=table dataset.path=t.csv model=mlp dataset.numeric=[kind]",
    "dataset=table dataset.path=t.csv model=mlp model.latent_size=2",
]


@pytest.mark.parametrize("line", FAULTS)
def test_each_setting_that_a_fault_proposes_can_be_pasted(
    line: str, here: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32))
    rows = "".join(f"{i % 5},{i * 0.37},{'uv'[i % 2]}\n" for i in range(80))
    (tmp_path / "t.csv").write_text("a (cm),b,kind\n" + rows)
    code, _, fault = here("gan-train", *_TRY, *shlex.split(line))
    assert code in (2, 3), fault
    remedies = _SETTING.findall(fault.partition(". ")[2])
    assert remedies, fault
    words = bash_words(" ".join(remedies))
    assert len(words) == len(remedies)
    for word in words:
        read_command_line([word])
    # where several are alternatives, the first will do
    assert here("gan-train", *_TRY, *shlex.split(line), words[0])[2] != fault


def bash_words(text: str) -> list[str]:
    """The words that bash makes of a text."""
    words = subprocess.run(
        ["bash", "-c", f'printf "%s\\0" {text}'], capture_output=True, check=True, text=True
    )
    return words.stdout.split("\0")[:-1]


NASTY = [
    *(
        "it's",
        'say "x"',
        "$HOME `id`",
        "a\\",
        'a\\"',
        "{a}",
        "[x,y]",
        "a,b",
        "a b",
        "#1",
        "~",
        "!!",
    ),
    *(
        "null",
        "True",
        "1",
        "1e5",
        "",
        "größe",
        "a=b",
        "*?",
        "(cm)",
        "a;b&c|d",
        "${x}",
        "@",
        "%",
        ":",
    ),
]


def test_bash_and_hydra_read_each_kind_of_remedy_as_the_value_that_is_meant() -> None:
    values: list[Any] = [*NASTY, NASTY, [1, 2.5, None, True], 1e-7, -3, None, [], [""]]
    words = bash_words(" ".join(override("dataset.label", value) for value in values))
    parsed = OverridesParser.create().parse_overrides(words)
    assert [each.value() for each in parsed] == values


def test_no_message_has_a_sign_behind_a_setting_that_would_be_pasted_along() -> None:
    """The problem may: it is what stands before the first point."""
    found = []
    for file in Path(gan_runner.__path__[0]).rglob("*.py"):
        for line, text in _texts(file):
            problem, _, remedy = text.partition(". ")
            remedies = remedy or re.sub(r"^.*?(?=\b(Use|Write|Set|Add) )|^.*$", "", problem)
            found += [f"{file.name}:{line}: {each}" for each in _ENDED.findall(remedies)]
    assert found == []


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    """The texts in a file, f-strings with their expressions, docstrings and parts apart."""
    tree = ast.parse(file.read_text())
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    parts |= {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(
                    str(part.value)
                    if isinstance(part, ast.Constant)
                    else f"{{{ast.unparse(part)[2:-1]}}}"
                    for part in node.values
                ),
            )
        elif isinstance(node, ast.Constant) and id(node) not in parts:
            yield node.lineno, str(node.value)


@pytest.mark.parametrize("name", [*advices._ADVICE])
def test_advice_on_health_is_of_settings_that_hydra_reads(name: str) -> None:
    numbers = dict.fromkeys(("generator_slower", "discriminator_slower"), 1e-4)
    numbers |= dict.fromkeys(("generator_faster", "discriminator_faster"), 1.0)
    for texts in (advices._ADVICE, {**advices._ADVICE, **advices._WITHOUT_D}):
        text = texts[name].format(**numbers, half=3, double=12, patience=7)
        for word in bash_words(" ".join(_SETTING.findall(text))):
            read_command_line([word])


def test_values_in_a_single_run_are_told_apart_as_sweep_list_and_text(
    here: Callable[..., tuple[int, str, str]],
) -> None:
    fault = here("gan-train", "dataset.path=a,b", "dataset=table")[2]
    assert "Add -m" in fault
    assert "'dataset.path=[a,b]'" in fault and "'dataset.path=\"a,b\"'" in fault


def test_a_value_just_beyond_a_limit_is_shown_with_the_digits_that_tell() -> None:
    assert number(-1.0000001) == "-1.0000001"
    assert number(255.0000000001) == "255.0000000001"
    assert (number(1), number(0.25), number(1 / 3)) == ("1", "0.25", "0.333333")


def test_a_locale_that_lacks_letters_is_called_that() -> None:
    ascii_only = as_fault(UnicodeEncodeError("ascii", "/data/é", 6, 7, "ordinal not in range"))
    broken = as_fault(UnicodeEncodeError("utf-8", "/data/\udce9", 6, 7, "surrogates not allowed"))
    assert isinstance(ascii_only, ConfigError) and "locale" in str(ascii_only)
    assert "PYTHONUTF8=1" in str(ascii_only)
    assert isinstance(broken, ConfigError) and "another name" in str(broken)


def test_a_setting_that_the_locale_can_not_read_names_the_locale_or_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = parse_config(compose(["dataset=digits"])).plain()
    config["cache"] = "/data/gr\udcc3\udcb6"  # UTF-8 in ASCII
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "ascii")
    with pytest.raises(ConfigError, match=r"the locale \(ascii\) lacks letters of /data/grö. Use"):
        parse(config)
    monkeypatch.setattr("sys.getfilesystemencoding", lambda: "utf-8")
    with pytest.raises(ConfigError, match=r"not UTF-8, /data/gr\\udce9. Give it another name"):
        parse(config | {"cache": "/data/gr\udce9"})


def test_names_that_the_terminal_lacks_are_escaped(
    here: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="strict")
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", terminal)
        assert here("gan-runs", "é")[0] == 2
        terminal.flush()
    assert b"DIR=\\xe9" in terminal.buffer.getvalue()  # type: ignore[attr-defined]


def test_a_number_with_a_comma_is_a_sweep_and_nothing_else(
    here: Callable[..., tuple[int, str, str]],
) -> None:
    fault = here("gan-train", "seed=0,1")[2]
    assert "Add -m" in fault and "for a list" not in fault and "for a text" not in fault


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("train.steps= 100", "Write train.steps=100"),
        (
            "dataset.path=my photos.csv",
            """Quote a text with spaces: 'dataset.path="my photos.csv"'""",
        ),
        ("quick=yes please", "Write setting=value, or remove it."),
        ("loss=hinge steps", "Did you mean: train.steps=VALUE"),
        (
            "optimizer.generator.lr=0,001",
            "write the number with a point: optimizer.generator.lr=0.001",
        ),
        ("train=5", " train.steps train.epochs"),
        ("train.eval_every=often", "Should be an integer or 'auto'."),
        ("train.epochs=3 train.steps=3", "Remove one of them."),
        ("train.steps=${foo}", "Name one that gan-train --cfg job prints."),
        ("=3", "Write setting=value"),
        ("+foo=1", "gan-train --cfg job prints all settings."),
    ],
)
def test_a_slip_in_a_setting_is_answered_with_what_to_type(
    line: str, remedy: str, here: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, fault = here("gan-train", *line.split())
    assert (code, remedy in fault) == (2, True), fault


@pytest.fixture
def vectors(tmp_path: Path, here: Callable[..., tuple[int, str, str]]) -> str:
    """The settings of forty vectors."""
    np.save(tmp_path / "v.npy", np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32))
    return f"threads=1 train.steps=1 {_VECTORS}"


def test_a_batch_that_is_too_large_is_answered_with_one_that_fits(
    vectors: str, here: Callable[..., tuple[int, str, str]]
) -> None:
    words = [*vectors.split(), "dry_run=true"]
    assert "Use train.batch_size=32" in here("gan-train", *words)[2]
    assert here("gan-train", *words, "train.batch_size=32")[0] == 0


def test_faults_of_commands_name_their_own_options(
    here: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = Arguments(prog="gan-sample")
    parser.add_argument("--device")

    def work(options: Any) -> None:
        raise MachineError("CUDA is not available, device=cuda. Use device=cpu or my_device=auto")

    said: list[str] = []
    monkeypatch.setattr("gan_runner.cli.command.report", lambda fault: said.append(str(fault)) or 4)
    assert run_with_options(work, parser, ["--device", "cuda"], imports_plugins=False) == 4
    assert said == ["CUDA is not available, --device cuda. Use --device cpu or my_device=auto"]


def test_a_folder_that_is_no_run_is_answered_by_what_is_in_it(
    here: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    for run in "ab":
        (tmp_path / "sweep" / run).mkdir(parents=True)
        (tmp_path / "sweep" / run / "config.yaml").write_text("{}")
    remedy = "Name one of the runs in it: sweep/a"
    assert remedy in here("gan-sample", "sweep", "--out", "a.png")[2]
    (tmp_path / "sweep" / "a" / ".hydra").mkdir()  # as of a run that ended before it began
    (tmp_path / "sweep" / "a" / ".hydra" / "config.yaml").write_text("{}")
    (tmp_path / "sweep" / "a" / "config.yaml").unlink()
    assert ".hydra" not in here("gan-sample", "sweep/a", "--out", "a.png")[2]
    (tmp_path / "sweep" / "a" / "config.yaml").write_text("{}")
    assert "gan-data sweep/a" in here("gan-data", "sweep")[2]
    assert "several run folders" in here("gan-data", "sweep/a", "sweep/b")[2]
    assert "no such folder" in here("gan-runs", "nowhere")[2]
    (tmp_path / "file").write_text("")
    assert "Name a folder" in here("gan-train", "threads=1", "hydra.run.dir=file")[2]


def test_pictures_are_written_by_the_end_of_their_name(
    here: Callable[..., tuple[int, str, str]],
) -> None:
    assert "--png x.png" in here("gan-data", "dataset=ring", "--png", "x.jpg")[2]
    with pytest.raises(ConfigError, match=r"Did you mean a\.png"):
        find_format(Path("a.pgn"))
    assert find_format(Path("samples")) is find_format(Path("samples.v2"))


def test_jobs_that_are_all_invalid_are_not_to_be_left_out() -> None:
    fault = ConfigError("wrong")
    assert "on_invalid=skip" in str(_joint_fault({"a": fault}, 2))
    assert "on_invalid=skip" not in str(_joint_fault({"a": fault, "b": fault}, 2))
    assert str(_joint_fault({"a": fault}, 1)).startswith("1 of 1 job is invalid")
