"""What the operators of a line made, viewed, cut off and had saved, and whether that was recorded."""

from collections.abc import Sequence

from app.explain.narrate.index import Index
from app.explain.narrate.naming import NAMELESS, Names
from app.explain.narrate.words import called_in, code, counted, elements, joined, node_word, op_word, told
from app.trace.figures import number
from app.trace.model import Backward, Node, Operation

_TO_PYTHON = frozenset(["item", "tolist", "__float__", "__int__", "__complex__", "__index__"])
_TO_NUMPY = frozenset(["numpy", "__array__"])
_SAME_MEMORY = frozenset([".data", "detach", "detach_"])
_NO_READS = frozenset([".grad", ".grad=", ".data=", "backward", "grad", "requires_grad_"])
OFF = {"no_grad": "`no_grad`", "inference": "`inference_mode`", "grad": "`no_grad`"}


class OperatorTeller:
    """Sentences about the operators of one line."""

    def __init__(self, index: Index, names: Names) -> None:
        self._index, self._names = index, names
        self._history, self._trace = index.history, index.trace

    def began(self, backward: Backward, made: str | None) -> str:
        """A backward starts; `made` says that the line made what it starts from."""
        moment, step = backward.moment, backward.step
        roots = joined([self._names.called(key, moment, step) for key in backward.roots]) or "a tensor"
        if backward.call == "grad":
            asked = joined([self._names.called(key, moment, step) for key in backward.inputs])
            told = f"backward starts from {roots}{f', for the gradient of {asked}' if asked else ''}"
        elif made is not None:
            told = f"{made}, and backward starts from {'it' if roots in made and ' and ' not in made else roots}"
        else:
            told = f"backward starts from {roots}"
        if backward.creates_graph:
            told += "; it is recorded in turn"
        return f"{told}." if backward.fired or not backward.raised else f"{told} and raises before any node has run."

    def cut(self, operations: Sequence[Operation], moment: int) -> str | None:
        """The first operator that took a value out of its graph."""
        for one in operations:
            if one.raised or not one.inputs or one.op in _NO_READS:
                continue
            source = one.inputs[0]
            name = self._names.called(source, moment, one.step)
            wanted = self._wanted(source, moment)
            if one.op in _TO_PYTHON:
                values = self._history.values(source, moment)
                if one.op == "tolist" or values is None or not values.flat or len(values.flat) != 1:
                    numbers = f"Python numbers{', which have no graph' if wanted else ''}"
                else:
                    numbers = f"the number {number(values.flat[0])}{', which has no graph' if wanted else ''}"
                return f"{op_word(one.op)} read {name} as {numbers}."
            if one.op in _TO_NUMPY:
                return f"{op_word(one.op)} handed {name} to numpy, whose writes autograd does not see."
            if one.op in _SAME_MEMORY and wanted:
                return f"{self._taken_out(one, moment, graph=True)}."
        return None

    def _taken_out(self, operation: Operation, moment: int, *, graph: bool) -> str:
        """`.data` or `.detach()`: what the result shares with its source, which had a `graph`."""
        if not operation.inputs:
            return op_word(operation.op)
        if not operation.outputs or operation.op == "detach_":
            source = self._names.called(operation.inputs[0], moment, operation.step)
            return f"{op_word(operation.op)} took {source} out of its graph"
        source, result = operation.inputs[0], operation.outputs[0]
        one, other = self._trace.tensors[source], self._trace.tensors[result]
        name, given = self._called(source, operation, moment), self._called(result, operation, moment)
        by = op_word(operation.op)
        if one.storage is None or one.storage != other.storage:
            return f"{by} gave {given}: the values of {name}{', without its graph' if graph else ''}"
        if other.counter is None:
            return f"{by} gave {given}: the memory of {name},{' no graph,' if graph else ''} and no version counter"
        if one.counter == other.counter:
            shared = "its version counter too, and no graph" if graph else "and its version counter too"
            return f"{by} gave {given}: the memory of {name}, {shared}"
        return (
            f"{by} gave {given}: the memory of {name},{' no graph,' if graph else ''} and a version counter of its own"
        )

    def is_only_cut(self, operations: Sequence[Operation], moment: int) -> bool:
        """Whether all that they made is what was cut off."""
        return all(one.op in _SAME_MEMORY for one in operations if self._fresh(one, moment))

    def made(
        self, operations: Sequence[Operation], nodes: Sequence[Node], moment: int, *, starts: bool = False
    ) -> str | None:
        """What operators made, without the full stop; None if they made nothing new. `starts`: backward, from that."""
        making = [one for one in operations if not one.raised and self._fresh(one, moment)]
        if not making:
            return None
        last = making[-1]
        if (leaves := self._leaves(last, moment)) and not starts:
            return leaves
        outputs = self._results(making, operations, moment)
        inputs = self._from(making, moment)
        source = f" from {joined(inputs)}" if inputs and not (starts and len(making) == 1) else ""
        recorded = "" if starts else self._recorded(making, nodes, moment)
        if len(making) > 1:
            by = self._together(making)
            if outputs == [by]:
                return f"{by} was made{source}{recorded}"
            return f"{by} made {joined(outputs)}{self._leaf(last, moment, source)}{source}{recorded}"
        if (view := self._view(last, outputs, moment)) is not None:
            return view
        by = self._by(last)
        first = self._trace.tensors[last.outputs[0]]
        if not last.inputs:
            standing = self._history.standing(last.outputs[0], moment)
            grad = " that requires grad" if standing.requires_grad and standing.is_leaf else ""
            about = f", a leaf{grad}, with {elements(first.shape)}" if grad else f", with {elements(first.shape)}"
            return f"{by} made {joined(outputs)}{about}"
        return f"{by} made {joined(outputs)}{self._leaf(last, moment, source)}{source}{recorded}"

    def _leaf(self, last: Operation, moment: int, source: str) -> str:
        """That the one result is a leaf that requires grad, as `ones_like` and `detach().requires_grad_()` make it."""
        standing = self._history.standing(last.outputs[0], moment)
        is_leaf = len(last.outputs) == 1 and standing.is_leaf and standing.requires_grad
        return f", a leaf that requires grad{',' if source else ''}" if is_leaf else ""

    def _results(self, making: Sequence[Operation], operations: Sequence[Operation], moment: int) -> list[str]:
        """What they made that none of them took in again."""
        used = {key for one in operations for key in one.inputs}
        found = {
            key: self._called(key, one, moment)
            for one in making
            for key in self._fresh(one, moment)
            if key not in used or one is making[-1]
        }
        return list(dict.fromkeys(found.values()))

    def _leaves(self, last: Operation, moment: int) -> str | None:
        """Several parameters, say of a module: what made them is no matter, and has no name but the module's."""
        named = [name for key in last.outputs if (name := self._names.name(key, moment, last.step))]
        if not all("." in name for name in named):
            return None
        bound = [one.binding for one in self._index.bound.at(moment) if one.binding.tensor is not None]
        new = {one.tensor: one.name for one in bound if one.tensor and self._trace.tensors[one.tensor].moment == moment}
        standing = {key: self._history.standing(key, moment) for key in new}
        buffers = (
            {key for key, one in standing.items() if not one.requires_grad and "." in new[key]} if named else set()
        )
        new = {key: name for key, name in new.items() if key not in buffers}
        if not new or not all(standing[key].is_leaf and standing[key].requires_grad for key in new):
            return None
        names = joined([code(name) for name in new.values()])
        return (
            f"{names} is new, a leaf that requires grad"
            if len(new) == 1
            else (f"{names} are new, leaves that require grad")
        )

    def _together(self, making: Sequence[Operation]) -> str:
        """Several operators by name, or the reader's call in which torch ran them."""
        expressions = {one.expression for one in making}
        expression = next(iter(expressions))
        if len(expressions) == 1 and expression and called_in(expression) not in {None, *(one.op for one in making)}:
            return code(expression)
        if len(making) <= 3:
            return counted([op_word(one.op) for one in making])
        return f"{len(making):,} operators, the last of them {op_word(making[-1].op)},"

    def _from(self, making: Sequence[Operation], moment: int) -> list[str]:
        """What came in from outside."""
        inside = {key for one in making for key in one.outputs if self._trace.tensors[key].moment == moment}
        found: dict[str, None] = {}
        for one in making:
            for key in one.inputs:
                if key not in inside:
                    found[self._called(key, one, moment)] = None
        return list(found)

    def _recorded(self, making: Sequence[Operation], nodes: Sequence[Node], moment: int) -> str:
        """Which nodes were, where none keeps anything; that nothing was, where something could have been."""
        if nodes:
            if any(node.saved for node in nodes):
                return ""
            return f", and recorded {node_word(nodes[0].name) if len(nodes) == 1 else f'{len(nodes):,} nodes'}"
        off = next((one for one in making if not one.grad_enabled), None)
        if off is not None and any(self._wanted(key, moment) for key in off.inputs):
            return f", without a graph: recording is off ({OFF[self._trace.steps[off.step].mode]})"
        return ""

    def _view(self, operation: Operation, outputs: Sequence[str], moment: int) -> str | None:
        """A view of what was there: over the same memory."""
        fresh = self._fresh(operation, moment)
        base = self._trace.tensors[fresh[0]].base
        if base is None or any(self._trace.tensors[key].base != base for key in fresh):
            return None
        if operation.op in _SAME_MEMORY:
            return self._taken_out(operation, moment, graph=False)
        name = self._called(base, operation, moment)
        if name in outputs and name != NAMELESS:
            name = f"the earlier {name}"
        by = self._by(operation)
        one, other = self._trace.tensors[base], self._trace.tensors[fresh[0]]
        counts = f", and its writes count for {name} too" if one.counter and one.counter == other.counter else ""
        if len(fresh) > 1:
            return f"{by} gave {joined(outputs)}: {len(fresh):,} views of {name}, over its memory"
        if by == outputs[0]:
            return f"{by} is a view of {name}: the same memory, offset {other.offset}{counts}"
        return f"{by} gave {outputs[0]}, a view of {name}: the same memory, offset {other.offset}{counts}"

    def keeps(self, nodes: Sequence[Node], moment: int) -> str | None:
        """What the nodes recorded now keep for backward."""
        keeping = [node for node in nodes if node.saved]
        if not keeping:
            return None
        if len(keeping) == 1:
            return self._kept_by(keeping[0], moment)
        kept: dict[str, None] = {}
        for node in keeping:
            for saved in node.saved:
                if saved.tensor is not None and (name := self._kept(node, saved.tensor, moment)):
                    kept[name] = None
        what = joined(list(kept)) if kept else "what backward needs"
        words = [node_word(node.name) for node in keeping]
        who = joined(words) if len(set(words)) == len(words) == 2 else f"{len(keeping):,} nodes"
        return f"{who} keep {what}{' for backward' if kept else ''}."

    def _kept(self, node: Node, key: str, moment: int) -> str | None:
        tensor = self._trace.tensors[key]
        name = self._names.name(key, moment, node.step or 0, made=tensor.moment == moment)
        return code(name) if name else None

    def _kept_by(self, node: Node, moment: int) -> str:
        word = node_word(node.name)
        entries = [saved for saved in node.saved if not saved.hooked]
        if not entries:
            return f"{word} keeps what saved-tensor hooks packed, of which torch checks no version."
        names = list(dict.fromkeys(self._names.kept(saved, moment, node.step or 0, made=True) for saved in entries))
        versions = list(dict.fromkeys(saved.version for saved in entries))
        has_version = len(versions) == 1 and versions[0] is not None and not names[0].startswith("the number")
        at = f", at version {versions[0]}" if has_version else ""
        return f"{word} keeps {joined(names)} for backward{at}."

    def raised(self, operations: Sequence[Operation], moment: int) -> str | None:
        """The last operator that raised; of a backward, only one that had not begun."""
        for one in reversed(operations):
            if one.raised and not any(backward.fired for backward in self._index.backwards.at(moment)):
                if one.op.startswith("__") and one.expression:
                    return f"{code(one.expression)} raised."
                inputs = joined(list(dict.fromkeys(self._called(key, one, moment) for key in one.inputs)))
                target = f" on {inputs}" if inputs else ""
                return f"{op_word(one.op)}{target} raised."
        return None

    def read(self, operations: Sequence[Operation], moment: int) -> str | None:
        """What was looked at and made nothing new: `.grad`, a comparison."""
        for one in reversed(operations):
            if one.raised or not one.inputs:
                continue
            source = self._names.called(one.inputs[0], moment, one.step)
            if one.op == ".grad":
                return self._grad_read(one, moment)
            if one.op in _NO_READS or (one.op.endswith("_") and not one.op.endswith("__")):
                continue
            if one.op == "register_hook":
                return f"{op_word(one.op)} put a hook on the gradient of {source}."
            if one.outputs and set(one.outputs) <= set(one.inputs):
                return f"{op_word(one.op)} gave {source} itself back."
            inputs = joined(list(dict.fromkeys(self._called(key, one, moment) for key in one.inputs)))
            return f"{self._by(one)} read {inputs}."
        return None

    def _grad_read(self, operation: Operation, moment: int) -> str:
        name = self._names.name(operation.inputs[0], moment, operation.step)
        place = code(f"{name}.grad") if name else "`.grad` of a temporary tensor"
        if not operation.outputs:
            return f"{place} is read, and is None."
        values = told(self._history.values(operation.outputs[0], moment))
        return f"{place} is read{f': {values}' if values else ''}."

    @staticmethod
    def _by(operation: Operation) -> str:
        """An operator's name; where Python has a sign for it, the reader's expression."""
        return (
            code(operation.expression)
            if operation.op.startswith("__") and operation.expression
            else op_word(operation.op)
        )

    def _called(self, key: str, operation: Operation, moment: int) -> str:
        made = self._trace.tensors[key].moment == moment and key in operation.outputs
        return self._names.called(key, moment, operation.step, made=made)

    def _fresh(self, operation: Operation, moment: int) -> list[str]:
        return [
            key
            for key in dict.fromkeys(operation.outputs)
            if key not in operation.inputs and self._trace.tensors[key].moment == moment and operation.op != ".grad"
        ]

    def _wanted(self, key: str, moment: int) -> bool:
        """Whether a tensor had a graph, or was a leaf that requires grad, before the line."""
        return self._history.standing(key, moment - 1).requires_grad or (
            self._trace.tensors[key].moment == moment and self._history.standing(key, moment).requires_grad
        )
