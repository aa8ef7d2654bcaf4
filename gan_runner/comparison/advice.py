"""The advice on runs that have no evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from gan_runner import __version__
from gan_runner.comparison.record import Record
from gan_runner.errors import CheckpointError, printable
from gan_runner.storage.run_folder import RunFolder

_NAMED = 4  # versions in a sentence
_NONE = "A leaderboard needs evaluations, and these runs have none."
_LOGGED = "gan-compare RUN --metric loss/generator compares a logged number."


def no_evaluations(records: Sequence[Record]) -> str:
    """The note that nothing was measured, and what can be done; runs of another version can be
    neither resumed nor evaluated."""
    one = len(records) == 1
    which = "it" if one else "them"
    none = "This run wasn't evaluated." if one else _NONE
    of_others = [record for record in records if not _is_of_this_version(record)]
    if not of_others:
        return (
            f"{none} gan-evaluate RUN --checkpoint all measures {which} and keeps the numbers, or "
            f"train with train.eval_every=500 from the start. {_LOGGED}"
        )
    versions = {str(record.status.versions.get("gan_runner", "unknown")) for record in of_others}
    if versions == {__version__}:
        unread = "Its config.yaml" if one else "A config.yaml of them"
        return f"{none} {unread} can't be read: gan-evaluate RUN says why. {_LOGGED}"
    made_by = ", ".join(printable(each, limit=40) for each in sorted(versions)[:_NAMED])
    whose = "It is" if one else "They are" if len(of_others) == len(records) else "Some are"
    return (
        f"{none} {whose} of another version of gan-runner ({made_by}; this is {__version__}), and "
        f"it is that one which resumes and evaluates {which}. Install it, or train anew with "
        f"train.eval_every=500 here. {_LOGGED}"
    )


def _is_of_this_version(record: Record) -> bool:
    """Whether this version made the run, and reads its settings."""
    if record.status.versions.get("gan_runner", __version__) != __version__:
        return False
    with suppress(CheckpointError):
        RunFolder(record.summary.path).saved_config()
        return True
    return False
