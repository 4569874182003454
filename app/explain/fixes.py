"""Changes of the source that have been run, and that mend what was found. Pure: who runs them is elsewhere.

A change is offered only if its run no longer shows the finding, shows nothing new, and ends as well as before. One
exception is made, and told as such: a gradient that was silently wrong may turn into torch's refusal, as it does with
`.detach()` for `.data`. Such a change comes after those that give the gradient.
"""

import difflib
import math
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from app.explain import explain
from app.explain.contrast import GradContrast, contrast
from app.explain.diagnosis import Diagnosis
from app.explain.edits import Proposal
from app.explain.edits.tree import tree_of
from app.explain.rules import RULES
from app.trace.model import Outcome, Reference, Scalar, Trace, Values

MOST_OF_ONE = 4  # proposals that are tried for one finding
MOST_OF_ALL = 6  # and for one run
MOST_GRADIENTS = 4  # that are told of
CLOSE = 1e-4  # of the larger magnitude: a sum in another order may differ so far
TINY = 1e-6


class Candidate(Struct, frozen=True, kw_only=True):
    """A proposal, and the findings that it is meant for, by their place in the run's list."""

    proposal: Proposal
    findings: tuple[int, ...]


class GradChange(Struct, frozen=True, kw_only=True):
    """A gradient that is another with the change."""

    name: str
    got: Values | None
    now: Values | None


class Fix(Struct, frozen=True, kw_only=True):
    """A change that was run and found to mend. `printed` is what it prints, where that is something else."""

    title: str
    source: str
    outcome: Outcome
    refuses: bool  # torch now raises, where the result was silently wrong
    intact: bool  # the gradients were wrong, and are now those of the values that were saved
    gradients: tuple[GradChange, ...]
    printed: str | None


class Ran(Struct, frozen=True, kw_only=True):
    """A run that is to be mended; `contrasts` are its wrong gradients, `reference` is where they are known from."""

    source: str
    trace: Trace
    diagnoses: tuple[Diagnosis, ...]
    reference: Reference | None = None

    @property
    def contrasts(self) -> tuple[GradContrast, ...]:
        """The gradients that are not those of the values which were saved."""
        return contrast(self.trace, self.reference) if self.reference else ()


_EDITS = {rule.__name__.rpartition(".")[2].replace("_", "-"): rule.EDITS for rule in RULES}


def can_be_mended(diagnosis: Diagnosis) -> bool:
    """Whether there is anything to try for such a finding."""
    return bool(_EDITS.get(diagnosis.rule))


def propose(ran: Ran) -> tuple[Candidate, ...]:
    """What is worth running: for each finding in turn the best that is left."""
    tree = tree_of(ran.source) if ran.diagnoses else None
    if tree is None:
        return ()
    found: dict[str, tuple[Proposal, list[int]]] = {}
    waiting = [_distinct(ran, diagnosis) for diagnosis in ran.diagnoses]
    for index, proposals in enumerate(waiting):
        for proposal in proposals:
            if proposal.source in found:
                found[proposal.source][1].append(index)
            elif len(found) < MOST_OF_ALL:
                found[proposal.source] = proposal, [index]
    return tuple(Candidate(proposal=proposal, findings=tuple(of)) for proposal, of in found.values())


def _distinct(ran: Ran, diagnosis: Diagnosis) -> list[Proposal]:
    """The proposals of the rule's edits, best first, each source once."""
    tree = tree_of(ran.source)
    found: dict[str, Proposal] = {}
    for edit in _EDITS.get(diagnosis.rule, ()) if tree else ():
        try:
            for proposal in edit(tree, ran.trace, diagnosis):  # type: ignore[arg-type]  # it is there
                if proposal.source != ran.source:
                    found.setdefault(proposal.source, proposal)
                if len(found) == MOST_OF_ONE:
                    return list(found.values())
        except RecursionError:  # nested deeper than can be walked: then there is no such change
            continue
    return list(found.values())


def judge(ran: Ran, finding: int, proposal: Proposal, trace: Trace) -> Fix | None:
    """The proposal as a fix of that finding, if `trace`, its run, shows that it is one."""
    diagnosis, diagnoses = ran.diagnoses[finding], explain(trace)
    lines = _lines_before(ran.source, proposal.source)
    known = {(each.rule, line) for each in ran.diagnoses for line in each.lines}
    new = [each for each in diagnoses if each.severity != "note" and (each.rule, lines.get(each.lines[0])) not in known]
    if any(each.rule == diagnosis.rule and lines.get(each.lines[0]) in diagnosis.lines for each in diagnoses):
        return None
    refuses = diagnosis.severity == "wrong" and _refused(ran.trace, trace, new)
    if not refuses and (new or not _ends_as_well(ran.trace, trace, lines)):
        return None
    if not refuses and diagnosis.severity == "wrong" and not _is_intact(ran, trace):
        return None
    return Fix(
        title=proposal.title,
        source=proposal.source,
        outcome=trace.outcome,
        refuses=refuses,
        intact=not refuses and diagnosis.severity == "wrong" and ran.reference is not None,
        gradients=() if refuses else tuple(_changes(ran.trace, trace))[:MOST_GRADIENTS],
        printed=trace.stdout if trace.stdout != ran.trace.stdout else None,
    )


def ranked(fixes: Iterable[Fix]) -> tuple[Fix, ...]:
    """Those that give a result first, else in the order in which they were proposed."""
    return tuple(sorted(fixes, key=lambda fix: fix.refuses))


def _refused(before: Trace, after: Trace, new: Sequence[Diagnosis]) -> bool:
    """Whether a run that went through is now ended by torch, for the very write that was hidden."""
    raised = before.outcome.kind == "finished" and after.outcome.kind == "raised"
    return raised and [each.rule for each in new] == ["saved-tensor-overwritten"]


def _ends_as_well(before: Trace, after: Trace, lines: dict[int, int]) -> bool:
    if after.outcome.kind == "finished":
        return True
    was, now = before.outcome.error, after.outcome.error
    if after.outcome.kind != "raised" or was is None or now is None or now.line is None:
        return False
    # an exception that has nothing to do with the finding may end the snippet, as it did before
    return (was.type, was.message, was.line) == (now.type, now.message, lines.get(now.line))


def _is_intact(ran: Ran, after: Trace) -> bool:
    """Whether all gradients are those of the values that were saved."""
    if ran.reference is None:
        return not any(diagnosis.rule.startswith("write-hidden") for diagnosis in ran.diagnoses)
    if ran.reference.outcome.kind != ran.trace.outcome.kind:
        return False
    return all(
        alike(after.final[name].grad, ran.reference.grads.get(name))
        for name, final in ran.trace.final.items()
        if final.is_leaf and final.requires_grad and name in after.final
    )


def _changes(before: Trace, after: Trace) -> Iterator[GradChange]:
    told: set[str | None] = set()
    for name, final in after.final.items():
        was = before.final.get(name)
        got = was.grad if was else None
        if alike(got, final.grad) or (final.tensor in told and final.tensor):
            continue
        told.add(final.tensor)
        yield GradChange(name=name, got=got, now=final.grad)


def alike(one: Values | None, other: Values | None) -> bool:
    """Whether two gradients are the same but for rounding."""
    if one is None or other is None:
        return one is other
    if one.shape != other.shape or (one.flat is None) != (other.flat is None):
        return False
    if one.flat is None or other.flat is None:
        return one.summary == other.summary
    return all(_close(a, b) for a, b in zip(one.flat, other.flat, strict=True))


def _close(one: Scalar, other: Scalar) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(_close(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=CLOSE, abs_tol=TINY)
    return one == other


def _lines_before(before: str, after: str) -> dict[int, int]:
    """For each line of the changed source, the line that it was; none for one that is new."""
    found: dict[int, int] = {}
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    for kind, a, a_end, b, b_end in matcher.get_opcodes():
        if kind == "equal" or (kind == "replace" and a_end - a == b_end - b):
            found.update((b + at + 1, a + at + 1) for at in range(b_end - b))
    return found
