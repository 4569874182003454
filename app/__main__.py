"""The command line: `python -m app serve` (also without a word) and `python -m app doctor`."""

import argparse
import asyncio
import logging
import socket
import sys
from contextlib import suppress
from types import FrameType

import structlog
import uvicorn

from app.errors import SandboxUnavailable
from app.machine import allow_descriptors
from app.main import create_app
from app.sandbox.doctor import Report, diagnose
from app.sandbox.run import Sandbox
from app.settings import BadSetting, Settings

log = structlog.get_logger(__name__)
PAGES_S = 2  # after the runs are done, for their pages; with `drain_s` less than the 10 s that Docker gives
STARTUP_FAILURE = 3  # as uvicorn's own


def main(arguments: list[str] | None = None) -> int:
    """Run the command that `arguments` name; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app", description="See what PyTorch's autograd recorded.")
    parser.add_argument(
        "command",
        nargs="?",
        choices=("serve", "doctor"),
        default="serve",
        help="serve: answer on TAPESCOPE_HOST and TAPESCOPE_PORT; doctor: try the sandbox's layers and list them",
    )
    command = parser.parse_args(arguments).command
    try:
        settings = Settings.from_environment()
    except BadSetting as error:
        print(error, file=sys.stderr)
        return 2
    log_as_suits(sys.stderr.isatty())
    return serve(settings) if command == "serve" else doctor(settings)


def serve(settings: Settings) -> int:
    """Serve until a signal ends it; the exit code."""
    logging.getLogger("uvicorn.error").addFilter(_not_told_yet)
    allow_descriptors()
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        server_header=False,
        proxy_headers=False,  # create_app believes those that are trusted
        access_log=False,  # each run has a line of its own
        timeout_graceful_shutdown=PAGES_S,
    )
    server = DrainingServer(config, app.state.sandbox, settings.drain_s)
    with suppress(KeyboardInterrupt):  # uvicorn has ended in good order, and hands the signal on
        server.run()
    return 0 if server.started else STARTUP_FAILURE


class DrainingServer(uvicorn.Server):
    """Refuses new runs from the first signal on, and ends when those that it has accepted are answered."""

    def __init__(self, config: uvicorn.Config, sandbox: Sandbox, most_s: float) -> None:
        super().__init__(config)
        self._sandbox, self._most_s = sandbox, most_s
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Remember the loop: a signal arrives between any two of its steps."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain first; a second signal, or one before there is anything to drain, ends at once."""
        if self._draining or not self.started or self._loop is None:
            super().handle_exit(sig, frame)
            return
        self._draining = self._loop.create_task(self._drain(sig, frame))
        self._loop.call_soon_threadsafe(lambda: None)  # wakes it up

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        log.info("draining", most_s=self._most_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._most_s):
                await self._sandbox.drain()
        super().handle_exit(sig, frame)


def _not_told_yet(record: logging.LogRecord) -> bool:
    """False for the traceback of a start that failed for a reason which the sandbox has logged in a sentence."""
    message = record.getMessage()
    return not (message.startswith("Traceback") and "\napp.errors." in message)


def doctor(settings: Settings) -> int:
    """Print what the sandbox of this machine holds; 1 if a core layer is missing."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        report = asyncio.run(diagnose(settings))
    except SandboxUnavailable as error:
        print(f"No snippet can be run: {error.reason}.")
        return 1
    print(as_table(report))
    return 1 if report.missing_core else 0


def as_table(report: Report) -> str:
    """The report for a terminal."""
    rows = [("layer", "", "state", "what it stops, and why it is missing")]
    for layer in report.layers:
        state = "active" if layer.active else "MISSING" if layer.core else "missing"
        rows.append((layer.name, "core" if layer.core else "", state, layer.stops))
        if layer.missing_because:
            rows.append(("", "", "", f"missing: {layer.missing_because}"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join((*map(str.ljust, row[:3], widths), row[3])).rstrip() for row in rows]
    lines += ["", *report.remarks]
    missing = ", ".join(report.missing_core)
    lines.append(
        f"Core layers are missing: {missing}. Run only snippets that you trust; a public server refuses to start."
        if missing
        else "Every core layer holds: strangers' snippets can be run."
    )
    return "\n".join(lines)


def log_as_suits(terminal: bool) -> None:
    """One line of JSON for each event, or words and colours for somebody who watches."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
