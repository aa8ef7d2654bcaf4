"""Files of another kind than their name says, by their first bytes."""

from __future__ import annotations

import re
from typing import NamedTuple

FIRST_BYTES = 4096


class OtherFile(NamedTuple):
    """What a file is, and what to do about it where saving it in the wanted format isn't it."""

    kind: str
    remedy: str = ""


_POINTER = OtherFile("a pointer of Git LFS in the place of the file", "Fetch it: git lfs pull")
_PAGE = OtherFile("a web page, as a failed download leaves", "Download the file again.")
_MARKS = {
    b"PK\x03\x04": OtherFile("an Excel workbook or another zip file"),
    b"\xd0\xcf\x11\xe0": OtherFile("an old Excel workbook"),
    b"\x1f\x8b": OtherFile("a gzip file", "Unpack it: gunzip FILE"),
    b"BZh": OtherFile("a bzip2 file", "Unpack it: bunzip2 FILE"),
    b"\xfd7zXZ": OtherFile("an xz file", "Unpack it: unxz FILE"),
    b"(\xb5/\xfd": OtherFile("a Zstandard file", "Unpack it: unzstd FILE"),
    b"7z\xbc\xaf": OtherFile("a 7z archive", "Unpack it."),
    b"Rar!": OtherFile("a RAR archive", "Unpack it."),
    b"PAR1": OtherFile("a Parquet file"),
    b"ARROW1": OtherFile("an Arrow file"),
    b"FEA1": OtherFile("a Feather file"),
    b"\x89HDF": OtherFile("an HDF5 file"),
    b"MATLAB 5": OtherFile("a MATLAB file"),
    b"SQLite format 3": OtherFile("an SQLite database"),
    b"$FL2": OtherFile("an SPSS file"),
    b"<stata_dta>": OtherFile("a Stata file"),
    b"%PDF": OtherFile("a PDF file"),
    b"\x93NUMPY": OtherFile("a NumPy file", "Read it with dataset=array"),
    b"\x80\x04\x95": OtherFile("a Python pickle, which can run code and isn't read"),
    b"\x80\x05\x95": OtherFile("a Python pickle, which can run code and isn't read"),
    b"\x80\x03c": OtherFile("a Python pickle, which can run code and isn't read"),
    b"version https://git-lfs": _POINTER,
}
_TEXTS = {
    re.compile(rb"<(!doctype html|html|head)\b", re.I): _PAGE,
    re.compile(rb"<\?xml\b", re.I): OtherFile("an XML file"),
    re.compile(rb'\{\s*"|\[\s*[\[{]'): OtherFile("a JSON file"),
    re.compile(rb"(%[^\n]*\n\s*)*@relation\b", re.I): OtherFile("an ARFF file"),
}


def find_other_file(start: bytes) -> OtherFile | None:
    """The kind of a file by its first bytes; None where they may be those of any text."""
    found = next((other for mark, other in _MARKS.items() if start.startswith(mark)), None)
    if found is not None:
        return found
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((other for pattern, other in _TEXTS.items() if pattern.match(text)), None)
