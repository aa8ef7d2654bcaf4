"""What classifiers learnt from real and from generated examples made of the same test examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from gan_runner.errors import printable
from gan_runner.figures import Canvas, confusions
from gan_runner.metrics.tstr import Tstr

_TITLES = {"real": "learnt from real", "synthetic": "learnt from samples"}


class Confusion(NamedTuple):
    """Both confusion matrices, and the names of the K classes."""

    tstr: Tstr
    classes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """As plain data: rows are the true classes, columns what they were told as."""
        matrices = {name: told.confusion.tolist() for name, told in self.tstr._asdict().items()}
        return {"classes": list(self.classes), **matrices}

    def picture(self) -> Canvas:
        """Both beside each other, [H, W, 3]."""
        return confusions({title: told.confusion for title, told in self._told()}, self.classes)

    def tables(self) -> Iterator[tuple[Sequence[str], list[list[str]]]]:
        """Each as the heads and the rows of a table of text."""
        names = [printable(name, limit=20) for name in self.classes]
        for title, told in self._told():
            heads = [f"{title}, {told.accuracy:.1%} right", *names]
            rows = zip(names, told.confusion.tolist(), strict=True)
            yield heads, [[name, *map(str, counts)] for name, counts in rows]

    def _told(self) -> Iterator[tuple[str, Any]]:
        for name, told in self.tstr._asdict().items():
            yield _TITLES[name], told
