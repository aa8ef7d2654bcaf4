"""Draw docs/rooms.svg: the rooms of the package, and which of them import from which.

    python docs/rooms.py

Rooms and arrows are read from the code: the order from the list in tests/test_imports.py, the
arrows from the imports. The picture carries both as data, which a test compares with the code.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "rooms.svg"
METADATA = {"Date": None, "Creator": None}  # which change without the rooms
FACE, EDGE, LINE, WRONG = "#eef3fa", "#3b6ea8", "#8899aa", "#c0392b"

Arrow = tuple[str, str]
"""A room and one that it imports from."""


def main() -> None:
    draw(order(), arrows(), PICTURE)


# ---------------------------------------------------------------- from the code


def order() -> list[str]:
    """The rooms from the bottom up, as tests/test_imports.py lists them."""
    tree = ast.parse((ROOT / "tests" / "test_imports.py").read_text())
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="ROOMS")], value=value):
                constants = (n.value for n in ast.walk(value) if isinstance(n, ast.Constant))
                return [constant for constant in constants if isinstance(constant, str)]
    raise AssertionError("tests/test_imports.py lists the rooms")


def arrows() -> list[Arrow]:
    """Every pair of rooms of which the first imports from the second."""
    package, rooms = ROOT / "gan_runner", order()
    found = {
        (path.relative_to(package).with_suffix("").parts[0], target)
        for path in package.rglob("*.py")
        for target in imported_rooms(path)
    }
    listed = ((room, target) for room, target in found if room in rooms and target in rooms)
    return sorted((room, target) for room, target in listed if room != target)


def imported_rooms(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.ImportFrom(module="gan_runner", names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module)) if module.startswith("gan_runner."):
                yield module.split(".")[1]
            case ast.Import(names=names):
                dotted = (alias.name.split(".") for alias in names)
                yield from (parts[1] for parts in dotted if parts[0] == "gan_runner" and parts[1:])


# ---------------------------------------------------------------- the plan


def upward(rooms: Sequence[str], imports: Sequence[Arrow]) -> list[Arrow]:
    """The arrows that point to a later room, which there should not be."""
    place = {room: index for index, room in enumerate(rooms)}
    return [(room, target) for room, target in imports if place[target] > place[room]]


def essential(rooms: Sequence[str], imports: Sequence[Arrow]) -> list[Arrow]:
    """The arrows to earlier rooms without those that follow from others: the transitive
    reduction."""
    below = targets(rooms, imports)
    reached: dict[str, set[str]] = {}
    found = []
    for room in rooms:
        indirect = set().union(*(reached[target] for target in below[room]))
        found += [(room, target) for target in below[room] if target not in indirect]
        reached[room] = indirect | {*below[room]}
    return found


def floors(rooms: Sequence[str], imports: Sequence[Arrow]) -> list[list[str]]:
    """The rooms by the longest way down from them."""
    below = targets(rooms, imports)
    height: dict[str, int] = {}
    for room in rooms:
        height[room] = 1 + max((height[target] for target in below[room]), default=-1)
    highest = max(height.values())
    return [[room for room in rooms if height[room] == floor] for floor in range(highest + 1)]


def targets(rooms: Sequence[str], imports: Sequence[Arrow]) -> dict[str, list[str]]:
    wrong = {*upward(rooms, imports)}
    right = [arrow for arrow in imports if arrow not in wrong]
    return {room: [target for source, target in right if source == room] for room in rooms}


# ---------------------------------------------------------------- the picture


def data(picture: Path) -> dict[str, Any]:
    """The rooms and arrows that a picture was drawn from."""
    found = re.search(r"<dc:description>(.*?)</dc:description>", picture.read_text(), re.DOTALL)
    assert found, f"{picture} carries its data"
    plain: dict[str, Any] = json.loads(unescape(found[1]))
    return plain


def plan(rooms: Sequence[str], imports: Sequence[Arrow]) -> dict[str, Any]:
    """Rooms and arrows as plain data."""
    return {"rooms": [*rooms], "arrows": [[*arrow] for arrow in imports]}


def draw(rooms: Sequence[str], imports: Sequence[Arrow], path: Path) -> None:
    """Write the picture as SVG: a box for each room, an arrow to what it imports from."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "rooms"
    from matplotlib import pyplot as plt

    places = positions(floors(rooms, imports))
    figure, axes = plt.subplots(figsize=(8, 9))
    box = {"boxstyle": "round,pad=0.5", "facecolor": FACE, "edgecolor": EDGE}
    texts = {
        room: axes.text(*place, room, ha="center", va="center", fontsize=10, bbox=box, zorder=3)
        for room, place in places.items()
    }
    axes.set(xlim=(0, 1), ylim=(-0.6, max(y for _, y in places.values()) + 0.6))
    axes.axis("off")
    figure.canvas.draw()  # the boxes have no size before
    frames = {room: text.get_bbox_patch().get_window_extent() for room, text in texts.items()}
    for colored, color in ((essential(rooms, imports), LINE), (upward(rooms, imports), WRONG)):
        for room, target in colored:
            ends = {
                "patchA": texts[room].get_bbox_patch(),
                "patchB": texts[target].get_bbox_patch(),
            }
            bend = clear_bend(room, target, frames)
            style = {
                **{"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 2},
                "connectionstyle": f"arc3,rad={bend}",
            }
            axes.annotate("", places[target], places[room], arrowprops=ends | style)
    about = json.dumps(plan(rooms, imports))
    figure.savefig(path, bbox_inches="tight", metadata=METADATA | {"Description": about})
    plt.close(figure)


def clear_bend(room: str, target: str, frames: Mapping[str, Any]) -> float:
    """The least bend with which an arrow passes all other boxes, as matplotlib's `arc3` has it: a
    share of its length by which the point that it bends toward lies aside. 0 if none up to a half
    does."""
    others = [frame.padded(4) for name, frame in frames.items() if name not in (room, target)]
    ends = (frames[room], frames[target])
    (x0, y0), (x1, y1) = ((f.x0 + f.width / 2, f.y0 + f.height / 2) for f in ends)
    for bend in sorted((k / 20 for k in range(-10, 11)), key=lambda bend: (abs(bend), bend)):
        x, y = (x0 + x1) / 2 + bend * (y1 - y0), (y0 + y1) / 2 - bend * (x1 - x0)
        weights = [((1 - t) ** 2, 2 * t * (1 - t), t**2) for t in (k / 100 for k in range(101))]
        curve = [(a * x0 + b * x + c * x1, a * y0 + b * y + c * y1) for a, b, c in weights]
        if not any(frame.contains(*point) for frame in others for point in curve):
            return bend
    return 0.0


def positions(levels: Sequence[Sequence[str]]) -> dict[str, tuple[float, float]]:
    """Where each room stands: x from 0 to 1, y its floor."""
    return {
        room: ((index + 0.5) / len(level), float(floor))
        for floor, level in enumerate(levels)
        for index, room in enumerate(level)
    }


if __name__ == "__main__":
    main()
