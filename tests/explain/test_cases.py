"""Every case, traced: the rules and lines found are those that the case names, and plain torch agrees on the facts."""

import json
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from app.explain import explain
from tests.explain.cases import Case, all_cases
from tests.explain.score import SCORE
from tests.tracing import trace_of

CASES = all_cases()


@cache
def plainly() -> dict[str, Any]:
    """What plain torch does with each case, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.explain.plain"],
        input=json.dumps([case.snippet for case in CASES]),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip([case.name for case in CASES], json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_found_is_what_happened(case: Case) -> None:
    trace = trace_of(case.snippet)
    found = {diagnosis.rule: diagnosis.lines for diagnosis in explain(trace)}
    SCORE.add(case.finds, found)
    plain = plainly()[case.name]
    error = trace.outcome.error
    assert (f"{error.type}: {error.message}" if error else None) == plain["error"]
    assert (case.raises is None) == (plain["error"] is None), plain["error"]
    assert case.raises is None or case.raises in plain["error"]
    for name, grad in case.grads.items():
        assert plain["grads"].get(name) == pytest.approx(grad, nan_ok=True), name
    assert found == case.finds
    assert list(found) == list(case.finds)


def test_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
