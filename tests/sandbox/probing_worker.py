"""A worker whose zygote can be asked for attempts that only tests make."""

import mmap
import os
from contextlib import suppress
from pathlib import Path

from app.sandbox import kernel, probe
from tests.sandbox.plain_worker import answer, warm

__all__ = ["answer", "prepare", "warm"]

PROCESSES = 60
MEMORY_BYTES = 512 * 2**20


def prepare() -> None:
    """Add them, in the zygote."""
    for attempt in (shared_pages, bounding_set, start_processes, take_memory):
        probe.ATTEMPTS[attempt.__name__] = attempt


def shared_pages() -> str:
    """Count the writable mappings that are shared with other processes."""
    mappings = [line.split()[1] for line in Path("/proc/self/maps").read_text().splitlines()]
    return f"{mappings.count('rw-s')} shared"


def bounding_set() -> str | None:
    """Be able to get capabilities by executing a file; also as another user than root."""
    return "could get capabilities" if kernel.bounding_capabilities() else None


def start_processes() -> str | None:
    """Start very many processes that stay."""
    told, tell = os.pipe()
    started: list[int] = []
    with suppress(OSError):
        while len(started) < PROCESSES:
            pid = os.fork()
            if pid == 0:
                os.close(tell)
                os.read(told, 1)  # until the one that started it has gone
                os._exit(0)
            started.append(pid)
    os.close(tell)
    for pid in started:
        os.waitpid(pid, 0)
    return "started them all" if len(started) == PROCESSES else None


def take_memory() -> str:
    """Use much memory, page by page."""
    with mmap.mmap(-1, MEMORY_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        for place in range(0, MEMORY_BYTES, mmap.PAGESIZE):
            memory[place] = 1
    return "took it"
