"""The attacks are real: without the jail, those that harm nobody get what they came for."""

import subprocess
import sys

import pytest

from tests.attacks.table import ATTACKS, NUMBERS

LOOSE = [
    "files: read /etc/passwd",
    "files: list the root",
    "proc: its own maps",
    "processes: fork",
    "processes: a thread",
    "processes: a file in memory",
    "signals: a timer's signal",
    "network: a socket of family INET",
    "network: a pipe",
    "kernel: landlock once more",
]


@pytest.mark.parametrize("name", LOOSE)
def test_without_the_jail_it_gets_what_it_came_for(name: str) -> None:
    source = dict(ATTACKS)[name].source(NUMBERS).replace("ITIMER_REAL, 0.01", "ITIMER_REAL, 60")
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=False)
    assert "GOT" in done.stdout
