"""Every moment of a run by number: a line that ran or, inside a backward, a node that ran; from 1.

Where recording stopped before the run did, the last moment is all the rest.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Set

from app.trace.model import Tensor, Trace, Turn


class Moments:
    """The moments of a Trace. One at which nothing is recorded counts to the line that ran last."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._of_step = [step.moment for step in trace.steps]
        nodes = [
            (fired.moment, index, at)
            for index, backward in enumerate(trace.backwards)
            for at, fired in enumerate(backward.fired)
        ]
        nodes.sort()
        self._nodes = nodes  # moment, index into trace.backwards, which of its nodes
        self._node_moments = [moment for moment, _, _ in nodes]
        self._inside = {moment: (index, at) for moment, index, at in reversed(nodes)}  # of two at once, the first
        self.count = max([0, *self._of_step[-1:], *self._node_moments[-1:], trace.unobserved or 0])
        self._stretches = list(self._side_by_side())
        self._stretch_starts = [first for first, _ in self._stretches]

    def firings(self, nodes: Set[str]) -> dict[str, list[tuple[int, bool]]]:
        """When backward ran each of `nodes`, and whether it finished."""
        found: dict[str, list[tuple[int, bool]]] = {node: [] for node in nodes}
        for moment, index, at in self._nodes:
            fired = self.trace.backwards[index].fired[at]
            if fired.node in found:
                found[fired.node].append((moment, fired.finished))
        return found

    def of(self, step: int | None) -> int:
        """The moment at which a step runs its line; the first for None."""
        return 1 if step is None else self._of_step[min(step, len(self._of_step) - 1)]

    def end_of(self, step: int) -> int:
        """The last moment before the next step begins: the last node of its backward, or the line itself."""
        return self._of_step[step + 1] - 1 if step + 1 < len(self._of_step) else self.count

    def step_of(self, moment: int) -> int:
        """The step that a moment belongs to: of a node, the one that called backward."""
        inside = self.backward_of(moment)
        if inside is not None:
            return self.trace.backwards[inside[0]].step
        return max(bisect_right(self._of_step, moment) - 1, 0)

    def line_of(self, moment: int) -> int:
        """The source line that a moment belongs to."""
        return self.trace.line(self.step_of(moment))

    def backward_of(self, moment: int) -> tuple[int, int] | None:
        """The backward that a moment is a node of, and which of its nodes, from 0."""
        return self._inside.get(moment)

    def is_line(self, moment: int) -> bool:
        """Whether a line began then."""
        at = bisect_left(self._of_step, moment)
        return at < len(self._of_step) and self._of_step[at] == moment

    def stretches(self, first_step: int, last_step: int) -> Iterator[tuple[int, int]]:
        """The moments of some steps, cut where lines and the nodes of a backward meet: first and last of each."""
        begin, end = self.of(first_step), self.end_of(last_step)
        for at in range(max(bisect_right(self._stretch_starts, begin) - 1, 0), len(self._stretches)):
            first, last = self._stretches[at]
            if first > end:
                break
            yield max(first, begin), min(last, end)

    def _side_by_side(self) -> Iterator[tuple[int, int]]:
        """Neighbouring moments that are all lines, or all nodes of one backward."""
        begin = 1
        running: int | None = None
        following = 1
        for moment, index, _ in self._nodes:
            if moment != following or index != running:
                if begin < moment:
                    if running is not None and following < moment:  # lines between nodes
                        yield begin, following - 1
                        begin = following
                    yield begin, moment - 1
                begin, running = moment, index
            following = moment + 1
        if running is not None and following <= self.count:
            yield begin, following - 1
            begin = following
        if begin <= self.count:
            yield begin, self.count


def standing(tensor: Tensor, moment: int) -> Turn:
    """How `tensor` stood in the graph at `moment`."""
    turns = tensor.turns
    if not turns:
        return Turn(moment=tensor.moment, node=tensor.node, is_leaf=tensor.is_leaf, requires_grad=tensor.requires_grad)
    return turns[max(bisect_right(turns, moment, key=lambda turn: turn.moment) - 1, 0)]
