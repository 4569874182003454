"""A figure in two sentences, for those who hear it."""

from collections.abc import Iterator, Sequence

from app.diagram.bodies import cut_word
from app.diagram.facts import Facts
from app.diagram.parts import Folded
from app.diagram.shelves import Shelf


def story(facts: Facts, folded: Folded, kept: Sequence[Shelf]) -> str:
    """What backward did, and what went wrong or was shared."""
    return " ".join(sentence for sentence in (_backward(facts), next(_telling(facts, folded, kept), "")) if sentence)


def _backward(facts: Facts) -> str:
    nodes = facts.trace.nodes
    if not nodes:
        return "Nothing is recorded: no operator used a tensor that requires grad."
    if not facts.trace.backwards:
        return f"No backward ran; {len(nodes):,} node{'s are' if len(nodes) > 1 else ' is'} recorded."
    last = facts.trace.backwards[-1]
    if not last.fired:
        return f"{len(nodes):,} nodes are recorded, and backward ran none of them."
    names = [nodes[fired.node].name for fired in last.fired]
    if last.raised:
        return f"Backward stopped at {names[-1]}, number {len(names)} of the nodes that it came to."
    if len(names) == 1:
        return f"Backward ran {names[0]}."
    return f"Backward ran {len(names):,} nodes, from {names[0]} to {names[-1]}."


def _telling(facts: Facts, folded: Folded, kept: Sequence[Shelf]) -> Iterator[str]:
    for key, node in facts.trace.nodes.items():
        for saved in node.saved:
            fate = facts.fate(saved)
            if fate == "wrong":
                yield (
                    f"{node.name} read {saved.slot} from cells that had changed since it saved them, "
                    f"and its version check passed: {saved.version} is still {saved.version_read}."
                )
            if fate == "refused":
                yield (
                    f"{node.name} saved {saved.slot} at version {saved.version}; "
                    f"its counter is at {saved.version_read}, so backward refused it."
                )
        if key not in facts.firings and node.saved and facts.ran_backward and folded.joins:
            break
    cut = next((join for join in folded.joins if join.cut), None)
    if cut and cut.cut:
        yield f"{cut_word(cut.cut)} cut the way to {facts.trace.tensors[cut.cut.source].label}: no gradient passes."
    shared = next((shelf for shelf in kept if len(shelf.windows) > 1), None)
    if shared:
        names = [window.name for window in shared.windows]
        yield f"{', '.join(names[:-1])} and {names[-1]} share the memory of storage {shared.storage.upper()}."
    if kept:
        yield f"{len(kept)} storage{'s are' if len(kept) > 1 else ' is'} drawn."
