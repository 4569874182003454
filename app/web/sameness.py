"""Whether a snippet's next run would be like its last one.

All generators are seeded before a run, and each run begins from one and the same process: the same source gives
the same answer. What a run can find different the next time is the clock, and what the kernel draws at random.
"""

import re

from app.web.run import Run

# Words through which a snippet would read either. In a comment they do no harm: the run is then not shared.
_VARYING = re.compile(
    r"""
    \btime\b (?= \s* [.,;)\n\r"'#\\] | \s+ as\b | \s+ import\b | \s* $)  # the module, not "at a time"
    | \b (?: datetime | date | perf_counter\w* | monotonic\w* | process_time\w* | clock\w* | timeit | times
        | urandom | getrandom | secrets | uuid\w* | SystemRandom | SeedSequence | default_rng | RandomState
        | Random | initial_seed | getrusage | resource | profile\w* | profiler | cProfile | benchmark
        | getpid | gettid | getuid | stat | random_device | asctime | ctime | localtime | gmtime | now | today
        ) \b
    | \b seed \s* \( \s* \)  # from the kernel
    | \b seed \b (?! \s* \( )  # handed on: who knows how it is called
    """,
    re.VERBOSE,
).search


def reproducible(source: str) -> bool:
    """Whether nothing in `source` reads a clock or fresh randomness, as far as its words tell."""
    return _VARYING(source) is None


def lasts(source: str, run: Run) -> bool:
    """Whether `run` answers for the next one of `source` as well: it went through, and by its own means."""
    return run.trace.outcome.kind != "stopped" and run.not_compared is None and reproducible(source)
