"""Who runs when: idle children that wait for a snippet, snippets that wait for their turn, and the zygote's life."""

import asyncio
import math
from collections import deque
from collections.abc import Coroutine, MutableSequence
from contextlib import suppress

import structlog

from app.errors import LayersMissing, QueueFull, SandboxUnavailable
from app.sandbox.child import Child, DiedIdle, Received
from app.sandbox.control import HANDED_OVER
from app.sandbox.layers import Examination, examine
from app.sandbox.limits import Limits
from app.sandbox.process import ZygoteProcess
from app.settings import Settings

log = structlog.get_logger(__name__)

_CLEAR_UP_S = 0.03  # after the latest run, while idle children are left: its page is made first
_RESTART_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # before each attempt to replace a zygote
_WAIT_FOR_ZYGOTE_S = 20.0
_LONGEST_RETRY_S = 60
_REASON_BYTES = 300
_STOPPING = "the server is being stopped"


class Pool:
    """Runs requests in children that are used once."""

    def __init__(self, settings: Settings, worker: str, *, namespaces: bool) -> None:
        self._settings, self._worker, self._namespaces = settings, worker, namespaces
        self._zygote: ZygoteProcess | None = None
        self._up = asyncio.Event()
        self._stopping = False
        self._idle: deque[Child] = deque()
        self._answered: list[Child] = []  # they wait for their end
        self._slots = asyncio.Semaphore(settings.running)
        self._waiting = 0
        self._run_s = 0.05  # a run's length, averaged over the latest ones
        self._tasks: set[asyncio.Task[None]] = set()
        self._refilling = False
        self._clear_up_timer: asyncio.TimerHandle | None = None
        self.examination = Examination(layers=(), broken={})

    @property
    def ready(self) -> bool:
        """Whether a snippet can be run now."""
        return not self._stopping and self._living is not None

    @property
    def _living(self) -> ZygoteProcess | None:
        return self._zygote if self._zygote and not self._zygote.died.is_set() else None

    @property
    def zygote_pid(self) -> int | None:
        """For `doctor` and tests."""
        return self._zygote.pid if self._zygote else None

    @property
    def idle(self) -> int:
        """How many children wait for a snippet."""
        return len(self._idle)

    async def start(self) -> None:
        """Start the zygote, try its layers, and fill up with idle children. Raises SandboxUnavailable."""
        await self._start_zygote()
        self._background(self._keep_zygote())
        self._background(self._retire())
        await self._refill()

    async def stop(self) -> None:
        """End every process; runs that are still under way end with SandboxUnavailable."""
        self._stopping = True
        self._up.set()  # who waits for a zygote learns that none will come
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._let_go_of(self._idle)
        self._let_go_of(self._answered)
        if self._zygote:
            await self._zygote.stop()
            self._zygote = None

    async def run(self, request: bytes) -> Received:
        """What a fresh child made of `request`, in its turn. Raises QueueFull or SandboxUnavailable."""
        settings = self._settings
        if self._stopping:
            raise SandboxUnavailable(_STOPPING)
        if self._slots.locked() and self._waiting >= settings.queue:
            raise QueueFull(self._retry_after_s())
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        begun_s = asyncio.get_running_loop().time()
        try:
            received = await self._attempt(request, self._idle_child())
            if received is None:  # once more, with a child of the moment
                received = await self._attempt(request, None)
            if received is None:
                raise SandboxUnavailable("the processes that run snippets end before they begin")
            return received
        finally:
            self._slots.release()
            self._run_s += 0.1 * (asyncio.get_running_loop().time() - begun_s - self._run_s)
            self._clear_up_later()

    async def _attempt(self, request: bytes, child: Child | None) -> Received | None:
        """What `child`, or else a new one, made of `request`; None if it had died before it took it."""
        settings = self._settings
        child = child or await self._new_child()
        received = None
        try:
            received = await child.run(
                request, deadline_s=settings.deadline_s, grace_s=settings.grace_s, most_bytes=settings.answer_bytes
            )
        except DiedIdle:
            return None
        finally:
            answered = received and received.kind == b"A" and not received.late and not received.surplus
            if answered and self._idle:
                self._answered.append(child)
            else:  # it is not trusted to have ended, or the next run is to have its place
                child.close()
        if received.kind == b"N":
            log.error("child_failed_before_its_request", reason=repr(received.body[:_REASON_BYTES]))
            return None
        exited = received.exited
        if exited is not None and exited.progress < HANDED_OVER and not received.late:
            return None
        if received.kind is None and exited is None and not received.late and not received.too_large:
            raise SandboxUnavailable("the process that runs snippets was restarted meanwhile")
        return received

    def _idle_child(self) -> Child | None:
        """The oldest of those that wait; None if there is none."""
        while self._idle:
            child = self._idle.popleft()
            if not child.exited.done():
                return child
            self._give_up(child)
        return None

    async def _new_child(self) -> Child:
        """A new child, from the next zygote if this one is gone. Raises SandboxUnavailable."""
        try:
            async with asyncio.timeout(_WAIT_FOR_ZYGOTE_S):
                while not self._stopping:
                    if zygote := self._living:
                        with suppress(SandboxUnavailable):  # no snippet was handed over: its successor may try
                            return await zygote.spawn()
                        await zygote.died.wait()
                    else:
                        self._up.clear()
                        await self._up.wait()
        except TimeoutError:
            raise SandboxUnavailable("the process that runs snippets is not ready") from None
        raise SandboxUnavailable(_STOPPING)

    def _retry_after_s(self) -> int:
        turns = (self._waiting + 1) / self._settings.running
        return max(1, min(_LONGEST_RETRY_S, math.ceil(turns * self._run_s)))

    def _clear_up_later(self) -> None:
        """Put off to end children and to fork new ones, as long as one is left for who comes next.

        Each takes some ms of a core, which are better spent on the page of the run that has just ended.
        """
        if self._clear_up_timer:
            self._clear_up_timer.cancel()
        delay_s = _CLEAR_UP_S if self._idle else 0
        self._clear_up_timer = asyncio.get_running_loop().call_later(delay_s, self._clear_up)

    def _clear_up(self) -> None:
        self._let_go_of(self._answered)
        self._refill_soon()

    def _refill_soon(self) -> None:
        if not self._stopping and not self._refilling and self._zygote and len(self._idle) < self._settings.idle:
            self._background(self._refill())

    async def _refill(self) -> None:
        """Add idle children one by one, as long as a core is free for it."""
        if self._refilling:
            return
        self._refilling = True
        try:
            while len(self._idle) < self._settings.idle and not self._slots.locked() and self._zygote:
                zygote = self._zygote
                child = await zygote.spawn(warm=True)
                if zygote is self._zygote:
                    self._idle.append(child)
                else:
                    child.close()
        except SandboxUnavailable:
            return  # the zygote is gone; its successor's refill follows
        finally:
            self._refilling = False

    async def _retire(self) -> None:
        """Replace idle children that have ended, or are old: memory that they hold is no longer shared."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(30.0, self._settings.idle_age_s / 2))
            oldest_s = loop.time() - self._settings.idle_age_s
            for child in [child for child in self._idle if child.exited.done() or child.born_s < oldest_s]:
                self._idle.remove(child)
                self._give_up(child)
            self._refill_soon()

    def _give_up(self, child: Child) -> None:
        """Let go of an idle child, which has grown old or, as it should not, has ended."""
        ended = child.exited.result() if child.exited.done() else None
        if ended:
            log.error("idle_child_ended", code=ended.code, signal=ended.signal, progress=ended.progress)
        child.close()

    async def _keep_zygote(self) -> None:
        """Replace the zygote whenever it dies."""
        while self._zygote:
            await self._zygote.died.wait()
            log.error("zygote_died", pid=self._zygote.pid)
            self._zygote = None
            self._let_go_of(self._idle)
            failures = 0
            while not self._zygote:
                await asyncio.sleep(_RESTART_S[min(failures, len(_RESTART_S) - 1)])
                try:
                    await self._start_zygote()
                except SandboxUnavailable as error:
                    failures += 1
                    log.error("zygote_not_started", reason=error.reason, failures=failures)
            self._refill_soon()

    async def _start_zygote(self) -> None:
        settings = self._settings
        limits = Limits(
            memory_bytes=settings.memory_bytes,
            run_s=settings.deadline_s + settings.grace_s,
            source_bytes=settings.source_bytes,
            answer_bytes=settings.answer_bytes,
            running=settings.running,
            idle=settings.idle,
        )
        zygote = await ZygoteProcess.start(self._worker, limits, namespaces=self._namespaces, start_s=settings.start_s)
        try:
            self.examination = await examine(zygote)
            if broken := self.examination.broken:
                raise SandboxUnavailable(f"a snippet could get past {'; '.join(map(': '.join, broken.items()))}")
            if settings.public and (missing := self.examination.missing_core):
                raise LayersMissing(missing)
        except BaseException:
            await zygote.stop()
            raise
        self._zygote = zygote
        self._up.set()

    @staticmethod
    def _let_go_of(children: MutableSequence[Child]) -> None:
        while children:
            children.pop().close()

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
