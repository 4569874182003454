"""Attempts to get out of the jail, tried by a child that has put on some of its layers or all.

Each gives what it reached, as a short phrase, or None when it was stopped. Nothing here harms what it reaches.
"""

import ctypes
import errno
import importlib
import mmap
import os
import resource
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from app.sandbox import frame, kernel
from app.sandbox.environment import ENVIRONMENT
from app.sandbox.jail import ANSWER
from app.sandbox.limits import KINDS
from app.sandbox.namespaces import HOST_NAME, PROBE_FILE

_OUTSIDE = (str(PROBE_FILE), "/etc/passwd", "/proc/self/status")
_FOLDERS = ("/", "/tmp", "/var/tmp", "/dev/shm", ".")  # noqa: S108  # tried, not used
_REFUSED = (errno.EPERM, errno.EACCES)
_DISCARD_PORT = 9
_MAP_NORESERVE = 0x4000
# An abstract unix socket that listens outside of the jail; its name, once the zygote has made one.
outside_socket: bytes = b""
_SOME_DESCRIPTORS = 256  # more than a child may open, fewer than the zygote may


def read_file() -> str | None:
    """Read a file that everybody may read."""
    for path in _OUTSIDE:
        with suppress(OSError), open(path, "rb") as file:  # noqa: PTH123  # fewer system calls than pathlib
            file.read(1)
            return f"read {path}"
    return None


def read_process() -> str | None:
    """Read what the kernel tells of processes."""
    for name in ("environ", "maps", "cmdline"):
        with suppress(OSError), open(f"/proc/self/{name}", "rb") as file:  # noqa: PTH123  # fewer system calls than pathlib
            file.read(1)
            return f"read /proc/self/{name}"
    return None


def write_file() -> str | None:
    """Make a file where anybody may; one without a name, so that nothing is left behind."""
    for folder in _FOLDERS:
        with suppress(OSError):
            os.close(os.open(folder, os.O_WRONLY | os.O_TMPFILE, 0o600))
            return f"made a file in {folder}"
    return None


def fork() -> str | None:
    """Start a process."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked"


def execute() -> str | None:
    """Become another program; one that does not exist, so that the kernel's answer tells how far it got."""
    try:
        os.execv("/nonexistent", ["nonexistent"])  # noqa: S606  # it is to be refused
    except OSError as error:
        return None if error.errno in _REFUSED else "exec was looked at"


def start_thread() -> str | None:
    """Start a thread."""
    try:
        thread = threading.Thread(target=int)
        thread.start()
    except RuntimeError:
        return None
    thread.join()
    return "started a thread"


def open_socket() -> str | None:
    """Open a socket to the network, or to a program on this machine."""
    for family in (socket.AF_INET, socket.AF_UNIX):
        with suppress(OSError), socket.socket(family, socket.SOCK_STREAM):
            return "opened a socket"
    return None


def connect() -> str | None:
    """Reach a TCP port; a refusal by the network itself counts as reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
        result = connection.connect_ex(("127.0.0.1", _DISCARD_PORT))
    return None if result in _REFUSED else "TCP was not refused"


def hide_memory() -> str | None:
    """Get memory that no limit counts."""
    os.close(os.memfd_create("probe"))
    return "made a memory file"


def open_pipe() -> str | None:
    """Get kernel memory in pipes."""
    for end in os.pipe():
        os.close(end)
    return "made a pipe"


def signal_outside() -> str | None:
    """Send a signal, of the kind that does nothing, to another process."""
    os.kill(os.getppid() or 1, 0)
    return "could signal another process"


def trace_me() -> str | None:
    """Use a system call that no honest snippet makes."""
    kernel.ptrace_me()
    return "ptrace was allowed"


def much_memory() -> str | None:
    """Map more than any snippet may have, without using it."""
    mmap.mmap(-1, 2**40, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE).close()
    return "mapped a terabyte"


def many_descriptors() -> str | None:
    """Hold very many open files."""
    held: list[int] = []
    try:
        while len(held) < _SOME_DESCRIPTORS:
            held.append(os.dup(0))
    except OSError:
        return None
    finally:
        for each in held:
            os.close(each)
    return f"held {_SOME_DESCRIPTORS} descriptors"


def be_root() -> str | None:
    """Act as root, or as one of its groups."""
    if os.getuid() == 0 or os.geteuid() == 0:
        return "is root"
    if os.getgid() == 0 or os.getgroups():
        return "is in a group of the server's"
    os.setuid(0)
    return "became root"


def have_capabilities() -> str | None:
    """Hold a right of root's, or get one by executing a file as root."""
    if kernel.capabilities():
        return "has capabilities"
    return "would get capabilities by exec" if os.geteuid() == 0 and kernel.bounding_capabilities() else None


def look_into_another() -> str | None:
    """Read the memory of a process of the same user, which another run may be."""
    secret = ctypes.create_string_buffer(b"another run's")
    found = ctypes.create_string_buffer(len(secret))
    told, tell = os.pipe()
    try:
        pid = os.fork()
        if pid == 0:
            os.read(told, 1)
            os._exit(0)
        try:
            read = kernel.read_memory(pid, ctypes.addressof(secret), found)
        finally:
            os.write(tell, b"x")
            os.waitpid(pid, 0)
    finally:
        os.close(told)
        os.close(tell)
    return "read another process's memory" if read and found.raw == secret.raw else None


def gain_privileges() -> str | None:
    """Be allowed to gain rights by executing a file."""
    return None if kernel.prctl(kernel.PR_GET_NO_NEW_PRIVS) else "may gain privileges"


def inherited_descriptors() -> str | None:
    """Use a descriptor of the zygote's or of another run."""
    for number in range(_SOME_DESCRIPTORS):
        with suppress(OSError):
            status = os.fstat(number)
            if number > 2:
                if number not in (3, 4) or not stat.S_ISFIFO(status.st_mode):
                    return f"descriptor {number} is open"
            elif not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
                return f"descriptor {number} is not /dev/null"
    return None


def inherited_state() -> str | None:
    """Share a session, or find signals blocked or ignored, or a mask of files' modes, as the server had them."""
    if os.getsid(0) != os.getpid():
        return "shares the session of its starter"
    if blocked := signal.pthread_sigmask(signal.SIG_BLOCK, ()):
        return f"finds {sorted(blocked)} blocked"
    ignored = [each.name for each in signal.Signals if signal.getsignal(each) == signal.SIG_IGN]
    if set(ignored) - {"SIGPIPE", "SIGXFSZ"}:  # as Python itself has them
        return f"finds {ignored} ignored"
    mask = os.umask(0o077)
    return None if mask == 0o077 else f"makes files with the mask {mask:03o}"


def unlimited() -> str | None:
    """Find something that no limit is set on, or one that may be raised."""
    for kind in KINDS:
        soft, hard = resource.getrlimit(kind)
        if resource.RLIM_INFINITY in (soft, hard) or soft != hard:
            return f"has no firm limit of kind {kind}"
    return None


def reach_abstract_socket() -> str | None:
    """Talk to a program outside by a socket without a file; the zygote holds one for this."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.setblocking(False)  # nobody accepts: with the queue full it would wait for ever
        result = connection.connect_ex(outside_socket)
    return None if result in _REFUSED else "an abstract socket was not refused"


def inherited_environment() -> str | None:
    """Find something of the server's environment or modules."""
    more = sorted(os.environ.keys() - ENVIRONMENT.keys())
    foreign = sorted(name for name in sys.modules if name.startswith(("app.web", "app.settings", "app.main")))
    return f"found {', '.join(more + foreign)}" if more or foreign else None


def see_host() -> str | None:
    """See processes, files or network devices of the host."""
    if os.getppid() != 0:
        return "sees the process that started it"
    if any(name != "lo" for _, name in socket.if_nameindex()):
        return "sees network devices"
    if Path("/proc").exists() or Path("/sys").exists():
        return "sees folders of the host"
    if os.uname().nodename != HOST_NAME:
        return "sees the host's name"
    return None


def flood() -> str | None:
    """Answer without end."""
    os.write(ANSWER, frame.HEADER.pack(b"A", 2**32 - 1))
    while True:
        os.write(ANSWER, bytes(65_536))


def outstay() -> str | None:
    """Go on after the deadline, deaf to the request to answer; but not for ever, should nothing end it."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.write(ANSWER, b"A")
    time.sleep(60)
    return "outstayed"


def import_lazily() -> str | None:
    """Import what has not been imported: not an attempt to get out, but something that must work."""
    for name in ("colorsys", "encodings.cp037"):
        importlib.import_module(name)
    return "imported"


ATTEMPTS: dict[str, Callable[[], str | None]] = {
    attempt.__name__: attempt
    for attempt in (
        read_file,
        read_process,
        write_file,
        fork,
        execute,
        start_thread,
        open_socket,
        connect,
        hide_memory,
        open_pipe,
        signal_outside,
        trace_me,
        much_memory,
        many_descriptors,
        be_root,
        have_capabilities,
        look_into_another,
        inherited_state,
        unlimited,
        reach_abstract_socket,
        gain_privileges,
        inherited_descriptors,
        inherited_environment,
        see_host,
        flood,
        outstay,
        import_lazily,
    )
}


def run(names: tuple[str, ...]) -> dict[str, str | None]:
    """What each attempt reached; None for those that were stopped."""
    return {name: _tried(ATTEMPTS[name]) for name in names}


def _tried(attempt: Callable[[], str | None]) -> str | None:
    try:
        return attempt()
    except (OSError, ImportError, LookupError, MemoryError, RuntimeError, ValueError):
        return None
