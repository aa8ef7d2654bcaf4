"""Columns that nothing is learned of: constants, and identifiers, new ones in each row."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """A column with the same `text` in each row."""

    text: str

    def cells(self, count: int) -> list[str]:
        """The cells of so many rows."""
        return [self.text] * count


@dataclass(frozen=True)
class Identifier:
    """A column of texts with a number of their own: `start` is the first one of samples, with so
    many `digits` at least."""

    before: str
    start: int
    digits: int = 1
    after: str = ""

    def cells(self, count: int) -> list[str]:
        """The cells of so many rows."""
        numbers = range(self.start, self.start + count)
        return [f"{self.before}{number:0{self.digits}d}{self.after}" for number in numbers]


Unlearned = Constant | Identifier
