"""The numeric check: runs the snippet again and again, each time with one element of one leaf moved a little.

The runs, in this order: as it is (what the reader's backward gave), in float64 (what is compared), with saved tensors
kept intact (what the recorded graph gives), once more unmoved (whether two runs are alike), then two or four for each
element. Each starts from the same seeds; the later ones end at the call of backward whose value is differentiated.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from types import CodeType
from typing import Literal

import torch
from msgspec import Struct

from app.trace.model import Outcome, Scalar
from app.trace.numeric import ElementCheck, LeafCheck, Numeric, Unchecked
from app.trace.wire import Request
from app.worker import budget
from app.worker.bound import dtype_of, frame_above, leave_modes, requires_grad_of, shape_of
from app.worker.calls import Call, Measured, Observed, Reached, in_place_of_the_engine
from app.worker.contents import dtype_name
from app.worker.differences import FLOAT32, FLOAT64, Judged, Precision, judge, near
from app.worker.doubles import Draws
from app.worker.instrument import compile_with_calls
from app.worker.leaves import Index, Leaf, Leaves, Move, Uses, chosen, overlaps
from app.worker.numbers import scalar
from app.worker.output import Output
from app.worker.preload import seed
from app.worker.reference import give_back, keep
from app.worker.run import compiled, outcome_of
from app.worker.script import as_main, main_module
from app.worker.steps import calls_to

_LIKE_TYPES = {torch.float32: FLOAT32, torch.complex64: FLOAT32, torch.float64: FLOAT64, torch.complex128: FLOAT64}
Number = float | complex


class _Seen(Struct, eq=False):
    """A run that was let through to its end."""

    outcome: Outcome
    leaves: Leaves
    calls: list[Call]

    def gradient(self, call: int, leaf: int) -> torch.Tensor | None:
        """What the call gave to that leaf; None where it gave nothing, or did not come so far."""
        if call >= len(self.calls) or leaf >= len(self.leaves.found) or self.calls[call].raised:
            return None
        return self.calls[call].gradients.get(id(self.leaves.found[leaf].tensor))


class _Planned(Struct, eq=False):
    """A leaf to compare, at one call."""

    leaf: Leaf
    call: int
    unchecked: Unchecked | None
    elements: list[tuple[Index, complex]]
    done: list[ElementCheck]


class NumericCheck:
    """One numeric check. `so_far` may be asked at any time."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._end_s = time.monotonic() + budget.NUMERIC_S
        self._draws = Draws()
        self._runs = 0
        self._plan: list[_Planned] = []
        self._unnamed: list[LeafCheck] = []
        self._left_out = 0
        self._plain: _Seen | None = None
        self._base: _Seen | None = None
        self._intact: _Seen | None = None
        self._precise = True
        self._alike = True

    def check(self) -> Numeric:
        """Run it all, within the time there is."""
        code = compiled(self._request.source, compile_with_calls)
        if isinstance(code, Outcome):
            return Numeric(outcome=code, verdict="no-backward")
        self._plain = plain = self._seen(code, self._draws.noted(), Uses())
        if not plain.calls:
            return self.so_far()
        base = self._seen(code, self._draws.doubled(), Uses())
        self._precise = _comparable(plain, base)
        self._base = base if self._precise else plain
        self._intact = self._seen(code, self._numbers(), torch.autograd.graph.saved_tensors_hooks(keep, give_back))
        self._plan_leaves(self._base)
        bases = self._unmoved(code)
        if self._alike:
            self._move_all(code, bases)
        return self.so_far()

    def so_far(self) -> Numeric:
        """What is known by now."""
        plain, base = self._plain, self._base
        if plain is None:
            return Numeric(outcome=Outcome(kind="stopped", reason="time"), verdict="late", runs=self._runs)
        if not plain.calls:
            return Numeric(outcome=plain.outcome, verdict="no-backward", runs=self._runs)
        if base is None:
            return Numeric(outcome=plain.outcome, verdict="late", runs=self._runs)
        if not self._alike:
            return Numeric(outcome=plain.outcome, verdict="not-deterministic", runs=self._runs)
        leaves = [*map(self._told, self._plan), *self._unnamed]
        nothing: Literal["refused", "no-leaf"] = "refused" if all(call.raised for call in base.calls) else "no-leaf"
        return Numeric(
            outcome=plain.outcome,
            verdict="compared" if leaves else nothing,
            precise=self._precise,
            step=(FLOAT64 if self._precise else FLOAT32).step,
            runs=self._runs,
            leaves=tuple(leaves),
            left_out=self._left_out,
        )

    # runs

    def _execute(
        self,
        code: CodeType,
        engine: Callable[..., object],
        line: Callable[[int], None],
        around: Sequence[AbstractContextManager[object]],
    ) -> tuple[Outcome, dict[str, object]]:
        """One run, from the state that a script begins in: how it ended, and its names."""
        self._runs += 1
        main = main_module()
        output = Output("<stdout>", self._request.output_bytes, _ignore, errors="backslashreplace")
        _reset()

        def run(code: CodeType) -> None:
            with suppress(Reached):
                exec(code, main.__dict__)  # noqa: S102  # the process is jailed

        with ExitStack() as stack:
            exit_functions = stack.enter_context(as_main(main, output, output))
            stack.enter_context(calls_to(line, _ignore, _ignore_binding, _ignore_name, _ignore))
            stack.enter_context(in_place_of_the_engine(engine))
            for context in around:
                stack.enter_context(context)
            outcome = outcome_of(run, code, exit_functions)
        leave_modes()
        return outcome, main.__dict__

    def _seen(self, code: CodeType, *around: AbstractContextManager[object]) -> _Seen:
        uses = next((context for context in around if isinstance(context, Uses)), None)
        leaves = Leaves(used=uses.leaves if uses else None)

        def over() -> bool:
            late = leaves.calls > 0 and time.monotonic() > self._end_s - budget.NUMERIC_S / 2
            return late or leaves.calls >= budget.NUMERIC_CALLS

        def called() -> None:
            leaves.calls += 1

        observed = Observed(called, over)
        outcome, namespace = self._execute(code, observed.run, lambda _: leaves.look(frame_above(1)), around)
        leaves.rename(namespace)
        return _Seen(outcome, leaves, observed.calls)

    def _value(self, code: CodeType, call: int, base: _Seen, move: Move | None) -> float | None:
        """What the snippet differentiates at `call`, with one element moved; None where it does not come so far."""
        leaves = Leaves(move or Move(-1, (), 0))
        measured = Measured(call, base.calls[call].weights)

        def line(_: int) -> None:
            measured.stop_where_reached()
            if move is not None:
                leaves.look(frame_above(1))

        self._execute(code, measured.run, line, [self._numbers()])
        return measured.value if move is None or leaves.moved else None

    def _numbers(self) -> AbstractContextManager[object]:
        return self._draws.doubled() if self._precise else ExitStack()

    # what is compared

    def _plan_leaves(self, base: _Seen) -> None:
        for leaf in base.leaves.found:
            call = self._call_of(leaf, base)
            if call is None:
                continue
            if len(self._plan) >= budget.NUMERIC_LEAVES:
                self._left_out += 1
                continue
            self._plan.append(_Planned(leaf, call, _unchecked(leaf), leaf.elements, []))
        wanted = [planned for planned in self._plan if planned.unchecked is None]
        each = max(1, min(budget.NUMERIC_ELEMENTS, budget.NUMERIC_MOVES // max(1, len(wanted))))
        for planned in wanted:
            planned.elements = [planned.leaf.elements[at] for (at,) in chosen((len(planned.leaf.elements),), each)]
        unnamed: set[int] = set()
        for made in base.calls:
            for key, tensor in made.leaves.items():
                if key not in base.leaves.by_id and key not in unnamed and len(unnamed) < budget.NUMERIC_LEAVES:
                    unnamed.add(key)
                    self._unnamed.append(
                        LeafCheck(
                            name=None,
                            shape=tuple(shape_of(tensor)),
                            dtype=dtype_name(dtype_of(tensor)),
                            call=made.kind,
                            line=made.line,
                            unchecked="unnamed",
                        )
                    )

    def _call_of(self, leaf: Leaf, base: _Seen) -> int | None:
        """The call to compare it at: the first `backward()` that reached it, else `grad()`, else that might have."""
        if not requires_grad_of(leaf.tensor):
            return None
        for seen in (base, self._intact):
            for kind in ("backward", "grad"):
                for at, call in enumerate(base.calls):
                    reached = seen is not None and seen.gradient(at, leaf.number) is not None
                    if reached and call.kind == kind and call.value is not None:
                        return at
        if not leaf.named_at_end:
            return None  # nobody will miss a gradient of it
        for at, call in enumerate(base.calls):
            asked = id(leaf.tensor) in call.asked or (call.kind == "backward" and not call.chosen)
            if asked and at >= leaf.calls and call.value is not None and not call.raised:
                return at
        return None

    def _unmoved(self, code: CodeType) -> dict[int, float]:
        """The value at each call that is compared, of a run without moves; notes whether it is that of the first."""
        assert self._base is not None  # noqa: S101  # planned from it
        precision = FLOAT64 if self._precise else FLOAT32
        values = {}
        for call in sorted({planned.call for planned in self._plan}):
            first, again = self._base.calls[call].value, self._value(code, call, self._base, None)
            if first is None or again is None or not _same(first, again, 1e6 * precision.epsilon):
                self._alike = False
                break
            values[call] = again
        return values

    def _move_all(self, code: CodeType, bases: dict[int, float]) -> None:
        """One element of each leaf after the other, so that each leaf has its share of the time."""
        for turn in range(max((len(planned.elements) for planned in self._plan), default=0)):
            for planned in self._plan:
                if time.monotonic() > self._end_s:
                    return
                if planned.unchecked is None and turn < len(planned.elements):
                    planned.done.append(self._judged(code, planned, *planned.elements[turn], bases[planned.call]))

    def _judged(
        self, code: CodeType, planned: _Planned, index: Index, holds: complex, base_value: float
    ) -> ElementCheck:
        base, leaf = self._base, planned.leaf
        assert base is not None  # noqa: S101  # planned from it
        backward = _element(base.gradient(planned.call, leaf.number), index)
        graph = None if self._intact is None else _element(self._intact.gradient(planned.call, leaf.number), index)
        expected = complex(backward if backward is not None else graph if graph is not None else 0)
        precision: Precision = _LIKE_TYPES[dtype_of(leaf.tensor)] if self._precise else FLOAT32

        def along(unit: complex) -> Callable[[float], float | None]:
            return lambda delta: self._value(code, planned.call, base, Move(leaf.number, index, delta * unit))

        first = judge(along(1), complex(holds).real, base_value, expected.real, precision)
        if not dtype_of(leaf.tensor).is_complex:
            return _told_of(index, backward, graph, first, None)
        second = judge(along(1j), complex(holds).imag, base_value, expected.imag, precision)
        return _told_of(index, backward, graph, first, second)

    def _told(self, planned: _Planned) -> LeafCheck:
        base, plain, leaf = self._base, self._plain, planned.leaf
        assert base is not None and plain is not None  # noqa: S101, PT018  # planned from them
        call = base.calls[planned.call]
        reached = any(
            seen is not None and seen.gradient(planned.call, leaf.number) is not None for seen in (base, self._intact)
        )
        alike = leaf.number < len(plain.leaves.found)
        unchecked = planned.unchecked
        if unchecked is None and not planned.done and planned.elements:
            unchecked = "late"
        return LeafCheck(
            name=leaf.name,
            shape=tuple(shape_of(leaf.tensor)),
            dtype=dtype_name(dtype_of(plain.leaves.found[leaf.number].tensor if alike else leaf.tensor)),
            call=call.kind,
            line=call.line,
            reached=reached,
            refused=call.raised,
            elements=tuple(planned.done),
            left_out=leaf.tensor.numel() - len(planned.done),
            unchecked=unchecked,
            own=tuple(_own(plain, planned)) if alike else (),
            hooked=bool(leaf.tensor._backward_hooks),
        )


def _own(plain: _Seen, planned: _Planned) -> Iterator[Scalar | None]:
    """The gradients of the reader's own run, where one is not that of the run in float64 but for rounding."""
    own = [_element(plain.gradient(planned.call, planned.leaf.number), element.at) for element in planned.done]
    pairs = [(mine, _number(element.backward)) for mine, element in zip(own, planned.done, strict=True)]
    if any(
        (mine is None) is not (other is None) or (mine is not None and other is not None and not _close(mine, other))
        for mine, other in pairs
    ):
        yield from (None if mine is None else scalar(mine) for mine in own)


def _close(one: Number, other: Number) -> bool:
    one, other = complex(one), complex(other)
    return all(
        near(mine, theirs, 1e-3, 1e-4) or mine != mine  # not a number
        for mine, theirs in ((one.real, other.real), (one.imag, other.imag))
    )


def _number(given: Scalar | None) -> Number | None:
    if given is None or isinstance(given, str):
        return None if given is None else float(given)
    return complex(*map(float, given)) if isinstance(given, tuple) else given


def _told_of(
    index: Index, backward: Number | None, graph: Number | None, first: Judged, second: Judged | None
) -> ElementCheck:
    """One element from the verdict on it, or on its two parts."""
    worst = first if second is None or _RANK[first.verdict] >= _RANK[second.verdict] else second
    return ElementCheck(
        at=index,
        backward=None if backward is None else scalar(backward),
        graph=None if graph is None else scalar(graph),
        program=_joined(first.central, None if second is None else second.central, real=second is None),
        verdict=worst.verdict,
        ahead=None if worst.ahead is None else scalar(worst.ahead),
        behind=None if worst.behind is None else scalar(worst.behind),
    )


_RANK = {"agrees": 0, "kink": 1, "not-finite": 2, "ended": 3, "differs": 4}


def _joined(first: float | None, second: float | None, *, real: bool) -> Scalar | None:
    if first is None:
        return None
    if real:
        return scalar(first)
    return None if second is None else scalar(complex(first, second))


def _element(gradient: torch.Tensor | None, index: Index) -> Number | None:
    return None if gradient is None else gradient[index].item()


def _unchecked(leaf: Leaf) -> Unchecked | None:
    if leaf.used:
        return "used"
    if dtype_of(leaf.tensor) not in _LIKE_TYPES:
        return "dtype"
    return "overlapping" if overlaps(leaf.tensor) else None


def _comparable(plain: _Seen, precise: _Seen) -> bool:
    """Whether the run in float64 did what the reader's did: as many calls, as many leaves, the same end."""
    if plain.outcome.kind == "finished" and precise.outcome.kind != "finished":
        return False
    return len(precise.calls) >= len(plain.calls) and all(
        mine.kind == other.kind and mine.line == other.line and mine.raised == other.raised
        for mine, other in zip(plain.calls, precise.calls, strict=False)
    )


def _same(one: float, other: float, relative: float) -> bool:
    return one == other or (one != one and other != other) or near(one, other, relative, 0)  # not a number


def _reset() -> None:
    """What a run may have left behind in this process and the next one must not find."""
    leave_modes()
    torch.set_grad_enabled(True)
    torch.set_default_dtype(torch.float32)
    seed()


def _ignore() -> None:
    """Output and its limit are the observed run's."""


def _ignore_name(_: str) -> None: ...


def _ignore_binding(_: str, __: object) -> None: ...
