"""What observing costs, as `overhead` measured it in a process of its own."""

import subprocess
import sys
from collections.abc import Iterator

import msgspec

from app.sandbox.environment import ENVIRONMENT
from tests.bench.figures import Figure, Heading, Target, below, ratios, spread
from tests.bench.overhead import MOST_S, Measured
from tests.bench.training import SGD_STEPS

NAIVE_IN_THE_ISSUE = 3.6
_START_S = 60.0


def measure() -> Iterator[Figure | Heading]:
    """Plain, ours and naive in turns."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.overhead"],
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=_START_S + 2 * MOST_S,
        check=True,
    )
    measured = msgspec.json.decode(done.stdout, type=Measured)
    ours = ratios(measured.traced_s, measured.plain_s)
    observed = ratios(measured.observed_s, measured.plain_s)
    naive = ratios(measured.naive_s, measured.plain_s)
    held = ", ".join(f"{count:,} {what}" for what, count in measured.held.items())
    yield Heading(
        f"(b) {SGD_STEPS} SGD steps of a small MLP, {len(measured.plain_s)} rounds in turns; CPU ms of one thread\n"
        f"    Ours recorded {held}: {measured.answer_bytes / 1e6:.1f} MB;\n"
        f"    naive {measured.naive_operators:,} operators"
    )
    yield Figure(name="plain run", value=f"{spread([1e3 * s for s in measured.plain_s])}")
    for name, seconds, ratio in (
        ("observed", measured.observed_s, observed),
        ("observed, with report and encoding", measured.traced_s, ours),
        ("naive tracer", measured.naive_s, naive),
    ):
        yield Figure(name=name, value=f"{spread([1e3 * s for s in seconds])}", ratio=f"{ratio}")
    yield Figure(name="ours / plain, p50", ratio=f"{ours.p50:.2f}", target=below(ours.p50, NAIVE_IN_THE_ISSUE))
    against = ratios(measured.traced_s, measured.naive_s).p50
    yield Figure(name="ours / naive, p50", ratio=f"{against:.2f}", target=below(against, 1))
    same = len(measured.outputs) == 1
    yield Figure(name="all three printed the same", value="yes" if same else "NO", target=Target("yes", same))
