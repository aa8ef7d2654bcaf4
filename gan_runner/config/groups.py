"""The groups of the configuration: where they lie, and what they offer."""

from __future__ import annotations

from pathlib import Path

GROUPS = (
    *("method", "model", "loss", "loss/penalty", "augment", "dataset", "dataset/source"),
    *("dataset/degrade", "optimizer", "evaluation", "health", "logger", "experiment"),
)
OF_SEVERAL = ("loss/penalty", "augment", "logger")
"""Groups of which a run may have several options, or none."""

DATA_PLACES = (
    *("dataset.root", "dataset.path", "dataset.inputs", "dataset.targets"),
    *("dataset.source.root", "dataset.source.path"),
)
"""The settings that say where the data lies."""


def conf_folder() -> Path:
    """The configuration: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def options(group: str, *folders: Path) -> dict[str, str]:
    """The options of a group: each with the first sentence of its file's header."""
    found: dict[str, str] = {}
    for folder in folders or (conf_folder(),):
        for path in sorted((folder / group).glob("*.yaml")):
            found[path.stem] = _headline(path)
    return found


def _headline(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        for line in file:
            text = line.strip("# \n")
            if line.startswith("#") and not text.startswith("@package"):
                return _short(text)
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 76 else text[:73].rsplit(" ", 1)[0] + " ..."
