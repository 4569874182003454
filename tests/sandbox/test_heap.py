"""The heap of the process that forks: what is new lies together."""

import subprocess
import sys

from app.sandbox.environment import ENVIRONMENT

_PROGRAM = """\
import ctypes
from app.sandbox import heap

held = [bytes(30 + number % 900) for number in range(60_000)]
del held[::2]  # holes, all over the heap
{fill}
new = [bytes(30 + number % 400) for number in range(2_000)]
print(len({{id(block) >> 12 for block in new}}))
"""


def pages_of_new_objects(fill: str) -> int:
    """How many pages 2,000 small objects lie on, in a process with a zygote's environment and a heap full of holes."""
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(fill=fill)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(told.stdout)


def test_new_objects_lie_together_once_the_holes_are_filled() -> None:
    among_holes, together = pages_of_new_objects(""), pages_of_new_objects("assert heap.fill_holes() > 1_000")
    assert together < 2_000 * 300 / 4_096  # their bytes, and a quarter for what is between them
    assert among_holes > 2 * together


def test_filling_again_finds_next_to_nothing() -> None:
    pages_of_new_objects("heap.fill_holes(); assert heap.fill_holes() < 50")


_GROWTH = """\
import ctypes
from app.sandbox import heap

sbrk = ctypes.CDLL(None).sbrk
sbrk.restype, sbrk.argtypes = ctypes.c_void_p, [ctypes.c_ssize_t]
heap.fill_holes()
{room}
before = sbrk(0)
held = [bytes(900) for _ in range(3_000)]
grown = sbrk(0) - before
del held
print(grown, sbrk(0) - before)
"""


def growth(room: str) -> tuple[int, int]:
    """By how much the heap grows for nearly three megabytes of objects, and how much of that is left after them."""
    told = subprocess.run(
        [sys.executable, "-c", _GROWTH.format(room=room)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    grown, left = map(int, told.stdout.split())
    return grown, left


def test_the_heap_need_not_grow_for_what_a_child_allocates_first() -> None:
    assert growth("")[0] >= 2 * 2**20
    assert growth("heap.make_room()") == (0, 0)
