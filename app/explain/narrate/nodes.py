"""What backward did at one node: what it read, whether the check passed, what it received and passes on."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from app.explain.facts import ended_with
from app.explain.narrate.index import Index
from app.explain.narrate.naming import Names
from app.explain.narrate.words import code, counted, joined, node_word, numbers_of, told
from app.trace.flow import ACCUMULATE
from app.trace.model import Backward, Check, Fired, Node, SavedTensor, Trace, Values

TORCH_SAYS = "modified by an inplace operation"


class Reading(Struct, frozen=True, gc=False):
    """One saved tensor of a node, and what backward found."""

    saved: SavedTensor
    check: Check

    @property
    def differs(self) -> bool:
        """Whether its counter is not where it was."""
        return self.check.version != self.saved.version and self.is_counted

    @property
    def is_counted(self) -> bool:
        """Whether there is a counter to compare."""
        return self.check.version is not None and self.saved.version is not None

    @property
    def is_wrong(self) -> bool:
        """Whether its contents changed, unnoticed."""
        return self.check.intact is False and not self.differs


def readings(node: Node, fired: Fired) -> list[Reading]:
    """What backward looked at; a tensor that was saved twice counts once."""
    found = [Reading(node.saved[check.slot], check) for check in fired.checks if check.slot < len(node.saved)]
    return list({(one.saved.tensor, one.check.version, one.saved.version): one for one in reversed(found)}.values())[
        ::-1
    ]


def refused(trace: Trace, backward: Backward, fired: Fired, *, is_last: bool) -> Reading | None:
    """The saved tensor whose check ended this backward."""
    if fired.finished or not backward.raised:
        return None
    node = trace.nodes[fired.node]
    found = next((reading for reading in readings(node, fired) if reading.differs), None)
    if is_last or node.custom:  # a Function may have raised on its own account, before it read anything
        return found if is_last and ended_with(trace, TORCH_SAYS) else None
    return found


class NodeTeller:
    """Sentences about one node of a backward."""

    def __init__(self, index: Index, names: Names) -> None:
        self._index, self._names = index, names
        self._history, self._trace = index.history, index.trace

    def told(self, backward: Backward, fired: Fired, moment: int) -> list[str]:
        """One or two sentences."""
        node = self._trace.nodes[fired.node]
        if node.name == ACCUMULATE:
            return [self._accumulated(node, fired, backward.step, moment)]
        found = readings(node, fired)
        stopping = refused(self._trace, backward, fired, is_last=moment == self._index.moments.count)
        if stopping is not None:
            return [self._refused(node, stopping, backward.step, moment)]
        if not fired.finished:
            return [self._unfinished(node, backward, moment)]
        passes = self._passes(node, fired, backward.step, moment)
        if found:
            telling = next((one for one in found if one.is_wrong), None)
            return [
                self._read(node, [telling] if telling else found, backward.step, moment),
                f"It passes {passes}." if telling or not self._received(fired) else self._received_and(fired, passes),
            ]
        received = self._received(fired)
        whose = f", of the Function {code(_function(node))}" if node.custom else ""
        got = f"it received {received} and passes {passes}" if received else f"it passes {passes}"
        return [f"Backward runs {node_word(node.name)}{whose}: {got}."]

    # what it read

    def _read(self, node: Node, found: Sequence[Reading], step: int, moment: int) -> str:
        reader = node_word(node.name)
        names = joined([self._names.kept(one.saved, moment, step) for one in found])
        if any(one.differs for one in found):  # and it went on all the same: it took no notice of them
            one = next(one for one in found if one.differs)
            name = self._names.kept(one.saved, moment, step)
            return f"{reader} runs without reading {name}, whose counter has moved since version {one.saved.version}."
        if len(found) > 1:
            return f"{reader} reads {names}, all at the versions saved: the check passes."
        one = found[0]
        if not one.is_counted:
            changed = " Its contents changed since." if one.is_wrong else ""
            return f"{reader} reads {names}, which has no counter to check.{changed}"
        version = f"saved at version {one.saved.version}, still {one.check.version}, so the check passes"
        return f"{reader} reads {names}: {version}{', but its contents changed since' if one.is_wrong else ''}."

    def _refused(self, node: Node, one: Reading, step: int, moment: int) -> str:
        return (
            f"{node_word(node.name)} was to read {self._names.kept(one.saved, moment, step)}, "
            f"saved at version {one.saved.version}; its counter is at {one.check.version}, "
            "so backward refuses and raises."
        )

    def _unfinished(self, node: Node, backward: Backward, moment: int) -> str:
        reader = node_word(node.name)
        if not backward.raised:
            return f"Backward begins to run {reader}."
        if node.freed_at is not None and node.freed_at < moment and not node.custom:
            return f"{reader} finds what it had saved gone: an earlier backward freed it, so this one raises."
        return f"Backward came to {reader}, and an exception ended it there."

    # what it passed on

    def _received_and(self, fired: Fired, passes: str) -> str:
        return f"It received {self._received(fired)} and passes {passes}."

    @staticmethod
    def _received(fired: Fired) -> str | None:
        known = [text for values in fired.grad_outputs if (text := told(values))]
        return joined(known) or None

    def _passes(self, node: Node, fired: Fired, step: int, moment: int) -> str:
        """Each gradient and where it goes: "1 to `a` and `b`, and 2 to MulBackward0"."""
        goals: dict[str, list[str]] = {}
        for goal, values in self._sent(node, fired):
            text = told(values)
            if text:
                goals.setdefault(text, []).append(self._goal(goal, step, moment))
        parts = [f"{text} to {counted(names)}" for text, names in goals.items()]
        return joined(parts, most=2) or "nothing on"

    def _sent(self, node: Node, fired: Fired) -> Iterator[tuple[str, Values | None]]:
        for edge, values in zip(node.inputs, fired.grad_inputs, strict=False):
            if edge is not None and values is not None:
                yield edge.node, values

    def _goal(self, key: str, step: int, moment: int) -> str:
        node = self._trace.nodes[key]
        if node.name == ACCUMULATE and node.tensors:
            return self._names.called(node.tensors[0], moment, step)
        return node_word(node.name)

    # what it added up

    def _accumulated(self, node: Node, fired: Fired, step: int, moment: int) -> str:
        received = self._received(fired) or "a gradient"
        if not node.tensors:
            return f"AccumulateGrad receives {received}."
        leaf = node.tensors[0]
        name = self._names.name(leaf, moment, step)
        place = code(f"{name}.grad") if name else "the `.grad` of a temporary tensor"
        before, after = self._history.grad(leaf, moment - 1), self._history.grad(leaf, moment)
        if after is None:
            return f"AccumulateGrad received {received}, and {place} is None afterwards."
        now = numbers_of(self._history.values(after, moment))
        if before is None:
            changed = now is not None and len(fired.grad_outputs) == 1 and now != numbers_of(fired.grad_outputs[0])
            then = f", which holds {now} afterwards" if changed else ""
            return f"AccumulateGrad puts {received} into {place}{then}."
        if now is None:
            return f"AccumulateGrad adds {received} to {place}."
        return f"AccumulateGrad adds {received}: {place} is now {now}."


def _function(node: Node) -> str:
    return node.name.removesuffix("Backward") or node.name
