"""Processes that make pages, one for each core: where several readers wait, Python would make one page at a time.

They hold nothing but what they were started with. A job names all that its page is made of; what comes back is the
answer as it is sent.
"""

import asyncio
import gc
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

import structlog

from app.sandbox import kernel
from app.web.respond import compile_templates

log = structlog.get_logger(__name__)

Job = TypeVar("Job")
Made = TypeVar("Made")
CROWD = 4  # readers about: fewer hardly ever ask in the same moment
_AGAIN_S = 10.0  # after they died


class Makers:
    """Takes the pages of a crowd. One reader alone is served faster here, where is drawn while a second run goes on."""

    def __init__(self, processes: int) -> None:
        self._processes = processes if processes > 1 else 0  # a second one on one core would gain nothing
        self._pool: ProcessPoolExecutor | None = None
        self._starting: asyncio.Task[None] | None = None
        self._ready = False
        self._under_way = 0

    @property
    def ready(self) -> int:
        """How many are there."""
        return self._processes if self._ready else 0

    @property
    def wanted(self) -> bool:
        """Whether they are there, and others wait for pages beside the one that is being made."""
        return self._ready and self._under_way > 1

    @contextmanager
    def making(self) -> Iterator[None]:
        """While a page is made, wherever."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    def expect(self, readers: int) -> None:
        """So many are about: where they are a crowd, start the processes, which takes a second or two."""
        if self._processes and readers >= CROWD and self._starting is None:
            self._starting = asyncio.create_task(self._start())

    def stop(self) -> None:
        """End them; what they were making is lost."""
        if self._starting:
            self._starting.cancel()
        self._end()

    async def make(self, work: Callable[[Job], Made], job: Job) -> Made | None:
        """What `work`, a function of a module, makes of `job`; None where they are gone: then it is to be made here."""
        pool = self._pool
        if pool is None:
            return None
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work, job)
        except BrokenProcessPool:
            if self._pool is pool:  # the first to notice
                log.error("processes_for_pages_died", again_s=_AGAIN_S)
                self._end()
                self._starting = asyncio.create_task(self._start(_AGAIN_S))
            return None

    async def _start(self, after_s: float = 0.0) -> None:
        await asyncio.sleep(after_s)
        try:
            # Not forked: this process has threads. They end with the thread that starts them, which is this one.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._processes, context, initializer=_prepare)
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(self._pool, _ready) for _ in range(self._processes)))
        except (OSError, RuntimeError) as error:  # no semaphores, no room for a process or a thread, or they died
            log.warning("no_processes_for_pages", reason=str(error), advice="pages are made one at a time")
            self._end()
        else:
            self._ready = True

    def _end(self) -> None:
        pool, self._pool, self._ready = self._pool, None, False
        if pool is not None:
            for process in list((pool._processes or {}).values()):  # it offers no other way than to wait for them
                process.kill()
            pool.shutdown(wait=True, cancel_futures=True)


def _prepare() -> None:
    from app.web import bench_page  # noqa: F401  # not before: it knows of us; the first page would wait for it

    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the server, which then ends us
    compile_templates()
    gc.collect()
    gc.freeze()


def _ready() -> None:
    return None
