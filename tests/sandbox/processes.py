"""What the kernel tells of processes: for tests that nothing is left behind."""

import os
import re
import select
from contextlib import suppress
from pathlib import Path


def children_of(pid: int) -> set[int]:
    """The living children of `pid`; those that have ended but were not reaped count too."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[1]) == pid:
                    found.add(int(entry.name))
    return found


def descendants_of(pid: int) -> set[int]:
    """The children of `pid`, their children, and so on."""
    found = children_of(pid)
    return found.union(*(descendants_of(child) for child in found)) if found else found


def open_descriptors(pid: int) -> int:
    """How many descriptors `pid` has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def oom_score(pid: int) -> int:
    """How gladly the kernel ends `pid` when memory runs out; at most 1,000."""
    return int(Path(f"/proc/{pid}/oom_score_adj").read_text())


def mappings(pid: int) -> int:
    """How many stretches of memory `pid` has mapped."""
    return len(Path(f"/proc/{pid}/maps").read_text().splitlines())


def pss_kib(pid: int) -> int:
    """The memory of `pid`, with what it shares counted in proportion."""
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def wait_until_gone(pids: set[int], limit_s: float) -> set[int]:
    """Wait for the end of `pids`, none of them our own children; those that still live at the limit."""
    polled = select.poll()
    watched = {}
    for pid in pids:
        with suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            watched[descriptor] = pid
            polled.register(descriptor, select.POLLIN)
    left = dict(watched)
    while left and (ended := polled.poll(1000 * limit_s)):
        for descriptor, _ in ended:
            polled.unregister(descriptor)
            del left[descriptor]
    for descriptor in watched:
        os.close(descriptor)
    return set(left.values())
