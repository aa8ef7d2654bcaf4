"""A run in Weights & Biases. Here is its only door."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

import wandb

from gan_runner.logs.trackers import RunFacts, Tracker
from gan_runner.sampling.pictures.png import Picture
from gan_runner.storage.run_folder import RunFolder


class WandBRun(Tracker):
    """One run, in a file of its own for each session: `wandb sync` joins them by their id."""

    is_outside: ClassVar[bool] = True

    def __init__(self, folder: RunFolder, *, project: str, entity: str | None, mode: str) -> None:
        self._folder = folder
        self._place: dict[str, Any] = {"project": project, "entity": entity, "mode": mode}
        self._run: Any = None

    def begin(self, facts: RunFacts, tracked_id: str | None) -> str:
        tracked_id = tracked_id or uuid.uuid4().hex
        # what the terminal shows is ours, and stands in train.log
        quiet = wandb.Settings(symlink=False, silent=True, console="off", save_code=False)
        self._run = wandb.init(
            **self._place,
            id=tracked_id,
            name=self._folder.name,
            group=self._folder.sweep,
            dir=str(self._folder.path),
            config=dict(facts.settings),
            resume="allow" if self._place["mode"] == "online" else None,
            settings=quiet,
        )
        self._remove_links()
        return tracked_id

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        self._run.log({**values, "seconds": seconds}, step=step)

    def picture(self, name: str, step: int, picture: Picture, content: bytes) -> None:
        self._run.log({name: wandb.Image(picture)}, step=step)

    def text(self, name: str, text: str, step: int) -> None:
        self._run.summary[name] = text

    def flush(self) -> None:
        """Another process writes as it comes."""

    def close(self, *, success: bool | None) -> None:
        if self._run is not None:
            self._run.finish(exit_code=0 if success else 1)

    def _remove_links(self) -> None:
        """Remove the links to W&B's own logs: a run folder with links is refused."""
        for path in (self._folder.path / "wandb").rglob("*"):
            if path.is_symlink():
                path.unlink()
