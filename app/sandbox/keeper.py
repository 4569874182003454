"""Keeps a zygote that can fork: looks after it, and replaces one that died, hangs, or has grown too big."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from app.errors import LayersMissing, SandboxUnavailable
from app.meters import Meters
from app.sandbox.layers import Examination, examine
from app.sandbox.limits import Limits
from app.sandbox.process import NoRoom, ZygoteProcess
from app.settings import Settings

log = structlog.get_logger(__name__)

_RESTART_S = (0.0, 1.0, 2.0, 5.0, 10.0, 30.0)  # before each attempt to replace a zygote
_ANSWER_S = 10.0  # to a greeting; it may have many forks to make first
_WAIT_S = 60.0  # of a run, for a zygote
STOPPING = "the server is being stopped"


class Keeper:
    """The zygote of the moment, if there is one, and its successors."""

    def __init__(
        self, settings: Settings, worker: str, *, namespaces: bool, meters: Meters, on_change: Callable[[], None]
    ) -> None:
        """`on_change` is called when another zygote has come, or this one is gone."""
        self._settings, self._worker, self._namespaces = settings, worker, namespaces
        self._meters, self._on_change = meters, on_change
        self._zygote: ZygoteProcess | None = None
        self._up = asyncio.Event()
        self._stopping = False
        self._keeping: asyncio.Task[None] | None = None
        self._retiring: set[asyncio.Task[None]] = set()
        self._began_bytes: int | None = None
        self.examination = Examination(layers=(), broken={})

    @property
    def living(self) -> ZygoteProcess | None:
        """The one that can fork now."""
        return self._zygote if self._zygote and not self._zygote.died.is_set() else None

    @property
    def pid(self) -> int | None:
        """Of the latest one; None while there is none."""
        return self._zygote.pid if self._zygote else None

    async def start(self) -> None:
        """Start one, try its layers, and look after it. Raises SandboxUnavailable."""
        self._take(await self._new())
        self._keeping = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """End it, and those that were about to be replaced."""
        self._stopping = True
        self._up.set()  # who waits for a zygote learns that none will come
        tasks = [task for task in (self._keeping, *self._retiring) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._zygote:
            await self._zygote.stop()
            self._zygote = None

    async def wait(self) -> ZygoteProcess:
        """The one that can fork, as soon as there is one. Raises SandboxUnavailable."""
        try:
            async with asyncio.timeout(_WAIT_S):
                while not self._stopping:
                    if zygote := self.living:
                        return zygote
                    self._up.clear()
                    await self._up.wait()
        except TimeoutError:
            raise SandboxUnavailable("the process that runs snippets is not ready") from None
        raise SandboxUnavailable(STOPPING)

    async def _keep(self) -> None:
        while self._zygote:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.check_s):
                    await self._zygote.died.wait()
            if self._zygote.died.is_set():
                log.error("zygote_died", pid=self._zygote.pid)
                self._meters.zygote_replaced("died")
                self._zygote = None
                self._on_change()
                self._take(await self._successor())
                self._on_change()
            elif not await self._zygote.greet(_ANSWER_S):
                log.error("zygote_hangs", pid=self._zygote.pid)
                self._zygote.kill()  # its successor follows
                await self._zygote.died.wait()
            elif self._has_grown():
                await self._replace_grown()

    async def _replace_grown(self) -> None:
        """Put a successor in its place, and let it see its last children off."""
        grown = self._zygote
        try:
            successor = await self._new()
        except SandboxUnavailable as error:
            log.error("zygote_not_started", reason=error.reason)  # this one still serves; the next look tries again
            return
        self._meters.zygote_replaced("grown")
        self._take(successor)
        self._on_change()
        if grown:
            task = asyncio.create_task(grown.retire(self._settings.deadline_s + self._settings.grace_s))
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _successor(self) -> ZygoteProcess:
        """Another one, however many attempts that takes."""
        failures = 0
        while True:
            await asyncio.sleep(_RESTART_S[min(failures, len(_RESTART_S) - 1)])
            try:
                return await self._new()
            except SandboxUnavailable as error:
                failures += 1
                log.error("zygote_not_started", reason=error.reason, failures=failures)

    async def _new(self) -> ZygoteProcess:
        settings = self._settings
        limits = Limits(
            memory_bytes=settings.memory_bytes,
            run_s=settings.deadline_s + settings.grace_s,
            source_bytes=settings.source_bytes,
            answer_bytes=settings.answer_bytes,
            running=settings.running,
            idle=max(settings.idle, settings.idle_most),
        )
        zygote = await ZygoteProcess.start(self._worker, limits, namespaces=self._namespaces, start_s=settings.start_s)
        try:
            examination = await examine(zygote)
            if broken := examination.broken:
                raise SandboxUnavailable(f"a snippet could get past {'; '.join(map(': '.join, broken.items()))}")
            if settings.public and (missing := examination.missing_core):
                raise LayersMissing(missing)
        except NoRoom as error:
            await zygote.stop()
            raise SandboxUnavailable(f"no process could be forked to try the sandbox: {error}") from None
        except BaseException:
            await zygote.stop()
            raise
        self.examination = examination
        return zygote

    def _take(self, zygote: ZygoteProcess) -> None:
        self._zygote = zygote
        self._began_bytes = own_bytes(zygote.pid)
        self._up.set()

    def _has_grown(self) -> bool:
        pid = self.pid
        bytes_now = own_bytes(pid) if pid else None
        if bytes_now is None or self._began_bytes is None:
            return False
        grown = bytes_now - self._began_bytes
        if grown <= self._settings.growth_bytes:
            return False
        log.error("zygote_has_grown", pid=pid, grown_bytes=grown)
        return True


def own_bytes(pid: int) -> int | None:
    """The memory of `pid` that comes from no file; None where the kernel does not tell."""
    try:
        found = re.search(
            r"^RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"), re.MULTILINE
        )
    except OSError:
        return None
    return int(found[1]) * 1024 if found else None
