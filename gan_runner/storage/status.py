"""The status of a run: typed and frozen, read from and written to `status.json`. No torch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from gan_runner.errors import CheckpointError, printable
from gan_runner.system.files import write_text

T = TypeVar("T")

FORMAT = 1

State = Literal["running", "completed", "stopped", "paused", "interrupted", "failed"]
RUN_STATES: tuple[State, ...] = get_args(State)

_LARGEST_FILE_BYTES = 1 << 22  # more verdicts than any run comes to


@dataclass(frozen=True)
class Verdict:
    """An illness of a training: its name, the step at which it was noticed, the numbers that show
    it, what to try."""

    name: str
    step: int
    evidence: str
    advice: str


@dataclass(frozen=True)
class Status:
    """The description of a run by itself. What it doesn't say, or says as another type, is
    None or empty. It is changed by `dataclasses.replace` and written whole."""

    state: State | None = None
    """The state of the run; a killed one still says that it is running."""

    exit_code: int | None = None
    """The exit code of its process, as in the contract; None while it runs."""

    step: int | None = None
    """The step of the newest checkpoint, and before the first one that of the start."""

    checkpoint: str | None = None
    """The file name of the newest checkpoint in `checkpoints/`."""

    reason: str | None = None
    """The reason why the process ended, for people."""

    warnings: tuple[str, ...] = ()
    """Each warning once, in the order in which they came up."""

    verdicts: tuple[Verdict, ...] = ()
    """The verdicts on its health, in the order of their steps."""

    started: str | None = None
    """The time at which training began, in ISO 8601 with the zone; a resume leaves it."""

    ended: str | None = None
    """The time at which the last process ended."""

    versions: Mapping[str, str] = field(default_factory=dict)
    """The versions of gan_runner, python, torch and numpy."""

    device: str | None = None
    """The device of training: the name of the GPU, or `cpu`, `mps`."""

    machine: str | None = None
    """The system, the processor and the memory of the machine, in words."""

    threads: int | None = None
    """The number of torch's CPU threads."""

    devices: int | None = None
    """The number of devices, or of processes on CPUs, that trained together."""

    reuses_memory: bool | None = None
    """Whether freed memory stays with the process: `reuse_memory`, under glibc's allocator."""

    git: Mapping[str, Any] | None = None
    """The `commit` of gan-runner's checkout, and whether it was `changed`; None outside of one."""

    parameters: Mapping[str, int] = field(default_factory=dict)
    """The number of parameters of each network."""

    examples: int | None = None
    """The number of examples in the training data."""

    peak_memory: int | None = None
    """Bytes: the most so far on the GPU, else of the process."""

    privacy: Mapping[str, float] = field(default_factory=dict)
    """The `epsilon` that D's updates until the newest checkpoint have spent, and its `delta`; empty
    without differential privacy."""

    others: Mapping[str, Any] = field(default_factory=dict)
    """Keys of another version; they are written back as they were."""


def read_status(path: Path) -> Status:
    """The status in a file, which may come from a stranger; an empty one if there is no file, as
    after an early kill.

    Raises CheckpointError for what isn't a status of this format.
    """
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ValueError("It is too large.")
        plain = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Status()
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"unreadable status, {printable(path)}. {printable(error)}") from None
    if not isinstance(plain, dict):
        raise CheckpointError(f"unreadable status, {printable(path)}.")
    if plain.get("format", FORMAT) != FORMAT:
        raise CheckpointError(
            f"status of another format, {printable(path)}: format "
            f"{printable(plain['format'])}. This version of gan-runner has {FORMAT}."
        )
    try:
        return _parse(plain)
    except (KeyError, TypeError):
        raise CheckpointError(f"unreadable status, {printable(path)}.") from None


def write_status(path: Path, status: Status) -> None:
    """Replace the status in a file. Raises OSError; then the old one is untouched."""
    known = asdict(replace(status, others={}))
    del known["others"]
    plain = {"format": FORMAT, **known, **status.others}
    write_text(path, json.dumps(plain, indent=2) + "\n")


def count_or_none(value: object) -> int | None:
    """A number of steps, bytes or the like; None for what can't be one."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def _parse(plain: Mapping[str, Any]) -> Status:
    """Raises KeyError or TypeError for lists that aren't those of a run."""
    git, known = plain.get("git"), {"format", *(each.name for each in fields(Status))}
    return Status(
        state=next((state for state in RUN_STATES if state == plain.get("state")), None),
        exit_code=count_or_none(plain.get("exit_code")),
        step=count_or_none(plain.get("step")),
        checkpoint=_text_or_none(plain.get("checkpoint")),
        reason=_text_or_none(plain.get("reason")),
        warnings=tuple(text for text in _get_list(plain, "warnings") if isinstance(text, str)),
        verdicts=tuple(_parse_verdict(verdict) for verdict in _get_list(plain, "verdicts")),
        started=_text_or_none(plain.get("started")),
        ended=_text_or_none(plain.get("ended")),
        versions=_parse_members(plain.get("versions"), _text_or_none),
        device=_text_or_none(plain.get("device")),
        machine=_text_or_none(plain.get("machine")),
        threads=count_or_none(plain.get("threads")),
        devices=count_or_none(plain.get("devices")),
        reuses_memory=reuses if isinstance(reuses := plain.get("reuses_memory"), bool) else None,
        git=git if isinstance(git, dict) else None,
        parameters=_parse_members(plain.get("parameters"), count_or_none),
        examples=count_or_none(plain.get("examples")),
        peak_memory=count_or_none(plain.get("peak_memory")),
        privacy=_parse_members(plain.get("privacy"), _amount_or_none),
        others={key: value for key, value in plain.items() if key not in known},
    )


def _get_list(plain: Mapping[str, Any], key: str) -> list[Any]:
    values = plain.get(key, [])
    if not isinstance(values, list):
        raise TypeError(key)
    return values


def _parse_verdict(plain: Mapping[str, Any]) -> Verdict:
    if not isinstance(plain["name"], str):
        raise TypeError("name")
    return Verdict(
        name=plain["name"],
        step=count_or_none(plain.get("step")) or 0,
        evidence=_text_or_none(plain.get("evidence")) or "",
        advice=_text_or_none(plain.get("advice")) or "",
    )


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _amount_or_none(value: object) -> float | None:
    return value if isinstance(value, float) and 0 <= value < math.inf else None


def _parse_members(value: object, read: Callable[[object], T | None]) -> dict[str, T]:
    """The members of a JSON object, but for those that can't be read."""
    members = value.items() if isinstance(value, dict) else ()
    return {key: member for key, each in members if (member := read(each)) is not None}
