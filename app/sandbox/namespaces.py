"""Namespaces around the zygote, once: its children see no process, file system, network or host name of the host.

An extra ring, where the host allows it (not in a stock container). The new root holds nothing but what
snippets may read, below fresh directories: it also lets a child with a uid of its own import from an
interpreter that lies in somebody's private home.
"""

import errno
import os
import signal
import socket
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from msgspec import Struct

from app.sandbox import kernel

_STAGE = "/tmp"  # noqa: S108  # where the new root is put together, in a mount namespace of our own
_NULL = Path(os.devnull)
HOST_NAME = "tapescope"
# Between two living children no uid is shared. systemd gives this range to nobody but its own short-lived services.
FIRST_UID, UIDS = 61_184, 4_096
PROBE_FILE = Path("/not-for-snippets")  # readable by its mode: only Landlock keeps a child from it

# Flags that a bind mount inherits from its file system, and that a remount must repeat.
_INHERITED = {
    os.ST_NOSUID: kernel.MS_NOSUID,
    os.ST_NODEV: kernel.MS_NODEV,
    os.ST_NOEXEC: kernel.MS_NOEXEC,
    os.ST_NOATIME: kernel.MS_NOATIME,
    os.ST_NODIRATIME: kernel.MS_NODIRATIME,
    os.ST_RELATIME: kernel.MS_RELATIME,
}


class Entered(Struct, frozen=True, kw_only=True):
    """Which namespaces the zygote stands in, or why it does not."""

    kinds: tuple[str, ...] = ()  # as `kernel.NAMESPACES` calls them
    why_none: str | None = None
    why_no_user: str | None = None  # where there are others, but none of its own for users


def enter(readable: Iterable[Path]) -> Entered:
    """Move this process into new namespaces, as far as the host allows; none of it is done halfway.

    What it forks from now on has a process tree of its own. No thread can be started afterwards, here or in what is
    forked. `change_root` is to follow.
    """
    why_no_user = _why_not(readable, user=True)
    if why_no_user is None:
        return Entered(kinds=_enter(user=True))
    if os.geteuid() != 0:
        return Entered(why_none=why_no_user)  # an ordinary user may have the others only within one for users
    why_none = _why_not(readable, user=False)
    if why_none is None:
        return Entered(kinds=_enter(user=False), why_no_user=why_no_user)
    return Entered(why_none=why_none)


def _why_not(readable: Iterable[Path], *, user: bool) -> str | None:
    """What keeps this process from entering and from changing its root, by trying both in a child; None if nothing."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            _enter(user=user)
            change_root(readable)
        except OSError as error:
            os.write(tell, (error.strerror or str(error)).encode())
        finally:
            os._exit(0)
    os.close(tell)
    with os.fdopen(told, "rb") as reasons:
        reason = reasons.read(500).decode(errors="replace")
    os.waitpid(pid, 0)
    return reason or None


def _enter(*, user: bool) -> tuple[str, ...]:
    before = _own()
    flags = sum(flag for flag in kernel.NAMESPACES.values() if user or flag != kernel.CLONE_NEWUSER)
    with _mapped_from_outside() if user and os.geteuid() == 0 else nullcontext():
        uid, gid = os.geteuid(), os.getegid()
        kernel.unshare(flags)
    if user and uid != 0:
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")
    if flags & kernel.CLONE_NEWUTS:
        socket.sethostname(HOST_NAME)
    _start_init()
    after = _own()
    return tuple(kind for kind in kernel.NAMESPACES if after[kind] != before[kind])


def _own() -> dict[str, str]:
    return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kernel.NAMESPACES}  # noqa: PTH115  # no path


@contextmanager
def _mapped_from_outside() -> Iterator[None]:
    """Give a user namespace that is entered within root and the users of runs, under the numbers that they have.

    Only who stays outside may give more than one. Root inside has no right of root's over the host.
    """
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(tell)
            if os.read(told, 1):
                users = "".join(f"{first} {first} {count}\n" for first, count in ((0, 1), (FIRST_UID, UIDS)))
                for name in ("uid_map", "gid_map"):
                    Path(f"/proc/{os.getppid()}/{name}").write_text(users, encoding="ascii")
                code = 0
        finally:
            os._exit(code)
    os.close(told)
    entered = False
    try:
        yield
        entered = True
    finally:
        if entered:
            os.write(tell, b"x")
        os.close(tell)
        _, status = os.waitpid(pid, 0)
    if status:
        raise PermissionError(errno.EPERM, "the users of a new namespace could not be named")


def _start_init() -> None:
    """Fork the first process of the new process tree: all others end with it, and it ends with us."""
    reader, _stays_open = os.pipe()
    if os.fork() == 0:
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(reader, 0)
            kernel.close_from(1)
            os.read(0, 1)  # until the zygote is gone, should it have gone before prctl
        finally:
            os._exit(0)
    os.close(reader)


def change_root(readable: Iterable[Path]) -> None:
    """Make a root that holds only `readable`, read-only, and /dev/null; forget the old one. Raises OSError."""
    sources = {path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in (*_outermost(readable), _NULL)}
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("tapescope", _STAGE, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=0755,size=1m")
    for path, source in sources.items():
        _bind(path, source)
        os.close(source)
    outside = Path(_STAGE + str(PROBE_FILE))
    outside.write_text("A snippet must not be able to read this.\n", encoding="ascii")
    outside.chmod(0o444)
    os.chdir(_STAGE)
    kernel.pivot_root(".", ".")
    kernel.detach(".")
    os.chdir("/")
    kernel.mount(None, "/", None, kernel.MS_REMOUNT | kernel.MS_RDONLY | kernel.MS_NOSUID | kernel.MS_NODEV)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """The existing ones of `paths` that lie below no other."""
    kept: list[Path] = []
    for path in sorted({path.absolute() for path in paths if path.exists()}):
        if not any(path.is_relative_to(other) for other in kept):
            kept.append(path)
    return kept


def _bind(path: Path, source: int) -> None:
    target = Path(_STAGE + str(path))
    if stat.S_ISDIR(os.fstat(source).st_mode):
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    # By descriptor: the stage may hide what lies at the path.
    kernel.mount(f"/proc/self/fd/{source}", str(target), None, kernel.MS_BIND)
    flags = kernel.MS_NOSUID if path == _NULL else kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_RDONLY
    inherited = os.fstatvfs(source).f_flag
    flags |= sum(mine for theirs, mine in _INHERITED.items() if inherited & theirs and not flags & mine)
    kernel.mount(None, str(target), None, kernel.MS_REMOUNT | kernel.MS_BIND | flags)
