"""Changes to a snippet's source that may mend what a rule found. One kind of change a file.

An edit only proposes: what is offered to the reader has been run and found to mend (`app/explain/fixes.py`). It finds
its place by what the Trace says of the run (which line, which operator, of which expression) in the syntax tree of the
source: what stands in a string or a comment, or only has the same name, is never changed.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct

from app.explain.diagnosis import Diagnosis
from app.explain.edits.tree import Tree
from app.trace.model import Trace


class Proposal(Struct, frozen=True, kw_only=True):
    """The snippet as it would be, and what was changed, as an instruction: "Use `.detach()` instead of `.data`"."""

    title: str
    source: str


Edit = Callable[[Tree, Trace, Diagnosis], Iterator[Proposal]]
