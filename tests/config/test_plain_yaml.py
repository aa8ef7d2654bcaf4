"""YAML of strangers as plain data: what yaml.load makes of it, with its dangers refused."""

from __future__ import annotations

import random

import pytest
import yaml

from gan_runner.config.groups import conf_folder
from gan_runner.config.plain_yaml import load

PLAIN = [
    *("", "a", "[]", "{}", "- ", "a:", "# a comment"),
    *("yes: no", "~: null", "a: .inf\nb: -.INF", "1e3", "1.e+3", "0o7: 0x1f\n017: 1_000", "1:20"),
    *("2001-01-01", "a: '1'\nb: \"\\u263a\"", "|\n x\n y", "- - - a\n- b: [c]", "[a, b: c]"),
    "a: 1\na: 2",
]
UNUSUAL = [
    *("<<: {a: 1}\nb: 2", "'<<': {a: 1}", "=: 3", "!!int '3'", "! 3", "!!binary aGk="),
    *("&x a", "a: &x {b: 1}", "!!set {a, b}", "%YAML 1.1\n---\na"),
]
INVALID = [
    *("a: [", "\t", "a: 1\n---\nb: 2", "? [1]\n: 2", "{[1]: 2}", "!!python/name:os.system"),
    *("!!int ''", "!!int 'x'", "2001-99-99", "a: =", "a: <<", "!unknown x", "..."),
]


def test_every_file_of_the_configuration_is_read_as_yaml_reads_it() -> None:
    for path in conf_folder().rglob("*.yaml"):
        content = path.read_text(encoding="utf-8")
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(content)):
            continue
        assert load(content) == yaml.safe_load(content), path


@pytest.mark.parametrize("content", [*PLAIN, *UNUSUAL])
def test_yaml_is_read_as_yaml_reads_it(content: str) -> None:
    assert repr(load(content)) == repr(yaml.safe_load(content))


@pytest.mark.parametrize("content", INVALID)
def test_what_yaml_refuses_is_refused(content: str) -> None:
    with pytest.raises((yaml.YAMLError, ValueError)):
        load(content)


def test_any_mixture_is_read_as_yaml_reads_it() -> None:
    parts = ["a", "b: ", "- ", "\n", "  ", "'x'", "[", "]", "{", "}", ",", "1", "0.5", "null"]
    parts += ["<<: ", "!!int ", "&x ", "? ", "~", "true", "2001-01-01", "=", "#", "|\n", "---\n"]
    stream = random.Random(0)
    for _ in range(1000):
        content = "".join(stream.choices(parts, k=stream.randint(1, 12)))
        try:
            expected = repr(yaml.safe_load(content))
        except Exception:  # constructors raise whatever a text provokes
            with pytest.raises((yaml.YAMLError, ValueError)):
                load(content)
        else:
            assert repr(load(content)) == expected, content


@pytest.mark.parametrize("start", ["", "&x ", "!!map "])
def test_aliases_and_deep_nesting_are_refused_beside_anything(start: str) -> None:
    with pytest.raises(yaml.YAMLError, match="alias"):
        load(f"{start}{{a: &y 1, b: *y}}")
    with pytest.raises(yaml.YAMLError, match="nested too deeply"):
        load(f"{start}{{a: {'[' * 60}{']' * 60}}}")
