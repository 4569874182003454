"""The plain worker in a zygote that grows by 2 MB with every child."""

import os

from tests.sandbox.plain_worker import answer, prepare, warm

__all__ = ["answer", "prepare", "warm"]

_kept: list[bytearray] = []
os.register_at_fork(after_in_parent=lambda: _kept.append(bytearray(b"x" * 2_000_000)))
