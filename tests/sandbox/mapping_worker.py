"""A worker whose zygote can be asked what memory a child shares."""

from pathlib import Path

from app.sandbox import probe
from tests.sandbox.plain_worker import answer, warm

__all__ = ["answer", "prepare", "warm"]


def prepare() -> None:
    """Add an attempt: count the writable mappings that are shared with other processes."""
    probe.ATTEMPTS["shared_pages"] = shared_pages


def shared_pages() -> str:
    """How many there are."""
    mappings = [line.split()[1] for line in Path("/proc/self/maps").read_text().splitlines()]
    return f"{mappings.count('rw-s')} shared"
