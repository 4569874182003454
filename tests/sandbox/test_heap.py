"""The heap of the process that forks: what is new lies together."""

import subprocess
import sys

from app.sandbox.environment import ENVIRONMENT
from tests.sandbox.conftest import OpenSandbox

_PROGRAM = """\
import ctypes
from app.sandbox import heap

held = [bytes(30 + number % 900) for number in range(60_000)]
del held[::2]  # holes, all over the heap
{fill}
new = [bytes(30 + number % 400) for number in range(2_000)]
print(len({{id(block) >> 12 for block in new}}))
"""


def told_by(program: str) -> list[int]:
    """The numbers that `program` prints, in a process with a zygote's environment."""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=60)
    return [int(number) for number in done.stdout.split()]


def pages_of_new_objects(fill: str) -> int:
    """How many pages 2,000 small objects lie on, where the heap is full of holes."""
    (pages,) = told_by(_PROGRAM.format(fill=fill))
    return pages


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


def growth(room: str) -> list[int]:
    """By how much the heap grows for nearly three megabytes of objects, and how much of that is left after them."""
    return told_by(_GROWTH.format(room=room))


def test_the_heap_need_not_grow_for_what_a_child_allocates_first() -> None:
    assert growth("")[0] >= 2 * 2**20
    assert growth("heap.make_room()") == [0, 0]


_LOOK = """\
import ctypes
class Mallinfo2(ctypes.Structure):
    _fields_ = [(f"field{number}", ctypes.c_size_t) for number in range(10)]
look = ctypes.CDLL(None).mallinfo2
look.restype = Mallinfo2
seen = look()
print(seen.field1, seen.field8)  # free blocks, and bytes in them
"""


async def test_a_child_finds_no_holes_and_has_room(open_sandbox: OpenSandbox) -> None:
    async with open_sandbox() as sandbox:
        blocks, room = map(int, (await sandbox.trace(_LOOK)).stdout.split())
    assert blocks < 300  # hundreds more where the holes were not filled
    assert room > 3 * 2**20
