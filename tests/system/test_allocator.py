"""What a process frees stays with it, where that is asked for."""

from __future__ import annotations

import ctypes
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gan_runner.system.allocator import keep_freed_memory

GLIBC = sys.platform.startswith("linux") and hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
LARGE = 64 << 20  # bytes


def page_faults() -> int:
    """How many there are when a large block is taken, written and freed, the second time."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        block = libc.malloc(LARGE)
        ctypes.memset(block, 1, LARGE)
        libc.free(block)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not GLIBC, reason="another allocator")
def test_a_block_that_was_freed_is_taken_again_without_page_faults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("GLIBC_TUNABLES", "MALLOC_MMAP_MAX_"):
        monkeypatch.delenv(name, raising=False)
    assert keep_freed_memory()
    assert page_faults() < LARGE / 4096 / 100


def test_settings_of_the_environment_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TOP_PAD_", "4096")
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("it was asked"))
    assert not keep_freed_memory()


def test_another_allocator_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory()


def test_a_value_that_glibc_refuses_is_not_taken_for_set(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing:
        gnu_get_libc_version = None

        @staticmethod
        def mallopt(option: int, value: int) -> int:
            return int(option != -2)

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Refusing)
    assert not keep_freed_memory()


@pytest.mark.parametrize("asked", [True, False])
def test_a_run_records_it_and_its_numbers_are_the_same(
    finished: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, asked: bool
) -> None:
    monkeypatch.setattr("gan_runner.training.run.keep_freed_memory", lambda: True)
    settings = ("dataset=ring", "train.steps=1", "train.sample_every=0")
    run = finished(*settings, f"reuse_memory={str(asked).lower()}")
    assert json.loads((run / "status.json").read_text())["reuses_memory"] is asked
