"""What a write did: which elements, through which name, and which version counters moved."""

from collections.abc import Sequence
from math import prod

from app.explain.narrate.index import SWAPS, Index
from app.explain.narrate.naming import NAMELESS, Named, Names
from app.explain.narrate.words import called_in, cleaned, code, elements, joined, numbers_of
from app.trace.model import Operation, Tensor, Write

NO_OPERATOR = "(not an operator)"
_ASSIGNMENTS = frozenset(["__setitem__", "__delitem__"])
_RESHAPING = frozenset(
    "t_ transpose_ swapdims_ swapaxes_ squeeze_ unsqueeze_ as_strided_ unflatten_ resize_ resize_as_".split()
)
_WHOLE = frozenset(  # operators that write every element of the tensor that they go through
    """zero_ fill_ copy_ add_ sub_ mul_ div_ pow_ neg_ abs_ exp_ log_ sqrt_ rsqrt_ square_ reciprocal_ sigmoid_ tanh_
    relu_ clamp_ clip_ sin_ cos_ round_ floor_ ceil_ normal_ uniform_ random_ bernoulli_ exponential_ addcmul_ addcdiv_
    lerp_ true_divide_ floor_divide_ remainder_ fmod_ logical_not_ xlogy_ __iadd__ __isub__ __imul__ __itruediv__
    """.split()
)


def _names_a_write(op: str) -> bool:
    """Whether an operator's name says that it writes in place."""
    return op.endswith("_") or op == NO_OPERATOR or op in SWAPS


class WriteTeller:
    """Sentences about the writes of one moment."""

    def __init__(self, index: Index, names: Names) -> None:
        self._index, self._names = index, names
        self._history, self._trace = index.history, index.trace

    def told(self, writes: Sequence[Write], moment: int, step: int) -> list[str]:
        """One or two sentences about `writes`, which one line did."""
        unseen = [write for write in writes if self._index.is_unseen(write)]
        swaps = [write for write in writes if write.op in SWAPS and write.counter is None and write.through]
        if swaps:
            return self._swapped(swaps[0], moment, step)
        silent = [write for write in unseen if write.op == NO_OPERATOR]
        if silent:
            return self._by_no_operator(silent[0], moment, step)
        places = {(write.storage, write.through) for write in writes}
        if len(places) == 1 and writes[0].through is not None:
            return self._one(writes, writes[0].through, moment, step)
        return self._several(writes, moment, step)

    # one place

    def _one(self, writes: Sequence[Write], key: str, moment: int, step: int) -> list[str]:
        write, tensor = writes[-1], self._trace.tensors[key]
        through = self._through(write, key, moment, step)
        others, theirs = [], []  # names over all that was written, and over some of it
        for named in self._names.over(write.storage, moment, step):
            if self._names.is_same(named.key, key):
                continue
            shared = self._names.covered(tensor, key, named.tensor, named.key)
            if shared and shared == self._count(tensor, key):
                others.append(named)
            elif shared:
                theirs.append((named, shared))
        what, by = self._amount(writes, tensor), self._by(writes)
        if any(one.counter is not None and not _names_a_write(one.op) for one in writes):
            # its counter had moved when the operator ran; what moved it may have been hidden from the recorder
            told = f"{through} was written, at the latest when {by} ran"
            return [f"{told}.", *self._counted(writes, key, others, moment)]
        if all(one.op in _RESHAPING for one in writes):
            return [f"{by} gave {through} another shape, in place.", *self._counted(writes, key, others, moment)]
        if not others:
            told = f"{by} wrote {what} of {through}" if what else f"{by} wrote into {through}"
            if theirs and what:
                named, shared = theirs[0]
                told += f", and {code(named.name)} sees {shared:,} of them"
            elif now := self._now(writes, key, moment):
                told += f": now {now}"
        elif self._names.is_named(key, moment, step):
            all_of_them = joined([*(code(named.name) for named in others[:3]), through], most=4)
            told = f"{by} wrote {what or 'into what'} {'that ' if what else ''}{all_of_them} share, through {through}"
        else:
            owners = joined([code(named.name) for named in others])
            whole = any(prod(named.tensor.shape) == prod(tensor.shape) for named in others)
            part = what if whole or what is None else what.removeprefix("the ")
            told = f"{by} wrote {part} of {owners} through {through}" if part else f"{by} wrote into {owners}"
        return [f"{told}.", *self._counted(writes, key, others + [named for named, _ in theirs], moment)]

    def _counted(self, writes: Sequence[Write], key: str, others: Sequence[Named], moment: int) -> list[str]:
        """What the counters did."""
        tensor = self._trace.tensors[key]
        counter = writes[-1].counter
        if counter is None:
            if tensor.is_inference:
                return ["It has no counter: it was made in inference mode."]
            return [f"Its counter stays {self._stays(tensor, moment)}."] if self._stays(tensor, moment) else []
        before, after = self._moved(counter, moment)
        apart = [named for named in others if named.tensor.counter not in (counter, None)]
        staying = [(named, stays) for named in apart if (stays := self._stays(named.tensor, moment))]
        if staying and self._index.is_unseen(writes[-1]):
            return [f"{self._listed(staying)}."]
        if staying and before != after:
            mine = code(writes[-1].name or "it")
            named, stays = staying[0]
            return [f"{mine}'s counter goes from {before} to {after}, and {code(named.name)}'s stays {stays}."]
        if before == after:
            return []
        if any(named.tensor.counter != counter for named in others):
            return [f"The counter of {code(writes[-1].name or 'it')} goes from {before} to {after}."]
        whose = "The counter that they share" if others else "Its counter"
        return [f"{whose} goes from {before} to {after}."]

    def _swapped(self, write: Write, moment: int, step: int) -> list[str]:
        """Other memory was put under a tensor."""
        key = write.through or ""
        through = self._names.called(key, moment, step)
        now = self._trace.tensors[self._history.as_of(key, moment) or key]
        by = "assigning to `.data`" if write.op == ".data=" else code(write.op)
        told = [f"{by} put other memory under {through}."]
        if now.counter is not None and now.counter == self._trace.tensors[key].counter:
            before, after = self._moved(now.counter, moment)
            moved = f"stays {after}" if before == after else f"goes from {before} to {after}"
            told.append(f"Its counter {moved}.")
        return told

    def _by_no_operator(self, write: Write, moment: int, step: int) -> list[str]:
        """numpy, or an address: no operator ran."""
        over = self._names.over(write.storage, moment, step)
        owners = joined([code(named.name) for named in over]) or "a tensor"
        route = f", over which the array {code(write.name)} lies," if write.name else ""
        told = [f"the memory of {owners}{route} was changed by nothing that counts writes."]
        staying = [(named, stays) for named in over if (stays := self._stays(named.tensor, moment))]
        if staying:
            told.append(f"{self._listed(staying)}.")
        return told

    @staticmethod
    def _listed(staying: Sequence[tuple[Named, str]]) -> str:
        """Counters that did not move."""
        return joined([f"{code(named.name)}'s counter stays {stays}" for named, stays in staying[:2]])

    # several places

    def _several(self, writes: Sequence[Write], moment: int, step: int) -> list[str]:
        targets = list(dict.fromkeys(self._target(write, moment, step) for write in writes))
        named = [target for target in targets if target != NAMELESS]
        nameless = len({write.through for write in writes if self._target(write, moment, step) == NAMELESS})
        if nameless:
            named.append(f"{nameless:,} without a name" if named else f"{nameless:,} tensors without a name")
        told = f"{self._by(writes)} wrote {joined(named, most=4)}"
        unseen = [write for write in writes if self._index.is_unseen(write) and write.counter is not None]
        if unseen:
            hidden = [
                named
                for write in unseen
                for named in self._names.over(write.storage, moment, step)
                if self._history.standing(named.key, moment).requires_grad and named.tensor.counter != write.counter
            ]
            still = [code(named.name) for named in hidden if self._stays(named.tensor, moment)]
            if still:
                kept = "counter" if len(set(still)) == 1 else "counters"
                move = "does" if len(set(still)) == 1 else "do"
                return [f"{told}.", f"The {kept} of {joined(list(dict.fromkeys(still)))} {move} not move."]
        counters = [write.counter for write in writes]
        if None not in counters:
            moves = {self._moved(counter, moment) for counter in counters if counter}
            if len(moves) == 1:
                before, after = next(iter(moves))
                whose = "Each one's counter goes" if len(set(counters)) > 1 else "Its counter goes"
                return [f"{told}.", *([f"{whose} from {before} to {after}."] if before != after else [])]
            return [f"{told}.", "Their counters move."] if all(one != other for one, other in moves) else [f"{told}."]
        if not any(counters) and all(self._stays(one, moment) for one in self._through_tensors(writes)):
            return [f"{told}.", "Their counters do not move."]
        return [f"{told}."]

    def _target(self, write: Write, moment: int, step: int) -> str:
        """Whose memory a write wrote: a name over it that stays, else what it went through."""
        key = write.through
        if key is not None and self._names.is_named(key, moment, step):
            return self._names.called(key, moment, step)
        over = self._names.over(write.storage, moment, step)
        if over:
            return code(over[0].name)
        return code(write.name) if write.name else NAMELESS

    def _through_tensors(self, writes: Sequence[Write]) -> list[Tensor]:
        return [self._trace.tensors[write.through] for write in writes if write.through]

    # words

    def _by(self, writes: Sequence[Write]) -> str:
        """What wrote: the operators, or the reader's call in which torch ran them."""
        calls = {self._call(write) for write in writes}
        call = next(iter(calls))
        if len(calls) == 1 and call is not None:
            return code(call)
        return joined(list(dict.fromkeys(self._op(write) for write in writes)))

    def _op(self, write: Write) -> str:
        if write.op in _ASSIGNMENTS:
            operation = self._operation(write)
            expression = operation.expression if operation else None
            return code(f"{cleaned(expression)} = …" if expression and write.op == "__setitem__" else "[…] = …")
        return code(write.op)

    def _call(self, write: Write) -> str | None:
        """The reader's call inside of which torch ran the operator that wrote; None where the reader called it."""
        operation = self._operation(write)
        name = called_in(operation.expression) if operation else None
        return operation.expression if operation and name and name != write.op else None

    def _operation(self, write: Write) -> Operation | None:
        """The call of the operator that wrote."""
        return next(
            (
                one
                for one in self._index.operations.at(write.moment)
                if one.op == write.op and one.step == write.step and write.through in one.inputs
            ),
            None,
        )

    def _through(self, write: Write, key: str, moment: int, step: int) -> str:
        if self._names.is_named(key, moment, step):
            return self._names.called(key, moment, step)
        return code(write.name) if write.name else NAMELESS

    def _amount(self, writes: Sequence[Write], tensor: Tensor) -> str | None:
        """How many elements were written; None where it may have been some only."""
        if any(write.op not in _WHOLE for write in writes):
            return None
        if prod(tensor.shape) == 1:
            return "the 1 element"
        return f"the {elements(tensor.shape)}"

    def _count(self, tensor: Tensor, key: str) -> int:
        cells = self._names.cells(key)
        return len(cells) if cells is not None else prod(tensor.shape)

    def _now(self, writes: Sequence[Write], key: str, moment: int) -> str | None:
        """The contents after the line, where the line wrote nothing else there."""
        return numbers_of(self._history.values(key, moment)) if len(writes) == 1 else None

    def _moved(self, counter: str, moment: int) -> tuple[int, int]:
        """Where a counter stood before and after."""
        one = self._trace.counters[counter]
        before = one.first if moment <= one.moment else self._history.version(counter, moment - 1)
        return before, self._history.version(counter, moment)

    def _stays(self, tensor: Tensor, moment: int) -> str | None:
        """The version at which a counter stayed; None if it moved, or there is none."""
        if tensor.counter is None:
            return None
        before, after = self._moved(tensor.counter, moment)
        return str(after) if before == after else None
