"""Pictures that belong to others: masks beside images, thumbnails beside originals, copies."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from gan_runner.config.overrides import override
from gan_runner.data import Decision
from gan_runner.datasets.column_names import matching
from gan_runner.errors import printable

_MASK_FOLDERS = """
mask masks label labels labelmap labelmaps annotation annotations annot anno annos seg segs
segmentation segmentations segmap segmaps gt gts groundtruth ground_truth ground-truth
trimap trimaps matte mattes depth depths
"""
_THUMBNAIL_FOLDERS = "thumb thumbs thumbnail thumbnails preview previews .thumbnails"
_MARKS = {
    "masks or maps": r"masks?|seg(?:m|mask|map|mentation)?|gt(?:fine|coarse)?(?:_\w+)?|trimap"
    r"|ground[-_]?truth|labels?|label_?ids|annot?|annotations?|matte|alpha|depth|instance_?ids",
    "thumbnails": r"thumbs?|thumbnail|tn|small|preview|icon|\d{2,4}x\d{2,4}",
    "copies": r"copy|kopie|\(\d\)|flip(?:ped)?|mirror(?:ed)?|rot(?:ated|\d+)?|aug(?:mented)?"
    r"|resized|scaled|cropped|edited|blur(?:red)?|noisy",
}
_SURE = re.compile(
    r"masks?|seg(?:m|mask|map|mentation)?|gt(?:fine|coarse)?(?:_\w+)?|trimap|thumbs?|thumbnail",
    re.I,
)
_PATTERNS = {
    kind: re.compile(rf"(?P<base>.+?)(?P<mark>[-_. ]+(?:{marks}))(?P<number>[-_ ]?\d{{0,3}})", re.I)
    for kind, marks in _MARKS.items()
}
_STARTS = {
    kind: re.compile(rf"(?P<mark>(?:{marks})[-_. ]+)(?P<base>.+)", re.I)
    for kind, marks in _MARKS.items()
    if kind != "copies"
}
_ANY = re.compile(rf"(?:^|[-_. ])(?:{'|'.join(_MARKS.values())})(?:$|[-_. \d])", re.I)
_WORDS = "img|image|rgb|photo|orig|original|input"  # of images, which their masks don't have
_IMAGE_WORDS = re.compile(rf"[-_. ](?:{_WORDS}|leftimg8bit)$|^(?:{_WORDS})[-_. ]")
_NOTABLE = 0.1  # of all images
_LEAST = 2  # images
_MOST_PATTERNS = 5


class _Marked(NamedTuple):
    """An image whose name has a mark: the name without it, and a pattern that fits it."""

    base: str
    pattern: str
    is_sure: bool


def companions(names: Sequence[str], *, folders_are_settled: bool) -> list[Decision]:
    """Doubts about images, by their paths below the root, that seem to belong to others among them.

    `folders_are_settled`: the first-level folders are parts of a data set, which is said elsewhere,
    or classes by their setting.
    """
    decisions, left = [], list(names)
    for kind, words in (("masks or maps", _MASK_FOLDERS), ("thumbnails", _THUMBNAIL_FOLDERS)):
        found = _in_folders(left, frozenset(words.split()), skip_first=folders_are_settled)
        decisions += _decision(kind, names, found, where="in folders called so")
        left = _without(left, found)
    may_be_marked = {name for name in left if _ANY.search(_stem(name))}  # few, in most sets
    for kind in _MARKS if may_be_marked else ():
        found = _by_name(left, kind, may_be_marked)
        decisions += _decision(kind, names, found, where="by their names")
        left = _without(left, found)
    return decisions + _twins(names, left)


def _without(names: list[str], found: dict[str, list[str]]) -> list[str]:
    said = {name for group in found.values() for name in group}
    return [name for name in names if name not in said] if said else names


def _in_folders(
    names: Sequence[str], words: frozenset[str], *, skip_first: bool
) -> dict[str, list[str]]:
    """The images in folders with such names, by the patterns that fit these, if most of them are
    called as images elsewhere are."""
    found: dict[str, list[str]] = defaultdict(list)
    others = []
    for name in names:
        folders = name.split("/")[:-1]
        depth = next((i for i, each in enumerate(folders) if each.casefold() in words), None)
        if depth is None:
            others.append(name)
        elif depth or not skip_first:
            found["*/" * (depth > 0) + folders[depth]].append(name)
    if not found:
        return {}
    others_stems = set(map(_plain_stem, others))
    # masks are also worn: the folders of a data set are mask and no_mask then
    tops = {name.partition("/")[0].casefold() for name in names}
    for pattern in list(found):
        word = pattern.removeprefix("*/").casefold()
        of_classes = any(word.rstrip("s") in top and top != word for top in tops)
        paired = sum(_plain_stem(name) in others_stems for name in found[pattern])
        if 2 * paired < len(found[pattern]) or (of_classes and "/" not in pattern):
            del found[pattern]
    return found


def _by_name(
    names: Sequence[str], kind: str, may_be_marked: Collection[str]
) -> dict[str, list[str]]:
    """The images with a mark in their names, by the patterns that fit them."""
    candidates = (name for name in names if name in may_be_marked)
    marked = {name: each for name in candidates if (each := _find_mark(name, kind)) is not None}
    if not marked:
        return {}
    others = {_plain_stem(name) for name in names if name not in marked}
    paired = [name for name, each in marked.items() if each.base in others]
    sure = [name for name, each in marked.items() if each.is_sure]
    chosen = sure if len(sure) >= max(_LEAST, _NOTABLE * len(names)) else []
    chosen = sorted({*chosen, *(paired if len(paired) >= _LEAST else [])})
    found: dict[str, list[str]] = defaultdict(list)
    for name in chosen:
        found[marked[name].pattern].append(name)
    return found


def _find_mark(name: str, kind: str) -> _Marked | None:
    stem = _stem(name)
    if match := _PATTERNS[kind].fullmatch(stem):
        end = "*" if match["number"] else ""
        base, pattern = match["base"], f"*{match['mark']}{end}.*"
    elif kind in _STARTS and (match := _STARTS[kind].fullmatch(stem)):
        base, pattern = match["base"], f"*/{match['mark']}*" if "/" in name else f"{match['mark']}*"
    else:
        return None
    is_sure = _SURE.fullmatch(match["mark"].strip("-_. ")) is not None
    return _Marked(_without_image_words(base), pattern, is_sure)


def _plain_stem(name: str) -> str:
    return _without_image_words(_stem(name))


def _without_image_words(stem: str) -> str:
    return _IMAGE_WORDS.sub("", stem.casefold())


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0]


def _twins(names: Sequence[str], left: Sequence[str]) -> list[Decision]:
    """Images that have the name of another in the same folder, but for the ending."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for name in left:
        by_stem[name.rpartition(".")[0]].append(name)
    groups = [group for group in by_stem.values() if len(group) > 1]
    if len(groups) < max(_LEAST, _NOTABLE / 2 * len(names)):
        return []
    endings = sorted({f".{name.rpartition('.')[2]}" for group in groups for name in group})
    # masks are PNG, and rarer if there are fewer of them
    rarest = min(endings, key=lambda end: (sum(n.endswith(end) for n in left), end != ".png"))
    text = f"{len(groups)} images have the name of another but for its ending, as "
    text += f"{printable(groups[0][0])} and {printable(groups[0][1])}: all are read"
    remedy = f"If one is a mask or a copy of the other: {_ignore([f'*{rarest}'])}"
    return [Decision(text, remedy)]


def _decision(
    kind: str, names: Sequence[str], found: dict[str, list[str]], *, where: str
) -> list[Decision]:
    chosen = [name for group in found.values() for name in group]
    if not 0 < len(chosen) < len(names):
        return []
    text = f"{len(chosen)} of {len(names)} images look like {kind} of others, {where} "
    text += f"({printable(chosen[0])}), and are read as images"
    others = set(names).difference(chosen)
    fits = {pattern: fitting(pattern, names) for pattern in found}
    patterns = [one for one in found if not any(fits[one] < fits[other] for other in found)]
    if any(fits[pattern] & others for pattern in patterns) or len(patterns) > _MOST_PATTERNS:
        return [Decision(text, "If so, move them to another folder")]
    return [Decision(text, f"To leave them out: {_ignore(patterns)}")]


def _ignore(patterns: Sequence[str]) -> str:
    return override("dataset.ignore", list(patterns))


def fitting(pattern: str, names: Iterable[str]) -> set[str]:
    """The names, paths below a folder, that a pattern fits, or of which it fits a folder."""
    folders = {name: _folders(name) for name in names}
    paths = {path for name, above in folders.items() for path in (name, *above)}
    found = set(matching(pattern, paths))
    return {name for name, above in folders.items() if name in found or found.intersection(above)}


def _folders(name: str) -> list[str]:
    """The paths of the folders above a file."""
    return [name[:place] for place, sign in enumerate(name) if sign == "/"]
