"""Who runs when: idle children that wait for a snippet, and runs that wait for their turn."""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterator, MutableSequence
from contextlib import contextmanager

import structlog

from app.errors import SandboxUnavailable
from app.meters import Meters
from app.sandbox.asking import Asking, asking
from app.sandbox.child import Child, DiedIdle, Received
from app.sandbox.control import HANDED_OVER
from app.sandbox.crowd import Crowd
from app.sandbox.keeper import STOPPING, Keeper
from app.sandbox.process import NoRoom, ZygoteProcess
from app.sandbox.turns import Bounds, Turns
from app.settings import Settings

log = structlog.get_logger(__name__)

_CLEAR_UP_S = 0.03  # after the latest run, while idle children are left: its page is made first
_SECOND_RUN_S = 0.1  # from a page's first run to its second, at most
# For a crowd, children are forked and ended no faster than this: whoever presses Run meanwhile shall not feel it.
_PACE_S = 0.02
_ENDED_AT_ONCE = 8
_SECOND_RUNS = 5  # one page in so many needs a second run: about those whose gradients may be silently wrong
_ROOM_S = 0.05  # from one attempt to fork to the next where there was no room
_ROOM_ATTEMPTS = 100
_SPARE = 16  # processes that are left to others once there was no room
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
        self._attended = 0
        self._most_idle = settings.idle_most
        self._crowd = Crowd(settings.idle_most)
        self._idle: deque[Child] = deque()
        self._leaving: deque[Child] = deque()  # of no use any more; they wait for their end
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

    @property
    def readers(self) -> int:
        """How many are about, as far as they are counted."""
        return self._crowd.size(asyncio.get_running_loop().time())

    def expect(self, who: Asking) -> None:
        """Somebody has come who may press Run later."""
        self._crowd.visited(who, asyncio.get_running_loop().time())

    @contextmanager
    def attend(self) -> Iterator[None]:
        """While somebody is being answered: no child is forked or ended that can as well be later."""
        self._attended += 1
        try:
            yield
        finally:
            self._attended -= 1
            if not self._attended and self._clear_up_timer is None:
                self._clear_up_later()

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
        self._let_go_of(self._leaving)
        await self.keeper.stop()

    async def run(self, request: bytes, *, begun: bool = False) -> Received:
        """What a fresh child made of `request`, in its turn. Raises QueueFull or SandboxUnavailable.

        A run for a page that has `begun` with another one is next, and is not refused.
        """
        if self._stopping or (self._draining and not begun):
            raise SandboxUnavailable(STOPPING)
        loop = asyncio.get_running_loop()
        self._crowd.asked(asking(), loop.time())
        await self.turns.take(asking(), begun=begun)
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
            if answered and self._idle and len(self._leaving) < self._wanted:
                self._leaving.append(child)
            else:  # it is not trusted to have ended, the next run is to have its place, or very many wait to end
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
        attempts = 0
        while True:
            zygote = await self.keeper.wait()
            try:
                return await zygote.spawn()
            except SandboxUnavailable:  # no snippet was handed over: its successor may try
                await zygote.died.wait()
            except NoRoom as refused:
                attempts += 1
                if attempts == _ROOM_ATTEMPTS:
                    raise SandboxUnavailable(f"this machine has no room for another process ({refused})") from None
                self._let_go_of(self._leaving)
                await asyncio.sleep(_ROOM_S)

    @property
    def _wanted(self) -> int:
        """How many children shall wait: always some, one for each reader who is about, and some for second runs."""
        least, readers = self._settings.idle, self.readers
        return max(least, min(self._most_idle, readers + readers // _SECOND_RUNS)) if least else 0

    def _clear_up_later(self) -> None:
        """Put off to end children and to fork new ones, as long as one is left for who comes next.

        Each takes some ms of a core, which are better spent on the page of the run that has just ended.
        """
        if self._clear_up_timer:
            self._clear_up_timer.cancel()
        delay_s = _CLEAR_UP_S if self._idle else 0
        self._clear_up_timer = asyncio.get_running_loop().call_later(delay_s, self._clear_up)

    def _clear_up(self) -> None:
        self._clear_up_timer = None
        self._refill_soon()

    def _refill_soon(self) -> None:
        if not self._stopping and not self._refilling and (self._leaving or len(self._idle) < self._wanted):
            self._background(self._refill())

    async def _refill(self) -> None:
        """Add idle children, as long as a core is free; in quiet, end those that leave, and add more for a crowd."""
        if self._refilling:
            return
        self._refilling = True
        try:
            while zygote := self.keeper.living:
                if self.turns.all_taken:
                    return  # the end of a run brings us back, and so does the end of an answer
                if len(self._idle) < self._settings.idle:
                    await self._add_idle(zygote)
                elif self._attended:
                    return
                elif self._leaving:
                    for _ in range(min(_ENDED_AT_ONCE, len(self._leaving))):
                        self._leaving.popleft().close()
                    await asyncio.sleep(_PACE_S if self._leaving else 0)
                elif len(self._idle) < self._wanted:
                    await self._add_idle(zygote)
                    await asyncio.sleep(_PACE_S)
                else:
                    return
        except NoRoom as refused:
            # Whoever else needs a process, or a thread, shall find room: the server itself, for one.
            self._most_idle = max(0, len(self._idle) - _SPARE)
            log.warning("no_room_for_idle_children", reason=str(refused), most_idle=self._most_idle)
            while len(self._idle) > self._wanted:
                self._idle.popleft().close()
        except SandboxUnavailable:
            return  # the zygote is gone; its successor's refill follows
        finally:
            self._refilling = False

    async def _add_idle(self, zygote: ZygoteProcess) -> None:
        child = await zygote.spawn(warm=True)
        if zygote is self.keeper.living:
            self._idle.append(child)
        else:
            child.close()

    async def _retire(self) -> None:
        """Replace idle children that have ended, or are old and share less memory; end those of readers who left."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(min(30.0, self._settings.idle_age_s / 2))
            oldest_s = loop.time() - self._settings.idle_age_s
            for child in [child for child in self._idle if child.exited.done()]:
                self._idle.remove(child)
                self._give_up(child)
            while self._idle and (self._idle[0].born_s < oldest_s or len(self._idle) > self._wanted):
                self._leaving.append(self._idle.popleft())
            self._refill_soon()

    def _give_up(self, child: Child) -> None:
        """Let go of an idle child which, as it should not, has ended."""
        if ended := child.exited.result():
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
