"""What one child may use, and how the kernel holds it to that.

The wall clock and the size of the answer are held on the server's side (`pool.py`), the size of the
output by the worker where it is written.
"""

import math
import os
import resource

from msgspec import Struct

from app.sandbox.cgroup import Bounds

# Python's module has no name for the one, and has one for the other only where its own build knew it.
RLIMIT_LOCKS, RLIMIT_NICE = 10, 13
KINDS = range(16)  # RLIM_NLIMITS: every limit that Linux has

_ZYGOTE_BYTES = 2**30
_IDLE_BYTES = 32 * 2**20


class Limits(Struct, frozen=True, kw_only=True):
    """The numbers that the far side of the boundary must know."""

    memory_bytes: int  # a child's own, beyond what the zygote maps
    run_s: float  # deadline and grace together
    source_bytes: int
    answer_bytes: int
    running: int = 2  # children that have a snippet at once
    idle: int = 4  # children that wait for one


def rlimits(limits: Limits, mapped_bytes: int) -> dict[int, int]:
    """Resource → soft and hard limit, for a child forked from a zygote that maps `mapped_bytes`.

    The address space is the only measure of memory that ends in a MemoryError instead of a SIGKILL. What it
    does not count (memfd, pipe and socket buffers, files in memory) the system call filter denies.
    """
    memory_bytes = mapped_bytes + limits.memory_bytes
    cpu_s = math.ceil(limits.run_s) + 1
    return {
        resource.RLIMIT_AS: memory_bytes,
        # The wall clock ends a run first; this holds where the server itself has died.
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_RTTIME: 1_000_000 * cpu_s,  # µs, should the server run under a real-time scheduler
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_STACK: 8 * 2**20,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_RTPRIO: 0,
        RLIMIT_NICE: 0,
        resource.RLIMIT_SIGPENDING: 64,
        # Counts per uid and does not bind root, so it is no fork stop: the system call filter is.
        resource.RLIMIT_NPROC: 0,
        # Parts of the address space, or ignored by Linux since 2.4: set so that none is left open.
        resource.RLIMIT_DATA: memory_bytes,
        resource.RLIMIT_RSS: memory_bytes,
        RLIMIT_LOCKS: 0,
    }


def together(limits: Limits) -> Bounds:
    """What the zygote and all its children may take; generous, so that no honest class of readers ever meets it."""
    # A child that has answered keeps its memory until the server has a core free to end it.
    wanted = _ZYGOTE_BYTES + (2 * limits.running + 1) * limits.memory_bytes + limits.idle * _IDLE_BYTES
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Bounds(memory_bytes=min(wanted, machine * 4 // 5), processes=32 + 4 * (limits.running + limits.idle))


def apply(wanted: dict[int, int]) -> None:
    """Lower this process's limits to `wanted`, soft and hard; never raise one."""
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))
