"""`make bench`: what a press of Run costs, as ratios in one run. Measures, judges nothing: exits with 0."""

import os
import time
from collections.abc import Callable, Iterator

from tests.bench import classroom, diagnoses, handed, moments, press, sizes, soak, throughput, tracing
from tests.bench.figures import Figure, Heading, table
from tests.bench.server import Server, serving

PARTS: list[Callable[[Server], Iterator[Figure | Heading]]] = [
    press.measure,
    throughput.measure,
    sizes.measure,
    moments.measure,
    diagnoses.measure,
    handed.measure,
    soak.measure,
]


def main() -> None:
    """Measure part by part and print the table."""
    begun, before = time.monotonic(), os.getloadavg()[0]
    lines = list(tracing.measure())
    with serving(kept_bytes=0) as server:  # each press is a run of its own
        measured = [list(part(server)) for part in PARTS]
    with serving() as server:  # as it is served: who runs the same shares an answer
        measured.append(list(classroom.measure(server)))
    lines = [*measured[0], *lines, *(line for part in measured[1:] for line in part)]
    print(table(lines))
    after = os.getloadavg()[0]
    print(f"\n{time.monotonic() - begun:.0f} s on {os.cpu_count()} cores; load {before:.1f} before, {after:.1f} after")


if __name__ == "__main__":
    main()
