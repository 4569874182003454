"""The heap of a process that forks: where its children's own objects will lie."""

import ctypes
from contextlib import suppress

_SIZES = (*(int(60_000 * 0.8**power) for power in range(18)), *range(1_024, 8, -16))  # bytes, the largest first
_MOST_BLOCKS = 500_000
_TRIM_THRESHOLD, _NEVER_BYTES = -1, 2**30  # as malloc.h names it
_BLOCK_BYTES = 60_000  # larger ones would lie elsewhere
_ROOM_BYTES = 4 * 2**20


class _Mallinfo2(ctypes.Structure):
    """As malloc.h has it since glibc 2.33."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def fill_holes() -> int:
    """Take up for good what is free between the blocks of the heap; the number of blocks that it took.

    Imports leave holes all over the heap. What is allocated later would lie in them, each on another page: a child
    copies every page that it writes to, and each huge page that is written to, in a child or here, falls apart for
    good, which makes every later fork dearer. From here on what is new lies side by side at the heap's end.

    Does nothing where Python's objects are not in the heap of a glibc ≥ 2.33.
    """
    libc = ctypes.CDLL(None)
    blocks = 0
    with suppress(AttributeError):  # another C library
        malloc, sbrk, mallinfo = libc.malloc, libc.sbrk, libc.mallinfo2
        malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        sbrk.restype, sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
        mallinfo.restype = _Mallinfo2
        end = sbrk(0) - mallinfo().keepcost - ctypes.sizeof(ctypes.c_size_t) * 4
        for size in _SIZES:
            while blocks < _MOST_BLOCKS and (place := malloc(size)) and place < end:
                blocks += 1
    return blocks


def make_room() -> None:
    """Have some memory ready at the heap's end, for what children allocate first.

    Else each of them has the heap grow, and the kernel clears a huge page for it, of which it uses a part: up to some
    milliseconds, an eighth of all that a class cost. Nothing of it goes back before the process ends.
    """
    libc = ctypes.CDLL(None)
    with suppress(AttributeError):  # another C library
        malloc, free = libc.malloc, libc.free
        malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        free.restype, free.argtypes = None, [ctypes.c_void_p]
        if not libc.mallopt(_TRIM_THRESHOLD, _NEVER_BYTES):
            return
        places = [malloc(_BLOCK_BYTES) for _ in range(_ROOM_BYTES // _BLOCK_BYTES)]
        for place in filter(None, places):
            ctypes.memset(place, 0, _BLOCK_BYTES)
            free(place)
