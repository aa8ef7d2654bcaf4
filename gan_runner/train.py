"""The entry point of gan-train, as it always was: `python -m gan_runner.train`."""

from __future__ import annotations

from gan_runner.cli.train import main, run_command

__all__ = ["main", "run_command"]

if __name__ == "__main__":
    main()
