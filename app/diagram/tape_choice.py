"""Which storages get a lane on the tape: those in question first, then what was written, shared or saved."""

from collections import Counter

from msgspec import Struct

from app.diagram.tape_lanes import QUIET, RANK, SAVED, TROUBLE, WRITTEN, Fate
from app.trace.model import SavedTensor, Trace

_UNREAD: tuple[Fate, ...] = ("changed", "stale")
_ROOM = 10  # of lanes: how much is drawn, in the costs below; lanes in trouble are drawn up to _MOST_TROUBLED
_COSTS = {WRITTEN: 3, SAVED: 3, QUIET: 1}
_TROUBLED_COST = 6
_MOST_TROUBLED = 4
_MOST_QUIET = 3


class Choice(Struct, frozen=True, kw_only=True):
    """The storages to draw with their ranks, most telling first, and how many are not drawn, by what they are."""

    drawn: tuple[tuple[str, int], ...]
    troubled: int = 0
    others: int = 0
    quiet: int = 0
    passing: int = 0


class Fates:
    """What became of saved tensors."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._unfinished = {
            fired.node
            for backward in trace.backwards
            if backward.raised
            for fired in backward.fired[-1:]
            if not fired.finished
        }

    def of(self, node: str, saved: SavedTensor) -> Fate:
        """Of one, by what the Trace says of its version and its contents."""
        tensor = self.trace.tensors[saved.tensor] if saved.tensor else None
        if tensor is not None and tensor.dtype == "uint8" and not tensor.names:
            return "kept"  # a workspace of a library, not a value
        if saved.version_read is not None:
            if _moved(saved, saved.version_read):
                return "refused" if node in self._unfinished else "kept"
            return "differs" if saved.intact is False and not saved.hooked else "kept"
        if saved.version_now is not None and _moved(saved, saved.version_now):
            return "stale"
        return "changed" if saved.intact_now is False else "kept"

    def rank(self, node: str, saved: SavedTensor) -> int:
        """How telling that is; where backward ran, what it never came to was most likely dropped."""
        fate = self.of(node, saved)
        return SAVED if fate in _UNREAD and self.trace.backwards else RANK[fate]


def _moved(saved: SavedTensor, version: int) -> bool:
    return saved.version is not None and version != saved.version and not saved.hooked


def choose(trace: Trace, fates: Fates) -> Choice:
    """What of `trace` to draw. Storages that had no name, or are gone and had nothing to tell, count as passing."""
    ranks = _ranks(trace, fates)
    order = {storage: at for at, storage in enumerate(trace.storages)}
    ranked = sorted(ranks.items(), key=lambda entry: (-entry[1], order[entry[0]]))
    names: dict[str, str] = {}
    for tensor in trace.tensors.values():
        if tensor.names and tensor.storage in ranks:
            names.setdefault(tensor.storage, tensor.names[0])
    drawn: dict[str, int] = {}
    taken: set[str | None] = set()
    room, quiet = _ROOM, 0
    for storage, rank in ranked:
        cost, name = _COSTS.get(rank, _TROUBLED_COST), names.get(storage)
        if rank < TROUBLE and name in taken:
            continue  # the same in another pass of a loop
        if len(drawn) < _MOST_TROUBLED if rank >= TROUBLE else cost <= room and (rank or quiet < _MOST_QUIET):
            drawn[storage] = rank
            taken.add(name)
            room -= cost
            quiet += rank == QUIET
    left = [rank for storage, rank in ranked if storage not in drawn]
    return Choice(
        drawn=tuple(drawn.items()),
        troubled=sum(rank >= TROUBLE for rank in left),
        others=sum(QUIET < rank < TROUBLE for rank in left),
        quiet=sum(rank == QUIET for rank in left),
        passing=len(trace.storages) - len(ranks),
    )


def _ranks(trace: Trace, fates: Fates) -> dict[str, int]:
    saved_ranks: dict[str, int] = {}
    for node_id, node in trace.nodes.items():
        for saved in node.saved:
            if saved.tensor and (storage := trace.tensors[saved.tensor].storage):
                rank = fates.rank(node_id, saved)
                if rank > saved_ranks.get(storage, QUIET):
                    saved_ranks[storage] = rank
    named = Counter(tensor.storage for tensor in trace.tensors.values() if tensor.names and tensor.storage)
    written = {
        write.storage for write in trace.writes if write.changed and write.step != trace.storages[write.storage].step
    }
    written |= {array.storage for array in trace.arrays}
    ranks = {storage: rank for storage, rank in saved_ranks.items() if rank >= TROUBLE}
    for storage, count in named.items():
        if storage is None or storage in ranks:
            continue
        rank = WRITTEN if count > 1 or storage in written else saved_ranks.get(storage, QUIET)
        if rank or trace.storages[storage].alive:
            ranks[storage] = rank
    return ranks
