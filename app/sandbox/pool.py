"""Who runs when: idle children that wait for a snippet, and runs that wait for their turn."""

import asyncio
from collections import deque
from collections.abc import Coroutine, MutableSequence
from contextlib import suppress

import structlog

from app.errors import SandboxUnavailable
from app.meters import Meters
from app.sandbox.asking import asking
from app.sandbox.child import Child, DiedIdle, Received
from app.sandbox.control import HANDED_OVER
from app.sandbox.keeper import STOPPING, Keeper
from app.sandbox.turns import Bounds, Turns
from app.settings import Settings

log = structlog.get_logger(__name__)

_CLEAR_UP_S = 0.03  # after the latest run, while idle children are left: its page is made first
_SECOND_RUN_S = 0.1  # from a page's first run to its second, at most
_REASON_BYTES = 300


class Pool:
    """Runs requests in children that are used once."""

    def __init__(self, settings: Settings, worker: str, *, namespaces: bool, meters: Meters) -> None:
        self._settings = settings
        self.keeper = Keeper(settings, worker, namespaces=namespaces, meters=meters, on_change=self._start_afresh)
        self.turns = Turns(
            Bounds(
                running=settings.running,
                waiting=settings.queue,
                of_address=settings.queue_of_address,
                of_page=settings.queue_of_page,
            )
        )
        self._stopping = self._draining = False
        self._idle: deque[Child] = deque()
        self._answered: list[Child] = []  # they wait for their end
        self._tasks: set[asyncio.Task[None]] = set()
        self._refilling = False
        self._clear_up_timer: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        """Whether a snippet can be run now."""
        return not self._stopping and self.keeper.living is not None

    @property
    def accepting(self) -> bool:
        """Whether whoever comes now gets a run."""
        return self.ready and not self._draining and not self.turns.full

    @property
    def idle(self) -> int:
        """How many children wait for a snippet."""
        return len(self._idle)

    async def start(self) -> None:
        """Start the zygote, try its layers, and fill up with idle children. Raises SandboxUnavailable."""
        await self.keeper.start()
        self._background(self._retire())
        await self._refill()

    async def drain(self) -> None:
        """Refuse new runs from here on, and wait for those that were accepted."""
        self._draining = True
        while self.turns.running or self.turns.waiting:
            await self.turns.quiet()
            await asyncio.sleep(_SECOND_RUN_S)

    async def stop(self) -> None:
        """End every process; runs that are still under way end with SandboxUnavailable."""
        self._stopping = True
        if self._clear_up_timer:
            self._clear_up_timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._let_go_of(self._idle)
        self._let_go_of(self._answered)
        await self.keeper.stop()

    async def run(self, request: bytes, *, begun: bool = False) -> Received:
        """What a fresh child made of `request`, in its turn. Raises QueueFull or SandboxUnavailable.

        A run for a page that has `begun` with another one is next, and is not refused.
        """
        if self._stopping or (self._draining and not begun):
            raise SandboxUnavailable(STOPPING)
        await self.turns.take(asking(), begun=begun)
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        try:
            received = await self._attempt(request, self._idle_child())
            if received is None:  # once more, with a child of the moment
                received = await self._attempt(request, None)
            if received is None:
                raise SandboxUnavailable("the processes that run snippets end before they begin, or are ended")
            return received
        finally:
            self.turns.give_back(loop.time() - begun_s)
            self._clear_up_later()

    async def _attempt(self, request: bytes, child: Child | None) -> Received | None:
        """What `child`, or else a new one, made of `request`.

        None if it had died before it took it, or its zygote died with it: a snippet has no effects, and may run again.
        """
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
            if self._stopping:
                raise SandboxUnavailable(STOPPING)
            return None
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
        while True:
            zygote = await self.keeper.wait()
            with suppress(SandboxUnavailable):  # no snippet was handed over: its successor may try
                return await zygote.spawn()
            await zygote.died.wait()

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
        if not self._stopping and not self._refilling and len(self._idle) < self._settings.idle:
            self._background(self._refill())

    async def _refill(self) -> None:
        """Add idle children one by one, as long as a core is free for it."""
        if self._refilling:
            return
        self._refilling = True
        try:
            while len(self._idle) < self._settings.idle and not self.turns.all_taken and (zygote := self.keeper.living):
                child = await zygote.spawn(warm=True)
                if zygote is self.keeper.living:
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

    def _start_afresh(self) -> None:
        """Another zygote has come, or this one is gone: its idle children are of no use any more."""
        self._let_go_of(self._idle)
        if self.keeper.living:
            self._refill_soon()

    @staticmethod
    def _let_go_of(children: MutableSequence[Child]) -> None:
        while children:
            children.pop().close()

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
