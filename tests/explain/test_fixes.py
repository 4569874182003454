"""Every fix that is offered was run, and gives the gradient that plain torch gives: the fixed source in a process of
its own, and for a silently wrong gradient the one of the values that were saved.
"""

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest
import torch
from msgspec import Struct

from app.explain import explain
from app.explain.contrast import needs_reference
from app.explain.edits import Proposal
from app.explain.fixes import Fix, Ran, can_be_mended, judge, propose, ranked
from app.explain.rules import RULES
from app.trace.model import Trace
from tests.explain.cases import all_cases
from tests.explain.score import FIXED
from tests.explain.test_rules import ROWS
from tests.tracing import reference_of, trace_of

HIDDEN = """\
import torch
a = torch.tensor([1., 2., 3.], requires_grad=True)
out = a.sigmoid()
c = out.data
c.zero_()
out.sum().backward()
"""


class Offered(Struct, frozen=True):
    """A fix of a finding, and the run that showed that it is one."""

    ran: Ran
    finding: int
    fix: Fix
    trace: Trace


def traced(source: str) -> Trace:
    """As `trace_of`, from the same random numbers each time, as in the sandbox."""
    torch.manual_seed(0)
    return trace_of(source)


def ran_of(source: str) -> Ran:
    trace = traced(source)
    torch.manual_seed(0)
    reference = reference_of(source) if needs_reference(trace) else None
    return Ran(source=source, trace=trace, diagnoses=explain(trace), reference=reference)


def offered(ran: Ran) -> list[Offered]:
    """What a reader of that run would be offered, in no order."""
    found = []
    for candidate in propose(ran):
        trace = traced(candidate.proposal.source)
        for finding in candidate.findings:
            if fix := judge(ran, finding, candidate.proposal, trace):
                found.append(Offered(ran, finding, fix, trace))
    return found


@cache
def all_offered() -> list[Offered]:
    """Over all cases, and the rows of the rules' own tests."""
    snippets = [case.snippet for case in all_cases() if case.finds]
    snippets += ["import torch\n" + "\n".join(row[0].split("; ")) + "\n" for row in ROWS if row[1]]
    found = []
    for snippet in dict.fromkeys(snippets):
        ran = ran_of(snippet)
        here = offered(ran)
        found += here
        mended = {each.finding for each in here}
        for index, diagnosis in enumerate(ran.diagnoses):
            if diagnosis.severity != "note":
                FIXED.add(diagnosis.rule, mended=index in mended)
    return found


@cache
def plainly() -> dict[str, list[Any]]:
    """The fixed sources, and those with intact saved tensors, in plain torch."""
    asked = {
        "fixed": [each.fix.source for each in all_offered()],
        "wrong": [each.ran.source for each in all_offered() if each.fix.intact],
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.explain.intact"],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answers: dict[str, list[Any]] = json.loads(done.stdout)
    return answers


def gradients(trace: Trace) -> dict[str, list[Any]]:
    """By name, as plain torch tells them."""
    return {
        name: list(final.grad.flat)
        for name, final in trace.final.items()
        if final.is_leaf and final.grad is not None and final.grad.flat is not None
    }


def test_every_fix_does_in_plain_torch_what_is_said_of_it() -> None:
    for each, plain in zip(all_offered(), plainly()["fixed"], strict=True):
        told = f"{each.fix.title}\n{each.fix.source}"
        if each.fix.refuses:
            assert "modified by an inplace operation" in plain["error"], told
            continue
        error = each.ran.trace.outcome.error
        assert plain["error"] in (None, f"{error.type}: {error.message}" if error else None), told
        known = gradients(each.trace)
        for name, grad in plain["grads"].items():
            assert known[name] == pytest.approx(grad, nan_ok=True, rel=1e-4), told
        assert known.keys() >= plain["grads"].keys()


def test_every_fix_of_a_silently_wrong_gradient_gives_the_intact_one() -> None:
    fixed = dict(zip([each.fix.source for each in all_offered()], plainly()["fixed"], strict=True))
    silent = [each for each in all_offered() if each.fix.intact]
    assert len(silent) > 10
    for each, intact in zip(silent, plainly()["wrong"], strict=True):
        grads = fixed[each.fix.source]["grads"]
        for name, grad in intact["grads"].items():
            assert grads[name] == pytest.approx(grad, nan_ok=True, rel=1e-4), f"{each.fix.title}\n{each.fix.source}"


def test_most_findings_that_a_change_can_mend_get_one() -> None:
    all_offered()
    assert FIXED.share > 0.75, str(FIXED)


def test_what_gives_the_gradient_comes_before_what_refuses() -> None:
    ran = ran_of(HIDDEN)
    fixes = ranked(each.fix for each in offered(ran))
    assert fixes[0].title == "Give `c` a copy on line 4: `out.detach().clone()`"
    assert fixes[0].intact
    assert [(change.name, change.got and change.got.flat) for change in fixes[0].gradients] == [("a", (0.0, 0.0, 0.0))]
    assert [fix.title for fix in fixes if fix.refuses] == ["Use `.detach()` instead of `.data` on line 4"]
    assert fixes[-1].refuses


@pytest.mark.parametrize(
    ("after", "why"),
    [
        (HIDDEN, "nothing changed"),
        (HIDDEN.replace("c.zero_()", "c.data.zero_()"), "the finding is still there"),
        (HIDDEN.replace("out.sum", "(2 * out).sum").replace("c.zero_()", "pass"), "another gradient"),
        (HIDDEN.replace("c.zero_()", "c.zer()"), "an error that is not torch's refusal"),
        (HIDDEN.replace("c.zero_()", "v = torch.ones(1, requires_grad=True)"), "something new is found"),
        (HIDDEN.replace("c.zero_()", "while True: break\nraise SystemExit(1)"), "it ends otherwise"),
        (HIDDEN.replace("c.zero_()", "pass").replace("backward()", "item()"), "no gradient at all"),
    ],
    ids=lambda value: value if "\n" not in value else "",
)
def test_a_change_that_does_not_mend_is_not_offered(after: str, why: str) -> None:
    assert judge(ran_of(HIDDEN), 0, Proposal(title="", source=after), traced(after)) is None


def test_a_change_that_does_mend_is() -> None:
    after = HIDDEN.replace("c.zero_()", "pass")
    assert judge(ran_of(HIDDEN), 0, Proposal(title="", source=after), traced(after)) is not None


@pytest.mark.parametrize(
    "source",
    [
        "x = " + "[" * 60 + "]" * 60,
        "x = " + "-" * 2_000 + "1",
        "x = 1" + " + 1" * 2_000,
        "x = (",
        "x = 1\n" * 2_000,
        "x = '\0'",
        "if True:\n" + "elif True:\n    pass\n" * 500,
    ],
    ids=["brackets", "signs", "sum", "half", "long", "null", "branches"],
)
def test_a_source_that_cannot_be_read_has_no_fixes(source: str) -> None:
    ran = ran_of(HIDDEN)
    assert propose(Ran(source=source, trace=ran.trace, diagnoses=ran.diagnoses)) == ()


def test_rules_that_only_remark_offer_nothing() -> None:
    for rule in RULES:
        if rule.PAGE.severity == "note":
            assert rule.EDITS == ()


def test_a_finding_whose_rule_has_no_edits_cannot_be_mended() -> None:
    (found,) = ran_of(HIDDEN).diagnoses
    assert can_be_mended(found)
    assert propose(Ran(source=HIDDEN, trace=traced("pass"), diagnoses=())) == ()
