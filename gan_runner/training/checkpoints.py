"""The checkpoints of a run: saved, pruned, gone back to."""

from __future__ import annotations

from pathlib import Path

from gan_runner.errors import NumbersError
from gan_runner.storage import checkpoint
from gan_runner.storage.facts import Facts
from gan_runner.training.restore import go_back
from gan_runner.training.state import TrainState


class Checkpoints:
    """The folder `checkpoints/` of a run. `saved_step` is that of the newest one, -1 before."""

    def __init__(self, folder: Path, *, keep: int) -> None:
        self._folder = folder
        self._keep = keep
        self.saved_step = -1

    @property
    def has_best(self) -> bool:
        """Whether an evaluation has found a best state."""
        return (self._folder / "best.json").exists()

    def save(self, state: TrainState, facts: Facts) -> Path:
        """Write the state under its step, and delete what isn't to be kept any longer; the file.

        Raises NumbersError if a weight is NaN or Inf, MachineError if the disk refuses.
        """
        if not state.weights_are_finite():
            raise NumbersError(f"a weight is NaN or Inf at step {state.step}.")
        path = checkpoint.write(self._folder, state.tensors(), facts)
        self.saved_step = state.step
        checkpoint.prune(self._folder, keep=self._keep)
        return path

    def make_best(self, step: int) -> None:
        """Call the saved state of this step the best so far."""
        checkpoint.make_best(self._folder, step)

    def go_back_to_best(self, state: TrainState, *, rate_factor: float) -> int:
        """Give a state the best weights, with learning rates times a factor; their step.

        Raises CheckpointError if the best checkpoint can't be read.
        """
        best = checkpoint.select(self._folder, "best")
        go_back(state, best, rate_factor=rate_factor)
        return best.step

    def verify(self) -> None:
        """Raise CheckpointError unless the last checkpoint on the disk passes its check."""
        checkpoint.select(self._folder, "last")
