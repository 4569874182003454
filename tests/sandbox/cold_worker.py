"""A worker whose warm-up fails."""

from tests.sandbox.plain_worker import answer, prepare

__all__ = ["answer", "prepare", "warm"]


def warm() -> None:
    """Fail."""
    raise LookupError("nothing to warm up with")
