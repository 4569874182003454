"""Programs of the system that the image test runs."""

import subprocess
from pathlib import Path

_SHOWN = 4_000  # characters of a failed command's output: its end tells why


def run(*command: str | Path, cwd: Path | None = None, limit_s: float = 1_800) -> str:
    """What `command` printed to stdout. Fails the test with the end of its output if it failed."""
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, errors="replace", timeout=limit_s, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        shown = (done.stdout + done.stderr)[-_SHOWN:]
        raise AssertionError(f"`{' '.join(map(str, command))}` failed with code {done.returncode}:\n{shown}")
    return done.stdout
