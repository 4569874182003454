"""Every name that was bound to a tensor at the end: over which storage, at which version, made by what."""

from msgspec import Struct

from app.trace.model import Final, Trace

MOST_ROWS = 200


class NameRow(Struct, frozen=True, kw_only=True):
    """One name, as the table of names lists it."""

    name: str
    ref: str | None
    storage: str | None  # "S1"
    storage_ref: str | None
    counter: str | None  # "v0", where the storage has several counters
    counter_ref: str | None
    version: int | None
    made_by: str


def names_of(trace: Trace) -> tuple[NameRow, ...]:
    """The first names, in the order of the Trace."""
    counters: dict[str, set[str]] = {}
    for tensor in trace.tensors.values():
        if tensor.storage and tensor.counter and tensor.names:
            counters.setdefault(tensor.storage, set()).add(tensor.counter)
    return tuple(
        NameRow(
            name=name,
            ref=final.tensor,
            storage=final.storage and f"S{final.storage[1:]}",
            storage_ref=final.storage,
            counter=final.counter if len(counters.get(final.storage or "", ())) > 1 else None,
            counter_ref=final.counter,
            version=final.version,
            made_by=_made_by(final),
        )
        for name, final in list(trace.final.items())[:MOST_ROWS]
    )


def _made_by(final: Final) -> str:
    if final.grad_fn:
        return f"`{final.grad_fn}`"
    if not final.is_leaf:
        return "an operator"
    if final.requires_grad:
        return "parameter, requires grad" if final.parameter else "leaf, requires grad"
    return "parameter, frozen" if final.parameter else "no history"
