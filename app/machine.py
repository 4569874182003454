"""What this process may use of the machine that it runs on, or of its container."""

import os
import resource
from contextlib import suppress
from pathlib import Path

_GROUP = Path("/sys/fs/cgroup")  # a container's own; elsewhere the files are not there, or set no bound
# An idle child has 8 MB of its own, and one that has answered about 12, until the server finds the time to end it.
_CHILD_BYTES = 8 * 2**20
_SHARE_OF_MEMORY = 8  # all idle children may take the eighth part of it
_OTHER_PROCESSES = 64  # with the server's threads
_OTHER_DESCRIPTORS = 512
_DESCRIPTORS = 6  # of an idle child and of one that has answered, in the server
_LARGE_CLASS = 300  # children for 240 readers, some of whom need two


def cores() -> int:
    """How many processors: its affinity, or a container's share where that is less."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = (_GROUP / "cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, int(quota) // int(period)))


def room_for_children() -> int:
    """How many idle children: as many as a large class has readers, or as memory, processes and descriptors allow."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = min(memory, _bound("memory.max", "memory/memory.limit_in_bytes") or memory)
    processes = _bound("pids.max", "pids/pids.max") or 10**6
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    rooms = [
        _LARGE_CLASS,
        memory // _SHARE_OF_MEMORY // _CHILD_BYTES,
        (processes - _OTHER_PROCESSES) // 2,
        10**6 if descriptors == resource.RLIM_INFINITY else (descriptors - _OTHER_DESCRIPTORS) // _DESCRIPTORS,
    ]
    return max(0, min(rooms))


def allow_descriptors() -> None:
    """Let this process open as many files as it may ask for, which is often more than it is given."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = _OTHER_DESCRIPTORS + _DESCRIPTORS * _LARGE_CLASS
    if soft != resource.RLIM_INFINITY and soft < enough:
        wanted = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


def _bound(*names: str) -> int | None:
    """A number that the container's group sets, in one of its files; None where it sets none."""
    for name in names:
        with suppress(OSError):
            text = (_GROUP / name).read_text(encoding="ascii").strip()
            return int(text) if text.isdigit() else None
    return None
