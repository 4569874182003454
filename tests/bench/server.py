"""A real server in a process of its own, on a free port, and a client for it."""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from tests.sandbox.processes import children_of

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
_START_S = 60.0
_STOP_S = 15.0
_ANSWER_S = 30.0
_LEFT_S = 0.05
_SETTLED_S = 1.5  # without another child: there will be no more, and the last has warmed up
_COLUMN_PX = 864.0  # of a page that is 1,440 px wide
_KEPT_OPEN_S = 2.0  # the server closes connections that are idle for longer


class Server:
    """Where it listens, and the lines that it logs."""

    def __init__(self, port: int, log: Path, pid: int) -> None:
        self.port, self._log, self.pid = port, log, pid

    @property
    def zygote_pid(self) -> int:
        """The child of the server that forks: the oldest one."""
        return min(children_of(self.pid))

    def run_ms(self, kind: str) -> list[float]:
        """How long each run of that kind, `trace` or `reference`, took the sandbox, as the server logged it."""
        events = [json.loads(line) for line in self._log.read_text("utf-8").splitlines() if line.startswith("{")]
        return [event["duration_ms"] for event in events if event.get("event") == "run" and event["kind"] == kind]

    def settle(self) -> int:
        """Wait until as many children wait for a snippet as there will be; how many there are."""
        idle, since_s = -1, time.monotonic()
        while time.monotonic() - since_s < _SETTLED_S:
            if (now := self._idle_children()) != idle:
                idle, since_s = now, time.monotonic()
            time.sleep(0.1)
        return idle

    def _idle_children(self) -> int:
        with urllib.request.urlopen(f"http://{HOST}:{self.port}/metrics", timeout=_ANSWER_S) as answer:  # ours
            told = re.search(r"^tapescope_idle_children (\S+)$", answer.read().decode(), re.MULTILINE)
        if told is None:
            raise RuntimeError("the server does not tell how many children wait")
        return int(float(told[1]))

    def client(self, page: str = "bench") -> "Client":
        """A connection that is kept open, of a page that calls itself so."""
        return Client(self.port, page)


class Client:
    """One reader's browser, as far as the server sees it."""

    def __init__(self, port: int, page: str = "bench") -> None:
        self._connection = http.client.HTTPConnection(HOST, port, timeout=_ANSWER_S)
        self._page = page
        self._used_s = 0.0

    def press_run(self, source: str, *, accept: str = "gzip") -> bytes:
        """What a press of Run brings to a page of 1,440 px, as it comes over the wire.

        It asks as the page's script does: for what a run changes, drawn for the width of its figures' column.
        """
        headers = {**_form(accept), "HX-Request": "true", "HX-Request-Type": "partial"}
        return self._post("/traces", urlencode({"source": source, "width": _COLUMN_PX}), headers)

    def whole_page(self, source: str, *, accept: str = "gzip") -> bytes:
        """The page that answers the form of a browser without scripts: all of it, drawn for every width."""
        return self._post("/traces", urlencode({"source": source}), _form(accept))

    def trace(self, source: str, *, accept: str = "gzip") -> bytes:
        """The body of the JSON answer, as it comes over the wire."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": accept}
        return self._post("/api/v1/traces", json.dumps({"source": source}), headers)

    def leave(self, source: str) -> None:
        """Press Run, and close the connection before there is an answer."""
        headers = {"Content-Type": "application/json", "Tapescope-Page": self._page}
        self._connection.close()
        self._connection.request("POST", "/api/v1/traces", json.dumps({"source": source}), headers)
        time.sleep(_LEFT_S)
        self._connection.close()

    def close(self) -> None:
        self._connection.close()

    def _post(self, path: str, body: str, headers: dict[str, str]) -> bytes:
        if time.monotonic() - self._used_s > _KEPT_OPEN_S:
            self._connection.close()  # it opens again
        self._connection.request("POST", path, body, {**headers, "Tapescope-Page": self._page})
        answer = self._connection.getresponse()
        content = answer.read()
        self._used_s = time.monotonic()
        if answer.status != 200:
            raise RuntimeError(f"{path} answered {answer.status}: {content[:200]!r}")
        return content


def _form(accept: str) -> dict[str, str]:
    return {"Content-Type": "application/x-www-form-urlencoded", "Accept-Encoding": accept}


@contextmanager
def serving(**settings: object) -> Iterator[Server]:
    """A server with the settings that a reader finds, but for `settings`, until the block ends."""
    with TemporaryDirectory() as folder:
        log, port = Path(folder) / "log", free_port()
        given = {name: value for name, value in os.environ.items() if not name.startswith("TAPESCOPE_")}
        wanted = {f"TAPESCOPE_{name.upper()}": str(value) for name, value in settings.items()}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", "serve"],
                cwd=ROOT,
                env={**given, **wanted, "TAPESCOPE_PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            _wait_until_ready(process, port, log)
            yield Server(port, log, process.pid)
        finally:
            end(process)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
        return port


def end(process: "subprocess.Popen[bytes] | subprocess.Popen[str]") -> None:
    """End `process`, in good order if it follows, and wait until it is gone."""
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    latest = time.monotonic() + _START_S
    while time.monotonic() < latest and process.poll() is None:
        connection = http.client.HTTPConnection(HOST, port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except (ConnectionError, TimeoutError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise RuntimeError(f"the server did not start:\n{log.read_text('utf-8', 'replace')}")
