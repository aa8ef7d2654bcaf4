"""Hydra's grammar of overrides, reading each line once in a process: a line takes a millisecond,
and a run reads all of its own twice, a sweep those of all its jobs."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser, create_functions

_MOST_LINES = 4096


class _CachingParser(OverridesParser):
    def parse_rule(self, s: str, rule_name: str) -> Any:
        return deepcopy(_parse_rule(s, rule_name))  # what is parsed can be changed


@lru_cache(_MOST_LINES)
def _parse_rule(line: str, rule_name: str) -> Any:
    return OverridesParser.create().parse_rule(line, rule_name)


PARSER = _CachingParser(create_functions())
"""Parses as Hydra's own does."""
