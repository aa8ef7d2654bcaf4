"""The answers of `gan-train --help`: to nothing more, to a group, an option, or a setting.

All of it is read from the YAML files' comments and from the recorded types, so it can't drift from
them, and nothing here waits for torch.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from gan_runner.config.groups import GROUPS, conf_folder, options
from gan_runner.config.reference import Option, Setting, read_option
from gan_runner.config.suggestions import suggest_settings
from gan_runner.errors import ConfigError, did_you_mean, printable

HELP_GROUPS = (*GROUPS, "hydra/sweeper", "hydra/launcher")

_OVERVIEW = """\
gan-train: compose an experiment, train it, leave a folder to resume.
usage: gan-train [group=option] [setting=value] ...

examples:
  gan-train                                           handwritten digits
  gan-train loss=wgan_gp dataset=mnist quick=true     a first look at any choice
  gan-train dataset=image_folder dataset.root=photos  your own images
  gan-train dataset=table dataset.path=x.csv          your own table
  gan-train loss=hinge loss/penalty=r1 loss.penalty.r1.weight=0.1
  gan-train experiment=mnist_hinge seed=1             a recipe that works
  gan-train loss=wgan_gp dry_run=true                 what it will take
  gan-train -m loss=lsgan,hinge seed=0,1,2 sweep=S    a sweep: every combination
  gan-train resume=RUN train.steps=9000               go on with a run
  gan-train init_from=RUN loss=r3gan                  a new run from its weights

{groups}

more:
  --help loss=hinge       the settings of an option: type, default, meaning
  --help train            the settings of a section; --help train.steps, lr
  --cfg job               print the configuration; --version, --hydra-help
  --plugin FILE           losses, models, data sets, metrics ... of your own
  -m                      a sweep; --help sweep sweeping hydra/sweeper
  -sc install=bash        tab completion:  eval "$(gan-train -sc install=bash)"

exit codes: 0 done, 2 configuration, 3 data, 4 machine, 5 NaN or Inf, 6 refused,
7 run in use, 8 a job of a sweep failed, 129, 130, 143 interrupted (resumable)
"""


def _read_ours(group: str, name: str, folder: Path) -> Option:
    return read_option(group, name, folder).with_recorded_types()


class OptionSource(NamedTuple):
    """Where the options that are explained come from.

    `folders` are those of YAML files beside ours, `added` are options without a file; `read` gives
    an option of such a folder with the types of its settings.
    """

    folders: tuple[Path, ...] = ()
    added: Mapping[tuple[str, str], Option] = {}
    read: Callable[[str, str, Path], Option] = _read_ours

    def headlines(self, group: str) -> dict[str, str]:
        """The options of a group, each with the first sentence on it."""
        found = {name: one.header for (of, name), one in self.added.items() if of == group}
        for folder in (conf_folder(), *self.folders):
            for name in options(group, folder):
                found[name] = read_header(group, name, folder)
        return {name: _first_sentence(text) for name, text in sorted(found.items())}

    def option(self, group: str, name: str) -> Option:
        """An option with the types of its settings."""
        if (group, name) in self.added:
            return self.added[group, name]
        for folder in self.folders:
            if (folder / group / f"{name}.yaml").is_file():
                return self.read(group, name, folder)
        return _read_ours(group, name, conf_folder())

    def names(self, group: str) -> list[str]:
        """The names of the options of a group."""
        added = [name for of, name in self.added if of == group]
        return sorted({*added, *options(group, conf_folder(), *self.folders)})


def help_text(topics: Iterable[str], source: OptionSource, *, width: int = 80) -> str:
    """The overview, or the answer to each topic, such as loss, loss=hinge, train or train.steps.

    Raises ConfigError for a topic that there isn't.
    """
    answers = [_answer(topic, source, width) for topic in dict.fromkeys(topics)]
    return "\n\n".join(answers) + "\n" if answers else _overview(source)


def _overview(source: OptionSource) -> str:
    lines = ["groups:         (default)    --help GROUP lists the options"]
    for group, (default, meaning) in _group_meanings().items():
        if group in GROUPS:
            chosen = "" if default == "null" else default
            count = len(source.names(group))
            short = re.split("[;,:]", meaning)[0]
            text = short if count == 1 else f"{short} ({count})"
            lines.append(f"  {group:<15} {chosen:<12} {text}")
    return _OVERVIEW.format(groups="\n".join(lines))


def _group_meanings() -> dict[str, tuple[str, str]]:
    """Each group with its default option and its comment in the lists of defaults."""
    entry = re.compile(r"^ +- (?:override /)?([\w/]+): (\S+) +# (.*)", re.MULTILINE)
    files = {"config.yaml": "", "sweeps.yaml": "", "dataset/degraded.yaml": "dataset/"}
    found = {
        prefix + match[1]: (match[2], match[3])
        for name, prefix in files.items()
        for match in entry.finditer((conf_folder() / name).read_text("utf-8"))
    }
    return {g: (found[g][0].strip("[]") or "null", found[g][1]) for g in HELP_GROUPS}


def _answer(topic: str, source: OptionSource, width: int) -> str:
    """The answer to one topic. Raises ConfigError."""
    key, _, value = topic.lstrip("~+").partition("=")
    group = next((g for g in HELP_GROUPS if key in (g, g.replace("/", "."))), None)
    if group is not None and value not in ("", "null"):
        names = re.sub(r"[\[\]' ]", "", value).split(",")
        return "\n\n".join(_option_text(group, name, source, width) for name in names)
    if group is not None:
        return _group_text(group, source, width)
    if found := _settings_below(key, source):
        return _settings_text(key, found, source, width)
    chosen = [(g, key) for g in HELP_GROUPS if key in source.names(g)]
    if chosen:
        return "\n\n".join(_option_text(g, name, source, width) for g, name in chosen)
    raise ConfigError(_explain_unknown(topic, key, source))


def _explain_unknown(topic: str, key: str, source: OptionSource) -> str:
    shown = f"unknown topic, --help {printable(topic)}"
    known = [setting.key for option in _all_options(source) for setting in option.settings]
    remedy = suggest_settings(key, [*dict.fromkeys(known), *GROUPS])
    names = [name for group in HELP_GROUPS for name in source.names(group)]
    remedy = remedy or did_you_mean(key, [*names, *HELP_GROUPS])
    return f"{shown}. {remedy or 'gan-train --help lists the groups.'}"


# ---------------------------------------------------------------- groups and options


def _group_text(group: str, source: OptionSource, width: int) -> str:
    default, meaning = _group_meanings()[group]
    headlines = source.headlines(group)
    is_none = default == "null"
    head = [
        *textwrap.wrap(f"{group}: {meaning}", width),
        f"gan-train {group}=NAME; {'none' if is_none else f'{default}, unless another'} is chosen",
        "",
    ]
    column = 2 + max(map(len, headlines))
    lines = [
        f"  {name:<{column}}{textwrap.shorten(text, width - column - 2, placeholder=' ...')}"
        for name, text in headlines.items()
    ]
    example = default if not is_none else next(iter(headlines))
    tail = ["", f"settings of an option: gan-train --help {group}={example}"]
    package = group.replace("/", ".")
    shared = [s for s in source.option("", "config").settings if s.key.startswith(f"{package}.")]
    if shared:
        tail = ["", "settings of them all:", "", *_setting_lines(shared, width), *tail]
    if len(headlines) == 1:
        option = source.option(group, example)
        tail = ["", *_setting_lines(option.settings, width)]
    return "\n".join([*head, *lines, *tail])


def read_header(group: str, name: str, folder: Path) -> str:
    """The leading comment of an option's file, and nothing more of it."""
    from gan_runner.config.reference import header

    return header((folder / group / f"{name}.yaml").read_text(encoding="utf-8"))


def _first_sentence(text: str) -> str:
    """Up to the first full stop that ends a sentence, and not a name as in "et al. 2017"."""
    return re.split(r"(?<![A-Z])(?<!et al)\. (?=[A-Z\"])", text.partition(" Command:")[0])[0]


def _option_text(group: str, name: str, source: OptionSource, width: int) -> str:
    if name not in source.names(group):
        remedy = did_you_mean(name, source.names(group)) or f"gan-train --help {group} lists them."
        raise ConfigError(f"unknown {group}, {group}={printable(name)}. {remedy}")
    option = source.option(group, name)
    lines = [option.choice, *_wrap(_header_parts(option.header), width, 2)]
    brought = [choice for choice in option.brings if choice not in option.header]
    if brought:
        lines += _wrap([f"Brings {', '.join(brought)}."], width, 2)
    if option.settings:
        lines += ["", *_setting_lines(option.settings, width)]
    return "\n".join(lines)


def _header_parts(text: str) -> list[str]:
    """A header; of a recipe its command and what was measured have lines of their own."""
    return re.split(r" (?=Command: |Measured on )", text)


def _wrap(paragraphs: Iterable[str], width: int, indent: int) -> list[str]:
    blank = " " * indent
    return [
        line
        for text in paragraphs
        for line in textwrap.wrap(
            text,
            width,
            initial_indent=blank,
            subsequent_indent=blank,
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


# ---------------------------------------------------------------- settings


def _settings_below(key: str, source: OptionSource) -> dict[Setting, list[str]]:
    """The settings at a key, below it, or called so where it has no dot, each with the options that
    have it; "" for those of every run, and of a section of these, as train, no others."""
    ours = source.option("", "config").settings
    if section := {s: [""] for s in ours if s.key == key or s.key.startswith(f"{key}.")}:
        return section
    found: dict[Setting, list[str]] = {}
    for option in _options_with(key, source):
        for setting in option.settings:
            is_named = "." not in key and setting.key.rpartition(".")[2] == key
            if setting.key == key or setting.key.startswith(f"{key}.") or is_named:
                found.setdefault(setting, []).append(option.choice)
    exact = {setting: choices for setting, choices in found.items() if setting.key == key}
    return exact or found


def _options_with(key: str, source: OptionSource) -> Iterator[Option]:
    """The options, but for recipes, that may have a setting of this key or name."""
    first = key.partition(".")[0]
    yield source.option("", "config")
    for group in HELP_GROUPS:
        if group != "experiment" and ("." not in key or group.partition("/")[0] == first):
            yield from (source.option(group, name) for name in source.names(group))


def _all_options(source: OptionSource) -> Iterator[Option]:
    yield from _options_with("", source)


def _settings_text(
    key: str, found: Mapping[Setting, Sequence[str]], source: OptionSource, width: int
) -> str:
    lines: list[str] = []
    for choices in dict.fromkeys(map(tuple, found.values())):
        of = _shown_choices([choice for choice in choices if choice], source)
        settings = [s for s, having in found.items() if tuple(having) == choices]
        lines += [*([""] if lines else []), *(_wrap([f"of {of}:"], width, 0) if of else [])]
        lines += _setting_lines(settings, width)
    return "\n".join(lines)


def _shown_choices(choices: Sequence[str], source: OptionSource) -> str:
    """Options that have something, by group: loss=a, b; or every one of a group."""
    by_group: dict[str, list[str]] = {}
    for choice in choices:
        group, _, name = choice.partition("=")
        by_group.setdefault(group, []).append(name)
    return "; ".join(
        f"every {group}"
        if len(names) == len(source.names(group)) > 1
        else f"{group}={', '.join(names)}"
        for group, names in by_group.items()
    )


def _setting_lines(settings: Sequence[Setting], width: int) -> list[str]:
    """Each setting as it is typed, with its default and its type; below it what it means."""
    written = [f"  {_as_typed(setting)}" for setting in settings]
    column = min(max(map(len, written)), width // 2) + 2
    lines = []
    for text, setting in zip(written, settings, strict=True):
        first = f"{text.ljust(column - 2)}  {setting.type}".rstrip()
        if len(first) <= width:
            lines.append(first)
        else:
            lines += [text, *_wrap([setting.type], width, column)]
        lines += _wrap([setting.meaning], width, 6)
    return lines


def _as_typed(setting: Setting) -> str:
    return shlex.quote(f"{setting.key}={re.sub(r', +', ',', setting.value)}")
