"""Why a leaf or parameter has no gradient, from facts of the run."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from app.trace.flow import cuts
from app.trace.model import Backward, Final, Trace

Key = Literal[
    "frozen",
    "not-a-leaf",
    "no-backward",
    "returned",
    "others-asked",
    "cleared",
    "refused",
    "unused",
    "cut",
    "not-reached",
]

RULES: dict[Key, str | None] = {  # the pitfall that tells more; None where none does
    "frozen": "frozen-leaf",
    "not-a-leaf": "leaf-rebound",
    "no-backward": None,
    "returned": None,
    "others-asked": None,
    "cleared": None,
    "refused": "saved-tensor-overwritten",
    "unused": "leaf-without-gradient",
    "cut": "graph-cut",
    "not-reached": "leaf-without-gradient",
}

_BY = {
    "detach": "detach",
    "data": ".data",
    "no_grad": "no_grad",
    "python-scalar": "a Python number",
    "numpy": "numpy",
    "copy-constructor": "a copy",
    "non-differentiable": "an operator without a derivative",
}


class Reason(Struct, frozen=True, kw_only=True):
    """Why there is none, in one sentence, and the lines that it speaks of."""

    key: Key
    words: str
    rule: str | None = None
    lines: tuple[int, ...] = ()


class Reasons:
    """Answers for one run."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._cut_lines: dict[str, tuple[int, str]] | None = None

    def of(self, final: Final) -> Reason:
        """Why `final`, which has no `.grad`, has none."""
        if not final.requires_grad:
            return _reason("frozen", "None by request: requires_grad is False.")
        if not final.is_leaf:
            return _reason("not-a-leaf", "None: it is no leaf, so backward keeps no gradient for it.")
        if not self.trace.backwards:
            return _reason("no-backward", "None: no backward ran.")
        node = self.trace.tensors[final.tensor].node if final.tensor else None
        reached = [backward for backward in self.trace.backwards if _reached(backward, node, final.tensor)]
        kept = [
            backward
            for backward in reached
            if backward.call == "backward" and (not backward.inputs or final.tensor in backward.inputs)
        ]
        if kept:
            return self._with_line("cleared", "None: line {} gave it one, and it was set to None afterwards.", kept[-1])
        if reached:
            words = "None: autograd.grad on line {} returned its gradient and left .grad alone."
            return self._with_line("returned", words, reached[-1])
        return self._not_reached(node, final.tensor)

    def _not_reached(self, node: str | None, tensor: str | None) -> Reason:
        asked = [backward for backward in self.trace.backwards if backward.inputs]
        if len(asked) == len(self.trace.backwards):
            return self._with_line("others-asked", "None: line {} asked for the gradients of other tensors.", asked[-1])
        refused = [backward for backward in self.trace.backwards if backward.raised]
        if refused and len(refused) == len(self.trace.backwards):
            return self._with_line(
                "refused", "None: the backward on line {} was refused before it came here.", refused[-1]
            )
        cut = self._cut_of(node or tensor or "")
        if cut is None and node is None:
            return _reason("unused", "None: no recorded operator used it.")
        if cut is not None:
            line, by = cut
            words = f"None: its values left the graph on line {line} by {by}, and backward came no further."
            return _reason("cut", words, (line,))
        return self._with_line(
            "not-reached", "None: the backward on line {} did not reach it.", self.trace.backwards[-1]
        )

    def _with_line(self, key: Key, words: str, backward: Backward) -> Reason:
        line = self.trace.line(backward.step)
        return _reason(key, words.format(line), (line,))

    def _cut_of(self, leaf: str) -> tuple[int, str] | None:
        """Where a value left the graph that came from this node, or leaf, and went on into what backward ran."""
        if self._cut_lines is None:
            self._cut_lines = self._find_cuts()
        return self._cut_lines.get(leaf)

    def _find_cuts(self) -> dict[str, tuple[int, str]]:
        fired = {fired.node for backward in self.trace.backwards for fired in backward.fired}
        found: dict[str, tuple[int, str]] = {}
        once = {tensor: node for node, record in self.trace.nodes.items() for tensor in record.tensors}
        for cut in cuts(self.trace):
            source = self.trace.tensors[cut.source].node or once.get(cut.source)  # detach_() took it away
            if not fired.intersection(cut.into):
                continue
            for node in self._above(source) if source else {cut.source}:
                found.setdefault(node, (self.trace.line(cut.step), _BY.get(cut.by, cut.by)))
        return found

    def _above(self, node: str) -> set[str]:
        """A node and all that backward from it would come to."""
        seen: set[str] = set()
        todo = [node]
        while todo:
            key = todo.pop()
            if key not in seen:
                seen.add(key)
                todo += [edge.node for edge in self.trace.nodes[key].inputs if edge]
        return seen


def _reached(backward: Backward, node: str | None, tensor: str | None) -> bool:
    """Whether it ran the leaf's node, or was asked for its gradient, for which autograd.grad runs none."""
    if backward.call == "grad" and tensor is not None and tensor in backward.inputs:
        return not backward.raised
    return node is not None and any(fired.node == node and fired.finished for fired in backward.fired)


def _reason(key: Key, words: str, lines: Sequence[int] = ()) -> Reason:
    return Reason(key=key, words=words, rule=RULES[key], lines=tuple(lines))
