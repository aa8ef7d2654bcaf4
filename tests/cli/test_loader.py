"""Compositions after the first are Hydra's own, though nothing is read or parsed again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from hydra.types import RunMode
from omegaconf import OmegaConf

from gan_runner.cli.hydra.grammar import PARSER
from gan_runner.cli.hydra.loader import CachingLoader, search_path
from gan_runner.config.groups import conf_folder

IN_A_ROW = (
    ["loss=hinge"],
    ["loss=wgan_gp", "train.steps=5"],
    ["loss=wgan_gp", "seed=3", "+dataset.per_class=2"],
    ["experiment=ring_r3gan"],
    ["dataset=ring", "model=mlp", "hydra.run.dir=elsewhere", "~penalty"],
    ["loss=hinge"],
    ["dataset=image_folder", "augment=ada", "optimizer@optimizer.generator=sgd"],
)


def _composed(loader: ConfigLoaderImpl, lines: list[str]) -> object:
    try:
        return OmegaConf.to_container(loader.load_configuration("config", lines, RunMode.RUN))
    except Exception as error:
        return f"{type(error).__name__}: {error}"


@pytest.fixture(scope="module")
def loader() -> CachingLoader:
    return CachingLoader(search_path([conf_folder()]))


@pytest.mark.parametrize("lines", IN_A_ROW, ids=" ".join)
def test_each_composition_in_a_row_is_hydras(loader: CachingLoader, lines: list[str]) -> None:
    loader.load_configuration("config", [], RunMode.RUN)
    hydras = _composed(ConfigLoaderImpl(search_path([conf_folder()])), lines)
    assert _composed(loader, lines) == hydras
    assert _composed(loader, lines) == hydras


def test_a_composition_that_is_changed_does_not_change_the_next(loader: CachingLoader) -> None:
    first = loader.load_configuration("config", [], RunMode.RUN)
    before = OmegaConf.to_container(first)
    first.train.steps = -1
    first.loss.name = "changed"
    assert OmegaConf.to_container(loader.load_configuration("config", [], RunMode.RUN)) == before


def test_a_search_path_of_one_command_is_not_the_next_ones(
    loader: CachingLoader, tmp_path: Path
) -> None:
    (tmp_path / "loss").mkdir()
    (tmp_path / "loss" / "mine.yaml").write_text("name: Mine\n")
    added = f"hydra.searchpath=[file://{tmp_path}]"
    found = loader.load_configuration("config", [added, "loss=mine"], RunMode.RUN)
    assert found.loss.name == "Mine"
    assert "mine" in str(_composed(loader, ["loss=mine"]))
    assert "Could not find 'loss/mine'" in str(_composed(loader, ["loss=mine"]))


def test_a_default_that_names_another_choice_is_hydras(tmp_path: Path) -> None:
    for group, option in ("dataset", "rings"), ("model", "for_rings"), ("model", "other"):
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / f"{option}.yaml").write_text(f"name: {option}\n")
    (tmp_path / "config.yaml").write_text(
        "defaults: [_self_, {dataset: rings}, {model: 'for_${dataset}'}]\n"
    )
    for lines in [], ["model=other"], ["dataset=null"]:
        path = search_path([tmp_path])
        hydras = _composed(ConfigLoaderImpl(path), lines)
        assert isinstance(hydras, dict) == (lines != ["dataset=null"])
        assert _composed(CachingLoader(path), lines) == hydras


@pytest.mark.parametrize(
    "line", ["seed=3", "betas=[0,0.9]", "loss=a,b", "lr=interval(0,1)", "~loss", "x=[", "x='a b'"]
)
def test_each_line_is_parsed_as_hydra_does_though_once(line: str) -> None:
    def parsed(parser: OverridesParser) -> object:
        try:
            return parser.parse_overrides([line])
        except OverrideParseException as error:
            return error.override, str(error)

    assert parsed(PARSER) == parsed(PARSER) == parsed(OverridesParser.create())


def test_a_parsed_line_that_is_changed_does_not_change_the_next() -> None:
    PARSER.parse_override("betas=[0,0.9]").value().append(1)  # type: ignore[union-attr]
    assert PARSER.parse_override("betas=[0,0.9]").value() == [0, 0.9]
