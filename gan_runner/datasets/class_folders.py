"""The classes of pictures by the folders in which they lie, and when folders aren't classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal, NamedTuple

from gan_runner.config.overrides import override
from gan_runner.data import Decision
from gan_runner.datasets.readers.listing import class_of
from gan_runner.errors import DataError, printable

LabelsSetting = Literal["auto", "folders"] | None

_SPLITS = "train|training|trainval|test|testing|val|valid|validation|dev|eval|holdout|unlabeled"
_SPLIT_NAME = re.compile(rf"(.*[\W_])?({_SPLITS})([\W_]?(\d+|[ab]|set|split|data|hr|lr))?", re.I)
_PARTS = """
images image imgs img pictures masks mask labels label annotations annotation segmentations
segmentation gt groundtruth ground_truth ground-truth depth
"""
_PART_NAMES = frozenset(_PARTS.split())
_PORTIONS = "fold|split|part|batch|chunk|shard|subset"
_NUMBERED = re.compile(rf"\d{{4,}}|\d+([-_. ]\d+)+|({_PORTIONS})[-_. ]?\d+", re.I)
_NO_CLASSES = "If they aren't classes: dataset.labels=null"
_AS_CLASSES = "If they are classes: dataset.labels=folders"
_UNEQUAL = 20
_NAMED = 3


class FolderClasses(NamedTuple):
    """For each picture the index of its class, and the classes, sorted; both empty without classes.
    What was decided on the way. `are_parts`: the folders' names say that they aren't classes."""

    indices: list[int]
    classes: tuple[str, ...]
    decisions: list[Decision]
    are_parts: bool = False


def folder_classes(names: Sequence[str], setting: LabelsSetting, *, root: str) -> FolderClasses:
    """The classes of pictures by their first-level folders; `names` are paths below `root`.

    There are none if a picture lies in the root itself, in a single folder, or if the folders are
    called as the parts of a data set are. Raises DataError for a picture without a folder where
    the setting demands one.
    """
    tops = [class_of(name) for name in names]
    counts = Counter(top for top in tops if top is not None)
    if setting is None or not counts:
        if setting == "folders":
            raise _loose_error(len(names), len(names))
        return FolderClasses([], (), [])
    loose = tops.count(None)
    if loose and setting == "folders":
        raise _loose_error(loose, len(names))
    if loose:
        text = f"no labels: {loose} of {len(names)} images lie in the folder itself, not in a class"
        largest = max(counts, key=lambda top: counts[top])
        remedy = f"Move them into classes, or train on one folder: {_below(root, largest)}"
        return FolderClasses([], (), [Decision(text, remedy)])
    if len(counts) == 1:
        return FolderClasses([], (), [_single(names, next(iter(counts)), root)])
    if setting == "auto" and all(map(_is_part, counts)):
        return FolderClasses([], (), [_parts(counts, root)], are_parts=True)
    classes = tuple(sorted(counts))
    index = {name: i for i, name in enumerate(classes)}
    decisions = _doubts(counts, root) if setting == "auto" else []
    decisions += _peculiarities(counts, names)
    return FolderClasses([index[top] for top in tops if top is not None], classes, decisions)


def _loose_error(loose: int, total: int) -> DataError:
    what = f"{loose} of {total} images lie in the folder itself, not in a class"
    return DataError(f"{what}, dataset.labels=folders. Move them, or use dataset.labels=auto")


def _below(root: str, folder: str) -> str:
    """The setting of a folder below the root, as it can be typed in a shell."""
    return override("dataset.root", printable(f"{root.rstrip('/')}/{folder}", limit=1000))


def _single(names: Sequence[str], folder: str, root: str) -> Decision:
    """A single folder, which isn't a class; doubtful if classes may lie in it."""
    inner = {below for below in (class_of(name.partition("/")[2]) for name in names) if below}
    text = f"no labels: all images lie in one sub-folder, {printable(folder)}"
    if len(inner) < 2:
        return Decision(text, "", doubtful=False)
    text += f", whose own sub-folders ({_names_text(sorted(inner))}) aren't read as classes"
    return Decision(text, f"To read these as classes: {_below(root, folder)}")


def _is_part(folder: str) -> bool:
    """Whether a folder is called as a part of a data set is."""
    name = folder.strip().casefold()
    return name in _PART_NAMES or _SPLIT_NAME.fullmatch(name) is not None


def _parts(counts: Counter[str], root: str) -> Decision:
    shown = ", ".join(f"{printable(name)}: {count}" for name, count in sorted(counts.items()))
    text = f"no labels: sub-folders called as parts of a data set are ({shown}) aren't classes; "
    text += "images of all of them are taken"
    named = [name for name in counts if name.strip().casefold() not in _PART_NAMES]
    wanted = [name for name in named if "train" in name.casefold()] or [
        name for name in counts if name.casefold().startswith(("im", "pic"))
    ]
    first = max(wanted or list(counts), key=lambda name: counts[name])
    return Decision(text, f"To train on one part: {_below(root, first)}. {_AS_CLASSES}")


def _doubts(counts: Counter[str], root: str) -> list[Decision]:
    """The doubts about folders as classes."""
    decisions = []
    splits = sorted(name for name in counts if _SPLIT_NAME.fullmatch(name.strip()))
    if len(splits) > 1:
        first = next((name for name in splits if "train" in name.casefold()), splits[0])
        text = f"sub-folders called as parts of a data set are ({_names_text(splits)}) are read as "
        text += "classes, since there are others beside them"
        decisions.append(Decision(text, f"To train on one part: {_below(root, first)}"))
    if all(_NUMBERED.fullmatch(name) for name in counts):
        named = _names_text(sorted(counts))
        text = f"sub-folders with numbers for names ({named}) are read as classes"
        decisions.append(Decision(f"{text}; they may be dates or portions", _NO_CLASSES))
    alone = [name for name, count in sorted(counts.items()) if count == 1]
    if 2 * len(alone) > len(counts):
        text = f"{len(alone)} of {len(counts)} classes have a single image ({_names_text(alone)})"
        decisions.append(Decision(text, _NO_CLASSES))
    alike: dict[str, list[str]] = {}
    for name in sorted(counts):
        alike.setdefault("".join(filter(str.isalnum, name.casefold())) or name, []).append(name)
    for group in (group for group in alike.values() if len(group) > 1):
        shown = ", ".join(f"'{printable(name)}'" for name in group)
        text = f"classes whose names differ by case, spaces or signs only: {shown}"
        decisions.append(Decision(text, "If they are one class, merge these folders"))
    return decisions


def _peculiarities(counts: Counter[str], names: Sequence[str]) -> list[Decision]:
    """The notes on classes that a user has to know."""
    decisions = []
    deeper = [name for name in names if name.count("/") > 1]
    if deeper:
        text = f"{len(deeper)} of {len(names)} images lie in folders within their class "
        text += f"({printable(deeper[0].rpartition('/')[0])}): the first folder is the class"
        remedy = "To have others, move those folders up, or use dataset.labels=null"
        inner = {name.split("/")[1] for name in deeper}
        if len(inner) > 1 and all(map(_SPLIT_NAME.fullmatch, inner)):
            text += "; parts of a data set are read as one"
            rest = sorted(name for name in inner if "train" not in name.casefold())
            patterns = [f"*/{name}" for name in rest if len(rest) < len(inner)]
            if patterns:
                remedy = f"To leave the others out: {override('dataset.ignore', patterns)}"
        decisions.append(Decision(text, remedy, doubtful=len(deeper) == len(names)))
    alone = [name for name, count in sorted(counts.items()) if count == 1]
    if 0 < 2 * len(alone) <= len(counts):
        text = f"classes with a single image: {_names_text(alone)}"
        decisions.append(Decision(text, "", doubtful=False))
    (large, most), *_, (small, least) = counts.most_common()
    if most >= _UNEQUAL * least:
        text = f"classes are very unequal: {most} images of {printable(large)}, {least} of "
        decisions.append(Decision(text + printable(small), "", doubtful=False))
    return decisions


def _names_text(names: Sequence[str]) -> str:
    shown = ", ".join(map(printable, names[:_NAMED]))
    return f"{shown}, ..." if len(names) > _NAMED else shown
