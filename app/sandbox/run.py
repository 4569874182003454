"""A snippet's source in, its Trace out: what the rest of the server knows of the sandbox."""

import asyncio
import importlib.metadata
import platform
import secrets
import signal
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Literal, TypeVar

import structlog

from app.errors import QueueFull, SandboxUnavailable, SourceTooLarge
from app.meters import Meters
from app.sandbox.asking import Asking, asking
from app.sandbox.child import Received
from app.sandbox.keeper import own_bytes
from app.sandbox.layers import Examination, Layer
from app.sandbox.pool import Pool
from app.sandbox.turns import Place
from app.settings import Settings
from app.trace import wire
from app.trace.model import Environment, Outcome, Reference, Trace
from app.trace.numeric import Numeric

__all__ = ["Layer", "Sandbox"]

log = structlog.get_logger(__name__)

WORKER = "app.worker.answer"
Answer = TypeVar("Answer", Trace, Reference, Numeric)
_DECODED_AT_ONCE_BYTES = 128 * 1024  # above it a thread does it: all readers would wait for the milliseconds

Reason = Literal["time", "memory", "output", "size", "crash"]


class Sandbox:
    """Runs strangers' snippets. Start it in the event loop that will use it."""

    def __init__(
        self, settings: Settings, *, worker: str = WORKER, namespaces: bool = True, meters: Meters | None = None
    ) -> None:
        self._settings = settings
        self.meters = meters or Meters()
        self._pool = Pool(settings, worker, namespaces=namespaces, meters=self.meters)
        turns, keeper = self._pool.turns, self._pool.keeper
        watch = self.meters.watch
        watch("waiting", "Runs that wait for their turn.", lambda: turns.waiting)
        watch("running", "Runs under way.", lambda: turns.running)
        watch("idle_children", "Jailed children that wait for a snippet.", lambda: self._pool.idle)
        watch("ready", "1 while a run can be served.", lambda: self.ready)
        watch(
            "zygote_own_bytes", "Memory of the process that forks.", lambda: (keeper.pid and own_bytes(keeper.pid)) or 0
        )
        self._environment = Environment(
            torch=importlib.metadata.version("torch"),
            python=platform.python_version(),
            tapescope=importlib.metadata.version("tapescope"),
        )

    async def start(self) -> None:
        """Be ready to run snippets. Raises SandboxUnavailable, with the reason for the operator."""
        try:
            await self._pool.start()
        except SandboxUnavailable as error:
            log.critical("sandbox_not_started", reason=error.reason)
            raise
        missing = {layer.name: layer.missing_because for layer in self.layers if not layer.active}
        log.info("sandbox_ready", layers=self._active, missing=missing)
        if self.missing_core:
            log.warning("sandbox_weak", missing=self.missing_core, advice="run only snippets that you trust")
        for remark in self._pool.keeper.examination.remarks:
            log.warning("sandbox_remark", remark=remark)

    async def stop(self) -> None:
        """End every process of the sandbox, and wait until they are gone."""
        await self._pool.stop()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What keeps snippets in, as the latest zygote's children found it."""
        return self._pool.keeper.examination.layers

    @property
    def examination(self) -> Examination:
        """All that the probes of the latest zygote found."""
        return self._pool.keeper.examination

    @property
    def missing_core(self) -> dict[str, str]:
        """Core layer → why it is missing."""
        return self._pool.keeper.examination.missing_core

    @property
    def remarks(self) -> tuple[str, ...]:
        """What an operator should know beside the layers."""
        return self._pool.keeper.examination.remarks

    @property
    def ready(self) -> bool:
        """Whether a snippet can be run now."""
        return self._pool.ready

    @property
    def accepting(self) -> bool:
        """Whether whoever comes now gets a run: not while the queue is full, or the server is being stopped."""
        return self._pool.accepting

    @property
    def place(self) -> Place | None:
        """Where whoever asks stands in the queue; None for one who does not wait."""
        return self._pool.turns.place(asking())

    @property
    def readers(self) -> int:
        """How many are about, as far as they are counted."""
        return self._pool.readers

    def expect(self, who: Asking) -> None:
        """Somebody has opened a page, and may press Run later: a child is made ready when there is time for it."""
        self._pool.expect(who)

    def attend(self) -> AbstractContextManager[None]:
        """While somebody is being answered: what is not needed for that waits."""
        return self._pool.attend()

    async def drain(self) -> None:
        """Refuse new runs from here on, and wait for those that were accepted."""
        await self._pool.drain()

    @property
    def zygote_pid(self) -> int | None:
        """The process that forks; None while there is none."""
        return self._pool.keeper.pid

    async def trace(self, source: str) -> Trace:
        """The run of `source`, whatever became of it.

        Raises SourceTooLarge, QueueFull or SandboxUnavailable where it was not run.
        """
        return await self._run("trace", source, wire.decode_trace, self._stopped_trace)

    async def reference(self, source: str) -> Reference:
        """The run of `source` with every saved tensor kept intact. Raises as `trace`."""
        return await self._run("reference", source, wire.decode_reference, self._stopped_reference)

    async def numeric(self, source: str) -> Numeric:
        """Finite differences of `source` beside its gradients. Raises as `trace`."""
        return await self._run("numeric", source, wire.decode_numeric, self._stopped_numeric)

    def _stopped_numeric(self, outcome: Outcome) -> Numeric:
        return Numeric(outcome=outcome, verdict="late")

    def _stopped_trace(self, outcome: Outcome) -> Trace:
        return Trace(environment=self._environment, outcome=outcome)

    def _stopped_reference(self, outcome: Outcome) -> Reference:
        return Reference(outcome=outcome, grads={})

    async def _run(
        self,
        kind: Literal["trace", "reference", "numeric"],
        source: str,
        decode: Callable[[bytes], Answer],
        stopped: Callable[[Outcome], Answer],
    ) -> Answer:
        # A lone surrogate, which JSON can carry, has no bytes in UTF-8.
        encoded = source.encode(errors="replace")
        if len(encoded) > self._settings.source_bytes:
            self.meters.refused("too-large")
            raise SourceTooLarge(len(encoded), self._settings.source_bytes)
        begun_s = time.perf_counter()
        request = wire.Request(kind=kind, source=encoded.decode(), output_bytes=self._settings.output_bytes)
        name = secrets.token_hex(8)
        try:
            received = await self._pool.run(wire.encode(request), begun=kind == "reference")
        except QueueFull as error:
            self.meters.refused("own-queue-full" if error.own else "queue-full")
            raise
        except SandboxUnavailable:
            self.meters.refused("unavailable")
            raise
        forged: str | None = None
        answer: Answer | None = None
        try:
            if received.kind == b"A" and not received.surplus:
                large = len(received.body) > _DECODED_AT_ONCE_BYTES
                answer = await asyncio.to_thread(decode, received.body) if large else decode(received.body)
        except wire.ForgedAnswer as error:
            answer, forged = None, str(error)
        if answer is None:
            answer = stopped(_outcome(received, lines=source.count("\n") + 1))
        exited = received.exited
        took_s = time.perf_counter() - begun_s
        self.meters.ran(kind, answer.outcome.kind, answer.outcome.reason, took_s)
        who = asking()
        page_of, who.run = who.run, (who.run or name)
        log.info(
            "run",
            run=name,
            page_of=page_of,  # the run that this one belongs to: a reference run, to its trace
            kind=kind,
            duration_ms=round(1e3 * took_s, 1),
            outcome=answer.outcome.kind,
            reason=answer.outcome.reason,
            answer_bytes=len(received.body),
            layers=self._active,
            signal=exited.signal if exited else None,
            code=exited.code if exited else None,
            # Both can hold what a snippet wrote: bounded, and one line whatever it is.
            worker_failed=repr(received.body.decode(errors="replace")) if received.kind == b"F" else None,
            forged=repr(forged[:200]) if forged else None,
        )
        return answer

    @property
    def _active(self) -> int:
        return sum(layer.active for layer in self.layers)


def _outcome(received: Received, lines: int) -> Outcome:
    """How a run ended that brought no answer that can be used."""
    exited = received.exited
    noted = exited.line if exited else 0
    return Outcome(kind="stopped", reason=_reason(received), line=noted if 1 <= noted <= lines else None)


def _reason(received: Received) -> Reason:
    exited = received.exited
    if received.too_large:
        return "size"
    if received.kind is not None:
        # The worker itself gave up, or what came is no answer of its own.
        return "memory" if received.kind == b"F" and received.body.startswith(b"MemoryError") else "crash"
    if received.late or (exited and exited.signal == signal.SIGXCPU):
        return "time"
    if exited and exited.signal == signal.SIGKILL:
        return "memory"  # not by us, so by the kernel, which had run out of it
    return "crash"
