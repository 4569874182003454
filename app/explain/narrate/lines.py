"""What a line did to names and attributes, which function it entered, and whether recording was on."""

import re
from collections.abc import Iterator

from app.explain.narrate.index import Bound, Index
from app.explain.narrate.naming import Names
from app.explain.narrate.operators import OFF
from app.explain.narrate.words import cleaned, code, elements, joined, numbers_of, told

_LITERAL = re.compile(r"-?[\d.]+(e[+-]?\d+)?|True|False|None")
_BEGINNING = re.compile(r"[^.\[]*")
_COLLECTION = re.compile(r"(list|tuple|dict|set|frozenset) of \d+")


class LineTeller:
    """Sentences about what is left to say of a line besides operators."""

    def __init__(self, index: Index, names: Names) -> None:
        self._index, self._names = index, names
        self._history, self._trace = index.history, index.trace

    def changed(self, moment: int, step: int) -> str | None:
        """`.grad` was cleared or set, or tensors came to require grad or ceased to."""
        grads = self._index.grads.at(moment)
        cleared = [key for key, grad in grads if grad.tensor is None]
        if cleared:
            names = [name for key in cleared if (name := self._names.name(key, moment, step))]
            if names:
                verb = "is" if len(names) == 1 else "are"
                return f"{joined([code(f'{name}.grad') for name in names])} {verb} None from here on."
        for key, grad in grads:
            values = told(self._history.values(grad.tensor, moment)) if grad.tensor else None
            if values and (name := self._names.name(key, moment, step)):
                return f"{code(f'{name}.grad')} holds {values} from here on."
        on, off = list[str](), list[str]()
        for key, turn in self._index.turns.at(moment):
            tensor = self._trace.tensors[key]
            if tensor.moment == moment or not turn.is_leaf:
                continue
            before = self._history.standing(key, moment - 1)
            if before.is_leaf and before.requires_grad != turn.requires_grad:
                (on if turn.requires_grad else off).append(self._names.called(key, moment, step))
        for names, verb in ((on, "{} require{} grad from here on."), (off, "{} no longer require{} grad.")):
            if names:
                return verb.format(joined(names), "s" if len(names) == 1 else "")
        return None

    def idle(self, moment: int, step: int) -> str | None:
        """An optimizer took a step without a gradient."""
        for update in self._index.idle_updates.at(moment):
            if update.step == step:
                return f"the {cleaned(update.optimizer)} found a gradient at none of its parameters."
        return None

    def bound(self, moment: int, step: int) -> str | None:
        """Names that came to stand for something else."""
        frame = self._trace.steps[step].frame
        last = {one.binding.name: one for one in self._bound_in(moment, frame)}
        # what is reached through a name that is told goes without saying
        whole = {name: one for name, one in last.items() if _root(name) == name or _root(name) not in last}
        said = [text for one in whole.values() if (text := self._bound(one, moment, step))]
        if not said:
            return None
        return f"{joined(said, most=2)}."

    def _bound_in(self, moment: int, frame: int) -> Iterator[Bound]:
        for one in self._index.bound.at(moment):
            if one.binding.frame == frame:
                yield one

    def _bound(self, one: Bound, moment: int, step: int) -> str | None:
        binding, name = one.binding, code(one.binding.name)
        if binding.tensor is not None:
            tensor = self._trace.tensors[binding.tensor]
            other = self._names.name(binding.tensor, moment, step)
            if tensor.moment < moment and other and other not in (binding.name, tensor.expression):
                return f"{name} is the same tensor as {code(other)}"
            if tensor.moment == moment:
                return f"{name} is a tensor with {elements(tensor.shape)}{self._values(binding.tensor, moment)}"
            where = self._trace.line(tensor.step) if tensor.step is not None else None
            return f"{name} is a tensor first seen on line {where}" if where else f"{name} is a tensor"
        if binding.text is None:
            if one.before is not None and one.before.tensor is not None:
                return f"{name} no longer names a tensor"
            return None
        return f"{name} is {_thing(binding.text)}"

    def _values(self, key: str, moment: int) -> str:
        values = numbers_of(self._history.values(key, moment))
        return f": {values}" if values else ""

    def entered(self, step: int) -> str | None:
        """The function, or the body of a class, that the line goes into next."""
        if step + 1 >= len(self._trace.steps):
            return None
        following = self._trace.steps[step + 1]
        is_next = following.moment == self._trace.steps[step].moment + 1
        if (
            is_next
            and following.caller == step
            and following.frame != self._trace.steps[step].frame
            and following.function
        ):
            return following.function
        return None

    def mode(self, step: int) -> str | None:
        """Recording was switched off or on before this line."""
        steps = self._trace.steps
        if not step or self._index.is_run_by_backward(step):
            return None
        before = step - 1
        while before and self._index.is_run_by_backward(before):
            before -= 1
        mode = steps[step].mode
        if steps[before].mode == mode:
            return None
        return "Recording is on again." if mode == "grad" else f"Recording is off here ({OFF[mode]})."


def _root(name: str) -> str:
    """The name that an expression begins with: `model` of `model.0.weight`."""
    return _BEGINNING.match(name)[0]  # type: ignore[index]  # it matches nothing at least


def _thing(text: str) -> str:
    if _LITERAL.fullmatch(text):
        return text.replace("-", "−")
    if text[:1] in ("'", '"'):
        return code(text)
    return f"a {text}" if _COLLECTION.fullmatch(text) else f"of type {code(text)}"
