"""What a module in `rules/` has: one pitfall, how it is found in a Trace, and what its page says."""

from collections.abc import Iterator
from typing import Protocol

from msgspec import Struct

from app.explain.diagnosis import Diagnosis, Severity
from app.explain.edits import Edit
from app.trace.model import Trace


class Page(Struct, frozen=True, kw_only=True):
    """What a rule's page says, beside what its docstring does.

    `see` and `mend` are a few plain sentences, as those of a Diagnosis: code stands in backticks, "line 4" is a line
    of the example.
    """

    title: str  # the pitfall in a few words; code stands in backticks
    severity: Severity  # of its findings; the gravest where they differ
    see: str  # how to see it in the diagrams of the example
    mend: str  # what to write instead
    example: str  # the smallest snippet in which it happens
    source: str  # the page of PyTorch's documentation that says why


class Rule(Protocol):
    """One module in `rules/`. Its file name, with dashes, is the rule's name in the list of pitfalls.

    Its docstring is plain in the same way: the first paragraph says in one sentence what happened, the rest in about
    three why autograd minds.
    """

    __name__: str
    __doc__: str | None
    PAGE: Page
    EDITS: tuple[Edit, ...]  # changes to the source that may mend a finding, best first

    def check(self, trace: Trace) -> Iterator[Diagnosis]:
        """What of it `trace` shows."""
