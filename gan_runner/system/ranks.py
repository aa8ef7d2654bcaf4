"""The ranks of a run: processes that train the same networks, each on its rows of every batch.

Together they do what one process would do with the whole batch. Each draws what that one would draw
and keeps its own rows; it is shown D's outputs on all rows, of which only its own lead back into
its networks; so each has the loss of the whole batch, and the gradients of all add up to its
gradient. With one rank nothing here does anything.
"""

from __future__ import annotations

import itertools
import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from enum import IntEnum
from typing import Any

import torch
from torch import Tensor, distributed
from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from gan_runner.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    Fault,
    MachineError,
    NumbersError,
    printable,
)
from gan_runner.system import micro_batches
from gan_runner.system.launcher import is_launched
from gan_runner.system.processes import has_ended
from gan_runner.system.signals import ignore_signals

_KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has none, and its SIGTERM kills
_LONGEST = timedelta(days=7)  # that the others may wait for, as while rank 0 trains a classifier
_MEETING = timedelta(minutes=10)  # for which ranks wait for those that never come
_PARTS: ContextVar[int] = ContextVar("_PARTS", default=1)
_BEAT, _SILENCE = 1.0, 20.0  # seconds between signs of life, and without one of another rank
_RECORDING = 5.0  # seconds for what is left to record when another rank is silent
_DYING = 2.0  # seconds until a process that has closed its connections is gone
_KINDS = (ConfigError, DataError, MachineError, NumbersError, CheckpointError)

LOSS = "another rank of the run has ended"
"""The fault of a rank that has lost another, which may be able to say why."""

KILLED = "of the run was killed"
"""The fault of a rank that has lost another which was killed: a cluster may be able to say why."""


class Order(IntEnum):
    """What rank 0 tells the others to do next."""

    STOP = 0
    STEP = 1
    TAKE_STATE = 2
    EVALUATE = 3


def join() -> None:
    """Meet the other ranks, as the environment of torch's launcher says, and share the machine.

    Raises MachineError if they can't meet.
    """
    here, of = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    me, number = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if torch.cuda.is_available():
        torch.cuda.set_device(here % torch.cuda.device_count())
    torch.set_num_threads(max(1, torch.get_num_threads() // of))
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        store = _store()
        _await_all(store, me, number)
        store.set_timeout(_LONGEST)
        distributed.init_process_group(
            backend, store=store, rank=me, world_size=number, timeout=_LONGEST
        )
        _watches.append(_Watch())
    except RuntimeError as error:
        raise MachineError(f"the ranks of the run can't meet: {printable(error)}.") from None


def _store() -> Store:
    """Where the ranks find each other. Those that a launcher started again must not find the
    addresses of before, as in torch's own store."""
    launchers = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    is_master = os.environ["RANK"] == "0" and not launchers
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(host, port, is_master=is_master, wait_for_workers=False, timeout=_MEETING)
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return PrefixStore(f"gan_runner {attempt}", store)


def _await_all(store: Store, me: int, number: int) -> None:
    """Wait until all ranks are here: one that has ended before would be waited for for ever."""
    here = [f"here {each}" for each in range(number)]
    store.set(here[me], "")
    try:
        store.wait(here, _MEETING)
    except RuntimeError as error:
        raise RuntimeError(_who_is_missing(store, here) or str(error)) from None


def _who_is_missing(store: Store, here: Sequence[str]) -> str:
    try:
        missing = [str(each) for each, key in enumerate(here) if not store.check([key])]
    except RuntimeError:  # rank 0 has the store
        return "rank 0 has ended, whose output says why"
    listed, minutes = ", ".join(missing), _MEETING.total_seconds() / 60
    if not missing:
        return ""
    return (
        f"of {len(here)} these haven't come within {minutes:g} minutes: {listed}. Look at their "
        "output, and whether --nnodes, --master-addr and --master-port are the same everywhere"
    )


def is_loss(error: BaseException) -> bool:
    """Whether an error says that another rank is gone."""
    words = ("closed by peer", "reset by peer", "Broken pipe", "Connection refused")
    is_possible = count() > 1 and isinstance(error, RuntimeError)
    return is_possible and any(word in str(error) for word in words)


def leave_word(fault: Fault) -> bool:
    """Leave rank 0 the fault for which this rank ends, which rank 0 reports as that of the run;
    whether it was left. Before the others know that this rank is gone."""
    with suppress(RuntimeError):
        for watch in _watches:
            watch.leave_word(fault)
            return True
    return False


def explain_loss() -> Fault:
    """The fault of a run of which another rank is gone: that rank's own, if it has left one.

    From now on this process ignores signals: it ends anyway, and whoever started the ranks asks all
    of them to end, which mustn't keep this one from recording why.
    """
    ignore_signals()
    for watch in _watches:
        if (found := watch.explain_loss()) is not None:
            return found
    return MachineError(f"{LOSS}: it was killed, or says itself why it failed.")


def on_silence(record: Callable[[str], None]) -> None:
    """Have `record` called, in a thread of its own, with the reason for which this process ends
    when another rank gives no sign of life."""
    for watch in _watches:
        watch.record = record


def tell(order: Order) -> None:
    """Say to the others what is done next; they `hear` it."""
    if count() > 1:
        distributed.broadcast(torch.tensor(int(order)), 0)


def hear() -> Order:
    """Wait for what rank 0 tells."""
    told = torch.zeros((), dtype=torch.int64)
    distributed.broadcast(told, 0)
    return Order(int(told))


def share(content: Any) -> Any:
    """What rank 0 has, on each rank. It comes from the user's own processes alone."""
    if count() == 1:
        return content
    box = [content]
    distributed.broadcast_object_list(box, 0)
    return box[0]


def count() -> int:
    """The number of ranks."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """The number of this one, from 0, which alone writes."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def shares() -> int:
    """The number of parts of a batch: one a rank, or one for each micro-batch of each rank."""
    parts = micro_batches.at_work()
    return count() * (1 if parts is None else parts.count)


def own_rows(whole: Tensor, *, dim: int = 0) -> Tensor:
    """The rows of this share of a batch [N, ...]: [N / shares, ...]."""
    parts = shares()
    return whole if parts == 1 else whole.chunk(parts, dim)[_own_share()]


def draw(
    random: Callable[..., Tensor], shape: Sequence[int], *, dim: int = 0, **options: Any
) -> Tensor:
    """Random numbers of a shape whose `dim` is the rows of this share, of those that one process
    would draw for the whole batch; `random` is torch.rand or its like."""
    whole, parts = list(shape), micro_batches.at_work()
    whole[dim] *= shares()
    if parts is None:
        return own_rows(random(whole, **options), dim=dim)
    numbers = parts.draw(options["generator"], lambda: random(whole, **options))
    return own_rows(numbers, dim=dim)


def gather(rows: Tensor) -> Tensor:
    """The rows of all shares [N, ...]; the others' are constants."""
    if shares() == 1:
        return rows
    parts = micro_batches.at_work()
    of_ranks = _gather_ranks(rows.detach())
    shown = [of_ranks] if parts is None else parts.show(of_ranks)
    of_all = [of_part[k] for k in range(count()) for of_part in shown]
    of_all[_own_share()] = rows
    return torch.cat(of_all)


def _own_share() -> int:
    parts = micro_batches.at_work()
    return rank() if parts is None else rank() * parts.count + parts.index


def _gather_ranks(rows: Tensor) -> list[Tensor]:
    if count() == 1:
        return [rows]
    of_ranks = [
        torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(count())
    ]
    distributed.all_gather(of_ranks, rows.contiguous())
    return of_ranks


def add_up(values: Tensor) -> Tensor:
    """The sum over the ranks. Differentiable, any number of times: what depends on it on all ranks
    leads back to the values of each."""
    assert micro_batches.at_work() is None, "what one needs of another's graph is gone by its turn"
    return values if count() == 1 else _Sum.apply(values)  # type: ignore[no-untyped-call]


def couple(rows: Tensor) -> Tensor:
    """The rows of all ranks [N, ...], all of them differentiable, for a layer that compares the
    examples of a batch."""
    if shares() == 1:
        return rows
    parts = [torch.zeros_like(rows) for _ in range(count())]
    parts[rank()] = rows
    return add_up(torch.cat(parts))


@contextmanager
def in_parts(number: int) -> Iterator[None]:
    """Within it, the rows of a rank are so many parts of equal length, one after the other, and the
    batch of one process has all rows of the first part first. Parts may have parts."""
    token = _PARTS.set(number * _PARTS.get())
    try:
        yield
    finally:
        _PARTS.reset(token)


def places(rows: Tensor) -> Tensor:
    """The place that each of the coupled rows [N, ...] has in the batch of one process, int64
    [N]."""
    return _places(len(rows), rows.device)


def own_places(rows: Tensor) -> Tensor:
    """The place that each of the rows [N, ...] of this rank has in the batch of one process, int64
    [N]."""
    return _places(len(rows) * count(), rows.device).chunk(count())[rank()]


def _places(total: int, device: torch.device) -> Tensor:
    order = torch.arange(total, device=device)
    if count() == 1:
        return order
    return order.view(_PARTS.get(), count(), -1).transpose(0, 1).flatten()


def deviation(rows: Tensor) -> Tensor:
    """The standard deviation of all numbers of a batch: a scalar, which isn't differentiated."""
    if shares() == 1:
        return rows.std(correction=0)
    with torch.no_grad():
        own = torch.stack(torch.var_mean(rows, correction=0))
        variances, means = gather(own[None]).unbind(1)
        return (variances.mean() + means.var(correction=0)).sqrt()


def add_gradients(parameters: Iterable[Tensor]) -> None:
    """Give each parameter the sum of its gradients over the ranks, in one message."""
    if count() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    sizes = [gradient.numel() for gradient in gradients]
    for gradient, part in zip(gradients, flat.split(sizes), strict=True):
        gradient.copy_(part.view(gradient.shape))


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.detach().clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        return add_up(gradient)


class _Watch:
    """Ends this process if another rank gives no sign of life, as one that is stopped or whose
    machine is gone: torch would wait for it for ever.

    Rank 0 watches all others, they watch rank 0.
    """

    def __init__(self) -> None:
        host, me, others = os.environ.get("MASTER_ADDR", "localhost"), rank(), range(1, count())
        server = TCPStore(host, 0, is_master=True, wait_for_workers=False) if me == 0 else None
        port = share(None if server is None else server.port)
        self._store = server or TCPStore(host, port, timeout=timedelta(seconds=_SILENCE))
        self._me, self._others = str(me), [str(of) for of in (others if me == 0 else (0,))]
        self._store.set(f"process {me}", f"{platform.node()} {os.getpid()}")
        self._store.set(self._me, "0")
        distributed.barrier()
        self._processes = {of: self._store.get(f"process {of}").decode() for of in self._others}
        self._seen = {of: (b"", time.monotonic()) for of in self._others}
        self.record: Callable[[str], None] = lambda reason: None
        for work in (self._beat, self._check):
            threading.Thread(target=work, daemon=True).start()

    def leave_word(self, fault: Fault) -> None:
        """Raises RuntimeError where rank 0 is gone."""
        self._store.set(f"word {self._me}", f"{fault.exit_code} {fault}")

    def explain_loss(self) -> Fault | None:
        """The fault that another rank has left, or that it was killed; None where neither is
        known."""
        for other in self._others if self._me == "0" else ():
            if self._store.check([f"word {other}"]):
                code, _, text = self._store.get(f"word {other}").decode().partition(" ")
                kinds = {kind.exit_code: kind for kind in _KINDS}
                return kinds.get(int(code), MachineError)(text)
        began = time.monotonic()
        while time.monotonic() - began < _DYING:
            for other in self._others:
                if self._is_gone(other):
                    return MachineError(
                        f"rank {other} {KILLED}, as the machine does when memory runs out"
                    )
            time.sleep(_DYING / 20)
        return None

    def _is_gone(self, other: str) -> bool:
        """Whether the process of another rank, on this machine, has ended."""
        host, process = self._processes[other].split()
        return host == platform.node() and has_ended(int(process))

    def _beat(self) -> None:
        """Give and take signs of life; it stands still where rank 0 does."""
        with suppress(RuntimeError):  # rank 0 has ended
            for beats in itertools.count(1):
                self._store.set(self._me, str(beats))
                for other in self._others:
                    beat = self._store.get(other)
                    if beat != self._seen[other][0]:
                        self._seen[other] = (beat, time.monotonic())
                time.sleep(_BEAT)

    def _check(self) -> None:
        parent = os.getppid()
        leads = self._me == "0" and not is_launched()  # who launched it is watched already
        while True:
            time.sleep(_BEAT)
            if leads and os.getppid() != parent:  # the launcher was killed
                parent = os.getppid()
                os.kill(os.getpid(), signal.SIGTERM)
            for other, (_, moment) in self._seen.items():
                if time.monotonic() - moment > _SILENCE:
                    self._end_without(other)

    def _end_without(self, other: str) -> None:
        """End this process, and the silent one if it is on this machine."""
        reason = f"rank {other} of the run gives no sign of life, so the run ends."
        print(f"error: {reason}", file=sys.stderr, flush=True)
        host, process = self._processes[other].split()
        if host == platform.node():
            with suppress(OSError):  # else whoever started it waits for it
                os.kill(int(process), _KILL)
        recording = threading.Thread(target=self.record, args=(reason,), daemon=True)
        recording.start()
        recording.join(_RECORDING)
        os._exit(MachineError.exit_code)


_watches: list[_Watch] = []  # of this process: one, once it has met the others
