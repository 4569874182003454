"""The mark of each moment, and that a moment with a mark has something to say."""

import pytest

from app.explain.narrate import Mark, Narrator
from app.trace.history import History
from tests.explain.narrate.test_sentences import SIGMOID, A, lines
from tests.tracing import trace_of
from tests.worker.programs import program

ROWS: list[tuple[str, dict[int, Mark]]] = [
    ("x = torch.ones(3); y = x + x", {}),
    (f"{A}; b = a + a", {}),  # + saves nothing
    (SIGMOID, {3: "saved"}),
    (
        f"{SIGMOID}; c = out.data; c.zero_(); out.sum().backward()",
        {3: "saved", 5: "unseen", 8: "wrong", 9: "accumulated"},
    ),
    (f"{SIGMOID}; c = out.data; c.zero_()", {3: "saved", 5: "missed"}),  # nothing read it afterwards
    (f"{SIGMOID}; c = out.detach(); c.zero_(); out.sum().backward()", {3: "saved", 5: "write", 8: "refused"}),
    (f"{SIGMOID}; out.sum().backward(); out.data.zero_()", {3: "saved", 6: "passed", 7: "accumulated", 8: "missed"}),
    (
        f"{SIGMOID}; c = out.data; c.mul_(2); out.sum().backward(retain_graph=True); c.div_(2); out.sum().backward()",
        # read wrong the first time, and as it was saved the second time; nothing went wrong by the second write
        {3: "saved", 5: "unseen", 8: "wrong", 9: "accumulated", 10: "missed", 13: "passed", 14: "accumulated"},
    ),
    ("x = torch.ones(3); x.add_(1)", {3: "write"}),
    ("x = torch.ones(3).add_(1)", {}),  # fills a result
    ("x = torch.ones(2); n = x.numpy(); n[0] = 5", {4: "missed"}),
    (f"{A}; a.add_(1)", {3: "raised"}),
    ("1 / 0", {2: "raised"}),
]


@pytest.mark.parametrize(("statements", "marks"), ROWS)
def test_what_happened_is_marked(statements: str, marks: dict[int, Mark]) -> None:
    assert Narrator(History(trace_of(lines(statements)))).marks() == marks


@pytest.mark.parametrize("seed", range(20))
def test_a_marked_moment_has_something_to_say(seed: int) -> None:
    history = History(trace_of(program(seed)))
    narrator = Narrator(history)
    for moment in range(1, history.moments.count + 1):
        told = narrator.tell(moment)
        assert told.mark == narrator.marks().get(moment)
        assert told.mark is None or not told.text.endswith("nothing here is recorded by autograd."), told
