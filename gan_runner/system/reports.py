"""Reports in JSON, which may come from a stranger: plain data of a type, of limited size."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from gan_runner.errors import CheckpointError, printable
from gan_runner.system.files import open_regular

T = TypeVar("T")


def read_json_report(path: Path, adapter: TypeAdapter[T], *, kind: str, most_bytes: int) -> T:
    """The report in a file. `kind`: what it is called, as in "reading report".

    Raises FileNotFoundError where there is none, CheckpointError for what isn't such a report.
    """
    try:
        with open_regular(path) as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise ValueError("It is too large.")
        return adapter.validate_json(content, strict=True)
    except FileNotFoundError:
        raise
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        reason = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ")
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error)
    raise CheckpointError(f"unreadable {kind}, {printable(path)}. {printable(reason)}.")
