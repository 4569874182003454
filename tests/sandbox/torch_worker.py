"""The plain worker, with torch imported ahead as the real one does."""

from collections.abc import Callable

from app.worker.preload import preload, seed
from tests.sandbox import plain_worker


def prepare() -> None:
    """Import torch and all that snippets use."""
    preload()


def warm() -> None:
    """Touch what the first backward touches."""
    import torch

    a = torch.ones(3, requires_grad=True)
    a.sigmoid().sum().backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped


def answer(request: bytes, send: Callable[[bytes], None], line: memoryview) -> None:
    """As the plain worker, from a known state of all generators."""
    seed()
    plain_worker.answer(request, send, line)
