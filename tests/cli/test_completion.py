"""One script completes all commands."""

from __future__ import annotations

import shutil
import subprocess

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


def test_another_shell_is_refused() -> None:
    with pytest.raises(ConfigError, match="Use bash, zsh or fish"):
        completion_script("tcsh")
