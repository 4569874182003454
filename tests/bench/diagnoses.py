"""What explaining costs: all rules over a Trace, and the second run that a silent wrong gradient asks for."""

import time
from collections.abc import Callable, Iterator

from app.explain import explain
from app.explain.contrast import needs_reference
from app.lessons.catalog import catalog
from tests.bench.figures import Figure, Heading, below, ratios, spread
from tests.bench.server import Server
from tests.bench.training import LOOP, SGD, SGD_STEPS, STEP, TRANSFORMER
from tests.tracing import reference_of, trace_of

MOST_MS = 5.0  # of an ordinary trace
ROUNDS = 30
ORDINARY = {
    **{lesson.slug: lesson.source for lesson in catalog().listed},
    "MLP, one step": STEP,
    "transformer": TRANSFORMER,
}
LONG = {f"MLP, {SGD_STEPS} steps": SGD, "2,000 iterations": LOOP}


def measure(_: Server) -> Iterator[Figure | Heading]:
    """In this process; the server takes no part."""
    yield Heading(f"(f) All rules over a Trace, ms; {ROUNDS} rounds. The second run, by the traced one, in turns")
    for name, source in {**ORDINARY, **LONG}.items():
        trace = trace_of(source)
        taken = [1e3 * _seconds(lambda: explain(trace)) for _ in range(ROUNDS)]  # noqa: B023  # called at once
        asked = "asks for a second run" if needs_reference(trace) else "no second run"
        target = below(spread(taken).p50, MOST_MS) if name in ORDINARY else None
        yield Figure(
            name=f"{name}: {len(trace.operations):,} operators, {asked}", value=str(spread(taken)), target=target
        )
    source = catalog().first.source
    pairs = [(_seconds(lambda: reference_of(source)), _seconds(lambda: trace_of(source))) for _ in range(ROUNDS)]
    reference, traced = zip(*pairs, strict=True)
    yield Figure(name="second run / traced run", ratio=str(ratios(reference, traced)))


def _seconds(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun
