"""What one child may use, and how the kernel holds it to that.

The wall clock and the size of the answer are held on the server's side (`pool.py`), the size of the
output by the worker where it is written.
"""

import math
import resource

from msgspec import Struct


class Limits(Struct, frozen=True, kw_only=True):
    """The numbers that the far side of the boundary must know."""

    memory_bytes: int  # a child's own, beyond what the zygote maps
    run_s: float  # deadline and grace together
    source_bytes: int
    answer_bytes: int


def rlimits(limits: Limits, mapped_bytes: int) -> dict[int, int]:
    """Resource → soft and hard limit, for a child forked from a zygote that maps `mapped_bytes`.

    The address space is the only measure of memory that ends in a MemoryError instead of a SIGKILL. What it
    does not count (memfd, pipe and socket buffers, files in memory) the system call filter denies.
    """
    return {
        resource.RLIMIT_AS: mapped_bytes + limits.memory_bytes,
        # The wall clock ends a run first; this holds where the server itself has died.
        resource.RLIMIT_CPU: math.ceil(limits.run_s) + 1,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_STACK: 8 * 2**20,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
        resource.RLIMIT_RTPRIO: 0,
        resource.RLIMIT_SIGPENDING: 64,
        # Counts per uid and does not bind root, so it is no fork stop: the system call filter is.
        resource.RLIMIT_NPROC: 0,
    }


def apply(wanted: dict[int, int]) -> None:
    """Lower this process's limits to `wanted`, soft and hard; never raise one."""
    for kind, most in wanted.items():
        hard = resource.getrlimit(kind)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, allowed))
