"""A process that decodes images for another one, until the pipe from it ends."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageFile

from gan_runner.decoding.images import Wanted, try_decode
from gan_runner.decoding.messages import READY, read_plain, write_results


def main() -> None:
    """Decode the files that each line of standard input names, and answer on standard output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints isn't an answer
    warnings.simplefilter("ignore")
    questions = sys.stdin.buffer
    with suppress(EOFError, BrokenPipeError):
        order = read_plain(questions)
        Image.MAX_IMAGE_PIXELS = order["most_pixels"]
        ImageFile.LOAD_TRUNCATED_IMAGES = order["takes_truncated"]
        size, channels, limits = order["wanted"]
        wanted = Wanted(size, channels, None if limits is None else (limits[0], limits[1]))
        answers.write(READY)
        answers.flush()
        while True:
            names = read_plain(questions)
            results = [try_decode(Path(order["root"], name), wanted) for name in names]
            write_results(answers, results)
    os._exit(0)  # with no complaint about a pipe that nobody reads
