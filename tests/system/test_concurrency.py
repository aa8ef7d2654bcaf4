"""Two calls at the same time: their threads and modes, what they return, how they fail."""

from __future__ import annotations

import threading

import pytest
import torch

from gan_runner.system.concurrency import call_both
from gan_runner.system.machine import share_threads


def surroundings() -> tuple[int, bool, int]:
    return torch.get_num_threads(), torch.is_grad_enabled(), threading.get_ident()


@pytest.mark.parametrize(("threads", "halves"), [(2, (1, 1)), (3, (2, 1)), (4, (2, 2))])
def test_each_of_two_calls_has_its_half_of_the_threads(
    threads: int, halves: tuple[int, int]
) -> None:
    with share_threads(threads), torch.no_grad():
        first, second = call_both(surroundings, surroundings, concurrently=True)
        assert torch.get_num_threads() == threads
    assert (first[0], second[0]) == halves
    assert (first[1], second[1]) == (False, False)
    assert first[2] == threading.get_ident() != second[2]


@pytest.mark.parametrize(("threads", "concurrently"), [(1, True), (2, False)])
def test_calls_that_share_one_thread_or_more_go_one_after_the_other(
    threads: int, concurrently: bool
) -> None:
    with share_threads(threads):
        first, second = call_both(surroundings, surroundings, concurrently=concurrently)
    assert first == second


def test_both_calls_meet() -> None:
    barrier = threading.Barrier(2, timeout=60)
    with share_threads(2):
        assert sorted(call_both(barrier.wait, barrier.wait, concurrently=True)) == [0, 1]


def fail() -> None:
    raise ValueError("of one of them")


def test_a_fault_of_either_is_raised_when_both_have_ended() -> None:
    ended: list[str] = []
    with share_threads(2):
        with pytest.raises(ValueError, match="of one"):
            call_both(fail, lambda: ended.append("second"), concurrently=True)
        with pytest.raises(ValueError, match="of one"):
            call_both(lambda: ended.append("first"), fail, concurrently=True)
        assert torch.get_num_threads() == 2
    assert ended == ["second", "first"]


def test_gradients_that_both_add_to_a_weight_are_the_same_bits_each_time() -> None:
    weight = torch.randn(64, 64, requires_grad=True)
    inputs = torch.randn(2, 64, 64)

    def learn(index: int) -> None:
        (inputs[index] @ weight).tanh().sum().backward(inputs=[weight])

    seen = []
    with share_threads(2):
        for _ in range(20):
            weight.grad = None
            call_both(lambda: learn(0), lambda: learn(1), concurrently=True)
            assert weight.grad is not None
            seen.append(weight.grad)
    assert all(gradient.equal(seen[0]) for gradient in seen)
