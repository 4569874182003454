"""What a rule's page says: its parts are there, and its example shows the pitfall itself."""

import re
from inspect import cleandoc

import pytest

from app.explain import explain
from app.explain.pitfalls import name_of
from app.explain.rule import Rule
from app.explain.rules import RULES
from tests.tracing import trace_of

_MOST_SENTENCES = 4  # of why
NAMED = pytest.mark.parametrize("rule", RULES, ids=[name_of(rule) for rule in RULES])


@NAMED
def test_the_example_is_found_by_its_own_rule_first(rule: Rule) -> None:
    first, *_ = explain(trace_of(rule.PAGE.example))
    assert (first.rule, first.severity) == (name_of(rule), rule.PAGE.severity)
    assert first.source == rule.PAGE.source
    assert set(first.lines) <= set(range(1, len(rule.PAGE.example.splitlines()) + 1))


@NAMED
def test_the_docstring_says_what_and_why(rule: Rule) -> None:
    summary, gap, why = cleandoc(rule.__doc__ or "").partition("\n\n")
    assert gap, "no second paragraph"
    assert len(_sentences(summary)) == 1
    assert 1 <= len(_sentences(why)) <= _MOST_SENTENCES


def _sentences(text: str) -> list[str]:
    """The sentences of Markdown; a stop within code ends none."""
    return [part for part in re.split(r"[.!?](?:\s+|$)", re.sub(r"`[^`]*`", "x", text)) if part.strip()]
