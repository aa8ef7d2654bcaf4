"""The entry point of gan-train and of `python -m gan_runner.train`; the command is in `cli`."""

from __future__ import annotations

from gan_runner.cli.train import main, run_command

__all__ = ["main", "run_command"]

if __name__ == "__main__":
    main()
