"""HTML in which every text is escaped, unless it was made here."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from gan_runner.errors import printable

_LONGEST = 600  # characters of a text from outside
_EMPTY = {"img", "input", "br"}


class Html(str):
    """Markup that is safe to show; a plain string is not."""

    __slots__ = ()


Content = str | int | float | None | Iterable["Content"]


def element(name: str, *content: Content, **attributes: str | bool | None) -> Html:
    """An element with its content and attributes, escaped.

    A trailing underscore of an attribute's name is dropped and inner ones become hyphens:
    `class_`, `data_step`. An attribute of True stands alone, one of False or None is left out.
    """
    told = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _EMPTY:
        return Html(f"<{name}{told}>")
    return Html(f"<{name}{told}>{join(content)}</{name}>")


def join(content: Content) -> Html:
    """Contents one after another; None is nothing."""
    if content is None:
        return Html("")
    if isinstance(content, Html):
        return content
    if isinstance(content, (str, int, float)):
        return Html(escape(printable(content, _LONGEST)))
    return Html("".join(join(part) for part in content))


def _attribute(key: str, value: str | bool | None) -> str:
    if value is None or value is False:
        return ""
    name = key.rstrip("_").replace("_", "-")
    # a text made here, as a picture, may be of any length; what is from outside is shortened
    text = value if isinstance(value, Html) else printable(value, _LONGEST)
    return f" {name}" if value is True else f' {name}="{escape(text)}"'
