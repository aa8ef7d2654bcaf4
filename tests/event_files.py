"""Readers of TensorBoard's event files, for tests."""

from __future__ import annotations

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from gan_runner.storage.run_folder import RunFolder


def events(folder: RunFolder) -> list[Event]:
    files = sorted(folder.tensorboard.glob("events.out.tfevents.*"))
    return [event for path in files for event in LegacyEventFileLoader(str(path)).Load()]


def sessions(folder: RunFolder, tag: str) -> list[HParamsPluginData]:
    found = []
    for event in events(folder):
        for value in event.summary.value:
            if value.tag == tag:
                found.append(HParamsPluginData.FromString(value.metadata.plugin_data.content))
    return found
