"""The process that imports torch once and forks. It holds one thread and never runs a snippet.

Started by exec with an environment of its own, so that it holds nothing that a child could leak. It
imports nothing of ours but the Trace, the worker and the modules beside this one.
"""

import contextlib
import fcntl
import gc
import importlib
import logging
import mmap
import os
import re
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, cast

import msgspec

from app.sandbox import control, frame, heap, jail, kernel, namespaces, probe
from app.sandbox.environment import ROOT

if TYPE_CHECKING:
    from types import TracebackType

_CONTROL_AT_LEAST = 16  # leaves the low descriptors for the children's pipes
_NO_ANSWER = 97
_ZYGOTE_OOM, _CHILD_OOM = 500, 1_000  # of 1,000


class Worker(Protocol):
    """The far side of the boundary, as `app/worker/answer.py` offers it."""

    def prepare(self) -> None: ...

    def warm(self) -> None: ...

    def answer(self, request: bytes, send: Callable[[bytes], None], line: memoryview) -> None: ...


class Child:
    """A living child, as the zygote keeps it."""

    def __init__(self, key: int, pid: int, pidfd: int, uid: int, page: mmap.mmap) -> None:
        self.key, self.pid, self.pidfd, self.uid, self.page = key, pid, pidfd, uid, page


def main(arguments: list[str]) -> None:
    """Serve the server at the other end of the descriptor `arguments[1]` until it is gone."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _forget_signals()
    os.umask(0o022)
    os.chdir("/")
    connection = _take(int(arguments[1]))
    message, _ = control.receive(connection)
    if not message:
        return
    setup = control.decode_order(message)
    if not isinstance(setup, control.Setup):
        raise TypeError(f"expected Setup, got {setup}")
    sys.argv[:] = [""]
    Zygote(connection, setup).serve()


def _forget_signals() -> None:
    """Block no signal and ignore none but those that Python does: a server may have been started otherwise."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _take(descriptor: int) -> socket.socket:
    """The control socket, out of the way of the low descriptors, which are left to the children."""
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, _CONTROL_AT_LEAST)
    os.close(descriptor)
    null = os.open(os.devnull, os.O_RDWR)
    for low in (jail.REQUEST, jail.ANSWER):
        if null != low:
            os.dup2(null, low)
    return socket.socket(fileno=moved)


class Zygote:
    """Prepares once, then forks on request and reports every end."""

    def __init__(self, connection: socket.socket, setup: control.Setup) -> None:
        self._control = connection
        self._limits = setup.limits
        self._children: dict[int, Child] = {}  # by pidfd
        self._uids = self._free_uids()
        readable = jail.readable_paths()
        # Kept open: /proc is out of sight once the root is changed.
        self._proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        tasks = os.open("/proc/self/task", os.O_RDONLY | os.O_DIRECTORY)
        entered = namespaces.Entered(why_none="they are switched off")
        if setup.namespaces:
            entered = namespaces.enter(readable)
        self._offer_to_oom_killer(_ZYGOTE_OOM)
        self._worker = cast("Worker", importlib.import_module(setup.worker))
        self._worker.prepare()
        os.environ.pop("PYTHONPATH")
        sys.path.remove(str(ROOT))  # a snippet that imports `app` should not find ours
        mapped_bytes = _mapped_bytes()
        huge_bytes = _huge_bytes()
        if entered.why_none is None:
            namespaces.change_root(readable)
        # Children share its user where the server is no root: none shall read or steer what makes the next run.
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        self._jail = jail.Jail(setup.limits, readable, mapped_bytes)
        threads = len(os.listdir(tasks))  # noqa: PTH208  # by descriptor
        os.close(tasks)
        if threads != 1:
            # A fork copies one thread: locks that others hold would stay locked in every child, for ever.
            raise RuntimeError(f"the zygote has {threads} threads after {setup.worker}.prepare(), it must have one")
        self._outside = _abstract_socket()
        _spare_locks()
        gc.collect()
        gc.freeze()  # else a collection in a child writes to, and so copies, every page of the heap
        heap.fill_holes()
        heap.make_room()
        self._say(
            control.Ready(
                missing=self._jail.missing,
                landlock_abi=self._jail.landlock_abi,
                namespaces=entered,
                huge_bytes=huge_bytes,
            )
        )

    def serve(self) -> None:
        """Fork on request and report every end, until the server is gone."""
        polled = select.poll()
        polled.register(self._control, select.POLLIN)
        with contextlib.suppress(BrokenPipeError):  # the server is gone in the middle of a report
            while True:
                for descriptor, _ in polled.poll():
                    if descriptor != self._control.fileno():
                        polled.unregister(descriptor)
                        self._report_end(self._children.pop(descriptor))
                    elif (order := self._order()) is None:
                        self._end_all()
                        return
                    elif isinstance(order, control.Greeting):
                        self._say(order)
                    elif (pidfd := self._spawn(order)) is not None:
                        polled.register(pidfd, select.POLLIN)
        self._end_all()

    def _order(self) -> control.Spawn | control.Greeting | None:
        """What the server asks for; None once it is gone."""
        message, _ = control.receive(self._control)
        if not message:
            return None
        order: control.Order = control.decode_order(message)
        if isinstance(order, control.Setup):
            raise TypeError(f"expected Spawn or Greeting, got {order}")
        return order

    def _spawn(self, order: control.Spawn) -> int | None:
        """Fork one child and hand its descriptors to the server; its pidfd. None, and told, if there is no room."""
        uid = next(self._uids)
        pipes: list[int] = []
        pid = None
        try:
            pipes += os.pipe()
            pipes += os.pipe()
            # What the child notes there stays readable after a SIGKILL: its progress and its line.
            page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)
            pid = os.fork()
            if pid == 0:
                self._be_child(order, uid, pipes[0], pipes[3], page)
            pidfd = os.pidfd_open(pid)
        except OSError as error:
            for descriptor in pipes:
                os.close(descriptor)
            if pid:  # it ends by itself where we may not end it: it reads nothing
                with contextlib.suppress(PermissionError):
                    os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            self._say(control.Refused(child=order.child, reason=error.strerror or str(error)))
            return None
        _, request_writer, answer_reader, _ = pipes
        page.madvise(mmap.MADV_DONTFORK)  # else later children could write to this one's page
        mine = (pidfd, request_writer, answer_reader)
        socket.send_fds(self._control, [control.encode(control.Spawned(child=order.child))], mine)
        for descriptor in pipes:
            os.close(descriptor)
        self._children[pidfd] = Child(order.child, pid, pidfd, uid, page)
        return pidfd

    def _be_child(
        self, order: control.Spawn, uid: int, request_reader: int, answer_writer: int, page: mmap.mmap
    ) -> NoReturn:
        begun = False
        try:
            notes = memoryview(page).cast("q")
            line, progress = notes[:1], notes[1:2]
            self._offer_to_oom_killer(_CHILD_OOM)
            layers = self._jail.layers if order.probe is None else order.probe.layers
            self._jail.lock(layers, uid, request_reader, answer_writer)
            progress[0] = control.JAILED
            if order.probe:
                send(msgspec.msgpack.encode(probe.run(order.probe.attempts)))
            if order.warm:
                self._worker.warm()
            request = frame.read_request(jail.REQUEST, self._limits.source_bytes + 1_000)
            if request is not None:
                progress[0], begun = control.HANDED_OVER, True
                self._worker.answer(request, send, line)
        finally:
            try:
                if error := sys.exc_info()[1]:
                    _send_failure(error, begun=begun)
            finally:
                os._exit(_NO_ANSWER)  # whatever happened: a child that came back would be a second zygote

    def _offer_to_oom_killer(self, score: int) -> None:
        """Let the kernel, when memory runs out, end children first, then us, rather than the server."""
        with contextlib.suppress(OSError):  # not everywhere may it be written
            place = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=self._proc)
            with os.fdopen(place, "w", encoding="ascii") as file:
                file.write(str(score))

    def _report_end(self, child: Child) -> None:
        result = os.waitid(os.P_PIDFD, child.pidfd, os.WEXITED)
        os.close(child.pidfd)
        ended = result.si_status if result else None
        by_itself = result is not None and result.si_code == os.CLD_EXITED
        notes = memoryview(child.page).cast("q")
        line, progress = notes[0], notes[1]
        notes.release()
        child.page.close()
        self._say(
            control.Exited(
                child=child.key,
                code=ended if by_itself else None,
                signal=None if by_itself else ended,
                line=line,
                progress=progress,
            )
        )

    def _free_uids(self) -> Iterator[int]:
        for number in count():
            uid = namespaces.FIRST_UID + number % namespaces.UIDS
            if all(child.uid != uid for child in self._children.values()):
                yield uid

    def _end_all(self) -> None:
        with contextlib.suppress(PermissionError):  # root without CAP_KILL: no snippet was ever run, only probes
            for child in self._children.values():
                signal.pidfd_send_signal(child.pidfd, signal.SIGKILL)
            for child in self._children.values():
                os.waitid(os.P_PIDFD, child.pidfd, os.WEXITED)

    def _say(self, report: control.Report) -> None:
        self._control.send(control.encode(report))


_block = signal.pthread_sigmask
_read = os.read
_write = os.write
_leave = os._exit
_pack = frame.pack


def send(answer: bytes) -> NoReturn:
    """Send the one answer of this child, and end it once the server has let go of it.

    May be called again by a signal's handler before it has written its first byte.
    """
    _transmit(_pack(b"A", answer))
    with contextlib.suppress(OSError):  # a snippet may have closed it
        # The kernel takes some ms of a core to end a process: the server says when it has no better use for them.
        _read(jail.REQUEST, 1)
    _leave(0)


def _transmit(data: bytes) -> None:
    """Write one frame. What is used here was bound before a snippet could replace it."""
    _block(signal.SIG_BLOCK, (signal.SIGUSR1,))  # runs the handler of one that came before; later ones wait for ever
    rest = memoryview(data)
    while rest:
        rest = rest[_write(jail.ANSWER, rest) :]


def _send_failure(error: BaseException, *, begun: bool) -> None:
    """Say what was raised outside of the snippet, and where; its message only before there is one that it may quote."""
    places = []
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        places.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    text = f"{type(error).__name__} at {' '.join(places[-8:])}"
    if not begun:
        text = getattr(error, "strerror", None) or f"{text}: {error}"
    _transmit(_pack(b"F" if begun else b"N", text.encode(errors="replace")[: frame.FAILURE_BYTES]))


def _spare_locks() -> None:
    """Keep logging from making all its locks anew in each child: 120 copied pages. With one thread none is held."""
    with contextlib.suppress(AttributeError):  # the name is not a public one
        logging._at_fork_reinit_lock_weakset.clear()  # type: ignore[attr-defined]  # typeshed lists public names


def _mapped_bytes() -> int:
    """The size of this process's address space, which its children inherit."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()


def _huge_bytes() -> int:
    """How much of this process's memory lies in huge pages, which make a fork three times as fast."""
    with contextlib.suppress(OSError):  # an old kernel, or /proc without it
        rollup = Path("/proc/self/smaps_rollup").read_text(encoding="ascii")
        if found := re.search(r"^AnonHugePages:\s+(\d+) kB", rollup, re.MULTILINE):
            return 1024 * int(found[1])
    return 0


def _abstract_socket() -> socket.socket:
    """A socket without a file, outside of every child's jail: for a probe to reach for. Nobody ever accepts there."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind("")  # the kernel finds a name
    listening.listen(1)
    probe.outside_socket = listening.getsockname()
    return listening


if __name__ == "__main__":
    main(sys.argv)
