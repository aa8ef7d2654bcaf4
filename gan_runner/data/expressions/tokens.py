"""The words and signs of an expression, and faults that point at them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from gan_runner.errors import ConfigError, printable

Kind = Literal["number", "name", "text", "keyword", "sign", "end"]

KEYWORDS = frozenset({"and", "or", "not", "in", "is"})

_PLAIN_NAME = r"[^\W\d]\w*(?:[.-]+\w+)*|\d+[^\W\d]\w*(?:[.-]+\w+)*"
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?!\w))"
    rf"|(?P<name>{_PLAIN_NAME})"
    r'|(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`)'
    r"|(?P<text>'(?:[^']|'')*')"
    r"|(?P<other>&&|\|\||<>|=>|=<|[&|!~≤≥≠](?!=))"
    r"|(?P<sign>->|==|!=|<=|>=|[=<>+\-*/(),])"
)
_MOST_TOKENS = 1000
_WINDOW = 72  # characters of a long expression around the place of a fault

_SPELLINGS = {
    **dict.fromkeys(("&", "&&"), "and"),
    **dict.fromkeys(("|", "||"), "or"),
    **dict.fromkeys(("!", "~"), "not"),
    **dict.fromkeys(("<>", "≠"), "!="),
    **dict.fromkeys(("=<", "≤"), "<="),
    **dict.fromkeys(("=>", "≥"), ">="),
}
"""Other languages' signs for ours."""


class Span(NamedTuple):
    """A part of an expression: the places of its first character and behind its last one."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """From the beginning of this part to the end of another."""
        return Span(self.start, other.end)


class Token(NamedTuple):
    """A word or a sign. `text`: a keyword in lower case, a name or a text without its quotes."""

    kind: Kind
    text: str
    span: Span
    quoted: bool = False


@dataclass(frozen=True)
class Source:
    """An expression as it was written, and the setting or option that it is the value of."""

    text: str
    setting: str

    def fault(self, what: str, remedy: str, span: Span) -> ConfigError:
        """A fault that shows the expression and points at a part of it."""
        start, end = span
        shown = "".join(c if c.isprintable() else " " for c in self.text)
        begin = max(0, min(start - _WINDOW // 3, len(shown) - _WINDOW))
        line = shown[begin : begin + _WINDOW]
        before, after = "..." * (begin > 0), "..." * (begin + _WINDOW < len(shown))
        mark = "^" * max(1, min(end, begin + len(line)) - start)
        return ConfigError(
            f"{what}, {self.setting}={printable(self.text)}. {remedy}".rstrip()
            + f"\n    {before}{line}{after}\n    {' ' * (len(before) + start - begin)}{mark}"
        )


def tokenize(source: Source) -> list[Token]:
    """The tokens of an expression, the last one its end. Raises ConfigError."""
    tokens = list(_tokens(source))
    if len(tokens) > _MOST_TOKENS:
        what = f"an expression of more than {_MOST_TOKENS} words and signs"
        raise source.fault(what, "Write a shorter one.", tokens[_MOST_TOKENS].span)
    end = len(source.text.rstrip())
    return [*tokens, Token("end", "", Span(end, end + 1))]


def _tokens(source: Source) -> Iterator[Token]:
    place, text = 0, source.text
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            raise _unknown_character(source, place)
        span, group, written = Span(*match.span()), match.lastgroup, match[0]
        if group == "other":
            raise source.fault(f"unknown sign {written}", f"Write {_SPELLINGS[written]}", span)
        yield _token(str(group), written, span)
        place = match.end()


def _token(group: str, written: str, span: Span) -> Token:
    if group == "name" and written.lower() in KEYWORDS:
        return Token("keyword", written.lower(), span)
    if group in ("quoted", "text"):
        quote = written[0]
        inner = written[1:-1].replace(quote * 2, quote)
        return Token("text" if group == "text" else "name", inner, span, quoted=True)
    kinds: dict[str, Kind] = {"number": "number", "name": "name", "sign": "sign"}
    return Token(kinds[group], written, span)


def _unknown_character(source: Source, place: int) -> ConfigError:
    character = source.text[place]
    if character in "'\"`":
        what, remedy = f"a {character} that isn't closed", f"Write {character} at the end, too."
        return source.fault(what, remedy, Span(place, len(source.text)))
    remedy = "A column with such a name is written in double quotes or backticks."
    what = f"unexpected character {printable(character)}"
    return source.fault(what, remedy, Span(place, place + 1))


def write_name(name: str) -> str:
    """The name of a column as an expression has it: in double quotes unless it is plain."""
    if re.fullmatch(_PLAIN_NAME, name) and name.lower() not in KEYWORDS and not _is_number(name):
        return name
    return '"' + name.replace('"', '""') + '"'


def _is_number(name: str) -> bool:
    match = _TOKEN.match(name)
    return match is not None and match.lastgroup == "number"


def write_text(text: str) -> str:
    """A text as an expression has it: in single quotes."""
    return "'" + text.replace("'", "''") + "'"


def write_number(number: float) -> str:
    """A number as an expression has it: as short as it reads back, whole ones without a point."""
    return repr(number).removesuffix(".0")
