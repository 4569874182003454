"""Prints how good the findings are at the end of a run."""

import pytest

from tests.explain.score import FIXED, SCORE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """After the results."""
    if SCORE.cases:
        terminalreporter.write_line(f"findings: {SCORE}")
    if FIXED.found:
        terminalreporter.write_line(f"fixes: {FIXED}")
