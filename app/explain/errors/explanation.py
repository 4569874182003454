"""What is said of an error that is not autograd's, and what it is said from."""

from collections.abc import Callable
from functools import cached_property

from msgspec import Struct

from app.explain import facts
from app.explain.facts import called
from app.trace.model import Dims, Error, Name, Operation, Tensor, Trace

_LONGEST = 160  # characters of what is quoted
_RUNS_OTHERS = frozenset(["backward", "grad"])


class Involved(Struct, frozen=True, kw_only=True):
    """A tensor that the operator took."""

    id: str
    name: Name  # the reader's name for it, else the expression that made it
    shape: Dims
    dtype: Name


class Explanation(Struct, frozen=True, kw_only=True):
    """An error that Python or torch raised, and autograd has no part in, in the reader's own names and lines.

    Texts are plain: code stands in backticks, and "line 5" names a line of the snippet.
    """

    kind: str  # what kind of mistake: "broadcasting", "dtype", "name"
    title: str
    cause: str
    look: str  # what to look at, or to write instead
    line: int
    operator: Name | None = None  # as the snippet writes it
    tensors: tuple[Involved, ...] = ()  # that it took
    suggestion: Name | None = None  # a name that there is and that looks like the one that there is not


class Failure:
    """The exception that ended a run, the operator call that raised it and what that took."""

    def __init__(self, trace: Trace, error: Error, line: int, text: str) -> None:
        self.trace, self.error, self.line = trace, error, line
        self.text = text  # of that line
        self.operation = _operation(trace, error)

    @property
    def message(self) -> str:
        """torch's, or Python's."""
        return self.error.message

    @property
    def said(self) -> str:
        """The message in a sentence: short, and without the stop at its end."""
        return _short(self.message).rstrip(".")

    @property
    def op(self) -> str:
        """The operator's name; empty where none was seen to raise."""
        return self.operation.op if self.operation is not None else ""

    @property
    def written(self) -> str:
        """The call as the snippet writes it, as code in a sentence; else the line."""
        expression = self.operation.expression if self.operation is not None else None
        return code(expression or self.text.strip() or self.op or "this line")

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The tensors that the operator took."""
        return self.operation.inputs if self.operation is not None else ()

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """As `keys`."""
        return tuple(self.trace.tensors[key] for key in self.keys)

    def name(self, at: int) -> str:
        """What to call the tensor at that place of `keys` in a sentence."""
        return called(self.trace, self.keys[at])

    def shaped(self, at: int) -> str:
        """The same, with its shape."""
        return f"{self.name(at)} of shape {shape(self.tensors[at].shape)}"

    def typed(self, at: int) -> str:
        """The same, with its dtype."""
        return f"{self.name(at)} of {code(self.tensors[at].dtype)}"

    def explained(self, kind: str, title: str, cause: str, look: str) -> Explanation:
        """The explanation, with the operator and its tensors."""
        tensors = dict(zip(self.keys, self.tensors, strict=True))
        return Explanation(
            kind=kind,
            title=title,
            cause=cause,
            look=look,
            line=self.line,
            operator=self.operation.expression if self.operation is not None else None,
            tensors=tuple(
                Involved(id=key, name=tensor.label, shape=tensor.shape, dtype=tensor.dtype)
                for key, tensor in tensors.items()
            ),
            suggestion=self.error.suggestion,
        )


def _operation(trace: Trace, error: Error) -> Operation | None:
    """The operator that raised `error`: inside of a backward not that one, but what a hook or Function called there."""
    raised = [each for each in reversed(trace.operations) if each.raised and trace.line(each.step) in error.frames]
    if len(error.frames) > 1:
        inner = next((each for each in raised if each.op not in _RUNS_OTHERS), None)
        if inner is not None:
            return inner
        raised = [each for each in raised if trace.line(each.step) == error.line]
    return raised[0] if raised else None


Explain = Callable[[Failure], Explanation | None]


def code(text: str) -> str:
    """`text` as code in a sentence, in one line of some length."""
    return facts.code(_short(text))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def shape(sizes: Dims) -> str:
    """As torch writes it, as code."""
    return code(str(list(sizes)))
