"""The notes on a folder of pictures: what it holds, what wasn't read, what was decided."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gan_runner.data import Decision, LeftOut
from gan_runner.datasets.readers.intensities import (
    number,
    range_decisions,
    range_setting,
)
from gan_runner.datasets.readers.listing import Listing, Named, class_of
from gan_runner.datasets.readers.picture_counts import DEEP_CUT, PictureCounts
from gan_runner.decoding.stored_picture import DEPTHS
from gan_runner.decoding.values import Limits
from gan_runner.errors import printable

MOST_NAMED = 3

_PICTURE_ENDINGS = """
.heic .heif .avif .svg .svgz .psd .psb .xcf .kra .dcm .dicom .nii .jp2 .j2k .jpx .jxl .tga .ico
.ppm .pgm .pbm .pnm .pfm .exr .hdr .raw .dng .cr2 .cr3 .nef .arw .orf .rw2 .raf .pef .srw .eps
.ai .pdf .mp4 .mov .avi .mkv .webm .m4v .mpg .mpeg .wmv .dds .fits .fit .czi .nd2 .lif .svs
.npy .npz .pt .pkl .h5 .hdf5 .mat .tfrecord .tfrecords .parquet .lmdb .mdb
.zip .tar .gz .tgz .bz2 .xz .7z .rar
"""
_COMPANION_ENDINGS = """
.txt .json .jsonl .xml .csv .tsv .md .rst .html .htm .yaml .yml .log .db .ini .py .ipynb .sh
.cfg .toml .lnk .url .bak .tmp .xmp .aae .css .js
"""
_PICTURES = frozenset(_PICTURE_ENDINGS.split())  # what holds pictures and isn't read
_COMPANIONS = frozenset(_COMPANION_ENDINGS.split())  # what lies beside pictures

_TABLES = (".csv", ".tsv", ".json", ".jsonl", ".txt")
_LABEL_FILE = re.compile(
    r"label|annotation|target|class|metadata|attr|ground_?truth|identity", re.I
)

_NOTABLE = 0.1
_UNKNOWN_SHARE = 0.5


def stored_text(counts: PictureCounts) -> str:
    """Such as "40 PNG, 2 JPEG, 640 x 480 to 800 x 600 px, 41 RGB, 1 palette"."""
    formats = ", ".join(f"{count} {name}" for name, count in counts.formats.items())
    small, large = (f"{width} x {height}" for width, height in (counts.smallest, counts.largest))
    sides = f"{small} px" if counts.smallest == counts.largest else f"{small} to {large} px"
    one = len(counts.modes) == 1
    modes = (mode if one else f"{count} {mode}" for mode, count in counts.modes.items())
    return f"{formats}, {sides}, {', '.join(modes)}"


def not_images(listing: Listing) -> str:
    """The contents of a folder without images, such as "42 .heic, 3 .txt"."""
    return ", ".join(
        f"{each.count} {printable(suffix) or 'without an ending'}"
        for suffix, each in sorted(listing.others.items(), key=lambda item: -item[1].count)
    )


def left_out(listing: Listing, counts: PictureCounts) -> tuple[LeftOut, ...]:
    """Images without pixels, other files, hidden ones, and first-level folders without images."""
    images, others = len(listing.images), listing.others
    files = images + _count(others)
    kept = {class_of(image.name) for image in listing.images if image.name not in counts.left_out}
    kept |= set(map(class_of, listing.ignored))
    ignored = sorted(listing.ignored)
    empty = [name for name in listing.folders if name not in kept]
    hidden = listing.hidden
    large = [f"{name}, {reason}" for name, reason in counts.too_large.items()]
    found = [
        _left_out(len(ignored), images + len(ignored), "images", "dataset.ignore", ignored),
        _left_out(len(counts.damaged), images, "images", "damaged", list(counts.damaged)),
        _left_out(len(large), images, "images", "too large", large),
        *(
            _left_out(each.count, files, "files", _unread(suffix), each.names)
            for suffix, each in sorted(others.items())
        ),
        _left_out(hidden.count, files + hidden.count, "files", "hidden", hidden.names),
        _left_out(len(empty), len(listing.folders), "folders", "without images", empty),
    ]
    return tuple(each for each in found if each.count)


def _left_out(count: int, total: int, what: str, why: str, names: Sequence[str]) -> LeftOut:
    return LeftOut(count, total, what, why, tuple(map(printable, names[:MOST_NAMED])))


def _unread(suffix: str) -> str:
    return f"{printable(suffix) or 'no ending'}, not read"


def left_out_decisions(listing: Listing, counts: PictureCounts) -> list[Decision]:
    """Doubts about what was left out."""
    total = len(listing.images)
    decisions = []
    for names, verb, remedy in (
        (counts.damaged, "damaged", "Replace or remove them"),
        (counts.too_large, "too large", "Scale them down or remove them"),
    ):
        if names:
            text = f"{len(names)} of {total} images are {verb} and left out ({_first(names)})"
            if verb == "damaged":
                text += f", the first as {printable(next(iter(names.values())), limit=60)}"
            decisions.append(Decision(text, remedy))
    return decisions + _unread_files(listing)


def label_files(listing: Listing) -> list[Decision]:
    """A doubt about files that are called as if they had the labels of images without classes."""
    found = [
        name
        for suffix, each in sorted(listing.others.items())
        if suffix in _TABLES
        for name in each.names
        if _LABEL_FILE.search(name.rpartition("/")[2])
    ]
    if not found:
        return []
    text = f"no labels: {printable(found[0])} isn't read"
    remedy = "If it has the class of each image, put images into a sub-folder for each class"
    return [Decision(text, remedy)]


def _unread_files(listing: Listing) -> list[Decision]:
    images = len(listing.images)
    pictures = {k: v for k, v in listing.others.items() if k in _PICTURES}
    unknown = {
        k: v for k, v in listing.others.items() if k not in _PICTURES and k not in _COMPANIONS
    }
    many, strange = _count(pictures), _count(unknown)
    decisions = []
    if many:
        text = f"{many} of {many + images} files that may hold pictures aren't read"
        text += f" ({_kinds(pictures)})"
        remedy = "Convert them to PNG or JPEG and unpack archives"
        decisions.append(Decision(text, remedy, doubtful=many >= 0.02 * images))
    if strange:
        text = f"{strange} of {strange + images} files aren't read ({_kinds(unknown)})"
        remedy = "If they are images, name them .png or .jpg, as their format is"
        decisions.append(Decision(text, remedy, strange >= _UNKNOWN_SHARE * images))
    return decisions


def picture_decisions(
    counts: PictureCounts, *, channels: int, size: int, limits: Limits | None
) -> list[Decision]:
    """The changes that made the pictures images of one size, and doubts about them."""
    values = _value_decisions(counts, limits)
    return values + shape_decisions(counts, size) + _color_decisions(counts, channels)


def _value_decisions(counts: PictureCounts, limits: Limits | None) -> list[Decision]:
    decisions = []
    for depth, each in counts.depths.items():
        black_to_white = limits or DEPTHS[depth]
        found = range_decisions(
            each.values,
            black_to_white,
            of=f"{each.count} {depth} images",
            whole=depth != "float",
            is_given=limits is not None,
            clips=True,
        )
        decisions += found or _dim_decisions(counts.dim.get(depth, 0), each.count, depth, limits)
    if limits is not None and counts.clipped:
        highest = max(each.high for each in counts.depths.values())
        text = f"values above {number(limits[1])} become white in {counts.clipped} of "
        text += f"{counts.count} images, {counts.clipped_pixels:.0%} of all values"
        remedy = f"The highest is {number(highest)}: {range_setting((limits[0], highest))}"
        decisions.append(Decision(text, remedy, counts.clipped_pixels > 0.25))
    if "16-bit color" in counts.depths:
        text = f"16-bit color becomes 8-bit in {counts.depths['16-bit color'].count} images"
        decisions.append(Decision(text, "", doubtful=False))
    return decisions


def _dim_decisions(dim: int, count: int, depth: str, limits: Limits | None) -> list[Decision]:
    """Whether some of the pictures are nearly black, since others use more of the range."""
    if not _is_mixture(dim, count) or limits is not None:
        return []
    black, white = map(number, DEPTHS[depth])
    text = f"{dim} of {count} {depth} images use at most a sixteenth of {black} (black) to {white} "
    text += "(white) and are nearly black, the others use more"
    remedy = "If they were stored with fewer bits or as numbers of classes, scale them in the files"
    return [Decision(text, f"{remedy}, or train on them alone.")]


def shape_decisions(counts: PictureCounts, size: int) -> list[Decision]:
    """The changes that made the pictures squares of one size, and doubts about them."""
    total = counts.count
    decisions = []
    if counts.cut > 0 or counts.cut_deep:
        text = f"the middle square is kept: half of the images lose {counts.cut:.0%} or more"
        if counts.cut_deep:
            text += f", {counts.cut_deep} of {total} more than a third"
        remedy = "To keep all of them, make them square first"
        decisions.append(Decision(text, remedy, doubtful=counts.cut > DEEP_CUT))
    if counts.small:
        text = f"{counts.small} of {total} images are enlarged to {size} x {size} px; the smallest "
        text += f"has {counts.short_side} px on its short side"
        fitting = 2 ** (counts.short_side.bit_length() - 1)
        remedy = f"To enlarge none: dataset.image_size={fitting}" if fitting >= 4 else ""
        decisions.append(Decision(text, remedy, doubtful=counts.small >= _NOTABLE * total))
    if counts.turned:
        text = f"{counts.turned} of {total} images are turned upright as their EXIF data say"
        decisions.append(Decision(text, "", doubtful=False))
    if counts.with_frames:
        of = "it" if counts.with_frames == 1 else "them"
        text = f"{counts.with_frames} of {total} files hold several pictures: the first of {of} is "
        text += f"taken ({printable(counts.first_with_frames)})"
        remedy = "To train on all of them, save each as a file"
        decisions.append(Decision(text, remedy, doubtful=counts.with_frames >= _NOTABLE * total))
    if counts.repeated >= 0.01 * total and counts.repeated:
        text = f"{counts.repeated} of {total} images repeat others, pixel by pixel"
        remedy = "Remove what is repeated if that wasn't meant"
        decisions.append(Decision(text, remedy, doubtful=counts.repeated >= _NOTABLE * total))
    return decisions


def _color_decisions(counts: PictureCounts, channels: int) -> list[Decision]:
    total, gray, transparent = counts.count, counts.gray, counts.transparent
    decisions = []
    if channels > 2 and gray == total:
        text = f"all images are gray and become {channels} equal channels"
        decisions.append(Decision(text, f"Gray: dataset.channels={channels - 2}", doubtful=False))
    elif channels > 2 and gray:
        text = f"{gray} of {total} images are gray, the others have color"
        remedy = f"All in gray: dataset.channels={channels - 2}"
        decisions.append(Decision(text, remedy, doubtful=_is_mixture(gray, total)))
    if channels < 3 and gray < total:
        text = f"{total - gray} of {total} images are stored in color and become gray"
        decisions.append(Decision(text, f"Color: dataset.channels={channels + 2}", doubtful=False))
    if channels in (1, 3) and transparent:
        text = f"transparent parts of {transparent} of {total} images become white"
        text += ", the others have none" * (transparent < total)
        remedy = f"To keep them: dataset.channels={channels + 1}"
        decisions.append(Decision(text, remedy, doubtful=_is_mixture(transparent, total)))
    if channels in (2, 4) and transparent < total:
        number = f"{total - transparent} of {total} images have" if transparent else "no image has"
        text = f"{number} {'no ' * bool(transparent)}transparent parts: the alpha channel is 255 "
        remedy = f"Without it: dataset.channels={channels - 1}"
        doubtful = not transparent or _is_mixture(transparent, total)
        decisions.append(Decision(f"{text}everywhere", remedy, doubtful))
    return decisions


def _is_mixture(number: int, total: int) -> bool:
    """Whether neither so many images nor the others are few."""
    return _NOTABLE * total <= number <= (1 - _NOTABLE) * total


def _first(names: Mapping[str, str]) -> str:
    shown = ", ".join(map(printable, list(names)[:MOST_NAMED]))
    return f"{shown}, ..." if len(names) > MOST_NAMED else shown


def _count(others: Mapping[str, Named]) -> int:
    return sum(other.count for other in others.values())


def _kinds(others: Mapping[str, Named]) -> str:
    """Such as "42 .heic (a.heic), 1 .psd (b.psd)"."""
    by_count = sorted(others.items(), key=lambda item: -item[1].count)
    return ", ".join(
        f"{other.count} {printable(suffix) or 'without an ending'} ({printable(other.names[0])})"
        for suffix, other in by_count[:MOST_NAMED]
    )
