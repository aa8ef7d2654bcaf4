"""Many different texts in little memory, and how often each comes."""

from __future__ import annotations

from collections.abc import Collection, ItemsView, Iterator, Mapping, Sequence, ValuesView
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

Texts = Sequence[str]

_LEAST_PACKED = 1 << 12  # fewer texts are small anyway
_MOST_PADDING, _SMALL = 4, 1 << 20  # times the letters of all texts that an array takes; bytes
_SPACES = np.frombuffer(b"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f ", np.uint8)
_ODD = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hashing
_UNPACKED = 1 << 14  # texts at a time
_MOST_DECIMALS = 10  # a float32 holds no greater power of ten, by which numbers are rounded
_MOST_EXPONENT = 3  # digits


class PackedTexts(Sequence[str]):
    """Texts of ASCII letters in one array of bytes [K], which takes a fifth of the memory of as
    many strings."""

    def __init__(self, array: NDArray[np.bytes_]) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> PackedTexts: ...
    def __getitem__(self, place: int | slice) -> str | PackedTexts:
        found = self.array[place]
        return PackedTexts(found) if isinstance(place, slice) else bytes(found).decode()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _UNPACKED):
            yield from self.array[start : start + _UNPACKED].astype(np.str_).tolist()

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and len(self._places(text)) > 0

    def index(self, text: str, start: int = 0, stop: int | None = None) -> int:
        """The first place of a text. Raises ValueError for one that isn't there."""
        places = [place for place in self._places(text).tolist() if place >= start]
        if not places or (stop is not None and places[0] >= stop):
            raise ValueError(text)
        return int(places[0])

    def _places(self, text: str) -> NDArray[np.int64]:
        if not text.isascii() or text.endswith("\0"):
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.array == text.encode())


def pack(texts: list[str], *, least: int = _LEAST_PACKED) -> Texts:
    """The same texts, packed where there are so many and that takes less memory."""
    if len(texts) < least:
        return texts
    array = _as_bytes(texts)
    return texts if array is None else PackedTexts(array)


def join_lines(texts: Collection[str]) -> str:
    """The texts, one in a line."""
    if not isinstance(texts, PackedTexts):
        return "\n".join(texts)
    letters = texts.array.view(np.uint8).reshape(len(texts), -1)
    ends = np.full((len(texts), 1), ord("\n"), np.uint8)
    lines = np.hstack((letters, ends)).ravel()
    kept: bytes = lines[lines != 0][:-1].tobytes()
    return kept.decode()


def as_floats(texts: Sequence[str]) -> NDArray[np.float64]:
    """The numbers of texts that are numbers, [N]."""
    if isinstance(texts, PackedTexts):
        return texts.array.astype(np.float64)
    return np.fromiter(map(float, texts), np.float64, len(texts))


class CodedTexts(NamedTuple):
    """The different ones of texts, and the place of each among them, int32 [N]."""

    different: Texts
    codes: NDArray[np.int32]


def code_packed(parts: Sequence[Texts]) -> CodedTexts | None:
    """Texts in parts, coded in the order in which they come, by sorting numbers that are made of
    their letters: faster than a table of a million strings. None for texts that aren't packed, have
    spaces around them, or share such a number."""
    arrays = [part.array for part in parts if isinstance(part, PackedTexts)]
    if len(arrays) < len(parts):
        return None
    array = np.concatenate(arrays)
    words = -(-array.dtype.itemsize // 8)
    array = array.astype(f"S{8 * words}")
    letters = array.view(np.uint8).reshape(len(array), -1)
    last = letters[np.arange(len(array)), np.maximum(np.char.str_len(array) - 1, 0)]
    if np.isin(letters[:, 0], _SPACES).any() or np.isin(last, _SPACES).any():
        return None
    numbers = array.view(np.uint64).reshape(len(array), words)
    keys = numbers[:, 0].copy()
    for place in range(1, words):
        keys = (keys ^ (keys >> np.uint64(29))) * _ODD + numbers[:, place]
    _, first, places = np.unique(keys, return_index=True, return_inverse=True)
    if (array[first][places] != array).any():
        return None
    order = np.argsort(first)
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order), dtype=np.int32)
    return CodedTexts(PackedTexts(array[first[order]]), ranks[places.ravel()])


def take_texts(texts: Texts, places: NDArray[np.integer]) -> Texts:
    """The texts at these places."""
    if isinstance(texts, PackedTexts):
        return PackedTexts(texts.array[places])
    return [texts[place] for place in places.tolist()]


def _as_bytes(texts: Sequence[str]) -> NDArray[np.bytes_] | None:
    """Texts as an array [K]; None where it can't hold them, or would be much larger than they."""
    together = "".join(texts)
    room = max(_SMALL, _MOST_PADDING * (len(together) + len(texts)))
    if not together.isascii() or "\0" in together or len(max(texts, key=len)) * len(texts) > room:
        return None
    return np.array(texts, dtype=np.bytes_)


class Counts(Mapping[str, int]):
    """How often each of the different texts of a column comes, in their order."""

    def __init__(self, texts: Texts, numbers: NDArray[np.int64]) -> None:
        self.texts, self.numbers = texts, numbers

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)

    def __contains__(self, text: object) -> bool:
        return text in self.texts

    def __getitem__(self, text: str) -> int:
        try:
            return int(self.numbers[self.texts.index(text)])
        except ValueError:
            return 0  # as of a Counter

    def items(self) -> ItemsView[str, int]:
        """Each text, and how often it comes."""
        return dict(zip(self.texts, self.numbers.tolist(), strict=True)).items()

    def values(self) -> ValuesView[int]:
        """How often each text comes."""
        return dict(enumerate(self.numbers.tolist())).values()

    @property
    def most_common(self) -> tuple[str, int]:
        """The first one of the most frequent texts, and how often it comes."""
        place = int(self.numbers.argmax())
        return self.texts[place], int(self.numbers[place])
