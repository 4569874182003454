"""A worker that breaks the rule: it leaves a thread in the zygote."""

import threading

from tests.sandbox.plain_worker import answer, warm

__all__ = ["answer", "prepare", "warm"]


def prepare() -> None:
    """Start a thread that stays."""
    threading.Thread(target=threading.Event().wait, daemon=True).start()
