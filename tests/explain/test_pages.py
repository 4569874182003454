"""The page of a rule: its example shows it, and its docstring says what happened and why."""

from inspect import cleandoc

import pytest

from app.explain import explain
from app.explain.pitfalls import Pitfall, by_rule, name_of
from app.explain.rule import Rule
from app.explain.rules import RULES
from tests.tracing import trace_of

PITFALLS = by_rule()


@pytest.mark.parametrize("pitfall", PITFALLS.values(), ids=PITFALLS)
def test_the_example_shows_the_rule_first(pitfall: Pitfall) -> None:
    trace = trace_of(pitfall.example)
    found = explain(trace)
    assert found
    assert (found[0].rule, found[0].severity) == (pitfall.rule, pitfall.severity)
    assert found[0].lines
    assert len(found[0].lines) == len(set(found[0].lines))
    known = trace.tensors.keys() | trace.storages.keys() | trace.counters.keys() | trace.nodes.keys()
    assert known.issuperset(found[0].refs)


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_the_docstring_says_what_happened_and_why(rule: Rule) -> None:
    what, _, why = cleandoc(rule.__doc__ or "").partition("\n\n")
    assert what.endswith(".")
    assert ". " not in what.replace("\n", " ")  # one sentence
    assert why.endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=name_of)
def test_the_page_says_how_to_see_it_and_what_to_write(rule: Rule) -> None:
    page = rule.PAGE
    assert page.title
    assert page.see.endswith(".")
    assert page.mend.endswith(".")
    assert page.source.startswith("https://docs.pytorch.org/")
