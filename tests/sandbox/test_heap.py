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
