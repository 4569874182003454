"""Who asks for a run: what the queue needs to be fair, and what the log needs to tell runs apart.

It goes with the context of a request, so that nothing between the door and the queue has to hand it on.
"""

from contextvars import ContextVar

from msgspec import Struct


class Asking(Struct, kw_only=True):
    """One request. `address` and `page` are names to tell readers apart by, and nothing more."""

    address: str = ""
    page: str = ""  # of one address there may be many: a class behind one router
    run: str | None = None  # of the latest run that was made for it, or that it shares


_asking: ContextVar[Asking | None] = ContextVar("asking", default=None)


def asking() -> Asking:
    """Who asks in this context; an unnamed reader where nobody said."""
    found = _asking.get()
    if found is None:
        found = Asking()
        _asking.set(found)
    return found


def asked_by(who: Asking) -> None:
    """From here on, `who` asks in this context."""
    _asking.set(who)
