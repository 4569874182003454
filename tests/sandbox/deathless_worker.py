"""A worker whose zygote asks the kernel not to end it together with its server."""

from app.sandbox import kernel
from tests.sandbox.plain_worker import answer, warm

__all__ = ["answer", "prepare", "warm"]


def prepare() -> None:
    """Take back what the zygote has asked for."""
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 0)
