"""README and the pages show what is there: commands, settings, links, files, rooms, verdicts."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import gallery
import pytest
import reference
import rooms
import yaml
from conftest import call_command
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from gan_runner.cli.hydra.composer import compose
from gan_runner.config.groups import GROUPS, conf_folder, options
from gan_runner.config.reference import read_option

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
OURS = tuple(re.findall(r"^(gan-[\w-]+) =", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
OTHERS = ("make", "python", "pip", "tensorboard")
FOLDERS = ("gan_runner", "hydra_plugins", "conf", "docs", "tests", "benchmarks", "examples")

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


# ---------------------------------------------------------------- what a page shows


def commands(page: Path) -> list[list[str]]:
    """The words of every command line on a page, in blocks of code and within sentences."""
    text = page.read_text()
    blocks = re.sub(r"\\\n\s*", "", text)
    lines = re.findall(r"^ {4}((?:gan-|make |python |pip |tensorboard ).*)", blocks, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in [*lines, *spans(text, r"gan-\S.*")]]


def spans(text: str, pattern: str) -> list[str]:
    """The code within sentences that fits a pattern, over line ends."""
    prose = re.sub(r"^ {4}.*", "", text, flags=re.MULTILINE)
    found = re.findall(r"`([^`]+)`", prose)
    return [" ".join(span.split()) for span in found if re.fullmatch(pattern, span, re.DOTALL)]


@cache
def keys() -> frozenset[str]:
    """The keys of all settings of all options."""
    groups = ("", *GROUPS, "hydra/sweeper", "hydra/launcher")
    files = [(g, p.stem) for g in groups for p in (conf_folder() / g).glob("*.yaml")]
    return frozenset(s.key for group, name in files for s in read_option(group, name).settings)


def settings(page: Path) -> list[str]:
    """The settings that a page shows without a command, as `loss.beta=2`."""
    found = spans(page.read_text(), r"[a-z][\w./]*=\S+( [a-z][\w./]*=\S+)*")
    words = (word for span in found for word in shlex.split(span))
    known = {re.split(r"[./]", name)[0] for name in (*keys(), *GROUPS)}
    return [word for word in words if re.split(r"[./=]", word)[0] in known]


def exists(setting: str) -> bool:
    """Whether a setting has the key of one, or chooses an option that there is."""
    key, _, value = setting.partition("=")
    offered = options(key)
    if offered:
        return value in (*offered, "NAME")
    return any(key == known or key.startswith(f"{known}.") for known in keys())


def lines_to_compose(words: list[str]) -> Iterator[tuple[str, ...]]:
    """The overrides of gan-train: of a sweep, as many jobs as show every option."""
    plain = [word for word in words if "=" in word.lstrip("-") or word[0] == "~"]
    if any(word.startswith("resume=") for word in plain):  # with the options that the run chose
        data = {"dataset.path=": "dataset=table", "dataset.root=": "dataset=mnist"}
        plain += [data[key] for key in data if any(word.startswith(key) for word in plain)]
    if find_spec("hydra_plugins.hydra_optuna_sweeper") is None:
        plain = [word for word in plain if word != "hydra/sweeper=search"]
    values = [each_value(o) for o in OverridesParser.create().parse_overrides(plain)]
    for job in range(max(map(len, values), default=1)):
        yield tuple(each[job % len(each)] for each in values)


def each_value(override: Override) -> list[str]:
    """An override once for each option that it sweeps over, or once with its first value."""
    if not override.is_sweep_override():
        return [override.input_line or ""]
    key = override.get_key_element()
    if override.is_interval_sweep():
        return [f"{key}={override.value().start}"]
    lines = [f"{key}={value}" for value in override.sweep_string_iterator()]
    return lines if key in GROUPS else lines[:1]


# ---------------------------------------------------------------- commands and settings


def test_commands_are_found_on_the_pages() -> None:
    assert ["gan-train", "resume=RUN", "train.steps=20000"] in commands(ROOT / "README.md")
    assert ["gan-train", "loss=hinge", "loss.margin=2"] in commands(ROOT / "docs/architecture.md")
    assert "sweeping.on_invalid=skip" in settings(ROOT / "docs" / "sweeps.md")
    assert len(OURS) >= 7


@every_page
def test_every_command_is_one_of_ours_or_of_others_that_are_needed(page: Path) -> None:
    assert {words[0] for words in commands(page)} <= {*OURS, *OTHERS}


@every_page
def test_every_training_composes(page: Path) -> None:
    for words in commands(page):
        if words[0] == "gan-train" and "--plugin" not in words:  # whose options are its own
            for lines in lines_to_compose(words[1:]):
                compose(list(lines))  # raises for a setting or an option that isn't there


@every_page
def test_every_setting_within_a_sentence_exists(page: Path) -> None:
    assert [setting for setting in settings(page) if not exists(setting)] == []


@pytest.mark.parametrize("line", ["loss=hinged", "train.step=3", "hydra.launcher.jobs=3"])
def test_a_setting_that_is_not_there_does_not_compose(line: str) -> None:
    with pytest.raises(Exception, match=r"^unknown |Could not find"):
        compose([line])


def test_every_option_of_the_other_commands_is_in_their_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in OURS[1:]:
        shown = {
            word for page in PAGES for words in commands(page) if words[0] == name for word in words
        }
        assert call_command(name, "--help") == 0
        text = capsys.readouterr().out
        missing = [word for word in shown if word.startswith("--") and f"{word} " not in text]
        assert missing == [], name


# ---------------------------------------------------------------- links and files


@every_page
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
            assert anchor in map(reference.anchor, headings), link


@every_page
def test_every_file_that_is_named_exists(page: Path) -> None:
    for path in spans(page.read_text(), rf"({'|'.join(FOLDERS)})/[\w./-]+"):
        assert (ROOT / path).exists(), path


def test_every_test_or_page_that_code_names_exists() -> None:
    named = re.compile(r"(?<![\w/])(?:tests|docs|conf|benchmarks)/[\w/-]+\.\w+")
    sources = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = {(name, path) for path in sources for name in named.findall(path.read_text())}
    assert len(found) >= 10
    assert [(name, str(path)) for name, path in found if not (ROOT / name).exists()] == []


def test_the_readme_installs_the_torch_that_was_tested() -> None:
    named = re.findall(r"torch\w*==[\d.]+", (ROOT / "README.md").read_text())
    assert len(named) == 2
    assert {*named} <= {*(ROOT / "constraints.txt").read_text().split()}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 130


# ---------------------------------------------------------------- the site


def test_every_page_is_in_the_navigation_of_the_site_once() -> None:
    listed = re.findall(r'= "([\w./-]+\.md)"', (ROOT / "zensical.toml").read_text())
    assert sorted(listed) == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_no_page_of_the_site_leads_out_of_it_by_a_path() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert "](../" not in page.read_text(), page.name


def test_the_site_asks_no_server_for_fonts_and_scripts() -> None:
    theme = ROOT / "docs_theme"
    page, script = theme / "main.html", theme / "assets" / "iframe-worker" / "shim.js"
    assert "\nfont = false" in (ROOT / "zensical.toml").read_text()
    assert "https:" not in page.read_text()
    assert hashlib.sha256(script.read_bytes()).hexdigest() in page.read_text()


def test_the_gallery_is_that_of_the_recipes() -> None:
    assert gallery.PAGE.read_text() == gallery.text(), "write it anew: python docs/gallery.py"


def test_every_picture_of_the_gallery_is_of_a_recipe() -> None:
    shown = {path.stem for path in gallery.PICTURES.glob("*.png")}
    assert shown <= {*options("experiment")}


# ---------------------------------------------------------------- rooms


def test_the_picture_of_the_rooms_is_that_of_the_code() -> None:
    current = rooms.data(rooms.PICTURE) == rooms.plan(rooms.order(), rooms.arrows())
    assert current, "draw it anew: python docs/rooms.py"


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_a_list_of_the_rooms_is_in_their_order(name: str) -> None:
    text = (ROOT / name).read_text()
    first = text.index("    errors, seeds")
    block = text[first : text.index("\n\n", first)]
    heads = re.findall(r"^ {4}(\w+(?:, \w+)*)(?: {2}.*)?$", block, re.MULTILINE)
    assert ", ".join(heads).split(", ") == rooms.order()


def test_the_readme_names_the_rooms_in_their_order() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    assert f"rooms before it: {', '.join(rooms.order())}." in text


ARROWS = [("b", "a"), ("c", "a"), ("c", "b"), ("a", "c"), ("d", "c")]


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    assert rooms.essential("abcd", ARROWS) == [("b", "a"), ("c", "b"), ("d", "c")]


def test_an_arrow_to_a_later_room_points_upward() -> None:
    assert rooms.upward("abcd", ARROWS) == [("a", "c")]


def test_a_room_stands_above_all_that_it_imports() -> None:
    assert rooms.floors("abcde", ARROWS) == [["a", "e"], ["b"], ["c"], ["d"]]


def test_a_picture_carries_the_rooms_that_it_was_drawn_from(tmp_path: Path) -> None:
    rooms.draw("ab", [("b", "a")], tmp_path / "x.svg")
    assert rooms.data(tmp_path / "x.svg") == {"rooms": ["a", "b"], "arrows": [["b", "a"]]}


# ---------------------------------------------------------------- verdicts


def test_every_verdict_is_explained_on_its_page() -> None:
    page = (ROOT / "docs" / "health.md").read_text()
    actions = yaml.safe_load((conf_folder() / "health" / "standard.yaml").read_text())["action"]
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)[: len(actions)] == list(actions)
