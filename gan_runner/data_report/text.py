"""The reading report as text: the short form of a run, the whole of gan-data. No torch."""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence

from gan_runner.data_report.report import (
    LeftOutThings,
    Numbers,
    Part,
    ReadingReport,
    Role,
    Tally,
)
from gan_runner.errors import cut_middle, printable

_WIDTH = 80
_LEAST_WIDTH = 40  # of a narrower terminal, which breaks the lines
_LEAST_TEXT = 12  # letters of a text that gives way to counts
_HEAD = 10  # letters of the words at the left
_WORDS = {"images": "images", "vectors": "vectors", "table": "rows", "sequences": "sequences"}
_COLORS = {1: "gray", 2: "gray with alpha", 3: "color", 4: "color with alpha"}
_ROLES: tuple[Role, ...] = (
    *("numeric", "categorical", "ordinal", "date", "label", "condition"),
    *("identifier", "constant", "ignored"),
)
_MOST_PARTS = 60  # columns or dimensions in a terminal
_PART_NAMES = {"images": "channels", "table": "columns"}
_MOST_LEFT_OUT = 3  # kinds of things in a line
_MOST_LISTED = 60  # classes
_MOST_DIGITS = 16  # a float64 has one or two more, which are noise
_LARGEST_WHOLE = 2**64  # whole numbers below are shown whole
_GLUE = "\x1f"  # between a name and its count, which stay in one line


def short_form(report: ReadingReport, *, width: int | None = None) -> list[str]:
    """At most eight lines, whole ones or of so many letters: counts and settings stay, the middle
    of what stands before them goes."""
    rows = summary(report, room=None if width is None else max(width, _LEAST_WIDTH) - _HEAD)
    if count := len(report.doubtful):
        what = "1 decision that is" if count == 1 else f"{count} decisions that are"
        rows.append(("doubtful", f"{what} often wrong: see the warning{'s' * (count > 1)}"))
    return [f"{head:<{_HEAD}}{printable(text, 100_000)}" for head, text in rows]


def one_line(report: ReadingReport) -> str:
    """The report in a line: the name, counts, shape, classes and things left out."""
    if report.kind == "images":
        channels, height, width = report.shape
        color = _channels_text(channels, is_label_map=report.label_map)
        shape = f"{width} x {height} {color}"
    elif report.kind == "sequences":
        shape = f"{report.shape[0]:,} steps of {report.shape[1]:,}"
    elif report.kind == "table":
        shape = f"{report.total_parts:,} column{'s' * (report.total_parts > 1)}"
    else:
        shape = f"{report.shape[0]:,} number{'s' * (report.shape[0] > 1)} each"
    classes, doubtful = report.total_classes, len(report.doubtful)
    left_out = sum(each.count for each in report.left_out)
    parts = [
        f"{report.examples:,} {_WORDS[report.kind]}",
        shape,
        f"{classes:,} class{'es' * (classes > 1)}" if classes else "",
        f"{report.held_out:,} held out" if report.held_out else "",
        f"{left_out:,} left out" if left_out else "",
        f"{doubtful} in doubt" if doubtful else "",
    ]
    return printable(f"{report.name}: {', '.join(part for part in parts if part)}", 500)


def summary(report: ReadingReport, *, room: int | None = None) -> list[tuple[str, str]]:
    """A line for each question that a reader has, as its head and a text of at most `room` letters.
    At most seven."""
    rows = [("data", _fit(report.source, room, after=f": {counts_text(report)}"))]
    if report.stored:
        rows.append(("stored", _fit(report.stored, room)))
    if report.kind == "table":
        rows.append(("columns", _fit(_columns_text(report), room)))
    else:
        rows.append(("shape", _fit(_shape_text(report), room)))
    if values := _values_text(report, room):
        rows.append(("values", _fit(values, room)))
    rows.append(("labels", _labels_text(report, room)))
    rows.append(("left out", _left_out_text(report, room)))
    if report.kind == "images":
        rows.append(("mirrored", "left to right, at random" if report.mirrored else "no"))
    return rows


def full_text(report: ReadingReport) -> list[str]:
    """The whole report in lines of 80 letters: the summary, decisions with the doubtful first,
    classes, things left out, a line for each part."""
    lines = [line for head, text in summary(report) for line in _wrap(text, head=head)]
    for title, doubtful in ("often wrong", True), ("decided", False):
        chosen = [d for d in report.decisions if d.doubtful is doubtful]
        lines += ["", f"{title}:"] if chosen else []
        for decision in chosen:
            lines += _wrap_bullet(decision.text)
            if decision.remedy:
                # a remedy is to be copied: its lines are broken by the terminal alone
                lines.append(f"    {printable(decision.remedy, 100_000)}")
    lines += _list_lines(report)
    if report.parts:
        lines += ["", f"{part_name(report)}:"]
        lines += [line for text in part_lines(report) for line in text]
    return lines


def left_out_lines(report: ReadingReport) -> list[str]:
    """The examples left out and why, with the names of the first."""
    lines = []
    for each in report.left_out:
        more = ", ..." if each.count > len(each.names) else ""
        names = f" ({', '.join(each.names)}{more})" if each.names else ""
        lines.append(f"{_left_out_line(each, None)}{names}")
    return lines


def part_name(report: ReadingReport) -> str:
    """The word for the parts of an example."""
    return _PART_NAMES.get(report.kind, "dimensions")


def part_cells(part: Part, *, glue: str = " ") -> tuple[str, str, str, str]:
    """A line about a part: its name, its role, its range or categories, and remarks. `glue` joins
    a category and its count."""
    remarks = []
    if part.missing:
        remarks.append(f"{part.missing:,} missing")
    if part.digits:
        remarks.append(f"{part.digits} digits")
    if part.note:
        remarks.append(part.note)
    role = "label (condition)" if part.role == "condition" else part.role
    return part.name, role, _part_values(part, glue), "; ".join(remarks)


def part_lines(report: ReadingReport) -> Iterator[list[str]]:
    """The lines of each part: one, unless its remarks need more. Of thousands the first."""
    shown_parts = report.parts[:_MOST_PARTS]
    cells = [part_cells(part, glue=_GLUE) for part in shown_parts]
    names = min(24, max((len(name) for name, *_ in cells), default=0))
    roles = max((len(role) for _, role, *_ in cells), default=0) if report.kind == "table" else 0
    for name, role, values, remarks in cells:
        shown = f"{role:<{roles}}  " if roles else ""
        head = f"  {cut_middle(name, names):<{names}}  {shown}"
        room = "; ".join(text for text in (values, remarks) if text)
        yield _wrap(room or "-", head=head, indent=len(head))
    if rest := report.total_parts - len(shown_parts):
        yield [f"  and {rest:,} more: gan-data --json or --html has them"]


def number_text(value: float, spread: float) -> str:
    """A number with the digits that its spread gives meaning to; whole ones whole."""
    if value == math.floor(value) and abs(value) < _LARGEST_WHOLE:
        return f"{int(value)}"
    decimals = 3 - math.floor(math.log10(spread)) if 0 < spread < math.inf else _MOST_DIGITS
    before = math.floor(math.log10(abs(value))) + 1  # digits before the point
    if before + decimals < 0:
        return "0"
    digits = min(max(before + decimals, 1), _MOST_DIGITS)
    if not -3 <= before <= _MOST_DIGITS:
        return f"{value:.{digits}g}"
    text = f"{value:.{max(0, digits - before)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def end_text(value: float, spread: float) -> str:
    """An end of a range as `number_text` has it, but never a rounder number than it is: beside a
    limit of 1, 1.0000001 is another one."""
    text = number_text(value, spread)
    rounder = float(text) != value and float(number_text(value, 100 * spread)) == float(text)
    text = number_text(value, 0) if rounder else text
    return text if float(text) or not value else f"{value:.3g}"


def counts_text(report: ReadingReport) -> str:
    """The number of examples for training, and of held-out ones."""
    word = _WORDS[report.kind]
    examples = f"{report.examples:,} {word.removesuffix('s') if report.examples == 1 else word}"
    examples += " for training"
    if report.held_out is None:
        return f"{examples}, the held-out ones can't be read"
    return f"{examples}, {report.held_out or 'none':{',' if report.held_out else ''}} held out"


def _fit(text: str, room: int | None, *, before: str = "", after: str = "") -> str:
    """A text between two others, with as many of its letters as there is room for: the folders of
    paths go first, then its middle."""
    if room is None or len(f"{before}{printable(text, 100_000)}{after}") <= room:
        return f"{before}{text}{after}"
    room -= len(before) + len(after)
    short = re.sub(r"(?<![^\s=,;'])\.{0,2}/(?:[^/,;]*/)+", "", text)
    return f"{before}{_cut_words(printable(short, 100_000), max(room, _LEAST_TEXT))}{after}"


def _cut_words(text: str, letters: int) -> str:
    """The first and the last words of a text; of long words the beginning and the end."""
    if len(text) <= letters:
        return text
    ends = [text[match.start() :] for match in re.finditer(r"(?<= )\S", text)]
    # the last word may be a setting
    end = next((each for each in ends if len(each) <= (letters - 3) // 2), ends[-1] if ends else "")
    room = letters - 3 - len(end)
    if not end or room < _LEAST_TEXT // 4:
        return cut_middle(text, letters)
    begin = text[: room + 1].rpartition(" ")[0] or text[:room]
    return f"{begin.rstrip(' ,;:')}...{end}"


def _columns_text(report: ReadingReport) -> str:
    counts = Counter(part.role for part in report.parts)
    named = {"label": "label", "condition": "label as the condition", "ignored": "ignored"}
    texts = [f"{counts[role]:,} {named.get(role, role)}" for role in _ROLES if counts[role]]
    numbers = f"{report.shape[0]:,} number{'s' * (report.shape[0] > 1)}"
    return f"{', '.join(texts)}; {numbers} a row, {report.dtype}"


def _shape_text(report: ReadingReport) -> str:
    if report.kind == "images":
        channels, height, width = report.shape
        color = _channels_text(channels, is_label_map=report.label_map)
        return f"{width} x {height} pixels, {color}, {report.dtype}{_inputs_text(report)}"
    if report.kind == "sequences":
        steps, size = report.shape
        return f"{steps:,} steps of {size:,} number{'s' * (size > 1)}, {report.dtype}"
    return f"{report.shape[0]:,} number{'s' * (report.shape[0] > 1)} each, {report.dtype}"


def _inputs_text(report: ReadingReport) -> str:
    """The inputs of a translator, whose targets the examples are."""
    if len(report.input_shape) != 3:
        return ""
    channels, height, width = report.input_shape
    color = _channels_text(channels, is_label_map=report.input_label_map)
    number = f"{report.inputs:,} " if report.inputs else ""
    return f"; of {number}inputs of {width} x {height}, {color}"


def _channels_text(count: int, *, is_label_map: bool) -> str:
    if is_label_map:
        return f"label map of {count} class{'es' * (count > 1)}"
    return _COLORS.get(count, f"{count} channels")


def _values_text(report: ReadingReport, room: int | None) -> str:
    texts = []
    if report.bytes is not None and report.numbers is not None:
        low, high = report.numbers.low, report.numbers.high
        shares = f"{_percent(report.bytes.zeros)} are 0, {_percent(report.bytes.full)} are 255"
        texts.append(f"{low:.0f} to {high:.0f} of 0..255; {shares}")
        if report.bytes.different < 9:
            texts.append(f"{report.bytes.different} different")
    elif report.numbers is not None:
        text = numbers_text(report.numbers)
        # both ends whole rather than all numbers in parts
        texts.append(text if room is None or len(text) <= room else text.partition(", mean")[0])
    if count := report.total_constants:
        listed = ", ".join(report.constants) + ", ..." * (count > len(report.constants))
        texts.append(f"{count} constant ({listed})")
    if texts and report.seen < report.examples:
        texts.append(f"of a spread of {report.seen:,}")
    return "; ".join(texts)


def numbers_text(numbers: Numbers) -> str:
    """A range, a mean and a deviation."""
    low, high, mean, deviation = numbers.low, numbers.high, numbers.mean, numbers.deviation
    if low == high:
        return f"always {number_text(low, 0)}"
    ends = f"{end_text(low, high - low)} to {end_text(high, high - low)}"
    spread = number_text(deviation, 10 * deviation)
    return f"{ends}, mean {number_text(mean, deviation)}, deviation {spread}"


def _labels_text(report: ReadingReport, room: int | None) -> str:
    """Where labels are from, and the number and the sizes of classes."""
    if not report.total_classes:
        return "none"
    count = report.total_classes
    classes = f"{count:,} class{'es' * (count > 1)}"
    least, most = report.smallest_class, report.largest_class
    sizes = f"{least:,} each" if least == most else f"{least:,} to {most:,} each"
    if count == 1:
        sizes = f"{most:,} examples"
    return _fit(report.labels, room, after=f": {classes}, {sizes}")


def _part_values(part: Part, glue: str) -> str:
    if part.numbers is not None:
        return numbers_text(part.numbers)
    if not part.categories:
        return ""
    return f"{part.total_categories:,}: {_tallies(part.categories, part.total_categories, glue)}"


def _tallies(tallies: Sequence[Tally], total: int, glue: str) -> str:
    listed = ", ".join(f"{each.name}{glue}{each.count:,}" for each in tallies)
    rest = total - len(tallies)
    return f"{listed} and {rest:,} more" if rest else listed


def _left_out_text(report: ReadingReport, room: int | None) -> str:
    if not report.left_out:
        return "nothing"
    first = report.left_out[:_MOST_LEFT_OUT]
    more = "; ..." * (len(report.left_out) > len(first))
    if room is not None:
        room = (room - len(more)) // len(first) - len("; ")
    return "; ".join(_left_out_line(each, room) for each in first) + more


def _left_out_line(left_out: LeftOutThings, room: int | None) -> str:
    counts = f"{left_out.count:,} of {left_out.total:,} {left_out.what}"
    if room is not None and room < len(counts) + len(": ") + _LEAST_TEXT:
        return counts  # why is said elsewhere, too
    return _fit(left_out.why, room, before=f"{counts}: ")


def _percent(share: float) -> str:
    if 0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 1:
        return "over 99 %"
    return f"{100 * share:.0f} %"


def _list_lines(report: ReadingReport) -> list[str]:
    lines = []
    if report.left_out:
        lines += ["", "left out:"]
        lines += [line for text in left_out_lines(report) for line in _wrap_bullet(text)]
    if report.total_classes:
        listed = _tallies(report.classes[:_MOST_LISTED], report.total_classes, _GLUE)
        lines += ["", "classes:", *_wrap(listed, head="", indent=2)]
    return lines


def _wrap(text: str, *, head: str, indent: int = _HEAD) -> list[str]:
    shown = _GLUE.join(printable(part, 100_000) for part in text.split(_GLUE))
    lines = textwrap.wrap(
        shown,
        _WIDTH,
        initial_indent=f"{head:<{indent}}",
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines]


def _wrap_bullet(text: str) -> list[str]:
    return _wrap(text, head="  -", indent=4)
