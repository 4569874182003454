"""A real server in a process of its own, for tests that ask it as a reader or a browser does."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START_S = 60


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def serve(log: Path, **settings: object) -> Iterator[str]:
    """The address of a server with these settings, until the block ends."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    # The tests open hundreds of pages, one after the other: they are no crowd, for which children shall wait.
    wanted = {"port": port, "idle_most": 8, **settings}
    given = {f"TAPESCOPE_{name.upper()}": str(value) for name, value in wanted.items()}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "app", "serve"], cwd=ROOT, env={**os.environ, **given}, stdout=output, stderr=output
        )
        try:
            _wait_until_ready(url, server, log)
            yield url
        finally:
            server.terminate()
            server.wait(10)


def _wait_until_ready(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):  # noqa: S310  # our own server
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"the server did not start:\n{log.read_text('utf-8', 'replace')}")
