"""At every moment of a drawn program the Trace says what plain torch shows when the program is stopped there.

The same programs each time; TAPESCOPE_EXAMPLES=2000 draws so many others.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from tests.worker.at_moments import differences_at_moments
from tests.worker.compare import differences
from tests.worker.conftest import Traced
from tests.worker.drawn import programs
from tests.worker.plain_run import Plain

EXAMPLES = int(os.environ.get("TAPESCOPE_EXAMPLES", "0"))


@pytest.mark.timeout(0 if EXAMPLES else 600)  # to shrink takes its time
@settings(
    max_examples=EXAMPLES or 60,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],  # each is run twice
    print_blob=False,
)
@given(source=programs)
def test_every_moment_is_as_plain(source: str, plain: Plain, traced: Traced) -> None:
    plain.ask(source, stops=True)
    try:
        trace = traced(source)
    finally:
        told = plain.answer()
    assert [*differences(told, trace), *differences_at_moments(told, trace)] == [], f"\n{source}"
