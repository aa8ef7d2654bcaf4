"""One script completes all commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gan_runner.cli.completion import SHELLS, WITH_OPTIONS, completion_script, removal_script
from gan_runner.errors import ConfigError

COMMANDS = ["gan-train", "gan-data", *(f"gan-{name}" for name in WITH_OPTIONS)]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_a_shell_serves_every_command(shell: str) -> None:
    script = completion_script(shell)
    assert [name for name in COMMANDS if name not in script] == []
    assert "traverse" in script and "rank-by" in script
    assert all(name in removal_script(shell) for name in COMMANDS)


def test_bash_completes_options() -> None:
    if shutil.which("bash") is None:
        pytest.skip("bash isn't installed")
    ask = "COMP_WORDS=(gan-sample --trav) COMP_CWORD=1; _gan_runner_options gan-sample"
    script = f"{completion_script('bash')}\n{ask}\necho ${{COMPREPLY[*]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("--traverse\n", "")


def test_bash_completes_settings_and_the_files_of_a_setting(tmp_path: Path) -> None:
    (tmp_path / "units.csv").touch()
    assert "loss=hinge" in completed_by("bash", "gan-train loss=hi", tmp_path)
    assert "dataset.path=units.csv" in completed_by("bash", "gan-train dataset.path=un", tmp_path)


def test_fish_completes_options_settings_and_the_files_of_a_setting(tmp_path: Path) -> None:
    (tmp_path / "units.csv").touch()
    assert "--traverse" in completed_by("fish", "gan-sample --trav", tmp_path)
    assert "loss=hinge" in completed_by("fish", "gan-train loss=hi", tmp_path)
    assert "dataset.path=units.csv" in completed_by("fish", "gan-train dataset.path=un", tmp_path)


def test_zsh_can_run_what_the_script_says_to_it(tmp_path: Path) -> None:
    script = completion_script("zsh")
    # a length needs its $ there, and compgen looks for files by the whole word
    assert "${COMP_LINE:0:$COMP_POINT}" in script
    assert "compdef _gan_runner_words gan-train gan-data" in script
    assert "loss=hinge" in completed_by("zsh", "gan-train loss=hi", tmp_path)


def completed_by(shell: str, line: str, folder: Path) -> str:
    """What a shell proposes for a line, gan-train itself being one that knows a single loss."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} isn't installed")
    command = folder / "gan-train"
    command.write_text('#!/bin/sh\ncase "$COMP_LINE" in *loss=*) echo loss=hinge;; esac\n')
    command.chmod(0o755)
    script = completion_script(shell)
    words = f"COMP_LINE='{line}' COMP_POINT={len(line)}"
    asked = {
        "bash": f"{words}; _gan_runner_settings gan-train; echo ${{COMPREPLY[*]}}",
        "fish": f"complete -C '{line}'",
        # completion itself needs a terminal: without one compgen gives what it is told to choose of
        "zsh": f"compgen() {{ print -l -- $2; }}; {words}; _gan_runner_settings gan-train; "
        "print -l -- $COMPREPLY",
    }[shell]
    flags = {"bash": ["--norc"], "fish": ["--no-config"], "zsh": ["-f"]}[shell]
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [shell, *flags, "-c", f"{script}\n{asked}"],
        env={**os.environ, "PATH": path, "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_another_shell_is_refused() -> None:
    with pytest.raises(ConfigError, match="Use bash, zsh or fish"):
        completion_script("tcsh")
