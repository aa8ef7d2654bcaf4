"""A process that decodes images for another one, until the pipe from it ends."""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageFile

from gan_runner.decoding.images import Wanted, try_decode, try_decode_pixels
from gan_runner.decoding.members import Member
from gan_runner.decoding.messages import READY, read_plain, write_pixels, write_results


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
        size, channels, limits, *rest = order["wanted"]
        wanted = Wanted(size, channels, None if limits is None else (limits[0], limits[1]), *rest)
        answers.write(READY)
        answers.flush()
        while True:
            sources = [
                Path(order["root"], plain) if isinstance(plain, str) else Member(*plain)
                for plain in read_plain(questions)
            ]
            if order["pixels_only"]:
                write_pixels(answers, [try_decode_pixels(source, wanted) for source in sources])
            else:
                write_results(answers, [try_decode(source, wanted) for source in sources])
    os._exit(0)  # with no complaint about a pipe that nobody reads
