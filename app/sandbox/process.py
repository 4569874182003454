"""The zygote's process, from the server's side: its start, what it is asked for, what it reports, its end."""

import asyncio
import itertools
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress

from app.errors import SandboxUnavailable
from app.sandbox import cgroup, control
from app.sandbox.child import Child
from app.sandbox.environment import ENVIRONMENT
from app.sandbox.limits import Limits, together

_FORK_S = 10.0  # from an order to its child, with others before it
_STOP_S = 5.0  # from the end of the control socket to the end of the process


class NoRoom(Exception):  # noqa: N818  # it says what happened
    """The zygote lives, and could not fork another child now; the message is the kernel's reason."""


class ZygoteProcess:
    """A zygote that is ready to fork. Made by `start`."""

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self.pid = process.pid
        self.died = asyncio.Event()
        self.report: control.Ready | None = None
        self.why_no_group: str | None = "it is switched off"
        self._group: cgroup.Group | None = None
        self._group_forgotten: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[control.Ready] = loop.create_future()
        self._process, self._connection = process, connection
        self._pidfd = os.pidfd_open(process.pid)
        self._keys = itertools.count()
        self._greeted: asyncio.Future[int] | None = None
        self._wanted: dict[int, asyncio.Future[Child]] = {}
        self._children: dict[int, Child] = {}
        loop.add_reader(connection, self._hear)
        loop.add_reader(self._pidfd, self._on_death)

    @classmethod
    async def start(
        cls, worker: str, limits: Limits, *, namespaces: bool, start_s: float, cgroups: bool = True
    ) -> "ZygoteProcess":
        """Start a zygote and wait until it can fork. Raises SandboxUnavailable.

        It is bound to the thread that calls: the kernel ends it together with that thread.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            ours.setblocking(False)
            process = subprocess.Popen(  # noqa: ASYNC220  # returns once the new program has begun: a millisecond
                # -P, -s: no module from the working directory or somebody's home; -B: it could write none anyway
                (sys.executable, "-P", "-s", "-B", "-m", "app.sandbox.zygote", str(theirs.fileno())),
                env=ENVIRONMENT,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl+C is for the server, which then ends the zygote in good order
            )
        zygote = cls(process, ours)
        if cgroups:  # before it has forked
            zygote._group, zygote.why_no_group = cgroup.put(process.pid, together(limits))
        try:
            with suppress(BrokenPipeError):  # its end is told by the pidfd
                ours.send(control.encode(control.Setup(worker=worker, limits=limits, namespaces=namespaces)))
            async with asyncio.timeout(start_s):
                zygote.report = await zygote._ready
        except TimeoutError:
            await zygote.stop()
            raise SandboxUnavailable(f"the process that imports torch was not ready after {start_s:g} s") from None
        except SandboxUnavailable:
            await zygote.stop()
            told = "the process that imports torch ended before it was ready; its own words are in the server's output"
            raise SandboxUnavailable(told) from None
        except BaseException:
            await zygote.stop()
            raise
        return zygote

    async def spawn(self, *, warm: bool = False, probe: control.Probe | None = None) -> Child:
        """A new child. Raises NoRoom, or SandboxUnavailable if the zygote is gone or does not answer."""
        key = next(self._keys)
        wanted: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._wanted[key] = wanted
        try:
            if self.died.is_set():
                raise SandboxUnavailable("the process that runs snippets has just been restarted")
            self._connection.send(control.encode(control.Spawn(child=key, warm=warm, probe=probe)))
            async with asyncio.timeout(_FORK_S):
                return await wanted
        except (TimeoutError, BlockingIOError, BrokenPipeError):
            self.kill()  # stuck or gone: only a new one helps
            raise SandboxUnavailable("the process that runs snippets has to be restarted") from None
        except asyncio.CancelledError:
            if wanted.done() and not wanted.cancelled() and not wanted.exception():
                wanted.result().close()  # it came in the very moment in which whoever asked left
            raise
        finally:
            self._wanted.pop(key, None)

    async def greet(self, limit_s: float) -> bool:
        """Whether it answers within `limit_s`; True for one that has died, which is another matter."""
        number = next(self._keys)
        self._greeted = asyncio.get_running_loop().create_future()
        try:
            self._connection.send(control.encode(control.Greeting(number=number)))
            async with asyncio.timeout(limit_s):
                while await self._greeted != number:
                    self._greeted = asyncio.get_running_loop().create_future()
        except (TimeoutError, BlockingIOError):
            return False
        except OSError:
            return True  # it is gone, or about to be
        return True

    async def retire(self, limit_s: float) -> None:
        """Stop it once its last children have ended, or after `limit_s`."""
        loop = asyncio.get_running_loop()
        latest_s = loop.time() + limit_s
        while self._children and loop.time() < latest_s:
            await asyncio.wait(
                [child.exited for child in self._children.values()], timeout=max(0.0, latest_s - loop.time())
            )
        await self.stop()

    async def stop(self) -> None:
        """End the zygote and all its children, and wait until they are gone."""
        if not self.died.is_set():
            self._connection.shutdown(socket.SHUT_RDWR)
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S):
                    await self.died.wait()
        self.kill()
        await self.died.wait()
        if self._group_forgotten:
            await self._group_forgotten

    async def _forget(self, group: cgroup.Group) -> None:
        """Remove the zygote's group as soon as the last of its children is out of it."""
        with suppress(TimeoutError):  # one hangs inside the kernel: the next server clears it up
            async with asyncio.timeout(_STOP_S):
                while not group.remove():  # noqa: ASYNC110  # nothing tells us when
                    await asyncio.sleep(0.01)

    def kill(self) -> None:
        """End it at once, and so, by the signal that its death gives them, its children."""
        if not self.died.is_set():
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def _hear(self) -> None:
        """Take in every report that has arrived."""
        while True:
            try:
                message, descriptors = control.receive(self._connection)
            except BlockingIOError:
                return
            except ConnectionResetError:
                message, descriptors = b"", []
            if not message:
                asyncio.get_running_loop().remove_reader(self._connection)
                return  # its death is told by the pidfd
            report = control.decode_report(message)
            match report:
                case control.Ready():
                    if not self._ready.done():
                        self._ready.set_result(report)
                case control.Greeting():
                    if self._greeted and not self._greeted.done():
                        self._greeted.set_result(report.number)
                case control.Spawned():
                    self._welcome(report.child, descriptors)
                case control.Refused():
                    wanted = self._wanted.get(report.child)
                    if wanted and not wanted.done():
                        wanted.set_exception(NoRoom(report.reason))
                case control.Exited():
                    child = self._children.pop(report.child, None)
                    if child and not child.exited.done():
                        child.exited.set_result(report)

    def _welcome(self, key: int, descriptors: list[int]) -> None:
        child = Child(key, *descriptors)
        self._children[key] = child
        wanted = self._wanted.get(key)
        if wanted is None or wanted.done():
            child.close()  # whoever asked has left meanwhile
        else:
            wanted.set_result(child)

    def _on_death(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        self._hear()  # what it said before it died
        loop.remove_reader(self._connection)
        self._process.wait()
        self._connection.close()
        os.close(self._pidfd)
        self.died.set()
        if self._group:
            self._group_forgotten = loop.create_task(self._forget(self._group))
        for child in self._children.values():
            if not child.exited.done():
                child.exited.set_result(None)
        self._children.clear()
        gone = SandboxUnavailable("the process that runs snippets ended, and a new one is being started")
        if self._greeted and not self._greeted.done():
            self._greeted.set_exception(BrokenPipeError())
            self._greeted.exception()
        waiting: list[asyncio.Future[control.Ready] | asyncio.Future[Child]] = [self._ready, *self._wanted.values()]
        for future in waiting:
            if not future.done():
                future.set_exception(gone)
                future.exception()  # nobody may be left to retrieve it
