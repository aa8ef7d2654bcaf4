"""Plugins are found without being imported, imported when asked for, and recorded in the run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plugin_files import write_package

from gan_runner.config.component import Component, find_classes
from gan_runner.config.plugins import (
    VARIABLE,
    changed_plugins,
    find_plugins,
    load_plugins,
    loaded_plugins,
    plugin_error,
    require_plugins,
    share_plugins,
    used_plugins,
)
from gan_runner.config.schema import UsedPlugin
from gan_runner.errors import CheckpointError, ConfigError

PLAIN = "class Mine:\n    pass\n"  # of no family: those of gan_runner stay as they are


@pytest.fixture(autouse=True)
def _modules_and_path() -> Iterator[None]:
    """What a test imports is forgotten, and the path is as it was."""
    modules, path = set(sys.modules), sys.path[:]
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


@pytest.fixture
def ideas(tmp_path: Path) -> Path:
    """A file with a class."""
    path = tmp_path / "ideas.py"
    path.write_text(PLAIN)
    return path


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package with a class."""
    monkeypatch.syspath_prepend(tmp_path)
    return write_package(tmp_path, "lab_ideas", PLAIN)


def find_used(*files: Path) -> list[UsedPlugin]:
    """The plugins that a configuration which names `Mine` uses."""
    plugins = find_plugins(files)
    load_plugins(plugins)
    return [UsedPlugin(**plain) for plain in used_plugins({"loss": {"name": "Mine"}}, plugins)]


# ---------------------------------------------------------------- find


def test_a_file_is_found_by_its_path_and_not_imported(ideas: Path) -> None:
    (plugin,) = find_plugins([ideas])
    assert (plugin.name, plugin.file, plugin.conf) == ("ideas.py", ideas, None)
    assert plugin.sha256 is not None and len(plugin.sha256) == 64
    assert not {*plugin.modules} & {*sys.modules}


def test_files_of_the_environment_are_found_and_each_file_once(
    ideas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = ideas.with_name("other.py")
    other.write_text("")
    monkeypatch.setenv(VARIABLE, f"{other}{os.pathsep}{ideas}")
    assert [plugin.name for plugin in find_plugins([ideas])] == ["other.py", "ideas.py"]


def test_a_package_is_found_by_its_entry_point_and_not_imported(package: Path) -> None:
    (package / "conf" / "loss").mkdir(parents=True)
    (plugin,) = find_plugins()
    assert (plugin.name, plugin.version, plugin.sha256) == ("lab_ideas", "1.0", None)
    assert (plugin.modules, plugin.conf) == (("lab_ideas",), package / "conf")
    assert "lab_ideas" not in sys.modules


def test_without_plugins_none_are_found() -> None:
    assert find_plugins() == ()


def test_a_folder_conf_beside_a_file_is_taken_but_not_our_own(
    ideas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conf = ideas.parent / "conf"
    conf.mkdir()
    assert find_plugins([ideas])[0].conf == conf
    monkeypatch.setattr("gan_runner.config.plugins.conf_folder", lambda: conf)
    assert find_plugins([ideas])[0].conf is None


@pytest.mark.parametrize(("name", "text"), [("none.py", "no such file"), ("x.txt", "not a Python")])
def test_what_is_not_a_python_file_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(ConfigError, match=f"{text}.*plugins=.*{name}"):
        find_plugins([tmp_path / name])


def test_an_option_of_a_name_that_is_taken_is_refused(package: Path, ideas: Path) -> None:
    option = package / "conf" / "loss" / "hinge.yaml"
    option.parent.mkdir(parents=True)
    option.write_text("name: Mine\n")
    with pytest.raises(ConfigError, match=r"two options of one name, loss=hinge: .*Rename"):
        find_plugins()
    option.rename(option.with_name("mine.yaml"))
    assert len(find_plugins()) == 1
    beside = ideas.parent / "conf" / "loss" / "mine.yaml"
    beside.parent.mkdir(parents=True)
    beside.write_text("name: Mine\n")
    with pytest.raises(ConfigError, match="two options of one name, loss=mine"):
        find_plugins([ideas])


# ---------------------------------------------------------------- load


def test_an_imported_file_is_not_imported_twice(ideas: Path) -> None:
    plugins = find_plugins([ideas])
    load_plugins(plugins)
    module = sys.modules[plugins[0].modules[0]]
    load_plugins(find_plugins([ideas]))
    assert sys.modules[plugins[0].modules[0]] is module


def test_a_file_that_was_changed_is_imported_again(ideas: Path) -> None:
    (name,) = find_plugins([ideas])[0].modules
    for value in (1, 2):
        ideas.write_text(f"value = {value}\n")
        load_plugins(find_plugins([ideas]))
        assert sys.modules[name].value == value


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("import nothing_such", "ModuleNotFoundError: No module named 'nothing_such'"),
        ("x = (", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_plugin_that_raises_is_named_with_what_it_raised(
    ideas: Path, content: str, what: str
) -> None:
    ideas.write_text(content)
    plugins = find_plugins([ideas])
    with pytest.raises(ConfigError, match=f"can't be imported, plugin=ideas.py. {what}"):
        load_plugins(plugins)
    assert plugins[0].modules[0] not in sys.modules


def test_a_package_that_raises_is_named(package: Path) -> None:
    (package / "__init__.py").write_text("1 / 0")
    with pytest.raises(ConfigError, match=r"can't be imported, plugin=lab_ideas\. ZeroDivision"):
        load_plugins(find_plugins())


def test_two_files_of_one_name_are_refused(ideas: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "ideas.py"
    other.parent.mkdir()
    other.write_text(PLAIN)
    with pytest.raises(ConfigError, match=r"two plugins of one name, .*Rename one of them"):
        load_plugins(find_plugins([ideas, other]))


def test_two_classes_of_one_name_are_refused_and_a_class_made_again_is_not() -> None:
    class Family(Component):
        pass

    def define(module: str) -> type[Family]:
        return type("Mine", (Family,), {"__module__": module, "__qualname__": "Mine"})

    first = define("a")
    assert find_classes(Family) == {"Mine": first}
    again = define("a")
    assert find_classes(Family) == {"Mine": again}
    other = define("b")
    with pytest.raises(ConfigError, match=r"two classes of one name, name=Mine: a.Mine and b.Mine"):
        find_classes(Family)
    del other


def test_what_is_imported_is_known_without_being_named_again(ideas: Path, package: Path) -> None:
    assert loaded_plugins() == ()
    found = find_plugins([ideas])
    load_plugins(found)
    assert loaded_plugins() == found


# ---------------------------------------------------------------- faults


DIVIDES = "def divide(n):\n    return invert(0) * n\n\n\ndef invert(n):\n    return 1 / n\n"


@pytest.mark.parametrize(
    ("name", "place"),
    [("ideas.py", "ideas.py, line 6"), ("lab_ideas", "lab_ideas, module lab_ideas, line 6")],
)
def test_a_fault_is_that_of_the_plugin_whose_code_was_entered_last(
    ideas: Path, package: Path, name: str, place: str
) -> None:
    for path in (ideas, package / "__init__.py"):
        path.write_text(DIVIDES)
    load_plugins(find_plugins([ideas]))
    (module,) = next(plugin.modules for plugin in loaded_plugins() if plugin.name == name)
    with pytest.raises(ZeroDivisionError) as caught:
        sys.modules[module].divide(2)
    assert str(plugin_error(caught.value)) == (
        f"the plugin raised ZeroDivisionError: division by zero, plugin={place}. Mend the plugin."
    )


def test_a_function_that_takes_other_arguments_is_the_plugins(ideas: Path) -> None:
    ideas.write_text(DIVIDES)
    load_plugins(find_plugins([ideas]))
    (plugin,) = loaded_plugins()
    with pytest.raises(TypeError) as caught:
        sys.modules[plugin.modules[0]].divide()
    assert str(plugin_error(caught.value)).endswith(
        "divide() missing 1 required positional argument: 'n', plugin=ideas.py. Mend the plugin."
    )


def test_a_defect_of_ours_is_not_that_of_a_plugin(ideas: Path) -> None:
    ideas.write_text(DIVIDES)
    load_plugins(find_plugins([ideas]))
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert plugin_error(caught.value) is None
    with pytest.raises(TypeError) as wrong:
        share_plugins()  # type: ignore[call-arg]
    assert plugin_error(wrong.value) is None


# ---------------------------------------------------------------- record and require


def test_a_run_records_the_plugins_that_it_uses_and_no_others(ideas: Path, package: Path) -> None:
    (package / "__init__.py").write_text("class Other:\n    pass\n")
    (plugin,) = find_used(ideas)
    assert (plugin.name, plugin.version) == ("ideas.py", None)
    assert plugin.sha256 == find_plugins([ideas])[-1].sha256


def test_a_package_is_recorded_by_its_version(package: Path) -> None:
    assert find_used() == [UsedPlugin(name="lab_ideas", version="1.0", sha256=None)]


def test_a_metric_is_found_by_its_function_and_by_its_numbers(ideas: Path) -> None:
    ideas.write_text("def spread(of):\n    return []\n\n\nspread.numbers = ('spread_ratio',)\n")
    plugins = find_plugins([ideas])
    load_plugins(plugins)
    for settings in ({"metrics": ["fid", "spread"]}, {"best": {"metric": "spread_ratio"}}):
        assert [p["name"] for p in used_plugins({"evaluation": settings}, plugins)] == ["ideas.py"]


@pytest.mark.parametrize(
    ("metrics", "eval_every", "content", "recorded"),
    [
        (None, 5, "def spread(of):\n    return []\n\n\nspread.numbers = ('a',)\n", ["ideas.py"]),
        (None, 0, "def spread(of):\n    return []\n\n\nspread.numbers = ('a',)\n", []),
        (["fid"], 5, "def spread(of):\n    return []\n\n\nspread.numbers = ('a',)\n", []),
        (None, 5, "def spread(of):\n    return []\n", []),
    ],
)
def test_a_plugin_whose_metric_is_among_all_is_recorded_by_what_is_evaluated(
    ideas: Path, metrics: list[str] | None, eval_every: int, content: str, recorded: list[str]
) -> None:
    ideas.write_text(content)
    plugins = find_plugins([ideas])
    load_plugins(plugins)
    settings = {"train": {"eval_every": eval_every}, "evaluation": {"metrics": metrics}}
    assert [plugin["name"] for plugin in used_plugins(settings, plugins)] == recorded


def test_a_run_needs_its_plugins_again(ideas: Path, package: Path) -> None:
    recorded = find_used(ideas)
    require_plugins(recorded)
    for name in [name for name in sys.modules if name in ("lab_ideas", "gan_runner_plugin_ideas")]:
        del sys.modules[name]
    by_name = {plugin.name: plugin for plugin in recorded}
    with pytest.raises(CheckpointError, match=r"ideas.py \(sha256 .*plugins=\['ideas.py'\] or GAN"):
        require_plugins([by_name["ideas.py"]])
    with pytest.raises(CheckpointError, match=r"lab_ideas \(version 1.0\). Install the package"):
        require_plugins([by_name["lab_ideas"]])
    assert not {"lab_ideas", "gan_runner_plugin_ideas"} & {*sys.modules}


@pytest.mark.parametrize("name", ["os", "json", "../ideas.py", "gan_runner"])
def test_what_a_run_names_is_not_imported(name: str) -> None:
    before = set(sys.modules)
    for sha256 in (None, 64 * "0"):
        with pytest.raises(CheckpointError, match="the run needs a plugin"):
            require_plugins([UsedPlugin(name=name, version="1", sha256=sha256)])
    assert set(sys.modules) == before


def test_a_plugin_that_has_changed_since_is_named(ideas: Path, package: Path) -> None:
    recorded = find_used(ideas)
    assert changed_plugins(recorded) == []
    ideas.write_text(PLAIN + "# changed\n")
    info = next(package.parent.glob("*.dist-info"))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab_ideas\nVersion: 2.0\n")
    info.rename(info.with_name("lab_ideas-2.0.dist-info"))  # as pip leaves it
    assert changed_plugins(recorded) == [
        "the plugin lab_ideas was 1.0, and is 2.0.",
        "the plugin ideas.py has changed since the run began.",
    ]


def test_files_are_shared_with_other_processes(
    ideas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "")
    share_plugins(find_plugins([ideas]))
    assert os.environ[VARIABLE] == str(ideas)
    assert [plugin.file for plugin in find_plugins()] == [ideas]
