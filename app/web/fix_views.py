"""Fixes as a page shows them: what to change, line by line, and what running it gave."""

import difflib
import hashlib
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from app.diagram.cells import Cells, row_of
from app.explain.edits import Proposal
from app.explain.fixes import Fix, GradChange, can_be_mended, propose
from app.trace.model import Values
from app.web.address import compare_address
from app.web.fixing import Tried, ran_of
from app.web.run import Run

MOST_FINDINGS = 3  # whose fixes are tried
MOST_LINES = 6  # of what a fix prints
MOST_CHARACTERS = 400
MOST_PACKED = 6_000  # characters of an address; of longer ones a server may hear only a part


class DiffLine(Struct, frozen=True, kw_only=True):
    """A line that goes, or one that comes; `number` is its place in the snippet as it was, or as it would be."""

    sign: Literal["−", "+"]
    words: Literal["Leave out", "Write"]
    number: int
    text: str


class GradRow(Struct, frozen=True, kw_only=True):
    """A gradient before and after; no cells where there is none."""

    name: str
    got: Cells | None
    now: Cells | None


class FixView(Struct, frozen=True, kw_only=True):
    """One fix. `compare` is the page that lays it beside the snippet."""

    title: str
    source: str
    diff: tuple[DiffLine, ...]
    said: str
    refuses: bool
    gradients: tuple[GradRow, ...]
    printed: str | None
    compare: str | None


class FindingFixes(Struct, frozen=True, kw_only=True):
    """What there is to offer for one finding.

    `tried` is None before any was run; `expected` then is the change that is likely to come, to keep its room, and
    `others` are how many more may.
    `left` says why some could not be run.
    """

    id: str
    finding: int
    source: str
    tried: tuple[FixView, ...] | None = None
    expected: FixView | None = None
    others: int = 0
    left: str | None = None


class FixesView(Struct, frozen=True, kw_only=True):
    """The answer to one request for the fixes of a finding."""

    fixes: FindingFixes
    announcement: str


def fixes_of(source: str, run: Run, tried: Tried | None) -> tuple[FindingFixes, ...]:
    """For each finding of `run` what is known of its fixes."""
    ran = ran_of(source, run)
    expected: dict[int, list[Proposal]] = {}
    if tried is None:
        for candidate in propose(ran):
            for finding in candidate.findings:
                expected.setdefault(finding, []).append(candidate.proposal)
    found = []
    for finding, diagnosis in enumerate(run.diagnoses):
        if tried is not None or finding >= MOST_FINDINGS or not can_be_mended(diagnosis) or finding not in expected:
            found.append(finding_fixes(source, finding, tried) if tried else _none(source, finding))
            continue
        proposal, *others = expected[finding]
        likely = FixView(
            title=proposal.title,
            source=proposal.source,
            diff=tuple(diff_of(source, proposal.source)),
            said="",
            refuses=False,
            gradients=(),
            printed=None,
            compare=None,
        )
        found.append(
            FindingFixes(id=_id(source, finding), finding=finding, source=source, expected=likely, others=len(others))
        )
    return tuple(found)


def finding_fixes(source: str, finding: int, tried: Tried) -> FindingFixes:
    """The fixes of one finding that were run."""
    fixes = tried.fixes[finding] if 0 <= finding < len(tried.fixes) else ()
    return FindingFixes(
        id=_id(source, finding),
        finding=finding,
        source=source,
        tried=tuple(_view(source, fix) for fix in fixes),
        left=None if fixes else tried.left,
    )


def announced(fixes: FindingFixes) -> str:
    """What a screen reader hears when they come."""
    count = len(fixes.tried or ())
    return f"{count} {'fix was' if count == 1 else 'fixes were'} run and found to hold." if count else ""


def diff_of(before: str, after: str) -> Iterator[DiffLine]:
    """The lines that change, in order, without those around them."""
    old, new = before.splitlines(), after.splitlines()
    for kind, a, a_end, b, b_end in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            for at in range(a, a_end):
                yield DiffLine(sign="−", words="Leave out", number=at + 1, text=old[at])
            for at in range(b, b_end):
                yield DiffLine(sign="+", words="Write", number=at + 1, text=new[at])


def _none(source: str, finding: int) -> FindingFixes:
    return FindingFixes(id=_id(source, finding), finding=finding, source=source)


def _id(source: str, finding: int) -> str:
    """Another one for another source, so that a late answer finds no place in a newer result."""
    return f"fixes-{finding}-{hashlib.sha256(source.encode(errors='replace')).hexdigest()[:12]}"


def _view(source: str, fix: Fix) -> FixView:
    address = compare_address(source, fix.source).rstrip("&")
    return FixView(
        title=fix.title,
        source=fix.source,
        diff=tuple(diff_of(source, fix.source)),
        said=_said(fix),
        refuses=fix.refuses,
        gradients=tuple(map(_row, fix.gradients)),
        printed=_shortened(fix.printed) if fix.printed is not None and not fix.refuses else None,
        compare=address if len(address) <= MOST_PACKED else None,
    )


def _said(fix: Fix) -> str:
    if fix.refuses:
        line = fix.outcome.error.line if fix.outcome.error else None
        where = f" at line {line}" if line is not None else ""
        return f"Ran it: torch now refuses{where}, with an error, instead of being silently wrong."
    if fix.intact:
        return "Ran it: the gradients are now those of the values that were saved."
    if fix.outcome.kind == "raised":
        return "Ran it: this is gone. The snippet still ends with its other exception."
    return "Ran it: it finishes." if fix.gradients else "Ran it: it finishes, and no gradient is another."


def _row(change: GradChange) -> GradRow:
    return GradRow(name=change.name, got=_cells(change.got), now=_cells(change.now))


def _cells(values: Values | None) -> Cells | None:
    return row_of(values) if values is not None else None


def _shortened(text: str) -> str:
    lines = text.rstrip("\n").split("\n")
    shown = "\n".join(lines[:MOST_LINES])
    cut = len(lines) > MOST_LINES or len(shown) > MOST_CHARACTERS
    return shown[:MOST_CHARACTERS] + ("…" if cut else "")
