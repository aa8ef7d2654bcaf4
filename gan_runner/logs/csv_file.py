"""The rows of a run as a table, metrics.csv: a column for each name, empty where a row lacks it."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import IO, Any, ClassVar

from gan_runner.logs.trackers import RunFacts, Tracker
from gan_runner.sampling.pictures.png import Picture
from gan_runner.storage.rows import rows
from gan_runner.storage.run_folder import RunFolder
from gan_runner.system.files import write_text


class CSVFile(Tracker):
    """Made anew of metrics.jsonl where a run begins or goes on, and for each new name."""

    is_outside: ClassVar[bool] = False

    def __init__(self, folder: RunFolder) -> None:
        self._path = folder.metrics_csv
        self._rows = folder.metrics
        self._names: tuple[str, ...] = ()
        self._file: IO[str] | None = None

    def begin(self, facts: RunFacts, tracked_id: str | None) -> None:
        self._rewrite()

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        row = {"step": step, "seconds": round(seconds, 3), **values}
        if self._file is None or not row.keys() <= set(self._names):
            self._rewrite()
        else:
            self._file.write(_lines(self._names, [row]))

    def picture(self, name: str, step: int, picture: Picture, content: bytes) -> None:
        """A table has no pictures."""

    def text(self, name: str, text: str, step: int) -> None:
        """A table has no texts."""

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self, *, success: bool | None) -> None:
        if self._file is not None:
            self._file.close()

    def _rewrite(self) -> None:
        """Write all rows that there are, that of the moment among them."""
        if self._file is not None:
            self._file.close()
        found = list(rows(self._rows)) if self._rows.exists() else []
        self._names = tuple(dict.fromkeys(["step", "seconds", *(k for row in found for k in row)]))
        head = dict(zip(self._names, self._names, strict=True))
        write_text(self._path, _lines(self._names, [head, *found]))
        self._file = self._path.open("a", buffering=1, encoding="utf-8", newline="")


def _lines(names: tuple[str, ...], found: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writerows(found)
    return text.getvalue()
