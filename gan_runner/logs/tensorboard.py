"""The TensorBoard part of a run's log: scalars, pictures, the configuration and its session."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG
from tensorboard.plugins.hparams.metadata import (
    PLUGIN_DATA_VERSION,
    PLUGIN_NAME,
    SESSION_END_INFO_TAG,
    SESSION_START_INFO_TAG,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import (
    HParamsPluginData,
    SessionEndInfo,
    SessionStartInfo,
)
from tensorboard.summary.writer.event_file_writer import _AsyncWriterThread
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard import SummaryWriter

from gan_runner.logs.trackers import RunFacts, Tracker
from gan_runner.sampling.pictures.png import Picture
from gan_runner.system.files import publish

# regular expressions of tags, the same for all runs: charts that differ would stand side by side
_LAYOUT = {
    "training": {
        "losses": ["Multiline", ["Loss/(discriminator|generator)$"]],
        "logits": ["Multiline", ["logits/(real|fake)$"]],
        "speeds": ["Multiline", ["speed/"]],
    }
}
# TensorBoard opens the first two groups, and capital letters come before small ones
_LOSS, _SAMPLES = "Loss", "Samples"
_PICTURES = {
    "samples": "fake",
    "back": "back",
    "real": "real",
    "reconstructions": "reconstructions",
}
# what eval/ holds, at most twelve cards for any data: the rest stands in eval_more/
_HEADLINES = re.compile(
    r"eval/((frechet|kid|precision|recall|coverage|memorization)_[a-z0-9]+|fid|modes_covered|"
    r"high_quality|label_accuracy|code_accuracy|elbo|tstr_accuracy|column_wasserstein|"
    r"correlation_difference|closest_record_share|impossible_share|neighbors|confusion|psnr|ssim|l1|iou|"
    r"pixel_accuracy|cycle_l1|cycle_back_l1|(perceptual|frechet_back)_[a-z0-9]+)"
)
_CONFIG = "config"
_FILES = "events.out.tfevents"  # begins the name of a file; the second of its start follows
# tags that a resumed run writes again: its configuration may have changed, and its session goes on
_WRITTEN_AT_EACH_START = {
    f"{_CONFIG}/text_summary",
    CONFIG_SUMMARY_TAG,
    SESSION_START_INFO_TAG,
    SESSION_END_INFO_TAG,
}


class TensorBoardLog(Tracker):
    """One event file for a new run, one more for each resume."""

    is_outside: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        if not isinstance(threading.excepthook, _OtherThreads):
            threading.excepthook = _OtherThreads(threading.excepthook)
        self._writer = SummaryWriter(str(folder))

    def begin(self, facts: RunFacts, tracked_id: str | None) -> None:
        """Log the configuration as text, begin the run's session in the HParams tab, and lay out
        the tab of custom scalars."""
        self.text(_CONFIG, facts.text, 0)
        self._writer.add_custom_scalars(_LAYOUT)
        self._writer._get_file_writer().add_summary(_session_start(facts.title, facts.settings))
        self.flush()

    def scalars(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(tag(name), value, step)

    def picture(self, name: str, step: int, picture: Picture, content: bytes) -> None:
        height, width, channels = picture.shape
        image = Summary.Image(
            height=height,
            width=width,
            colorspace=channels,
            encoded_image_string=content,
        )
        # the writer's own add_image would resample it, to the same size
        summary = Summary(value=[Summary.Value(tag=tag(name), image=image)])
        self._writer._get_file_writer().add_summary(summary, step)

    def text(self, name: str, text: str, step: int) -> None:
        """Text shown as it is: each line is indented, which markdown takes for code."""
        shown = "\n".join("    " + line for line in text.splitlines())
        self._writer.add_text(name, shown, step)

    def flush(self) -> None:
        self._writer.flush()

    def close(self, *, success: bool | None) -> None:
        """End the session in the HParams tab, unless `success` is None: then it can go on."""
        if success is not None:
            self._writer._get_file_writer().add_summary(_session_end(success=success))
        self._writer.close()


def tag(name: str) -> str:
    """The tag of a number or a picture, which is its name in another group: those that TensorBoard
    opens first are the losses and the samples, and eval/ has the headlines of an evaluation."""
    group, _, rest = name.partition("/")
    if name in _PICTURES:
        return f"{_SAMPLES}/{_PICTURES[name]}"
    if group in ("loss", "elbo"):
        return f"{_LOSS}/{'/'.join(filter(None, ('elbo' if group == 'elbo' else '', rest)))}"
    if group == "eval" and "/" in rest:
        of, _, rest = rest.partition("/")
        return f"eval_by_class/{rest}" if of == "share" else f"eval_by_column/{of}/{rest}"
    if group == "eval" and not _HEADLINES.fullmatch(name):
        return f"eval_more/{rest}"
    return name


class _OtherThreads:
    """Reports failures in threads, but for those of a writer: they are raised again in ours."""

    def __init__(self, report: Callable[[threading.ExceptHookArgs], object]) -> None:
        self._report = report

    def __call__(self, failure: threading.ExceptHookArgs) -> None:
        if not isinstance(failure.thread, _AsyncWriterThread):
            self._report(failure)


def record_failure(folder: Path, name: str, settings: Mapping[str, Any]) -> None:
    """Record for a run that can't do so any more, or never began, that its session has failed.

    If it has begun, TensorBoard goes by the first of two equal starts. Raises OSError.
    """
    folder.mkdir(exist_ok=True)
    path = folder / f"{_FILES}.{int(time.time()):010d}.failure.{os.getpid()}"
    with path.open("wb") as file:
        records = RecordWriter(file)
        for event in (
            Event(file_version="brain.Event:2", wall_time=time.time()),
            Event(summary=_session_start(name, settings), wall_time=time.time()),
            Event(summary=_session_end(success=False), wall_time=time.time()),
        ):
            records.write(event.SerializeToString())


def _session_start(name: str, settings: Mapping[str, Any]) -> Summary:
    """The session goes into the run's own files and no experiment is declared: then TensorBoard
    gathers the columns of all runs, whatever settings each of them has. (`add_hparams` makes a
    sub-run, and the columns of the first run hide those of others.)
    """
    start = SessionStartInfo(group_name=name, start_time_secs=time.time())
    for key, value in settings.items():
        if isinstance(value, bool):
            start.hparams[key].bool_value = value
        elif isinstance(value, (int, float)):
            start.hparams[key].number_value = value
        else:  # null, too: a setting that a run lacks doesn't count as one that differs
            start.hparams[key].string_value = "null" if value is None else str(value)
    return _hparams(SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))


def _session_end(*, success: bool) -> Summary:
    status = "STATUS_SUCCESS" if success else "STATUS_FAILURE"
    end = SessionEndInfo(status=status, end_time_secs=time.time())
    return _hparams(SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))


def _hparams(tag: str, content: HParamsPluginData) -> Summary:
    content.version = PLUGIN_DATA_VERSION
    plugin_data = SummaryMetadata.PluginData(
        plugin_name=PLUGIN_NAME, content=content.SerializeToString()
    )
    metadata = SummaryMetadata(plugin_data=plugin_data)
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata)])


def rewind(folder: Path, step: int) -> None:
    """Drop the events from after `step`, and those that a run writes each time that it begins: the
    resumed run writes them again.

    All files become one, under the name of the first, or an earlier one where that is of the
    future: TensorBoard reads files in the order of the seconds in their names. Killed in between,
    the old files are there beside the new one, and the next resume drops what stands in both.
    """
    files = sorted(folder.glob(f"{_FILES}.*"))
    if not files:
        return
    temporary = folder / ".rewound.partial"
    seen: set[tuple[str, int]] = set()
    with temporary.open("wb") as file:
        records = RecordWriter(file)
        for event in _events(files):
            for value in event.summary.value:
                value.tag = tag(value.tag)  # as an earlier version called it: a curve has one tag
            if _belongs(event, step, seen):
                records.write(event.SerializeToString())
    merged = _before_now(files[0])
    publish(temporary, merged)
    for path in files:
        if path != merged:
            path.unlink()


def _before_now(path: Path) -> Path:
    """The path, with a second that has passed in its name if the one there hasn't: the clock was
    set back, or another machine's is slow."""
    second, dot, rest = path.name.removeprefix(f"{_FILES}.").partition(".")
    last = int(time.time()) - 1
    if not second.isdecimal() or int(second) <= last:
        return path
    return path.with_name(f"{_FILES}.{last:010d}{dot}{rest}")


def _events(files: list[Path]) -> Iterator[Event]:
    """All whole events in order; a record that a kill cut off ends its file."""
    for path in files:
        yield from LegacyEventFileLoader(str(path)).Load()


def _belongs(event: Event, step: int, seen: set[tuple[str, int]]) -> bool:
    if event.step > step:
        return False
    tags = {(value.tag, event.step) for value in event.summary.value}
    if any(tag in _WRITTEN_AT_EACH_START for tag, _ in tags) or (tags and tags <= seen):
        return False
    seen |= tags
    return True
