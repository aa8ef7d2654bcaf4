"""Every file runs on the oldest Python that pyproject.toml allows, whatever Python runs the tests.

ruff and mypy know the version's syntax; which names of the standard library came later is read from
typeshed, which mypy brings along.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import mypy
import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("gan_runner", "hydra_plugins", "benchmarks", "docs", "tests")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"

Version = tuple[int, int]
LATEST: Version = (3, 99)


def oldest() -> Version:
    required = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert required
    return (3, int(required[1]))


OLDEST = oldest()


# ---------------------------------------------------------------- what the standard library has


@cache
def modules_added_later() -> frozenset[str]:
    """The modules of the standard library that the oldest Python lacks."""
    lines = (STUBS / "VERSIONS").read_text().splitlines()
    found = (re.match(r"([\w.]+): 3\.(\d+)-", line) for line in lines)
    return frozenset(match[1] for match in found if match and (3, int(match[2])) > OLDEST)


@cache
def names_added_later(module: str) -> frozenset[str]:
    """The names of a module of the standard library that the oldest Python lacks."""
    stub = STUBS / module.replace(".", "/")
    path = stub / "__init__.pyi" if stub.is_dir() else stub.with_suffix(".pyi")
    if not path.exists():
        return frozenset()
    body = ast.parse(path.read_text()).body
    return frozenset(defined_names(body, LATEST)) - frozenset(defined_names(body, OLDEST))


def defined_names(body: list[ast.stmt], version: Version) -> Iterator[str]:
    """The names that statements of a stub define for a version of Python."""
    for node in body:
        if isinstance(node, ast.If):
            yield from defined_names(branches_taken(node, version), version)
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname for alias in node.names if alias.asname)


def branches_taken(node: ast.If, version: Version) -> list[ast.stmt]:
    """The branch of a comparison with the version, or both where it is about something else."""
    match node.test:
        case ast.Compare(
            left=ast.Attribute(attr="version_info"), ops=[operator], comparators=[bound]
        ):
            reached = version >= ast.literal_eval(bound)
            holds = reached if isinstance(operator, ast.GtE) else not reached
            return node.body if holds else node.orelse
        case _:
            return [*node.body, *node.orelse]


# ---------------------------------------------------------------- what a file uses


def added_later(text: str) -> set[str]:
    """The modules and names of the standard library in a file that the oldest Python lacks."""
    tree = ast.parse(text, feature_version=OLDEST)
    return {name for name in used_names(tree) if is_added_later(name)}


def used_names(tree: ast.Module) -> Iterator[str]:
    """Every module and every name of a module in a file, dotted."""
    called: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            called |= {alias.asname or alias.name: alias.name for alias in node.names}
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            module = called.get(ast.unparse(node.value))
            if module is not None:
                yield f"{module}.{node.attr}"


def is_added_later(name: str) -> bool:
    module, _, last = name.rpartition(".")
    return name in modules_added_later() or last in names_added_later(module)


# ---------------------------------------------------------------- the claims


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_uses_only_what_the_oldest_python_has(path: Path) -> None:
    assert added_later(path.read_text()) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from datetime import UTC", {"datetime.UTC"}),
        ("import datetime as dt\ndt.UTC", {"datetime.UTC"}),
        ("import datetime\ndatetime.datetime.now(datetime.UTC)", {"datetime.UTC"}),
        ("import tomllib", {"tomllib"}),
        ("from typing import Any, Self", {"typing.Self"}),
        ("from enum import StrEnum", {"enum.StrEnum"}),
        ("import contextlib\ncontextlib.chdir('x')", {"contextlib.chdir"}),
        ("import os.path\nos.path.join('x')", set()),
        ("from datetime import datetime, timezone", set()),
    ],
)
def test_a_name_that_came_after_the_oldest_python_is_found(text: str, found: set[str]) -> None:
    assert added_later(text) == found


@pytest.mark.parametrize("text", ["try:\n  f()\nexcept* ValueError:\n  pass", "type Pair = int"])
def test_syntax_that_came_after_the_oldest_python_is_refused(text: str) -> None:
    with pytest.raises(SyntaxError):
        added_later(text)
