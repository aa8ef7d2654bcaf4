"""Ranks that wait for one that never comes say which, and not for ever."""

from __future__ import annotations

import pytest
from torch.distributed import HashStore

from gan_runner.system import ranks


def test_a_rank_that_never_comes_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_MEETING", ranks.timedelta(milliseconds=50))
    store = HashStore()
    store.set("here 2", "")
    with pytest.raises(RuntimeError, match=r"of 4 these haven't come within .* minutes: 1, 3\."):
        ranks._await_all(store, 0, 4)


def test_ranks_that_have_all_come_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "_MEETING", ranks.timedelta(milliseconds=50))
    store = HashStore()
    store.set("here 1", "")
    ranks._await_all(store, 0, 2)
